"""The commands ``napari-ssn pacs …``: an archive that speaks DICOMweb."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_ssn.cli import archives
from napari_ssn.cli.options import DIFFERENT
from napari_ssn.cli.progress import progress
from napari_ssn.errors import ArchiveError
from napari_ssn.io.dicom import web
from napari_ssn.text import archive as said

if TYPE_CHECKING:
    from napari_ssn.io.dicom.web.find import FoundSeries


class Login(StrEnum):
    """How an archive knows who asks."""

    token = "token"
    password = "password"
    none = "none"


def add(
    name: Annotated[str, typer.Argument(help="To call it by.")],
    address: Annotated[
        str, typer.Argument(help="Of its DICOMweb, as https://pacs.example.org/dicom-web.")
    ],
    *,
    login: Annotated[
        Login, typer.Option(help="By a token, by user and password, or without either.")
    ] = Login.token,
    variable: Annotated[
        str | None,
        typer.Option(
            help="Variable of the environment that holds the token, or user:password.",
            show_default="NAPARI_SSN_TOKEN_NAME",
        ),
    ] = None,
    certificates: Annotated[
        Path | None,
        typer.Option(help="File with the certificates of an authority that is your hospital's."),
    ] = None,
    insecure: archives.Insecure = False,
) -> None:
    """Keep an archive in the list, in the place of one of its name.

    Passwords and tokens are not kept: they are looked for in a variable of the environment, and
    then in the system's keyring, where the package keyring is installed (service napari-ssn, the
    archive's name as the user).
    """
    server = web.servers.server_of(name, address, login.value, variable, certificates, insecure)
    web.servers.add_server(server)
    if login is not Login.none:
        typer.echo(said.set_variable(server), err=True)


def list_() -> None:
    """List the archives: name, address, and where what proves who asks is looked for."""
    for one in web.servers.read_servers():
        typer.echo(f"{one.name}\t{one.address}\t{said.proof_of(one)}")


def remove(name: Annotated[str, typer.Argument(help="Of the archive.")]) -> None:
    """Take an archive out of the list."""
    web.servers.remove_server(name)


def find(
    *,
    server: archives.Where = None,
    study: archives.Study = None,
    since: archives.Since = None,
    until: archives.Until = None,
    modality: archives.Modality = None,
    patient: archives.Patient = None,
    accession: archives.Accession = None,
    names: Annotated[
        bool, typer.Option("--names", help="Say whom the studies are of, too.")
    ] = False,
    insecure: archives.Insecure = False,
) -> None:
    """Find studies in an archive, the newest first; with --study the series of one.

    A line for each, with tabs between: UID, date, modalities, what of the description is known to
    name nobody, series, images. Of a series: UID, number, modality, description, images.
    """
    typed = (one or "" for one in (since, until, modality, patient, accession))
    wanted = web.wanted.Wanted(*typed).checked()
    if study and wanted != web.wanted.Wanted():
        raise typer.BadParameter("--study says which: leave out the other conditions.")
    with web.connection.Connection(web.servers.named(server), insecure=insecure) as there:
        if study:
            for series in web.find.series(there, study):
                cells = [series.uid, series.number, series.modality, series.words, series.images]
                typer.echo(_line(cells))
            return
        found, more = web.find.studies(there, wanted, names=names)
    for one in found:
        modalities = ",".join(one.modalities)
        cells = [one.uid, one.day, modalities, one.words, one.series, one.images]
        typer.echo(_line([*cells, one.patient] if names else cells))
    if more:
        typer.echo(said.more_than(len(found)), err=True)
    if not found:
        typer.echo(said.NOTHING_FOUND, err=True)


def fetch(
    *,
    study: Annotated[str, typer.Option(metavar="UID", help="Of the study.")],
    series: Annotated[
        str | None,
        typer.Option(metavar="UID", help="Of the series; not needed where the study has one."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the images: a new or an empty one.")],
    server: archives.Where = None,
    insecure: archives.Insecure = False,
) -> None:
    """Fetch a series into a folder, as the archive keeps it: all of its images, or none.

    The files name the patient, as the archive's do; their own names are numbers.
    """
    there = web.connection.Connection(web.servers.named(server), insecure=insecure)
    with there, progress("Fetching") as step:
        series = series or _only(web.find.series(there, study))
        count = web.fetch.fetch(there, study, series, out, step)
    typer.echo(said.fetched(count), err=True)


def send(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILES", help="DICOM files, as `segment --format` writes them."),
    ],
    *,
    server: archives.Where = None,
    insecure: archives.Insecure = False,
) -> None:
    """Send DICOM files to an archive, and say of each what became of it.

    What the archive has is not sent again, so that the same command goes on where it failed. The
    exit status is 1 if something is not there.
    """
    there = web.connection.Connection(web.servers.named(server), insecure=insecure)
    with there, progress("Sending", len(files)) as step:
        sent = web.send.send(there, files, step)
    for number, one in enumerate(sent, start=1):
        typer.echo(said.file_line(number, one))
    left = sum(not one.done for one in sent)
    if left:
        typer.echo(said.not_in_archive(left), err=True)
        raise typer.Exit(DIFFERENT)


def _only(found: Sequence[FoundSeries]) -> str:
    """UID of the only series of a study."""
    if len(found) > 1:
        raise ArchiveError(
            f"The study has {len(found)} series: name one of those that `napari-ssn pacs find "
            "--study UID` lists."
        )
    return found[0].uid


def _line(cells: list[str | int | None]) -> str:
    return "\t".join("" if one is None else str(one) for one in cells)
