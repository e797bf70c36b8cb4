"""What is said of several people's outlines of one image."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from napari_ssn.text.sizes import Measure, capital, percent

OUTLINE_WITH_SIDECAR = "Wrote the outline with its sidecar."

RUN_FIRST = "Run first: outlines are compared on the image of a result, beside its hypotheses."
NO_OUTLINES = "Open people's outlines as labels on the image, or paint them: two or more."
OUTLINE_WRITTEN = "The outline was written, with a .json that names everybody's share."

#: Columns of a table of people, with what they mean.
COLUMNS = (
    ("Reader", "Whose outline: the name of its layer"),
    ("Size", "Of the outline"),
    ("Others", "Dice with each of the others' outlines, on average"),
    ("Model", "Dice with the hypothesis that comes nearest to it"),
    ("Larger", "It is larger than so many of the hypotheses"),
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = Sequence[float] | NDArray[np.float64] | NDArray[np.int64]


def sizes_lines(
    measure: Measure, labels: Sequence[str], names: Sequence[str], counts: NDArray[np.int64]
) -> Iterator[str]:
    """``Outline: reader 1 1.80 mL · reader 2 2.10 mL``, a line for each label.

    Of a slice ``Outline in this slice: reader 1 172 mm² · …``.

    Args:
        measure: how voxels are said.
        labels: names, background left out.
        names: of the people.
        counts: (M, C − 1) voxels.
    """
    for label, column in zip(labels, counts.T, strict=True):
        each = [f"{name} {_amount(measure, n)}" for name, n in zip(names, column, strict=True)]
        low, high = int(column.min()), int(column.max())
        spread = f" (largest ÷ smallest {high / low:.2f})" if low else ""
        yield f"{capital(label)}{measure.here}: {' · '.join(each)}{spread}"


def agreement_line(
    one: str, other: str, labels: Sequence[str], dice: Numbers, apart: Numbers, unit: str
) -> str:
    """``reader 1 and reader 2: Dice 0.86, 0.4 mm apart``; with several labels, each of them.

    Args:
        one, other: whose outlines.
        labels: names, background left out.
        dice, apart: of each label; NaN is left out.
        unit: of ``apart``.
    """
    return f"{capital(one)} and {other}: {_overlaps(labels, dice, apart, unit)}"


def staple_lines(
    labels: Sequence[str],
    names: Sequence[str],
    sensitivity: NDArray[np.float64],
    specificity: NDArray[np.float64],
) -> Iterator[str]:
    """``STAPLE, outline: reader 1 sensitivity 0.93, specificity 0.98 · …``."""
    for k, label in enumerate(labels):
        pairs = zip(names, sensitivity[:, k], specificity[:, k], strict=True)
        each = [f"{n} sensitivity {a:.2f}, specificity {b:.2f}" for n, a, b in pairs if a == a]
        if each:
            yield f"STAPLE, {label}: {' · '.join(each)}"


def nested_line(
    measure: Measure, label: str, people: Numbers, model: Numbers | None = None, around: str = ""
) -> str:
    """``Outline: all agree on 1.0 mL, half on 1.6 mL, any has 2.4 mL · model 0.9, 1.5 and 2.6 mL``.

    Args:
        measure: how voxels are said.
        label: whose.
        people: voxels that all of them, half of them and any of them have.
        model: voxels of the inner, median and outer outline; None without a model.
        around: members of an ensemble that its hypotheses were drawn around; empty of a model.
    """
    inner, median, outer = (_amount(measure, n) for n in people)
    line = f"all agree on {inner}, at least half on {median}, any has {outer}"
    line = f"{capital(label)}{measure.here}: {line}"
    if model is None:
        return line
    inner, median, outer = (_amount(measure, n) for n in model)
    whose = f"hypotheses drawn around {around}" if around else "the model's hypotheses"
    return f"{line} · 95 % of {whose} agree on {inner}, half on {median}, 5 % on {outer}"


def placed_line(
    measure: Measure,
    name: str,
    labels: Sequence[str],
    dice: Numbers,
    beyond: int,
    left_out: int,
    percentile: float | None,
    smaller: Numbers,
    around: str = "",
) -> str:
    """``Reader 1: the model comes to Dice 0.94 · larger than 61 % of hypotheses``.

    Args:
        measure: how voxels are said.
        name: of the person.
        labels: names, background left out.
        dice: of each label with the nearest hypothesis.
        beyond, left_out: voxels that no hypothesis has, and that all have and he has not.
        percentile: share of hypotheses nearer to the mean.
        smaller: share of hypotheses in which each label is smaller.
        around: as for `nested_line`.
    """
    parts = [f"the {'ensemble' if around else 'model'} comes to {_overlaps(labels, dice)}"]
    if beyond:
        parts.append(f"{measure.amount_here(beyond)} is beyond it")
    if left_out:
        parts.append(f"leaves out {measure.amount_here(left_out)} that all hypotheses have")
    if percentile is not None:
        parts.append(f"farther out than {percent(percentile)} of hypotheses")
    several = len(labels) > 1
    parts += [
        f"{label + ' ' if several else ''}larger than {percent(share)}"
        for label, share in zip(labels, smaller, strict=True)
    ]
    return f"{capital(name)}: {' · '.join(parts)}"


def unplaced_line(name: str, drawn: bool, outlined: float) -> str:
    """What is said of who outlines nothing, or nothing that the model has.

    Args:
        name: of the person.
        drawn: whether anything is outlined.
        outlined: how likely the model has it that anything is.
    """
    if drawn:
        return f"{capital(name)}: no hypothesis of the model reaches this outline"
    return f"{capital(name)}: outlines nothing, as {percent(1 - outlined)} of hypotheses do"


def apart_line(dice: float, apart: float, unit: str) -> str:
    """``Dice with the others 0.86 on average, 0.4 mm apart``; a distance of NaN is left out."""
    far = f", {apart:.1f} {unit} apart" if apart == apart else ""
    return f"Dice with the others {dice:.2f} on average{far}"


def share_or_none(share: float | None) -> str:
    """``61 %``; a dash where nothing is outlined."""
    return "–" if share is None else percent(share)


def size_heading(flat: bool) -> str:
    """Over a column of sizes: of one slice what lies beside it was not seen."""
    return "In this slice" if flat else "Size"


def _overlaps(
    labels: Sequence[str], dice: Numbers, apart: Numbers | None = None, unit: str = ""
) -> str:
    far = [math.nan] * len(labels) if apart is None else apart
    return "; ".join(
        (f"{label} " if len(labels) > 1 else "")
        + f"Dice {overlap:.2f}"
        + (f", {distance:.1f} {unit} apart" if distance == distance else "")
        for label, overlap, distance in zip(labels, dice, far, strict=True)
    )


def _amount(measure: Measure, voxels: float) -> str:
    return measure.amount(voxels) if voxels else "none"


def ticked_line(number: int, problem: str) -> str:
    """``Outline 2 of those ticked: It does not lie on the image's grid.``"""
    return f"Outline {number} of those ticked: {problem}"
