"""What somebody looks at of a cohort: the table, the page, and one scan as a session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from napari_ssn.cohort.folders import PICTURE, folder_of
from napari_ssn.cohort.manifest import Manifest, Record
from napari_ssn.cohort.table import table_of
from napari_ssn.documents.cohort import State
from napari_ssn.io.files import write_files
from napari_ssn.text.cohort_page import Line, page_of

TABLE, PAGE, PARQUET = "cohort.csv", "review.html", "cohort.parquet"

# Makes another table of the same: of all records, and whether images are called by their paths.
Table = Callable[[Iterable[Record], bool], bytes]


def write(
    manifest: Manifest, out: Path, named: bool = True, parquet: Table | None = None
) -> Counter[State]:
    """Write ``cohort.csv`` and ``review.html``, all or none.

    Args:
        manifest: of the cohort.
        out: its folder.
        named: whether images are called by their paths.
        parquet: what makes ``cohort.parquet``, which is written too; None for none.

    Returns:
        how many scans are in each state.
    """
    records = list(manifest.records())
    page = page_of(manifest.wanted.model, lines_of(records, out, named))
    contents = {out / TABLE: table_of(records, named), out / PAGE: page.encode()}
    if parquet is not None:
        contents[out / PARQUET] = parquet(records, named)
    write_files(contents, overwrite=True)
    return Counter(one.state for one in records)


def lines_of(records: list[Record], out: Path, named: bool = True) -> list[Line]:
    """What the page says of each scan."""
    return [
        Line(
            number=one.id,
            name=" · ".join(filter(None, (one.scan.image, one.scan.lesion))) if named else "",
            state=one.state,
            reason=one.reason,
            found=one.found if one.state in ("done", "nothing") else None,
            picture=_picture(one, out),
        )
        for one in records
    ]


def _picture(record: Record, out: Path) -> str:
    """Where its picture lies, from the page's folder; nothing where there is none."""
    if record.state != "done" or record.found is None or PICTURE not in record.found.files:
        return ""
    return (folder_of(out, record.id) / PICTURE).relative_to(out).as_posix()


def sidecar_of(record: Record, out: Path) -> Path | None:
    """Sidecar of a scan's mean; None where no label map was written."""
    if record.found is None:
        return None
    names = [one for one in record.found.files if one.startswith("mean") and one.endswith(".json")]
    return folder_of(out, record.id) / names[0] if names else None
