"""What of many hypotheses can be asked to be seen, in plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari_ssn.prediction.choice import Conditions, Points

#: Draws that cards and pictures stand for, and the seed of these draws.
DRAWS, SEED = 400, 0
#: Cards at most, and how many a person may choose from.
CARDS, FEWEST, MOST = 4, 3, 5
#: Pixels of a thumbnail's side; shown at half of that, so that it is sharp on any screen.
SIDE = 128

Kind = Literal["contours", "probability", "boxplot"]

#: What can be shown, in the order of the settings.
KINDS: tuple[Kind, ...] = ("contours", "probability", "boxplot")
#: Hypotheses in a boxplot: its cost grows with their third power.
IN_BOXPLOT = 100
#: Of which so many must outline something for a boxplot of these alone.
FEWEST_IN_BOXPLOT = 3


@dataclass(frozen=True)
class Wish:
    """What one picture is about.

    Attributes:
        kind: which picture.
        run: of the result.
        label: whose; None for all but the background together.
        points, only: that the hypotheses are given.
        seed: of the draws.
    """

    kind: Kind
    run: int
    label: int | None
    points: Points
    only: Conditions
    seed: int
