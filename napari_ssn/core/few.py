"""The members of an ensemble of few, in the place of hypotheses that are drawn.

The one rule for window, commands and Python: of fewer than `MANY` members a Gaussian draw leaves
what any of them outlined, so that sizes, shares, cards and probabilities are those of the members
themselves, each worth as much as any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.ensemble import Ensemble
from napari_ssn.errors import DataError
from napari_ssn.geometry.arrays import Floats, Ints, Labels

if TYPE_CHECKING:
    # It counts by `measures`, which asks here.
    from napari_ssn.core.given.posterior import Posterior

#: Why two scans are not compared.
ENSEMBLE = (
    "One of them is of an ensemble: whether the same networks, or people, outlined both scans is "
    "not known, and so their sizes are not compared."
)


def grid_of(dist: Decodable | Posterior) -> Decodable:
    """The distribution itself, of one that something is given of."""
    return dist if isinstance(dist, Decodable) else dist.dist


@dataclass(frozen=True, eq=False)
class Few:
    """Members that stand for all hypotheses.

    Attributes:
        label_maps: (M, *S) uint8, of all that agree, those that outline nothing among them.
        z: (n, R), where those stand that outline anything.
        outlining: (n,) rows of ``label_maps`` that these are.
    """

    label_maps: Labels
    z: Floats
    outlining: Ints

    @property
    def presence(self) -> float:
        """Share that outlines anything."""
        return len(self.outlining) / len(self.label_maps)


def few_of(dist: Decodable | Posterior) -> Few | None:
    """The members that stand for all hypotheses of a distribution; None where draws do.

    Draws do of anything but an ensemble, of one of many members, and where no member that outlines
    anything agrees with the clicks that are given. Of `Decodable.given_presence` those members
    that outline nothing are left out.

    Args:
        dist: the distribution, or what is left of it given some clicks.
    """
    whole = grid_of(dist)
    if not isinstance(whole, Ensemble) or whole.members.many:
        return None
    clicks = () if isinstance(dist, Decodable) else dist.clicks
    points = [(tuple(np.subtract(one.index, whole.start)), one.label) for one in clicks]
    members = whole.members
    wanted = range(len(members)) if whole.presence < 1 else members.outlined.tolist()
    agreeing = [m for m in wanted if has_labels(members.label_maps[m], points)]
    there = [m for m in agreeing if m in members.outlined]
    if not there:
        return None
    rows = np.flatnonzero(np.isin(agreeing, there)).astype(np.int64)
    return Few(members.label_maps[agreeing], members.z[there], rows)


def refuse_ensembles(*dists: Decodable) -> None:
    """DataError if one of the distributions of two scans is of an ensemble."""
    if any(isinstance(one, Ensemble) for one in dists):
        raise DataError(ENSEMBLE)


def has_labels(label_map: Labels, points: Iterable[tuple[tuple[int, ...], int]]) -> bool:
    """Whether a label map has the labels of some voxels."""
    return all(label_map[index] == label for index, label in points)
