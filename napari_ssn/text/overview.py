"""What is said of many hypotheses together."""

from __future__ import annotations

from collections.abc import Sequence

from napari_ssn.geometry.diameters import Diameter
from napari_ssn.text.sizes import Measure, listed
from napari_ssn.text.steering import POINTS_FOLLOWED

#: What is said on the picture of the bold line.
SCALE = "probability 0 to 1"
ON_SHOW = "Hypothesis on show"
#: Of outer, median and inner line.
SHARES = ("Outer · 5 % agree", "Median · half agree", "Inner · 95 % agree")
#: The same where the hypotheses are the members of an ensemble of few.
MEMBERS = ("Outer · any member", "Median · half", "Inner · all members")
#: And of what any, half and all of several people outlined.
PEOPLE = ("Readers, outer · any", "Readers, median · half", "Readers, inner · all")
#: And of where the border would run.
WAYS = ("Slider to the left", "Slider to the right")
#: And of the box.
LOOKED_AT = "Region that was looked at"

# Numbers that are named one by one.
_NAMED = 8


def votes_scale(most: int) -> str:
    """``votes 0 to 5``."""
    return f"votes 0 to {most}"


def calipers_line(label: str, measure: Measure, found: Diameter) -> str:
    """``Ø 20 × 15 mm``, of several labels ``Ø 20 × 15 mm · anterior``."""
    whose = f" · {label}" if label else ""
    return f"Ø {measure.across(found)}{whose}"


def unlike_line(outliers: Sequence[int], draws: int, what: str = "hypothesis") -> str:
    """``Hypotheses 7 and 12 of 100 are unlike the others.``

    Args:
        outliers: their numbers, from 1, farthest first.
        draws: hypotheses among which they are.
        what: each of them is.
    """
    several = f"{what[:-2]}es" if what.endswith("is") else f"{what}s"
    if not outliers:
        return f"None of {draws} {several} is unlike the others."
    if len(outliers) == 1:
        return f"{what.capitalize()} {outliers[0]} of {draws} is unlike the others."
    names = [str(number) for number in outliers[:_NAMED]]
    if len(outliers) > _NAMED:
        names.append(f"{len(outliers) - _NAMED} more")
    return f"{several.capitalize()} {listed(names)} of {draws} are unlike the others."


def shares(noun: str) -> tuple[str, str, str]:
    """What is said of outer, median and inner line.

    Args:
        noun: what the hypotheses are where they are the members of an ensemble: of fewer than 20
            no percentage is a share of anything.
    """
    return MEMBERS if noun else SHARES


def missing_line(highest: int, noun: str = "") -> str:
    """Which contours there are none of, as where every tenth hypothesis is empty.

    Args:
        highest: of the masks that is not empty: 3 inner, 2 median, 1 outer, 0 none.
        noun: as for `shares`.
    """
    if highest >= 3:
        return ""
    if noun:
        of = {2: "all", 1: "half", 0: "any"}[highest]
        return f"No voxel is in {of} of the {noun}."
    share = {2: 95, 1: 50, 0: 5}[highest]
    return f"No voxel is in {share} % of the hypotheses."


def probability_tip(draws: int | None, noun: str = "") -> str:
    """Where the numbers of a probability map come from.

    Args:
        draws: hypotheses that it is a share of; None where it is the model's own.
        noun: what they are where they are the members of an ensemble.
    """
    if noun:
        return f"Votes: how many of {draws} {noun} outline a voxel."
    if draws is None:
        return "How likely each voxel belongs, as the model itself computes it."
    return f"In how many of {draws} hypotheses given the points a voxel belongs. {POINTS_FOLLOWED}"
