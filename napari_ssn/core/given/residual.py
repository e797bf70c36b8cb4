"""The local residual: a small Gaussian field that takes what z cannot explain of a click.

``η = μ + P z + ξ`` with ξ independent of z, one independent field for each class, of variance
``½ (amplitude · s_v)²`` where s_v is the standard deviation of a margin of voxel v, and correlated
over a few millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from scipy import ndimage

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.given.clicks import Indices, Margins
from napari_ssn.core.products import product
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Floats, Singles

#: Numbers that hold the field at most, and the fewest anchors that share them; see `Field`.
NUMBERS, ANCHORS = 48, 24

# Beyond so many lengths the correlation is below 2e-3 and the field is taken to be zero.
_REACH = 5.0
# Least standard deviation of a margin, in logits: where the model has none, a click must still
# take effect.
_LEAST = 0.01
# Numbers that are worked on at once: so many stay in cache.
_BLOCK = 1 << 14
# Relative to a variance of one: keeps the factorisation possible for voxels that nearly coincide.
_JITTER = 1e-8


#: How likely it is, before any click, that the model lacks what a click shows. Of shares tried on
#: LIDC's validation slices the one with which draws given clicks come nearest to the reader (energy
#: score), and a 90 % range holds what he outlined; with a tenth it held 78 %. Both are measured by
#: ``napari-ssn simulate-clicks --model lidc-2d --data val.zip --chance 0.1``, as ``score_N`` and,
#: of the range of 16 draws, ``held_N``.
CHANCE = 0.5


@dataclass(frozen=True, eq=False)
class Residual:
    """How far and how strongly a click acts beyond what the model explains.

    ``k(v, w) = (1 + √3 r) exp(−√3 r)`` with ``r² = (distance / length)² + (step / edge)²``, a
    Matérn kernel of smoothness 3/2 over place and intensity. The defaults were chosen on LIDC's
    validation slices with ``napari-ssn simulate-clicks``.

    Attributes:
        length_mm: over which the field is correlated.
        amplitude: of the field, in standard deviations of the margin.
        image: (*S) of the image that the distribution was cut from; None for no edges.
        edge: step of its intensity that counts like one length.
        chance: π, how likely it is, before any click, that the model lacks what the clicks show,
            in (0, 1]. Below 1 draws weigh that against the model alone (`mixture`), and hold the
            residual as uncertain as it is; 1 gives it the larger part of every first click, however
            well the model explains it, and its mean where no click may be a slip: so was drawn
            what sidecars of before tell of.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((1, 2, 4, 5))
        >>> mean[1], factor[0, 1] = [-3, 1, 2, -1, -3], 1
        >>> dist = ssn.LogitDistribution(mean, factor, np.zeros((2, 4, 5)))
        >>> residual = ssn.Residual(length_mm=0.5)  # the click acts where it is and nowhere else
        >>> ssn.condition(dist, [ssn.Click((0, 4))], residual=residual).hypothesis().label_map
        array([[0, 1, 1, 1, 1],
               [0, 1, 1, 1, 0],
               [0, 1, 1, 1, 0],
               [0, 1, 1, 1, 0]], dtype=uint8)
    """

    length_mm: float = 2.0
    amplitude: float = 1.5
    image: Singles | None = None
    edge: float = np.inf
    chance: float = CHANCE

    def __post_init__(self) -> None:
        for name in ("length_mm", "amplitude", "edge"):
            value = getattr(self, name)
            if not value > 0 or (name != "edge" and not np.isfinite(value)):
                raise ValueError(f"{name}: expected a positive number, got {value}")
        if not 0 < self.chance <= 1:
            raise ValueError(f"chance: expected above 0 and at most 1, got {self.chance}")

    def along(self, image: Singles, share: float = 0.15) -> Residual:
        """The same, stopped by the edges of an image (*S).

        The image is smoothed by one voxel first, so that noise is no edge; ``edge`` becomes a
        share of its range (1st to 99th percentile). Done once for an image, not for each click.
        """
        smooth = ndimage.gaussian_filter(np.asarray(image, np.float32), 1.0, mode="nearest")
        low, high = np.quantile(smooth, [0.01, 0.99])
        edge = share * float(high - low)
        return replace(self, image=smooth, edge=edge if edge > 0 else np.inf)

    def within(self, dist: Decodable, image: Singles, share: float = 0.15) -> Residual:
        """As `along`, looking only at the region of an image that a distribution was cut from.

        What lies outside neither counts towards the range nor needs to be a number.
        """
        found = self.along(image[dist.window], share)
        assert found.image is not None
        return replace(found, image=dist.placed(found.image))


@dataclass(frozen=True, eq=False)
class Field:
    """The residual of one distribution around its clicks.

    ξ is held by independent standard normals w (A, C − 1) at A anchors: ``ξ_v = (amplitude/√2)
    s_v · k(v, anchors) L⁻ᵀ w Qᵀ`` with ``L Lᵀ = k(anchors, anchors)`` and Q an orthonormal basis of
    the contrasts of C classes. The anchors are the clicked voxels; of more than 48 (24 with three
    classes or more) those that lie farthest apart, and what the others may deviate from them
    counts as noise of their click.

    Attributes:
        dist, residual: what it belongs to.
        margins: of the clicks.
        anchors: (A,) voxels in the flattened grid.
        places: (A, 3 or 4) of these, in lengths and edges.
        spread: (A, A) ``L⁻ᵀ``.
    """

    dist: Decodable
    residual: Residual
    margins: Margins
    anchors: Indices
    places: Floats = field(repr=False)
    spread: Floats = field(repr=False)

    @classmethod
    def around(cls, residual: Residual, dist: Decodable, margins: Margins) -> Field:
        """Lay the field around some clicks."""
        if residual.image is not None and residual.image.shape != dist.image_space:
            raise ValueError(
                f"residual: expected an image of shape {dist.image_space}, "
                f"got {residual.image.shape}"
            )
        voxels = np.unique(margins.voxels)
        places = _places(dist, residual, voxels)
        most = max(NUMBERS // (dist.classes - 1), ANCHORS)
        chosen = np.sort(_spread_out(places, most))
        anchors = voxels[chosen]
        within = correlation(places[chosen], places[chosen])
        within[np.diag_indices_from(within)] += _JITTER
        spread: Floats = np.linalg.inv(np.linalg.cholesky(within)).T
        return cls(dist, residual, margins, anchors, places[chosen], spread)

    @property
    def size(self) -> int:
        """Numbers that hold the field, A (C − 1)."""
        return len(self.anchors) * (self.dist.classes - 1)

    def rows(self) -> tuple[Floats, Floats]:
        """What each margin of the clicks takes of w, (M, A (C − 1)), and the noise left, (M,)."""
        margins = self.margins
        places = _places(self.dist, self.residual, margins.voxels)
        weights = product(correlation(places, self.places), self.spread)
        scale = self._scale(margins.voxels)
        basis = _contrasts(self.dist.classes)
        winner = margins.labels[margins.click]
        contrast = basis[winner] - basis[margins.rival]  # (M, C − 1)
        at = weights[margins.click] * scale[margins.click, None]
        rows = (at[:, :, None] * contrast[:, None, :]).reshape(len(contrast), -1)
        left = np.sqrt(np.maximum(1 - np.square(weights).sum(1) - 2 * _JITTER, 0))
        # A contrast of two classes has the squared length 2.
        return rows, (scale * left)[margins.click] * np.sqrt(2)

    @cached_property
    def near(self) -> Indices:
        """Voxels within reach of the anchors, in the flattened grid, (V,)."""
        space = np.array(self.dist.space)
        grid = Affine(self.dist.affine).steps[:, : len(space)]
        far = _REACH * self.residual.length_mm
        reach = np.minimum(np.floor(far / np.linalg.norm(grid, axis=0)).astype(int), space)
        steps = [np.arange(-r, r + 1) for r in reach]
        ball = np.stack(np.meshgrid(*steps, indexing="ij"), -1).reshape(-1, len(space))
        ball = ball[np.square(ball @ grid.T).sum(1) <= far**2]
        index = np.stack(np.unravel_index(self.anchors, self.dist.space), 1)
        # Marked in a box around them all, with a margin in which what lies outside the grid falls.
        low = index.min(0) - reach
        box = index.max(0) + reach + 1 - low
        marked = np.zeros(box, np.bool_)
        strides = np.array(marked.strides)
        marked.reshape(-1)[((index - low) @ strides)[:, None] + ball @ strides] = True
        first, last = np.maximum(low, 0), np.minimum(low + box, space)
        inside = tuple(map(slice, first - low, last - low))
        index = np.argwhere(marked[inside]) + first
        return np.asarray(np.ravel_multi_index(tuple(index.T), self.dist.space))

    def reach(self, voxels: Indices) -> Floats:
        """``k(v, anchors)`` of some voxels, scale included, (V, A)."""
        found = correlation(_places(self.dist, self.residual, voxels), self.places)
        found *= self._scale(voxels)[:, None]
        return found

    def at(self, reach: Floats, w: Floats) -> Floats:
        """ξ of a w (A (C − 1),) where `reach` was taken, (C, V)."""
        held = self.spread @ w.reshape(len(self.anchors), -1) @ _contrasts(self.dist.classes).T
        return product(reach, held).T

    def _scale(self, voxels: Indices) -> Floats:
        """Standard deviation of one class's field at some voxels, (V,)."""
        _, factor = self.dist.logits_at(voxels)  # (R, C, V)
        centred = factor - factor.mean(1, keepdims=True)
        # The mean over all pairs of classes of the variance of their margin.
        variance = 2 / (self.dist.classes - 1) * np.square(centred).sum((0, 1))
        return np.asarray(self.residual.amplitude * np.sqrt(np.maximum(variance, _LEAST**2) / 2))


def _contrasts(classes: int) -> Floats:
    """Orthonormal basis of the vectors of C numbers that add up to zero, (C, C − 1).

    Helmert's: column k sets the first k + 1 classes against the next.
    """
    basis = np.zeros((classes, classes - 1))
    for k in range(classes - 1):
        basis[: k + 1, k] = -1.0
        basis[k + 1, k] = k + 1.0
    return np.asarray(basis / np.linalg.norm(basis, axis=0))


def _places(dist: Decodable, residual: Residual, voxels: Indices) -> Floats:
    """Place, in lengths, and intensity, in edges, of some voxels, (V, 3 or 4)."""
    index = np.stack(np.unravel_index(voxels, dist.space), 1)
    grid = Affine(dist.affine).steps[:, : len(dist.space)]
    place: Floats = index @ grid.T / residual.length_mm
    if residual.image is None or not np.isfinite(residual.edge):
        return place
    value = residual.image[tuple((index + dist.start).T)].astype(np.float64)
    return np.concatenate([place, value[:, None] / residual.edge], 1)


def correlation(a: Floats, b: Floats) -> Floats:
    """Matérn 3/2 of two sets of places, (n, m)."""
    out = np.empty((len(a), len(b)))
    step = max(1, _BLOCK // max(1, len(b)))
    for first in range(0, len(a), step):
        part, r = a[first : first + step], out[first : first + step]
        r[:] = 0
        for axis in range(a.shape[1]):
            apart = np.subtract.outer(part[:, axis], b[:, axis])
            apart *= apart
            r += apart
        r *= 3
        np.sqrt(r, out=r)
        decay = np.exp(-r)
        r += 1
        r *= decay
    return out


def _spread_out(places: Floats, count: int) -> Indices:
    """Indices of up to so many places, each the farthest from those before it."""
    if len(places) <= count:
        return np.arange(len(places))
    chosen = [0]
    distance = np.square(places - places[0]).sum(1)
    while len(chosen) < count:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.square(places - places[chosen[-1]]).sum(1))
    return np.array(chosen)
