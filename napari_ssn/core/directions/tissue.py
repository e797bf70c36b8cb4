"""What a direction's outline takes in: ground glass around a core, a vessel, or the wall.

Only a CT in Hounsfield units tells, and only where it tells clearly is anything claimed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.directions.effects import REACH, Effect
from napari_ssn.core.directions.principal import Directions
from napari_ssn.core.kinds import Tissue
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Floats, Mask

#: Hounsfield units above which lung is denser than aerated lung, and from which on it is solid, as
#: of nodules: ground glass lies between (MacMahon et al., Radiology 2017, on part-solid nodules;
#: -300 HU as in Cohen et al., European Radiology 2016).
GLASS_HU, SOLID_HU = -750.0, -300.0
# Directions that are looked at: those that a person walks.
_MOST = 3
# The border of what is solid is blurred over a voxel, or over this much: no ground glass is there.
_BLUR_MM = 1.5
# Shares from which on something is clear: of the smaller outline that is solid, of what is taken
# in that is glass beyond the blur, or solid.
_CORE, _CLEAR = 0.5, 0.5
# Radius in mm up to which something solid outside a lesion can be a vessel, and from which on it is
# the chest's wall, the mediastinum or the diaphragm. Between the two nothing is claimed.
_VESSEL_MM, _WALL_MM = 3.0, 6.0


def with_tissue(found: Directions, dist: Decodable, values: NDArray[np.floating]) -> Directions:
    """The same directions, of which the first say what their outlines take in between −2 and +2 σ.

    ``glass``: the smaller outline is mostly solid, and most of what the larger has besides is
    ground glass farther from anything solid than the blur of its border. ``vessel``, ``wall``: it
    grows on one side (`Effect.side`), most of what it takes in there is solid, and that solid is
    nowhere thicker beyond the smaller outline than a vessel, or somewhere as thick as no vessel in
    the lung and goes on beyond the region. Everything else is claimed of no tissue.

    Args:
        found: directions of the distribution.
        dist: of two labels; of more nothing is said.
        values: (*S) Hounsfield units on its grid.
    """
    if dist.classes != 2 or len(dist.space) != 3:
        return found
    spacing = Affine(dist.affine).lengths
    seen = [
        replace(effect, tissue=_tissue(effect, dist, vector, np.asarray(values), spacing))
        for effect, vector in zip(found.effects[:_MOST], found.basis.T, strict=False)
    ]
    return replace(found, effects=(*seen, *found.effects[_MOST:]))


def _tissue(
    effect: Effect, dist: Decodable, vector: Floats, values: NDArray[np.floating], spacing: Floats
) -> Tissue | None:
    if effect.kind not in ("size", "edge"):
        return None
    ends = [dist.label_map(t * vector) > 0 for t in (-REACH, REACH)]
    small, large = sorted(ends, key=np.count_nonzero)
    taken, solid = large & ~small, values >= SOLID_HU
    if not small.any() or not taken.any():
        return None
    if _share(solid, small) >= _CORE and _share(_glass(values, solid, spacing), taken) >= _CLEAR:
        return "glass"
    if effect.kind == "edge" and _share(solid, taken) >= _CLEAR:
        return _beyond(solid & ~small, taken, spacing)
    return None


def _share(what: Mask, of: Mask) -> float:
    return float(what[of].mean())


def _glass(values: NDArray[np.floating], solid: Mask, spacing: Floats) -> Mask:
    """Ground glass that is none of the blurred border of something solid."""
    blur = np.maximum(spacing, _BLUR_MM)
    far = ndimage.distance_transform_edt(~solid, sampling=spacing / blur) > 1
    return (values >= GLASS_HU) & ~solid & far


def _beyond(solid: Mask, taken: Mask, spacing: Floats) -> Tissue | None:
    """What the solid beyond the smaller outline is that is taken in, by its thickest place."""
    parts, _ = ndimage.label(solid, np.ones((3, 3, 3)))
    touched = np.unique(parts[taken])
    touched = touched[touched > 0]
    if not len(touched):
        return None
    # What goes on beyond the region is as thick there: no border is drawn at its edge.
    whole = np.isin(parts, touched)
    padded = np.pad(whole, 1, mode="edge")
    thick = float(ndimage.distance_transform_edt(padded, sampling=spacing).max())
    if thick <= _VESSEL_MM:
        return "vessel"
    # The rest of a large solid nodule ends within the region, and the wall does not.
    inner = tuple(slice(1, size - 1) for size in whole.shape)
    goes_on = np.count_nonzero(whole) > np.count_nonzero(whole[inner])
    return "wall" if thick >= _WALL_MM and goes_on else None
