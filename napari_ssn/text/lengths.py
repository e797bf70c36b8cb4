"""Diameters and their ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_ssn.text.sizes import Measure, between, percent

if TYPE_CHECKING:
    from napari_ssn.core.measures import Range
    from napari_ssn.geometry.diameters import Diameter


@dataclass(frozen=True)
class LengthRanges:
    """Ranges of the diameters of one label over many hypotheses, or over members.

    Attributes:
        mean: of the mean of the other two.
        longest: of the longest diameter.
        across: of the longest across that; None where all hypotheses are a line.
        draws: so many were drawn.
        whose: members that they are of, or ``around 21 networks``; empty of a model's hypotheses.
    """

    mean: Range
    longest: Range
    across: Range | None
    draws: int
    whose: str = ""


def lengths_line(measure: Measure, found: Diameter | None, ranges: LengthRanges | None) -> str:
    """``mean diameter 17.6 mm (model 11.0–20.3; longest 13.2–24.1, across it 8.9–17.0)``.

    What is being measured is ``…``; of a hypothesis without it there is no mean diameter.

    Args:
        measure: how lengths are said.
        found: diameters of the hypothesis on show.
        ranges: of many; None where they are not known.
    """
    here = "…" if found is None else f"{found.mean:.1f}" if found.longest else ""
    said = f"mean diameter {here} {measure.length}" if here else ""
    if ranges is None:
        return said
    over = [f"{ranges.whose or 'model'} {_ends(ranges.mean)}{'' if said else ' ' + measure.length}"]
    over.append(f"longest {_ends(ranges.longest)}")
    if ranges.across is not None:
        over[-1] += f", across it {_ends(ranges.across)}"
    return f"{said} ({'; '.join(over)})" if said else f"mean diameter: {'; '.join(over)}"


def lengths_tip(measure: Measure, ranges: LengthRanges) -> str:
    """What the ranges of the diameters are, and of which hypotheses or members."""
    each = [
        ("mean", ranges.mean),
        ("longest", ranges.longest),
        ("longest across it", ranges.across),
    ]
    ends = ", ".join(f"of the {a} {_ends(b)} {measure.length}" for a, b in each if b is not None)
    what = (
        "Mean of the longest diameter and the longest across it, in the slice where it is longest."
    )
    if whose := ranges.whose:
        return (
            f"{what}\nSmallest and largest of {whose}: {ends}, without those that outline nothing."
        )
    return (
        f"{what}\nRange {ends}: {percent(ranges.mean.level)} of {ranges.draws:,} hypotheses, "
        "without those that outline nothing; none of them is calibrated."
    )


def _ends(mm: Range) -> str:
    return between(f"{mm.low:.1f}", f"{mm.high:.1f}")
