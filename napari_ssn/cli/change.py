"""The command ``napari-ssn change``."""

from __future__ import annotations

import json
import math
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from napari_ssn.cli.missing import naming_missing
from napari_ssn.cli.pictured import seen
from napari_ssn.core.change import GROWTH
from napari_ssn.documents.sidecar import read_sidecar
from napari_ssn.io.dicom.series import DicomSeries
from napari_ssn.io.files import check_targets, write_files
from napari_ssn.prediction.change_report import add_to_table, write_change
from napari_ssn.prediction.followed import View
from napari_ssn.prediction.growth import day_in, days_between, figures_of, growth_between, told_of
from napari_ssn.prediction.scan import of_image, scan_in


def change(
    before: Annotated[Path, typer.Argument(metavar="BEFORE.json", help="Sidecar, earlier scan.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER.json", help="Sidecar, later scan.")],
    *,
    days: Annotated[float | None, typer.Option(help="Days between the scans.")] = None,
    dates: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="DATE DATE",
            help="Dates of the scans instead, as in 2025-03-01 2025-09-01; those of DICOM where "
            "--images have some.",
        ),
    ] = None,
    least: Annotated[
        float, typer.Option("--growth", help="Growth that is asked about: 0.25 is a quarter.")
    ] = GROWTH,
    label: Annotated[
        str | None, typer.Option(help="Name of a label; all together if left out.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--json", metavar="OUT.json", help="File for the figures.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.html",
            help="File for a page about it; OUT.sc.dcm for a picture of it in the study of the "
            "later scan, which --images names.",
        ),
    ] = None,
    table: Annotated[
        Path | None, typer.Option(metavar="OUT.csv", help="Table that a row is added to.")
    ] = None,
    images: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="BEFORE AFTER",
            help="Images of both scans: the page of --report shows them, with the outlines of the "
            "label maps beside the sidecars.",
        ),
    ] = None,
    align: Annotated[
        bool,
        typer.Option(
            "--align",
            help="Lay the later image on the earlier one by a rigid registration (SimpleITK), not "
            "by a shift.",
        ),
    ] = False,
    deidentified: Annotated[
        bool, typer.Option(help="Leave out of OUT.sc.dcm whom the scans are of, and when.")
    ] = False,
    overwrite: Annotated[bool, typer.Option(help="Replace files of these names.")] = False,
) -> None:
    """Has it grown? The range of a lesion's change, beside what no change would look like."""
    if not -1 < least < math.inf:
        raise typer.BadParameter("--growth is more than -1: 0.25 is a quarter.")
    if images is not None and report is None:
        raise typer.BadParameter("--images are shown on the page of --report: name one.")
    if align and images is None:
        raise typer.BadParameter("--align lays two images on each other: name them by --images.")
    check_targets([one for one in (out, report) if one is not None], overwrite)
    taken, between = _days(days, dates)
    scans = scan_in(read_sidecar(before)), scan_in(read_sidecar(after))
    found = growth_between(*scans, label, between)
    linked = remark = ""
    views: list[View] = []
    series: DicomSeries | None = None
    if images is not None:
        views, linked, acquired, series = seen((before, after), images, align)
        # What the headers say of when, how and of whom is known of no sidecar.
        scans = of_image(scans[0], acquired[0]), of_image(scans[1], acquired[1])
        known = acquired[0].day, acquired[1].day
        if dates is None:
            taken = known
        if between is None:
            between = days_between(*known)
        found = growth_between(*scans, label, between)
    if out is not None:
        text = json.dumps(figures_of(found, least), indent=2) + "\n"
        with naming_missing([out, report, table]):
            write_files({out: text.encode()}, overwrite)
    if report is not None:
        with naming_missing([report, table]):
            remark = write_change(
                report,
                found,
                scans,
                least,
                taken,
                views,
                linked,
                overwrite,
                series=series,
                deidentified=deidentified,
            )
    if table is not None:
        with naming_missing([table]):
            add_to_table(table, found, scans, least)
    for line in told_of(found, least).lines:
        typer.echo(line)
    for line in (linked, remark):
        if line:
            typer.echo(line)


def _days(
    days: float | None, dates: tuple[str, str] | None
) -> tuple[tuple[date | None, date | None], float | None]:
    """Dates of the scans, and the days between them, as far as either is given."""
    if dates is None:
        if days is not None and not 0 <= days < math.inf:
            raise typer.BadParameter("--days is 0 or more.")
        return (None, None), days
    if days is not None:
        raise typer.BadParameter("Give --days or --dates, not both.")
    first, second = (day_in(text) for text in dates)
    return (first, second), days_between(first, second)
