"""What is said of points, cards and comparisons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_ssn.text.sizes import Measure, capital, percent, plural

DIAMOND = "Does the voxel of the yellow diamond belong?"
SLIDER_TIP = (
    "Move the boundary ( , and . move it by 0.1 standard deviations, σ).\nOn the image are "
    "thin lines where it would run at ±½, ±1 and ±2 σ:\nmagenta to the left, green to the "
    "right."
)
LATER_POINT = "That voxel had another label: the later point counts."
POINT_THERE = "That point is there already."
ALL_AGREE = "All hypotheses agree by now: no point would settle anything."

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Share of the hypotheses that agree with what was pointed at, from which on the model explains
# it well, or at all.
_WELL, _BARELY = 0.05, 1e-3
# What is given points is a mixture: of two points that contradict each other one is not followed.
POINTS_FOLLOWED = (
    "All but a few of these agree with all of them: in those a point counts as a slip of the hand. "
    "Where points contradict each other, it may in most."
)


def hypothesis_words(
    sample: int | None,
    total: int,
    card: int | None = None,
    nothing: bool = False,
    moved: bool = False,
    alone: Sequence[int] = (),
    drawn: bool = False,
) -> str:
    """``Mean``, ``Hypothesis 3 of 16``, ``Card 2, boundary moved, lesion 1 alone``.

    Args:
        sample: number of the draw, from 0; None for the mean.
        total: draws that are stepped through.
        card: that shows it, from 1: what else is a draw beyond those to a person?
        nothing: whether nothing is outlined.
        moved: whether the slider has moved it.
        alone: numbers of lesions that were moved by themselves.
        drawn: whether it is the one nearest to what somebody drew.
    """
    if drawn:
        words = "Nearest to drawing"
    elif sample is None:
        words = "Nothing outlined" if nothing else "Mean"
    elif sample < total:
        words = f"Hypothesis {sample + 1} of {total}"
    else:
        words = f"Hypothesis {sample + 1}" if card is None else f"Card {card}"
    if moved:
        words += ", boundary moved"
    if alone:
        words += f", {f'lesion {alone[0]}' if len(alone) == 1 else f'{len(alone)} lesions'} alone"
    return words


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
            "Fewer than 1 in 1,000 of the model's hypotheses agree with all points. A correction "
            f"near them makes up for it: look whether the rest still fits. {POINTS_FOLLOWED}"
        )
    return f"Outline, slider, samples and cards are now given the points. {POINTS_FOLLOWED}"


def card_lines(
    measure: Measure, share: float, error: float, counts: Sequence[int] | NDArray[np.int64]
) -> tuple[str, str]:
    """``34 ±2 %`` and ``1.42 mL``; the second is ``nothing outlined`` where that is so.

    Args:
        measure: how voxels are said.
        share: of the hypotheses that the card stands for.
        error: standard error of that share.
        counts: voxels of each label, background first.
    """
    voxels = int(sum(counts[1:]))
    # One that stands for all of them would do so again.
    give_or_take = f" ±{max(1, round(100 * error))}" if error else ""
    return (
        f"{100 * share:.0f}{give_or_take} %",
        measure.amount_here(voxels) if voxels else "nothing outlined",
    )


def card_tip(
    share: float, error: float, draws: int, size: str = "", apart: bool = False, empty: bool = False
) -> str:
    """What the numbers of a card mean, and what a click does.

    Args:
        share, error: as in `card_lines`.
        draws: hypotheses that the cards stand for.
        size: of what is outlined, with its diameters, a line of its own.
        apart: whether the model tells apart how many readers outline anything, and what those do
            who do: draws are of the latter, and shares of all.
        empty: whether nothing is outlined.
    """
    again = f" (drawn again, give or take {max(1, round(100 * error))} %)" if error else ""
    line = f"{size}\n" if size else ""
    stands = f"Stands for {percent(share)} of {draws:,} hypotheses{again}."
    if apart and empty:
        stands = f"{percent(share)} of readers would outline nothing here, as the model has it."
    elif apart:
        stands = (
            f"Stands for what {percent(share)} of readers would outline, as the model has it, by "
            f"{draws:,} hypotheses of those who outline something{again}."
        )
    return f"{line}{stands} Click to show it; its star keeps it as a layer."


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


def most_points(most: int) -> str:
    """``100 points are the most: keep the outline and paint the rest.``"""
    return f"{most} points are the most: keep the outline and paint the rest."


def point_tip(tip: str) -> str:
    """``Then click on what belongs to nodule; a drag still moves the picture. Escape ends``"""
    return f"{tip}; a drag still moves the picture. Escape ends"
