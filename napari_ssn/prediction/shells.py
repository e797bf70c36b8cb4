"""Where a border may run in space: a surface around what few of the hypotheses hold."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtri

from napari_ssn.core.summaries.contours import OUTER
from napari_ssn.errors import Cancel
from napari_ssn.geometry.shells import Faces, Points, shell
from napari_ssn.prediction.overview import Overview
from napari_ssn.prediction.prediction import Prediction


def outer_shell(prediction: Prediction, overview: Overview, cancel: Cancel) -> tuple[Points, Faces]:
    """Surface around what at least 5 % of the hypotheses hold: `lines.share_lines`, in space.

    Args:
        prediction: whose hypotheses they are, in three dimensions.
        overview: of contours.
        cancel: is asked whether to stop.

    Returns:
        corners on the image's grid and triangles, see `shell`.
    """
    if overview.tally is None or overview.draws is None or overview.tally.ndim != 3:
        raise ValueError(f"overview: expected contours of a volume, got {overview.wish.kind}")
    cancel.check()
    draws, least = overview.draws, math.ceil(OUTER * overview.draws / 100)
    scores = ndtri((np.arange(draws + 1) + 0.5) / (draws + 1)) - ndtri(least / (draws + 1))
    corners, faces = shell(scores.astype(np.float32)[overview.tally], float(scores[0]))
    return corners + np.array(prediction.dist.start, np.float64), faces
