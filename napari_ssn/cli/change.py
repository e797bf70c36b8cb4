"""The command ``napari-ssn change``."""

from __future__ import annotations

import json
import math
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_ssn.core.change import GROWTH, Quantity
from napari_ssn.documents.sidecar import read_sidecar
from napari_ssn.errors import DataError
from napari_ssn.io.files import check_targets, write_files
from napari_ssn.prediction.growth import Growth, growth
from napari_ssn.text.change import change_lines

_ENDS = (0.05, 0.25, 0.5, 0.75, 0.95)


def change(
    before: Annotated[Path, typer.Argument(metavar="BEFORE.json", help="Sidecar, earlier scan.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER.json", help="Sidecar, later scan.")],
    *,
    days: Annotated[float | None, typer.Option(help="Days between the scans.")] = None,
    dates: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="DATE DATE", help="Dates of the scans instead, as in 2025-03-01 2025-09-01."
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
    overwrite: Annotated[bool, typer.Option(help="Replace a file of that name.")] = False,
) -> None:
    """Has it grown? The range of a lesion's change, beside what no change would look like."""
    if not -1 < least < math.inf:
        raise typer.BadParameter("--growth is more than -1: 0.25 is a quarter.")
    if out is not None:
        check_targets([out], overwrite)
    between = _days(days, dates)
    found = growth(read_sidecar(before), read_sidecar(after), label, between)
    if out is not None:
        text = json.dumps(_figures(found, least), indent=2) + "\n"
        write_files({out: text.encode()}, overwrite)
    for line in change_lines(found.change, found.what, least, found.readers, found.cautions):
        typer.echo(line)


def _days(days: float | None, dates: tuple[str, str] | None) -> float | None:
    if dates is None:
        if days is not None and not 0 < days < math.inf:
            raise typer.BadParameter("--days is more than 0.")
        return days
    if days is not None:
        raise typer.BadParameter("Give --days or --dates, not both.")
    try:
        first, second = (date.fromisoformat(text) for text in dates)
    except ValueError:
        raise typer.BadParameter("A date is written as in 2025-03-01.") from None
    if second <= first:
        raise DataError("The later scan is not later: name the earlier one first.")
    return float((second - first).days)


def _figures(found: Growth, least: float) -> dict[str, Any]:
    """What is said, as numbers; null where there is none."""
    one, rates = found.change, found.change.days is not None
    figures: dict[str, Any] = {
        "label": found.what,
        "calibrated_on_readers": found.readers,
        "days": one.days,
        "outlined": list(one.outlined),
        "appeared": one.appeared,
        "vanished": one.vanished,
        "ratio": _quantiles(one.ratio),
        "ratio_if_both_err_alike": _quantiles(one.alike),
        "difference_ml": _quantiles(one.difference_ml),
        "rate_per_day": _quantiles(one.rate) if rates else None,
        "doubling_days_of_the_median": _number(one.doubling_days.median) if rates else None,
        "doubling_in_less_than_400_days": _number(one.doubled_within()) if rates else None,
        "growth": least,
        "probability": _number(one.probability(least)),
        "probability_without_change": _number(one.without_change(least)),
        "cautions": list(found.cautions),
    }
    return figures


def _quantiles(of: Quantity) -> dict[str, float | None]:
    return {f"{q:g}": _number(of.quantile(q)) for q in _ENDS}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
