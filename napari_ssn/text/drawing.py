"""What is said of a drawing and the hypothesis nearest to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_ssn.text.sizes import Measure, capital, percent

OTHER_PEOPLE = (
    "The sidecar beside the drawing is of another outline: the people in it are left out."
)

NEAREST = "nearest to a drawing"
LOOKING = "Looking for the hypothesis nearest to it…"

if TYPE_CHECKING:
    from napari_ssn.text.readers import Numbers

# Shares beyond which a drawing or its size is one that the model hardly has.
_RARE = 0.95


def nearest_line(
    measure: Measure,
    labels: Sequence[str],
    counts: Numbers,
    dice: Numbers,
    apart: Numbers,
    unit: str,
) -> str:
    """``Nearest hypothesis 1.8 mL · Dice 0.91 with your drawing, 0.4 mm apart``.

    With several labels one after the other: ``Nearest hypothesis: anterior 1.8 mL · Dice 0.91, 0.4
    mm apart; …``.

    Args:
        measure: how voxels are said.
        labels: names, background left out.
        counts: voxels of each label in it.
        dice, apart: of each label with the drawing.
        unit: of ``apart``.
    """
    parts = []
    for name, voxels, overlap, distance in zip(labels, counts, dice, apart, strict=True):
        size = measure.amount_here(voxels) if voxels else "none"
        whose = f"{name} {size}" if len(labels) > 1 else size
        of = "" if len(labels) > 1 else " with your drawing"
        far = f", {distance:.1f} {unit} apart" if distance == distance else ""
        parts.append(f"{whose} · Dice {overlap:.2f}{of}{far}")
    return f"Nearest hypothesis{':' if len(labels) > 1 else ''} {'; '.join(parts)}"


def of_people_line(count: int) -> str:
    """``Fitted to an outline of 3 people: each one's share in it goes with what is exported``."""
    return (
        f"Fitted to an outline of {count} people: each one's share in it goes with what is exported"
    )


def unexplained_line(measure: Measure, beyond: int, left_out: int, outside: int) -> str:
    """``0.2 mL of it lies where no hypothesis does; it leaves out 0.1 mL that all have``.

    Args:
        measure: how voxels are said.
        beyond, left_out, outside: voxels, as in `Fitting`.
    """
    parts = []
    if beyond:
        parts.append(f"{measure.amount_here(beyond)} of it lies where no hypothesis does")
    if left_out:
        parts.append(f"it leaves out {measure.amount_here(left_out)} that all of them have")
    if outside:
        parts.append(f"{measure.amount_here(outside)} lies outside the region that was segmented")
    return capital("; ".join(parts))


def plausibility_line(
    labels: Sequence[str], percentile: float | None, smaller: Numbers
) -> tuple[str, bool]:
    """``Farther from the mean outline than 71 % of hypotheses; larger than 88 % of them``.

    And whether the model hardly has such a drawing.

    Args:
        labels: names, background left out.
        percentile, smaller: as in `Fitting`.
    """
    parts = []
    if percentile is not None:
        parts.append(f"farther from the mean outline than {_share(percentile)} of hypotheses")
    for name, share in zip(labels, smaller, strict=True):
        whose = f"{name} " if len(labels) > 1 else ""
        parts.append(f"{whose}larger than {_share(share)} of them")
    rare = percentile is not None and percentile > _RARE
    rare = rare or any(not 1 - _RARE <= share <= _RARE for share in smaller)
    return capital("; ".join(parts)), rare


def _share(share: float) -> str:
    """``71 %``; ``all`` of next to all is not sure: ``>99 %``."""
    return ">99 %" if share >= 0.995 else percent(share)
