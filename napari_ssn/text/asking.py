"""What is said of questions to the hypotheses, and of the answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_ssn.text.sizes import capital, plural

ASK_TIP = "How likely is a size, or that a voxel is reached?"

PRESS_AND_CLICK = "Press the button, then click on the image."
WHAT_IS_ANSWERED = "Share of the hypotheses in which it is so."
SO_ALREADY = "All hypotheses that are left are so already."
ASK_AGAIN = "Conditions were about the hypotheses before this point: ask again."

if TYPE_CHECKING:
    from napari_ssn.text.sizes import Measure

_SIGNS = {"at least": "≥", "at most": "≤"}


def question_line(
    measure: Measure, label: str, kind: str, voxels: float, index: Sequence[int]
) -> str:
    """``Nodule ≥ 1.42 mL``, ``Nodule ≤ 172 mm²`` or ``Nodule reaches voxel 12, 40, 7``.

    Args:
        measure: how voxels are said.
        label: name of the label that it is about.
        kind: whether it is ``at least`` or ``at most`` so many ``voxels``, or ``reaches`` a voxel.
        voxels, index: of that.
    """
    name = capital(label)
    if kind == "reaches":
        return f"{name} reaches voxel {', '.join(map(str, index))}"
    return f"{name} {_SIGNS[kind]} {measure.amount_here(voxels)}"


def chance(probability: float, error: float) -> str:
    """``23 ± 2 %``, ``4.1 ± 0.3 %``, ``0.0031 ± 0.0004 %``: as many digits as the error allows."""
    if error <= 0:
        return f"{100 * probability:.0f} %"
    decimals = max(0, -math.floor(math.log10(100 * error)))
    return f"{100 * probability:.{decimals}f} ± {100 * error:.{decimals}f} %"


def answer_line(
    probability: float,
    error: float,
    rare: bool,
    usable: bool,
    reliable: bool = True,
    most: float = 1.0,
) -> tuple[str, bool]:
    """How likely something is, and whether it is too rare to go on with.

    ``Probability 23 ± 2 %``; ``Never seen: below 0.08 %``; ``Seen too rarely for a number: below
    0.4 %``.

    Args:
        probability, error: and its standard error; of what was never seen a third of the
            largest that it may be.
        rare: whether it is below 1e-4, or was never seen.
        usable: whether the hypotheses in which it is so are enough to go on with.
        reliable: whether they are enough for a number.
        most: the largest that it may be, for where they are not.
    """
    if probability == 0:
        return f"Never seen: below {_limit(3 * error)} %", True
    if not reliable:
        return f"Seen too rarely for a number: below {_limit(most)} %", True
    words = f"Probability {chance(probability, error)}"
    if rare:
        return f"{words}: less than 1 in 10,000", True
    if not usable:
        return f"{words}: too few to go on with", True
    return words, False


def _limit(most: float) -> str:
    """A share in per cent by two digits, never less than it is: 0.075, 0.42, 3.1, 14."""
    percent = min(100.0, 100 * most)
    decimals = max(0, 1 - math.floor(math.log10(percent)))
    step = 10.0**decimals
    return f"{math.ceil(percent * step - 1e-9) / step:.{decimals}f}"


def answer_tip(rare: bool, usable: bool, effective: float, reliable: bool = True) -> str:
    """What the answer rests on, and what can be done with it."""
    worth = plural(max(1, round(effective)), "independent hypothesis")
    worth = worth.replace("hypothesiss", "hypotheses")
    if not reliable:
        return (
            f"It is so in what is worth {worth}: of so few a share and its ± may both be far too "
            "small. The bound is that of the draws that were not sought out."
        )
    if rare:
        return (
            "The model hardly ever says so, and what it would look like is not known well enough "
            "to go on with it. Where it is so nevertheless, point at it."
        )
    if not usable:
        return (
            f"It is so in what is worth {worth}: too few for cards and a range. "
            "Ask for less, or take a point back."
        )
    return f"Of those in which it is so there is what is worth {worth}. ± is the standard error."


def condition_tip(effective: float, broken: bool) -> str:
    """What holds exactly while a condition does, and what does not."""
    told = (
        "Cards, range and samples are taken from the hypotheses in which this is so, "
        f"which are worth {max(1, round(effective)):,} independent ones. The slider begins in "
        "their middle and may leave them."
    )
    return f"{told} Where it stands now this is not so." if broken else told


def where_so(count: int) -> str:
    """``where 2 conditions hold``."""
    return f"where {plural(count, 'condition')} hold{'s' if count == 1 else ''}"
