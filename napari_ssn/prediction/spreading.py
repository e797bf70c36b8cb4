"""A prediction with another spread of its hypotheses."""

from __future__ import annotations

from dataclasses import replace

from napari_ssn.core.spread import Spread, spread_out
from napari_ssn.errors import NEVER, Cancel
from napari_ssn.prediction.choice import Points
from napari_ssn.prediction.prediction import Prediction


def spread_anew(
    prediction: Prediction, points: Points, spread: Spread, cancel: Cancel = NEVER
) -> Prediction:
    """The same run with another spread, its directions and what was pointed at found anew.

    Args:
        prediction: with any spread.
        points: that somebody has placed.
        spread: to have, of the model's own.
        cancel: looked at on the way.
    """
    origin = prediction.origin or prediction
    made, kinds = origin, prediction.bases.kinds
    if spread.changed:
        dist = spread_out(origin.dist, spread, cancel)
        made = replace(origin, dist=dist, spread=spread, origin=origin)
    # Whatever somebody may go back to is known before it takes the place of the former.
    for kind in kinds:
        cancel.check()
        made.bases.find(kind)
    if points:
        made.given.posterior(points)
    return made
