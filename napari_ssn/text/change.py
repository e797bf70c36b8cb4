"""Words for the change between two scans."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from napari_ssn.text.sizes import Measure, capital, percent

if TYPE_CHECKING:
    from napari_ssn.core.change import Change, Quantity

# Ends of a central range that holds nine in ten.
_LOW, _HIGH = 0.05, 0.95
# Of sizes in mL.
_ML = Measure("volume", 1000.0, flat=False)
_YEAR = 365.25


def change_lines(
    change: Change, what: str, growth: float, readers: int, cautions: tuple[str, ...] = ()
) -> Iterator[str]:
    """Sentences on a change, the sizes first.

    Args:
        change: to tell of.
        what: whose size.
        growth: that is asked for, 0.25 for a quarter.
        readers: of each image that the ranges are calibrated on; 0 for the model's own.
        cautions: parts of sentences on what else differs.
    """
    kind = "readers'" if readers > 1 else "model"
    for when, sizes, share in zip(
        ("before", "after"), change.sizes_ml, change.outlined, strict=True
    ):
        yield f"{capital(what)} {when}: {_size(sizes, kind)}{_nothing(share)}"
    if change.appeared >= 0.005 or change.vanished >= 0.005:
        yield (
            f"Outlined after and not before: {percent(change.appeared)} · before and not after: "
            f"{percent(change.vanished)}"
        )
    if math.isnan(change.ratio.median):
        yield "In one of the scans nothing is outlined: there is no ratio."
        return
    ratio, difference = change.ratio, change.difference_ml
    yield (
        f"{ratio.median:.2f} times as large (90 % of pairs {ratio.quantile(_LOW):.2f}–"
        f"{ratio.quantile(_HIGH):.2f}; if both err alike {change.alike.quantile(_LOW):.2f}–"
        f"{change.alike.quantile(_HIGH):.2f}) · {_signed(difference.median)} mL "
        f"({_signed(difference.quantile(_LOW))} to {_signed(difference.quantile(_HIGH))})"
    )
    yield (
        f"{'Growth' if growth >= 0 else 'Shrinking'} of {abs(growth):.0%}".replace("%", " %")
        + f" or more: {percent(change.probability(growth))} of pairs · two such scans without any "
        f"change: {percent(change.without_change(growth))}"
    )
    yield from _rates(change)
    for caution in cautions:
        yield f"Caution: {caution}."


def _rates(change: Change) -> Iterator[str]:
    if change.days is None:
        yield "The days between the scans are not known: no rate of growth."
        return
    rate, doubling = change.rate, change.doubling_days.median
    ends = " to ".join(_yearly(rate.quantile(q)) for q in (_LOW, _HIGH))
    if math.isinf(doubling):
        words = "no change in the middle"
    else:
        words = f"{'doubling' if doubling > 0 else 'halving'} in {abs(doubling):,.0f} days"
    yield (
        f"In {change.days:g} days: {_yearly(rate.median)} in a year ({ends}) · {words} · doubling "
        f"in less than 400 days: {percent(change.doubled_within())}"
    )


def _size(sizes: Quantity, kind: str) -> str:
    low, median, high = (sizes.quantile(q) for q in (_LOW, 0.5, _HIGH))
    if math.isnan(median):
        return "nothing outlined"
    return f"{_ML.short(median, high)} · {kind} range {_ML.short_interval(low, high)} (90 %)"


def _nothing(outlined: float) -> str:
    return f" · nothing outlined in {percent(1 - outlined)}" if outlined < 0.995 else ""


def _signed(ml: float) -> str:
    digits = 2 if abs(ml) < 1 else 1
    return f"{'+' if ml >= 0 else '−'}{abs(ml):.{digits}f}"


def _yearly(rate: float) -> str:
    """``×1.6``: a rate per day as what it makes of a volume within a year."""
    return f"×{math.exp(min(rate * _YEAR, 700.0)):.3g}"
