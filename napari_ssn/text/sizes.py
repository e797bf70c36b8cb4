"""Amounts and ranges."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari_ssn.core.kinds import range_kind
from napari_ssn.geometry.size import Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_ssn.geometry.diameters import Diameter


#: Beside a number of such an image.
UNLIKE = "unlike the training images"


class Measure(Size):
    """How a number of voxels is said."""

    def amount(self, voxels: float) -> str:
        """``1.42 mL``, ``172 mm²`` or ``352 px``."""
        number, unit = self._scaled(voxels)
        return f"{self._number(number, number)} {unit}"

    def amount_here(self, voxels: float) -> str:
        """As `amount`; of a slice ``172 mm² in this slice``."""
        return self.amount(voxels) + self.here

    @property
    def here(self) -> str:
        """`` in this slice`` where there is but one: what lies beside it was not seen."""
        return " in this slice" if self.flat else ""

    @property
    def length(self) -> str:
        """Unit of lengths."""
        return "mm" if self.extent != "unknown" else "px" if self.flat else "voxels"

    def across(self, found: Diameter | None) -> str:
        """``15 × 12 mm``, ``6.4 × 5.1 mm`` or ``18 × 11 px``; ``…`` while it is being measured.

        Nothing where nothing is outlined.
        """
        unit = self.length
        if found is None:
            return f"… {unit}"
        if not found.longest:
            return ""
        # Thresholds of small nodules, 6 and 8 mm, need more than whole millimetres.
        digits = 1 if unit == "mm" and found.longest < 9.95 else 0
        return f"{found.longest:.{digits}f} × {found.perpendicular:.{digits}f} {unit}"

    def size_here(self, voxels: float, found: Diameter | None) -> str:
        """``1.9 mL · 15 × 12 mm``, ``172 mm² in this slice · 15 × 12 mm`` or ``none``."""
        if not voxels:
            return "none"
        return " · ".join(filter(None, (self.amount_here(voxels), self.across(found))))

    def interval(self, low: float, high: float) -> str:
        """``0.95–2.31 mL``: both ends with the decimals that suit the larger."""
        (first, unit), (last, _) = self._scaled(low), self._scaled(high)
        return f"{between(self._number(first, last), self._number(last, last))} {unit}"

    def short_interval(self, low: float, high: float) -> str:
        """``0.9–2.4 mL``: an interval with as few digits as tell its ends apart."""
        (first, unit), (last, _) = self._scaled(low), self._scaled(high)
        if unit != "mL":
            return self.interval(low, high)
        decimals = _decimals(last)
        low_end = f"{first:,.{decimals}f}" if first else "0"
        return f"{between(low_end, f'{last:,.{decimals}f}')} {unit}"

    def short(self, voxels: float, high: float) -> str:
        """``1.9 mL``: an amount with the decimals of a `short_interval` that ends at ``high``."""
        number, unit = self._scaled(voxels)
        if unit != "mL":
            return self.amount(voxels)
        return f"{number:,.{_decimals(self._scaled(high)[0])}f} {unit}"

    def short_here(self, voxels: float, high: float) -> str:
        """As `short`; of a slice ``172 mm² in this slice``."""
        return self.short(voxels, high) + self.here

    @property
    def scale(self) -> tuple[float, str]:
        """How much a voxel is, and of what: ``(0.002, "mL")``."""
        return self._scaled(1)

    def _scaled(self, voxels: float) -> tuple[float, str]:
        if (ml := self.ml(voxels)) is not None:
            return ml, "mL"
        if (area := self.mm2(voxels)) is not None:
            return area, "mm²"
        return voxels, "px" if self.flat else "voxels"

    def _number(self, value: float, largest: float) -> str:
        if self.extent != "volume" or value == 0:
            return f"{value:,.0f}"
        decimals = 0 if largest >= 100 else 1 if largest >= 10 else 2 if largest >= 0.1 else 3
        return f"{value:,.{max(decimals, _needed(largest))}f}"


def _decimals(largest: float) -> int:
    """Of millilitres as few as tell a range's ends apart."""
    return 0 if largest >= 10 else 1 if largest >= 1 else max(2, _needed(largest))


def _needed(value: float) -> int:
    """Decimals of which a small positive number needs so many not to be written as zero."""
    return math.ceil(-math.log10(value)) if 0 < value < 1 else 0


def percent(share: float) -> str:
    """``71 %``; what is there but rounds to nothing is ``<1 %``, to everything ``>99 %``."""
    if 0 < share < 0.005 or 0.995 <= share < 1:
        return "<1 %" if share < 0.5 else ">99 %"
    return f"{100 * share:.0f} %"


def capital(name: str) -> str:
    """A label's name at the start of a line: ``Nodule``; the rest of it as it is."""
    return name[:1].upper() + name[1:]


def cut(name: str, letters: int) -> str:
    """As many letters of a label's name as there is room for: ``non-enhancing…``."""
    return name if len(name) <= letters else f"{name[: letters - 1].rstrip()}…"


def plural(count: int, word: str) -> str:
    """``1 point``, ``2 points``."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def listed(words: Sequence[str], last: str = "and") -> str:
    """``a``, ``a and b`` or ``a, b and c``."""
    *first, end = words
    return f"{', '.join(first)} {last} {end}" if first else end


_IN_IT = "a size in this range, on average over patients like those of the calibration"
_CUT_OFF = {
    ("region",): "reaches the region's edge: it may be larger",
    ("image",): "reaches the image's edge: it may be larger",
    ("region", "image"): "reaches the edges of region and image: it may be larger",
}


def cut_off_line(found: Diameter | None) -> str:
    """``reaches the image's edge: it may be larger``; empty where it does not.

    What lies beyond was not looked at, or is not there, and so its size is a lower bound. Of what
    is still being measured nothing is said.
    """
    return "" if found is None or not found.cut_off_by else _CUT_OFF[found.cut_off_by]


def remarks_on(measure: Measure, found: Diameter | None) -> list[str]:
    """What goes with a size: that it may be larger, and what lies apart from the lesion.

    ``0.12 mL of it lies apart from the lesion pointed at``; nothing while it is being measured.
    """
    said = [cut_off_line(found)]
    if found is not None and found.apart:
        said.append(f"{measure.amount(found.apart)} of it lies apart from the lesion pointed at")
    return [one for one in said if one]


def before_a_number(label: str) -> str:
    """``Nodule``, and of a label without a name ``Label 1:``, whose number is no size."""
    return f"{capital(label)}:" if label[-1:].isdigit() else capital(label)


def headline(
    label: str, measure: Measure, voxels: float | None, found: Diameter | None = None
) -> str:
    """``Nodule 1.9 mL · 15 × 12 mm``; what is being counted or measured is ``…`` as yet."""
    if voxels is None:
        return f"{capital(label)} …"
    if voxels == 0:
        return f"{capital(label)}: none in this hypothesis"
    return f"{before_a_number(label)} {measure.size_here(voxels, found)}"


def between(low: str, high: str) -> str:
    """``0.95–2.31``; one number where both read the same."""
    return low if low == high else f"{low}–{high}"


def sizes_line(
    labels: Sequence[str],
    measure: Measure,
    counts: Sequence[int] | NDArray[np.int64],
    across: Sequence[Diameter],
) -> str:
    """``1.9 mL · 15 × 12 mm``; of several labels ``Anterior 1.2 mL · 15 × 12 mm``, a line each.

    Args:
        labels: names of the labels, background left out.
        measure: how voxels are said.
        counts: voxels of each label, background first.
        across: diameters of each label, background left out.
    """
    said = [
        " · ".join([measure.size_here(n, one), *remarks_on(measure, one)])
        for n, one in zip(counts[1:], across, strict=True)
    ]
    if len(said) == 1:
        return said[0] if counts[1] else "nothing outlined"
    return "\n".join(f"{before_a_number(a)} {b}" for a, b in zip(labels, said, strict=True))


def range_line(
    measure: Measure,
    low: float,
    high: float,
    level: float,
    count: int,
    *,
    readers: int = 0,
    patients: int = 0,
    absent: float = 0.0,
    points: int = 0,
    conditions: int = 0,
    spread: bool = False,
    outlined: bool = False,
    unlike: bool = False,
    around: str = "",
) -> str:
    """``model range 0.95–2.31 mL (90 % of 1,000 hypotheses)``; ``range around 21 networks …``.

    Args:
        measure: how voxels are said.
        low, high: ends of the range, in voxels.
        level: share of the hypotheses (or readers) the range is about.
        count: hypotheses drawn.
        readers: of each image that the range was adjusted on, to hold that share of what they
            outlined; 0 if it is the model's own.
        patients: that were the unit of it; 0 where readings were pooled, empty ones among them.
        absent: share of the hypotheses in which the label does not occur.
        points, conditions: that the hypotheses are given.
        spread: whether they lie farther apart, or nearer, than the model draws them.
        outlined: whether it is of readers, or hypotheses, who outline anything: how many outline
            nothing is then said on a line of its own.
        unlike: whether the image is unlike those that the model was trained on.
        around: members of an ensemble that the hypotheses were drawn around; empty of a model.
    """
    ends = measure.interval(low, high)
    if readers and outlined:
        who = "readers who outlined it drew" if readers > 1 else "outlines of one expert had"
        text = f"{_so_many(level)} {who} {measure.short_interval(low, high)}"
    elif readers:
        text = f"{range_kind(readers)} range {ends} ({_promise(level, readers, patients)})"
    else:
        given = [plural(points, "point")] if points else []
        given += [plural(conditions, "condition")] if conditions else []
        told = f", given {' and '.join(given)}" if given else ""
        told += ", spread changed" if spread else ""
        what = "hypotheses that outline it" if outlined else "hypotheses"
        whose = f"range around {around}" if around else "model range"
        text = f"{whose} {ends} ({percent(level)} of {count:,} {what}{told})"
    who = "of these" if around else "model:"
    text += f" · {who} none in {percent(absent)}" if absent > 0 else ""
    return f"{text} · {UNLIKE}" if unlike else text


def _promise(level: float, readers: int, patients: int) -> str:
    """What a range that was learnt from readers may claim: no more than it was made to hold."""
    if patients == 0:
        who = "readings" if readers > 1 else "outlines of one expert"
        empty = ", empty ones too" if readers > 1 else ""
        return f"set to hold {percent(level)} of the {who} it was learnt from{empty}"
    who = "readers who outlined it drew" if readers > 1 else "outlines of one expert had"
    return f"{_so_many(level)} {who} {_IN_IT}"


def in_brief(line: str) -> str:
    """``calibrated range 0.95–2.31 mL (nine in ten readers)``: a `range_line` for a narrow place.

    What it was made to hold, and over whom, is said in full where there is room for it.
    """
    return line.replace(f" who outlined it drew {_IN_IT}", "").replace(f" had {_IN_IT}", "")


def _so_many(level: float) -> str:
    return "nine in ten" if round(level, 6) == 0.9 else f"{percent(level)} of"


def histogram_tip(measure: Measure, low: float, high: float, count: int) -> str:
    """What the bars below a size mean.

    Args:
        measure: how voxels are said.
        low, high: sizes of the first and the last bar, in voxels.
        count: hypotheses drawn.
    """
    return (
        f"How often each size came up in {count:,} hypotheses, "
        f"from {measure.amount(low)} (left) to {measure.amount_here(high)} (right).\n"
        "The shaded part is the range; the line marks the hypothesis on show."
    )
