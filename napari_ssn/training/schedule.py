"""How fast a run learns, by its steps or by the clock."""

from __future__ import annotations

import math
from dataclasses import dataclass

from napari_ssn.training.recipe import Recipe

# Of a run by the clock, the share in which the rate rises.
_RISE = 0.02


@dataclass(frozen=True)
class Minutes:
    """A plan by the clock.

    Attributes:
        minutes: of the run in all, what it has spent under earlier plans included.
        began_s: seconds that had been spent when this was planned.
    """

    minutes: float
    began_s: float = 0.0

    def __post_init__(self) -> None:
        # Written so that NaN is refused too.
        if not (0 < self.minutes < math.inf and 0 <= self.began_s < math.inf):
            raise ValueError(f"minutes: expected more than 0, got {self.minutes}, {self.began_s}")

    def share(self, spent_s: float) -> float:
        """Share of the plan that has passed when a run has spent so many seconds, 0 to 1."""
        length = 60 * self.minutes - self.began_s
        if length <= 0:
            return 1.0
        return min(1.0, max(0.0, (spent_s - self.began_s) / length))


def rate_by_steps(recipe: Recipe, step: int) -> float:
    """Linear rise over 500 steps (a tenth of a short run), then the recipe's schedule."""
    ramp = min(1.0, (step + 1) / min(500, max(1, recipe.steps // 10)))
    if recipe.schedule == "constant":
        return recipe.learning_rate * ramp
    return recipe.learning_rate * ramp * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))


def rate_by_clock(recipe: Recipe, share: float) -> float:
    """Linear rise over a fiftieth of the time, then half a cosine to zero at its end.

    Whatever the recipe's schedule is: who names a time wants the run to be over then.

    Args:
        recipe: names the highest rate.
        share: of the time that has passed, 0 to 1.
    """
    ramp = min(1.0, share / _RISE)
    return recipe.learning_rate * ramp * 0.5 * (1 + math.cos(math.pi * share))
