"""Words for the change between two scans."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_ssn.core.kinds import range_kind
from napari_ssn.text.sizes import Measure, capital, listed, percent

if TYPE_CHECKING:
    from napari_ssn.core.change import Change, Lengthening, Quantity

# Ends of a central range that holds nine in ten.
_LOW, _HIGH = 0.05, 0.95
_WHOSE = {"calibrated": "readers'", "adjusted": "adjusted", "model": "model"}
# Of sizes in mL.
_ML = Measure("volume", 1000.0, flat=False)
_YEAR = 365.25
# Cautions, parts of sentences.
OTHER_PATIENTS = (
    "the two scans are of different patients, by their headers: look whether they are of one"
)
ONE_SERIES = "both are pieces of one and the same series: look whether they are two scans at all"
ALIKE_UNKNOWN = "whether both were acquired and reconstructed alike is not known here"
KERNELS = "the two were reconstructed with different kernels"
POINTS_OF_ONE = "only one of them was corrected by points"
CONDITIONS_OF_ONE = "only one of them was given conditions"
CUT_OFF = "an outline is cut off by the edge, so that it may be larger"
UNLIKE = "an image is unlike those that the model was trained on"
INSISTED = "values of an image that seem to be none were taken for Hounsfield units"
_NO_RATIO = "In one of the scans nothing is outlined: there is no ratio."


@dataclass(frozen=True)
class Told:
    """Sentences on a change.

    Attributes:
        sizes: before and after.
        seen: how likely it appeared or vanished, and how likely it is in both, which all that
            follows is given; empty where it is in both for sure.
        seldom: whether that is less likely than that it appeared, or that it vanished.
        ratio: V₂/V₁ and the difference.
        growth: that was asked about, beside what no change would give; none without a ratio.
        rest: rate of growth and diameters.
        cautions: one for each.
    """

    sizes: tuple[str, ...]
    seen: str
    seldom: bool
    ratio: str
    growth: tuple[str, ...]
    rest: tuple[str, ...]
    cautions: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """All of them, the sizes first, or that one of the scans may hold nothing at all."""
        seen = (self.seen,) if self.seen else ()
        first = (*seen, *self.sizes) if self.seldom else (*self.sizes, *seen)
        return (*first, self.ratio, *self.growth, *self.rest, *self.cautions)

    @property
    def headline(self) -> str:
        """The one that matters most."""
        if self.seldom:
            return self.seen
        return self.growth[0] if self.growth else self.ratio

    @property
    def below(self) -> tuple[str, ...]:
        """All but that and the cautions."""
        cautions = len(self.cautions)
        return tuple(one for one in self.lines[: -cautions or None] if one != self.headline)


def tell(
    change: Change,
    what: str,
    growth: float,
    readers: tuple[int, int],
    cautions: tuple[str, ...] = (),
    longest: Lengthening | None = None,
    across: Lengthening | None = None,
    growth_mm: float = 0.0,
) -> Told:
    """Say what became of a lesion.

    Args:
        change: to tell of.
        what: whose size.
        growth: that is asked for, 0.25 for a quarter.
        readers: of each image that the ranges of both scans are calibrated on; 0 for the model's
            own.
        cautions: parts of sentences on what else differs.
        longest: what became of the longest diameter; None where that is not known.
        across: and of the longest across it.
        growth_mm: growth of the longest that is asked for.
    """
    known = not math.isnan(change.ratio.median)
    lengths = length_lines(longest, across, growth_mm) if longest is not None else ()
    return Told(
        tuple(size_lines(change, what, readers)),
        seen_line(change),
        change.in_both < max(change.appeared, change.vanished),
        ratio_line(change),
        tuple(growth_lines(change, growth)) if known else (),
        (rate_line(change), *lengths) if known else (),
        tuple(f"Caution: {caution}." for caution in cautions),
    )


def size_lines(change: Change, what: str, readers: tuple[int, int]) -> Iterator[str]:
    """``Nodule before: 6.3 mL · readers' range 4.8–9.4 mL (90 %)``, and after."""
    # What is to be compared has the decimals of the smaller one, up to one more than its own.
    finest = min(_up_to(sizes.quantile(_HIGH)) for sizes in change.sizes_ml)
    for when, sizes, share, of in zip(
        ("before", "after"), change.sizes_ml, change.outlined, readers, strict=True
    ):
        kind = _WHOSE[range_kind(of)]
        yield f"{capital(what)} {when}: {_size(sizes, kind, finest)}{_nothing(share)}"


def seen_line(change: Change) -> str:
    """``Outlined after and not before: 11 % · before and not after: 17 % · in both, …: 70 %``."""
    if change.appeared < 0.005 and change.vanished < 0.005:
        return ""
    return (
        f"Outlined after and not before: {percent(change.appeared)} · before and not after: "
        f"{percent(change.vanished)} · in both, and of these is the growth: "
        f"{percent(change.in_both)}"
    )


def ratio_line(change: Change) -> str:
    """``1.23 times as large (90 % of pairs 0.73–2.04; …) · +1.5 mL (−2.3 to +5.6)``."""
    ratio, difference = change.ratio, change.difference_ml
    if math.isnan(ratio.median):
        return _NO_RATIO
    return (
        f"{ratio.median:.2f} times as large (90 % of pairs {ratio.quantile(_LOW):.2f}–"
        f"{ratio.quantile(_HIGH):.2f}; if both err alike {change.alike.quantile(_LOW):.2f}–"
        f"{change.alike.quantile(_HIGH):.2f}) · {_signed(difference.median)} mL "
        f"({_signed(difference.quantile(_LOW))} to {_signed(difference.quantile(_HIGH))})"
    )


def growth_lines(change: Change, growth: float) -> Iterator[str]:
    """``Growth of 25 % or more: 48 % of pairs · if nothing had changed: 21 %``.

    And the same of pairs that have in common what two readers of one scan have:
    ``If no more differs than between two readers of one scan: 0.87–1.74 times · growth 52 % · …``.
    """
    yield (
        f"{asked_growth(growth)} or more: {percent(change.probability(growth))} of pairs · if "
        f"nothing had changed: {percent(change.without_change(growth))}"
    )
    if change.shared:
        ratio = change.as_readers
        yield (
            "If they differ no more than two readers of one scan: "
            f"{ratio.quantile(_LOW):.2f}–{ratio.quantile(_HIGH):.2f} times as large (90 %) · "
            f"{percent(change.probability(growth, as_readers=True))} · if nothing had changed: "
            f"{percent(change.without_change(growth, as_readers=True))}"
        )


def asked_growth(growth: float) -> str:
    """``Growth of 25 %`` or ``Shrinking of 20 %``."""
    kind = "Growth" if growth >= 0 else "Shrinking"
    return f"{kind} of {abs(growth):.0%}".replace("%", " %")


def length_lines(
    longest: Lengthening, across: Lengthening | None, growth_mm: float
) -> Iterator[str]:
    """``Longest diameter 24.1 mm (20.3–28.9) before, …``, its growth, and the one across it."""
    if math.isnan(longest.ratio.median):
        return
    yield f"Longest diameter {_lengths(longest)}"
    yield (
        f"Longer by {growth_mm:g} mm or more: {percent(longest.probability(growth_mm))} of pairs · "
        f"if nothing had changed: {percent(longest.without_change(growth_mm))}"
    )
    if across is not None:
        yield f"Across it {_lengths(across)}"


def _lengths(found: Lengthening) -> str:
    """``24.1 mm (20.3–28.9) before, 26.0 mm (…) after: 1.08 times as long · +1.9 mm (…)``."""
    one, two = (
        f"{of.median:.1f} mm ({of.quantile(_LOW):.1f}–{of.quantile(_HIGH):.1f})"
        for of in found.lengths_mm
    )
    difference = found.difference_mm
    ends = " to ".join(_signed(difference.quantile(q), 1) for q in (_LOW, _HIGH))
    return (
        f"{one} before, {two} after: {found.ratio.median:.2f} times as long · "
        f"{_signed(difference.median, 1)} mm ({ends})"
    )


def rate_line(change: Change) -> str:
    """``In 180 days: ×1.53 in a year (…) · doubling in 330 days · …``, or that no day is known."""
    if change.days == 0:
        return "Both scans are of one day: no rate of growth."
    if change.days is None:
        return "The days between the scans are not known: no rate of growth."
    rate, doubling = change.rate, change.doubling_days.median
    ends = " to ".join(_yearly(rate.quantile(q)) for q in (_LOW, _HIGH))
    if math.isinf(doubling):
        words = "no change in the middle"
    else:
        words = f"{'doubling' if doubling > 0 else 'halving'} in {abs(doubling):,.0f} days"
    return (
        f"In {change.days:g} days: {_yearly(rate.median)} in a year ({ends}) · {words} · doubling "
        f"in less than 400 days: {percent(change.doubled_within())}"
    )


def slices_differ(mm: Sequence[float], how: str) -> str:
    """``the slices are 1 and 2.5 mm apart``, or thick: one thing that alone changes sizes."""
    return f"the slices are {mm[0]:.3g} and {mm[1]:.3g} mm {how}"


def wider(differs: Sequence[str]) -> str:
    """The caution on all such things."""
    what = f"{listed(differs)}, which alone changes sizes"
    return f"{what}: the true range is wider than the one stated"


def other_days(days: int) -> str:
    """That somebody has stated other days than the headers, by which it is so many."""
    between = "1 day lies" if abs(days) == 1 else f"{abs(days)} days lie"
    where = "the other way round" if days < 0 else "between them"
    return f"the days were stated by hand: by the headers of both scans {between} {where}"


def _size(sizes: Quantity, kind: str, finest: float) -> str:
    low, median, high = (sizes.quantile(q) for q in (_LOW, 0.5, _HIGH))
    if math.isnan(median):
        return "nothing outlined"
    finest = max(finest, high / 10)
    ends = f"{_ML.short(low, finest).removesuffix(' mL')}–{_ML.short(high, finest)}"
    return f"{_ML.short(median, finest)} · {kind} range {ends} (90 %)"


def _up_to(high: float) -> float:
    """End of a range; of none it is beyond all."""
    return math.inf if math.isnan(high) else high


def _nothing(outlined: float) -> str:
    return f" · nothing outlined in {percent(1 - outlined)}" if outlined < 0.995 else ""


def _signed(value: float, digits: int | None = None) -> str:
    digits = (2 if abs(value) < 1 else 1) if digits is None else digits
    amount = f"{abs(value):.{digits}f}"
    # What rounds to nothing has gone neither up nor down.
    sign = "" if float(amount) == 0 else "+" if value > 0 else "−"
    return f"{sign}{amount}"


def _yearly(rate: float) -> str:
    """``×1.6``: a rate per day as what it makes of a volume within a year."""
    return f"×{math.exp(min(rate * _YEAR, 700.0)):.3g}"
