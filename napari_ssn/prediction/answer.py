"""How likely something is among the hypotheses in which other things are so."""

from __future__ import annotations

import math
from dataclasses import dataclass

from napari_ssn.errors import Cancel
from napari_ssn.prediction.choice import Conditions, Points, Question
from napari_ssn.prediction.prediction import Prediction

#: What the hypotheses that are gone on with must be worth at least.
LEAST = 50


@dataclass(frozen=True)
class Answer:
    """How likely something is.

    Attributes:
        question: that was asked.
        probability, error: that it is so, and the standard error of that.
        effective: how many independent hypotheses those in which it is so are worth.
        rare: whether it is below 1e-4, or was never seen.
        reliable: whether enough hypotheses say so for a number; see `Outcome`.
        most: the largest that the probability may be, for where they are too few.
    """

    question: Question
    probability: float
    error: float
    effective: float
    rare: bool
    reliable: bool = True
    most: float = 1.0

    @property
    def usable(self) -> bool:
        """Whether the hypotheses in which it is so are enough to go on with."""
        return not self.rare and self.reliable and self.effective >= LEAST


def find_answer(
    prediction: Prediction, points: Points, only: Conditions, question: Question, cancel: Cancel
) -> Answer:
    """Find out how likely something is among the hypotheses in which others are so.

    ``P(question | only) = P(question and only) / P(only)``; its error as if both were estimated
    apart, which is more than it is.
    """
    found = prediction.given.outcome(points, (*only, question), cancel)
    probability, error, most = found.probability, found.error, found.most
    if only:
        given = prediction.given.outcome(points, only, cancel)
        share = given.error / given.probability
        most = min(1.0, most / given.probability)
        probability = min(1.0, found.probability / given.probability)
        error = math.hypot(found.error / given.probability, probability * share)
    # Of the condition and those before it together the hypotheses must be likely enough.
    return Answer(
        question,
        probability,
        error,
        found.effective,
        found.rare,
        found.reliable,
        most,
    )
