"""Options of the commands that ask an archive, and what they say together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_ssn.documents.servers import Server
from napari_ssn.errors import ArchiveError
from napari_ssn.io.dicom import web

Where = Annotated[
    str | None,
    typer.Option(
        "--server",
        help="Name of an archive in the list (`napari-ssn pacs list`), or the address of one; not "
        "needed where the list has one.",
    ),
]
Study = Annotated[
    str | None, typer.Option(metavar="UID", help="Of a study in an archive: its series.")
]
Since = Annotated[
    str | None,
    typer.Option("--from", metavar="DATE", help="Studies not before, as 2025-03-01."),
]
Until = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Studies not after.")]
Modality = Annotated[str | None, typer.Option(help="As CT: studies that have such series.")]
Patient = Annotated[
    str | None, typer.Option("--patient-id", help="Studies of the patient of this number.")
]
Accession = Annotated[str | None, typer.Option(help="The study of this examination's number.")]
Insecure = Annotated[
    bool,
    typer.Option("--insecure", help="By http too, which anybody on the way can read."),
]


def archive_of(name: str | None, source: Path | None, insecure: bool) -> tuple[Server, str] | None:
    """The archive that scans of a cohort lie in, and what to call it by; None if in none.

    Args:
        name: in the list, or an address.
        source: what is segmented; without it, it is the archive.
        insecure: whether it may be asked by http.

    Raises:
        ArchiveError: see `web.servers.named`; and where what is in no archive is no table.
    """
    if source is not None and source.suffix.lower() != ".csv":
        if name is not None:
            raise ArchiveError("What lies in files is in no archive: leave out --server.")
        return None
    try:
        found = web.servers.named(name)
    except ArchiveError:
        if name is None and source is not None:
            # Its rows say whether they need one.
            return None
        raise
    if insecure:
        found = found.model_copy(update={"insecure": True})
    return found, name if name is not None and "://" in name else found.name
