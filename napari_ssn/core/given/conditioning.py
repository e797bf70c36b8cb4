"""The distribution given what a person has pointed at.

A click speaks of the label map that is shown, which is decoded without pixel noise. So its factor
is the half-space ``m > 0`` itself and not ``Φ(m/√(D_c + D_k))``: the evidence is the share of
hypotheses that agree with the clicks, and every hypothesis drawn afterwards does, as long as no
click may be a slip.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.given.clicks import Click, margins_of
from napari_ssn.core.given.expectation import infer
from napari_ssn.core.given.gate import check_slip
from napari_ssn.core.given.mixture import half_spaces
from napari_ssn.core.given.posterior import Posterior
from napari_ssn.core.given.residual import Field, Residual
from napari_ssn.core.latent import FARTHEST
from napari_ssn.errors import GeometryError


def condition(
    dist: Decodable,
    clicks: Iterable[Click],
    tolerance: float = 0.0,
    residual: Residual | None = None,
    slip: float = 0.0,
) -> Posterior:
    """Condition a distribution on clicks: ``p(z, ξ | every clicked voxel has its label)``.

    The posterior of z is a unified skew-normal; expectation propagation gives its mean,
    covariance and normaliser, `Posterior.draw` exact draws. It is a function of the set of
    clicks: neither their order nor a repetition matters, and taking one back restores what was.

    Args:
        dist: the distribution.
        clicks: in the grid of the image; none leaves the prior.
        tolerance: standard deviation of a click's own error, in standard deviations of its
            margin: the factor is ``Φ(m / (tolerance · s))``. 0 is exact, to within a thousandth
            of s; more lets clicks that contradict each other compromise.
        residual: lets the clicks act where the model cannot explain them; None is the model
            alone, in which a click that it rules out has hardly an effect.
        slip: ε, how likely a click is a slip of the hand, in [0, ½). Clicks that contradict each
            other are then not all taken at their word, and do not pin z; with 0 every draw
            follows all clicks, and one click on an object says for certain that there is one
            (`presence`).

    With ``slip`` or a ``residual.chance`` below 1 draws come from several explanations of the
    clicks (`mixture`); `mean`, its label map and the evidence are as without.

    Raises:
        GeometryError: a click outside the image or the segmented region, or one that only a z
            beyond `FARTHEST` could follow.
        ValueError: a label the distribution does not have, a negative tolerance, or a slip out
            of its range.

    Source: Arellano-Valle and Azzalini, "On the unification of families of skew-normal
    distributions", 2006, for the form; `expectation` and `truncated` for the methods.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((1, 2, 4, 5))
        >>> mean[1], factor[0, 1] = [-3, 1, 2, -1, -3], 1
        >>> dist = ssn.LogitDistribution(mean, factor, np.zeros((2, 4, 5)))
        >>> dist.label_map()[0]
        array([0, 1, 1, 0, 0], dtype=uint8)
        >>> ssn.condition(dist, [ssn.Click((0, 3))]).hypothesis().label_map[0]
        array([0, 1, 1, 1, 0], dtype=uint8)
    """
    if not 0 <= tolerance < np.inf:
        raise ValueError(f"tolerance: expected 0 or more, got {tolerance}")
    margins = margins_of(dist, clicks)
    held = None
    if residual is not None and len(margins.voxels):
        held = Field.around(residual, dist, margins)
    spaces = half_spaces(margins, tolerance, held)
    belief = infer(spaces)
    rank = dist.rank
    # Draws, and walks from there, stay within.
    if np.abs(belief.mean).max(initial=0.0) > FARTHEST / 2:
        raise GeometryError(
            "At one of the points the model can hardly move its border: take that point back."
        )
    return Posterior(
        dist,
        margins.clicks,
        tolerance,
        belief.mean[:rank],
        belief.cov[:rank, :rank],
        belief.log_evidence,
        belief.settled,
        margins,
        spaces,
        belief,
        held,
        check_slip(slip),
        1.0 if residual is None else residual.chance,
    )
