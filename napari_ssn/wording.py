"""The words of the window: amounts, ranges, directions and problems. Pure functions, no state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_ssn.core.errors import Cancelled, DeviceError, SSNError

if TYPE_CHECKING:
    # Types only: these modules import torch, and words must not wait for it.
    import numpy as np
    from numpy.typing import NDArray

    from napari_ssn.core.directions import Directions, Effect
    from napari_ssn.core.volume import Extent

#: Stands in a header; nothing this program shows may be read without it.
RESEARCH_ONLY = "Research use only – not a medical device"

# Directions whose share of the uncertainty is below this are not offered.
_NEGLIGIBLE = 0.005
# Share of the hypotheses that agree with what was pointed at, from which on the model explains
# it well, or at all.
_WELL, _BARELY = 0.05, 1e-3
# tan(22.5°): a second axis this strong makes a side a corner.
_DIAGONAL = 0.414


@dataclass(frozen=True)
class Measure:
    """How a number of voxels is said.

    Attributes:
        extent: what the voxel size is known to measure.
        voxel_mm3: volume of a voxel; for a plane its area in mm², for unknown sizes ignored.
        flat: whether the image is one slice.
    """

    extent: Extent
    voxel_mm3: float
    flat: bool

    def amount(self, voxels: float) -> str:
        """``1.42 mL``, ``172 mm²`` or ``352 px``."""
        number, unit = self._scaled(voxels)
        return f"{self._number(number, number)} {unit}"

    def amount_here(self, voxels: float) -> str:
        """As `amount`; of a slice with a thickness ``0.22 mL in this slice``."""
        whole = self.extent != "volume" or not self.flat
        return self.amount(voxels) if whole else f"{self.amount(voxels)} in this slice"

    def interval(self, low: float, high: float) -> str:
        """``0.95–2.31 mL``: both ends with the decimals that suit the larger."""
        (first, unit), (last, _) = self._scaled(low), self._scaled(high)
        return f"{self._number(first, last)}–{self._number(last, last)} {unit}"

    def short_interval(self, low: float, high: float) -> str:
        """``0.9–2.4 mL``: an interval with as few digits as tell its ends apart."""
        (first, unit), (last, _) = self._scaled(low), self._scaled(high)
        if unit != "mL":
            return self.interval(low, high)
        decimals = 0 if last >= 10 else 1 if last >= 1 else 2
        low_end = f"{first:,.{decimals}f}" if first else "0"
        return f"{low_end}–{last:,.{decimals}f} {unit}"

    def _scaled(self, voxels: float) -> tuple[float, str]:
        if self.extent == "volume":
            return voxels * self.voxel_mm3 / 1000, "mL"
        if self.extent == "plane":
            return voxels * self.voxel_mm3, "mm²"
        return voxels, "px" if self.flat else "voxels"

    def _number(self, value: float, largest: float) -> str:
        if self.extent != "volume" or value == 0:
            return f"{value:,.0f}"
        decimals = 0 if largest >= 100 else 1 if largest >= 10 else 2 if largest >= 0.1 else 3
        return f"{value:,.{decimals}f}"


def percent(share: float) -> str:
    """``71 %``; what is there but rounds to nothing is ``<1 %``."""
    if 0 < share < 0.005:
        return "<1 %"
    return f"{100 * share:.0f} %"


def capital(name: str) -> str:
    """A label's name at the start of a line: ``Nodule``; the rest of it as it is."""
    return name[:1].upper() + name[1:]


def headline(label: str, measure: Measure, voxels: float | None) -> str:
    """``Nodule 1.42 mL``; without a number ``Nodule …`` while it is being counted."""
    if voxels is None:
        return f"{capital(label)} …"
    if voxels == 0:
        return f"{capital(label)}: none in this hypothesis"
    return f"{capital(label)} {measure.amount_here(voxels)}"


def range_line(
    measure: Measure,
    low: float,
    high: float,
    level: float,
    count: int,
    *,
    readers: int = 0,
    absent: float = 0.0,
    points: int = 0,
) -> str:
    """``model range 0.95–2.31 mL (90 % of 1,000 hypotheses)``.

    Args:
        measure: how voxels are said.
        low, high: ends of the range, in voxels.
        level: share of the hypotheses (or readers) the range is about.
        count: hypotheses drawn.
        readers: of each image that the range was adjusted on, to hold that share of what they
            outlined; 0 if it is the model's own.
        absent: share of the hypotheses in which the label does not occur.
        points: that the hypotheses are given.
    """
    ends = measure.interval(low, high)
    if readers > 1:
        text = f"calibrated range {ends} (meant to hold {percent(level)} of readers)"
    elif readers == 1:
        text = f"adjusted range {ends} (meant to hold one expert's in {percent(level)} of images)"
    else:
        told = f", given {plural(points, 'point')}" if points else ""
        text = f"model range {ends} ({percent(level)} of {count:,} hypotheses{told})"
    return f"{text} · none in {percent(absent)}" if absent > 0 else text


def plural(count: int, word: str) -> str:
    """``1 point``, ``2 points``."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def points_line(count: int, log_evidence: float) -> tuple[str, bool]:
    """How well the model explains what was pointed at, and whether it cannot.

    ``2 points · the model explains them well``.

    Args:
        count: of the points.
        log_evidence: natural logarithm of the share of the model's hypotheses that agree with
            all of them.
    """
    if count == 0:
        return "", False
    them = "it" if count == 1 else "them"
    if log_evidence >= math.log(_WELL):
        how = f"the model explains {them} well"
    elif log_evidence >= math.log(_BARELY):
        how = f"the model barely explains {them}"
    else:
        how = f"the model cannot explain {them}"
    return f"{plural(count, 'point')} · {how}", log_evidence < math.log(_BARELY)


def points_tip(count: int, unexplained: bool) -> str:
    """What that line means, and what is done with points that the model cannot explain."""
    if count == 0:
        return ""
    if unexplained:
        return (
            "Fewer than 1 in 1,000 of the model's hypotheses agree with all points. They hold "
            "nevertheless, by a correction near them: look whether the rest still fits."
        )
    return "Every hypothesis, the cards and the slider now agree with the points."


def card_lines(
    measure: Measure, share: float, error: float, counts: Sequence[int] | NDArray[np.int64]
) -> tuple[str, str]:
    """``34 ±2 %`` and ``1.42 mL``; the second is ``none`` where nothing is labelled.

    Args:
        measure: how voxels are said.
        share: of the hypotheses that the card stands for.
        error: standard error of that share.
        counts: voxels of each label, background first.
    """
    voxels = int(sum(counts[1:]))
    return (
        f"{100 * share:.0f} ±{max(1, round(100 * error))} %",
        measure.amount(voxels) if voxels else "none",
    )


def card_tip(share: float, error: float, draws: int) -> str:
    """What the numbers of a card mean, and what a click does."""
    return (
        f"Stands for {percent(share)} of {draws:,} hypotheses "
        f"(drawn again, give or take {max(1, round(100 * error))} %). "
        "Click to show it; its star keeps it as a layer."
    )


def comparison_line(
    labels: Sequence[str],
    dice: Sequence[float] | NDArray[np.float64],
    apart: Sequence[float] | NDArray[np.float64],
    unit: str,
) -> str:
    """``Dice 0.87 · 0.8 mm apart``; with several labels one after the other, by name.

    Args:
        labels: names of the labels, background left out.
        dice: of each of them.
        apart: mean distance of their borders; NaN where only one of the two has the label.
        unit: of that distance.
    """
    parts = []
    for name, overlap, distance in zip(labels, dice, apart, strict=True):
        words = f"Dice {overlap:.2f} · {distance:.1f} {unit} apart"
        if distance != distance:
            words = "only in one of the two"
        parts.append(f"{capital(name)}: {words}" if len(labels) > 1 else words)
    return "; ".join(parts)


def histogram_tip(measure: Measure, low: float, high: float, count: int) -> str:
    """What the bars below a size mean.

    Args:
        measure: how voxels are said.
        low, high: sizes of the first and the last bar, in voxels.
        count: hypotheses drawn.
    """
    return (
        f"How often each size came up in {count:,} hypotheses, "
        f"from {measure.amount(low)} (left) to {measure.amount(high)} (right).\n"
        "The shaded part is the range; the line marks the hypothesis on show."
    )


def presence_tip(share: float, error: float, draws: int) -> str:
    """``Present in 97 ± 1 % of 200 hypotheses``: the error is that of so few draws."""
    return f"Present in {100 * share:.0f} ± {100 * error:.0f} % of {draws:,} hypotheses"


def left_out(count: int, smallest: str) -> str:
    """``3 below 0.01 mL left out``; nothing where there are none."""
    return f"{count} below {smallest} left out" if count else ""


def geometry(
    size: Sequence[int],
    spacing_mm: Sequence[float] | None,
    extent: Extent,
    plane: str = "",
    thickness_mm: float | None = None,
) -> str:
    """``512 × 512 × 36 · 0.76 × 0.76 × 1.0 mm · axial``.

    Args:
        size: voxels per axis, columns first.
        spacing_mm: voxel size in the same order; None when unknown.
        extent: what the voxel size is known to measure.
        plane: the slices' direction in the patient, where it is known.
        thickness_mm: of a single slice, where it is known.
    """
    parts = [" × ".join(str(n) for n in size)]
    if extent == "unknown" or spacing_mm is None:
        parts.append("voxel size unknown")
    else:
        shown = list(spacing_mm) if extent == "volume" else list(spacing_mm[:2])
        if extent == "volume" and thickness_mm is not None:
            shown.append(thickness_mm)
        parts.append(" × ".join(_millimetres(s) for s in shown) + " mm")
        if extent == "plane":
            parts.append("thickness unknown")
    if plane:
        parts.append(plane)
    return " · ".join(parts)


def _millimetres(value: float) -> str:
    text = f"{value:.2f}"
    return text[:-1] if text.endswith("0") else text


# Per axis of the patient (right, anterior, superior): what lies at its positive and its
# negative end, as an adjective of an edge and as where a shift goes.
_ANATOMICAL = (
    (("right", "to the right"), ("left", "to the left")),
    (("anterior", "anteriorly"), ("posterior", "posteriorly")),
    (("superior", "superiorly"), ("inferior", "inferiorly")),
)
# Where the patient's axes are unknown the picture's are meant; it is drawn as radiologists
# look at a slice, so that −x is right in it.
_PICTURE = (
    (("left", "to the left"), ("right", "to the right")),
    (("upper", "upwards"), ("lower", "downwards")),
    (("later-slice", "to later slices"), ("earlier-slice", "to earlier slices")),
)


def _sides(side: Sequence[float], oriented: bool) -> list[tuple[str, str]]:
    """Words for the one or two axes a unit vector points along, left and right last."""
    strongest = max(abs(x) for x in side)
    table = _ANATOMICAL if oriented else _PICTURE
    kept = [a for a in (2, 1, 0) if abs(side[a]) > _DIAGONAL * strongest]
    kept = sorted(sorted(kept, key=lambda a: -abs(side[a]))[:2], reverse=True)
    return [table[a][0 if side[a] > 0 else 1] for a in kept]


def effect_name(
    effect: Effect, measure: Measure, voxel_ml: float, oriented: bool, label: str = ""
) -> str:
    """``size, 0.9–2.4 mL``, ``posterior edge, …``, ``shift to the left`` or ``presence, …``.

    Args:
        effect: of the direction.
        measure: how voxels are said.
        voxel_ml: the millilitres a voxel was counted as in the effect.
        oriented: whether the patient's axes are known; else words of the picture.
        label: name of the label that changes, where there are several.
    """
    if effect.kind == "none":
        return "no visible change"
    extremes = measure.short_interval(effect.low_ml / voxel_ml, effect.high_ml / voxel_ml)
    of_label = f" of {label}" if label else ""
    if effect.kind == "shift":
        where = " and ".join(adverb for _, adverb in _sides(effect.side, oriented))
        return f"shift{of_label} {where}"
    if effect.kind == "edge":
        where = " ".join(adjective for adjective, _ in _sides(effect.side, oriented))
        return f"{where} edge{of_label}, {extremes}"
    return f"{effect.kind}{of_label}, {extremes}"


def offered_directions(directions: Directions) -> list[int]:
    """Directions worth a slider: those that change something; always at least the first."""
    seen = [
        k
        for k, (share, effect) in enumerate(zip(directions.share, directions.effects, strict=True))
        if share >= _NEGLIGIBLE and effect.kind != "none"
    ]
    return seen or [0]


def direction_names(
    directions: Directions,
    measure: Measure,
    voxel_ml: float,
    oriented: bool,
    labels: Sequence[str],
) -> list[tuple[int, str]]:
    """Index and words of every direction offered: ``1 · size, 0.9–2.4 mL · 71 %``.

    Args:
        directions: of the result.
        measure, voxel_ml, oriented: as in `effect_name`.
        labels: names of all labels, background first.
    """
    several = len(labels) > 2
    names = []
    for k in offered_directions(directions):
        effect = directions.effects[k]
        label = labels[effect.label] if several else ""
        words = effect_name(effect, measure, voxel_ml, oriented, label)
        names.append((k, f"{k + 1} · {words} · {percent(float(directions.share[k]))}"))
    return names


def origin(licence: str, data: str) -> str:
    """``CC BY 3.0 · trained on LIDC-IDRI``: what stands before the colon names the data."""
    return f"{licence} · trained on {data.split(':')[0]}"


def seconds(elapsed: float) -> str:
    """``0.8 s``, ``24 s`` or ``3 min 05 s``."""
    if elapsed < 9.95:
        return f"{elapsed:.1f} s"
    if elapsed < 59.5:
        return f"{elapsed:.0f} s"
    minutes, rest = divmod(round(elapsed), 60)
    return f"{minutes} min {rest:02d} s"


def problem(error: BaseException) -> str:
    """One sentence for a person: the cause and what to do. Never a path or a name of a file."""
    if isinstance(error, Cancelled):
        return "Cancelled."
    if isinstance(error, DeviceError):
        text = str(error)
        return text if "CPU" in text.upper() else f"{text} Choose the CPU under Settings."
    if isinstance(error, SSNError):
        return str(error)
    if isinstance(error, MemoryError):
        return "This computer's memory is full: close other images or use a smaller region."
    if isinstance(error, ImportError) or getattr(error, "winerror", None) in (126, 127, 1114):
        return (
            "PyTorch or MONAI could not be started: restart napari, and if that does not help, "
            "reinstall them (on Windows with the Visual C++ runtime)."
        )
    if isinstance(error, OSError):
        return "A file could not be read or written: check the folder and its free space."
    return "Something unexpected went wrong; nothing you had is lost: try once more."
