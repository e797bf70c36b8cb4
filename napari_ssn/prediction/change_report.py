"""What is written of the change between two scans: a page, and a row of a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from napari_ssn.errors import NEVER, Cancel, ExportError
from napari_ssn.io.changes import add_row, change_row
from napari_ssn.io.dicom.series import DicomSeries
from napari_ssn.io.dicom.series import told_of as told_of_file
from napari_ssn.io.files import write_files
from napari_ssn.io.formats import check_replaceable, encode_picture
from napari_ssn.io.known import CAPTURED_SUFFIX
from napari_ssn.prediction.followed import View
from napari_ssn.prediction.followed import pictures as pictures_of
from napari_ssn.prediction.growth import Growth, figures_of, told_of
from napari_ssn.prediction.scan import Scan
from napari_ssn.text.change_page import ChangePage, scan_line
from napari_ssn.text.page import to_picture
from napari_ssn.text.report import OTHER_SPREAD, Picture, to_html
from napari_ssn.text.sizes import capital

# Pixels of a picture's side: 300 to the inch at 36 mm.
_SIDE = 432
_WHEN = ("Before", "After")
_NO_SERIES = (
    "A page becomes part of the later scan's study, and that scan is not at hand as a DICOM "
    "series: write HTML, or name the images of both scans."
)
_OTHERS = (
    "The two scans are of different patients, by their headers: a page about both belongs into the "
    "study of neither. Write HTML."
)


def write_change(
    path: Path,
    found: Growth,
    scans: tuple[Scan, Scan],
    least: float,
    days: tuple[date | None, date | None] = (None, None),
    views: Sequence[View] = (),
    linked: str = "",
    overwrite: bool = False,
    cancel: Cancel = NEVER,
    series: DicomSeries | None = None,
    deidentified: bool = False,
) -> str:
    """Write the page about a change, in HTML; as a picture where the name ends in ``.sc.dcm``.

    Args:
        path: of the page.
        found: the change.
        scans: before and after.
        least: growth that is asked about.
        days: on which they were taken, where that is known.
        views: of both, where their images are at hand.
        linked: what their pictures are laid on each other by.
        overwrite: whether a file of that name may be replaced.
        cancel: looked at on the way.
        series: of the later scan, whose study a picture becomes part of.
        deidentified: whether a picture leaves out whom it is of, and when.

    Returns:
        what somebody should know of the file; empty for HTML.

    Raises:
        ExportError: the later scan is of no DICOM series, or the file is not to be had.
    """
    captured = path.name.lower().endswith(CAPTURED_SUFFIX)
    if captured and scans[0].acquired.of_another(scans[1].acquired):
        raise ExportError(_OTHERS)
    if captured and deidentified:
        series, days = None if series is None else series.unnamed(), (None, None)
    told = told_of(found, least)
    drawn = [one for one in pictures_of(views, side=_SIDE) if one is not None] if views else []
    cancel.check()
    sizes = found.change.sizes_ml
    titles = [f"{when}{_day(day)}" for when, day in zip(_WHEN, days, strict=True)]
    shown = [
        Picture(pixels, title, f"median {size.median:.3g} mL")
        for pixels, title, size in zip(drawn, titles, sizes, strict=False)
    ]
    about = ChangePage(
        title=f"{capital(found.what)}: two scans",
        headline=told.headline,
        lines=told.below,
        cautions=[capital(f"{one}.") for one in found.cautions],
        pictures=shown if len(shown) == 2 else (),
        pictured=linked,
        facts=_facts(found, scans, days),
        codes=[
            *(
                (f"Image {w.lower()}, sha256", s.image_sha256)
                for w, s in zip(_WHEN, scans, strict=True)
            ),
            ("Weights, sha256", scans[0].weights_sha256),
        ],
    )
    if not captured:
        write_files({path: to_html(about)}, overwrite)
        return ""
    check_replaceable(path)
    if series is None:
        raise ExportError(_NO_SERIES)
    unlike = any(scan.unlike for scan in scans)
    whole = encode_picture(to_picture(about), found.model, unlike, series)
    write_files({path: whole}, overwrite)
    return told_of_file(series)


def add_to_table(path: Path, found: Growth, scans: tuple[Scan, Scan], least: float) -> None:
    """Add a row to a table of changes, which is made where there is none."""
    one, two = scans
    hashes = (one.image_sha256, two.image_sha256, one.weights_sha256)
    add_row(path, change_row(figures_of(found, least), hashes))


def _day(day: date | None) -> str:
    return "" if day is None else f", {day.isoformat()}"


def _facts(
    found: Growth, scans: tuple[Scan, Scan], days: tuple[date | None, date | None]
) -> list[tuple[str, str]]:
    facts = [("Model", found.model)]
    for when, scan, day in zip(_WHEN, scans, days, strict=True):
        given = (scan.points, scan.conditions)
        facts.append((when, scan_line(day, scan.steps_mm, scan.acquired.thickness_mm, *given)))
    spread = scans[0].spread
    if spread is not None:
        facts.append(OTHER_SPREAD)
    return facts
