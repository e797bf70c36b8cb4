"""Volumes of one lesion each, for models that are pointed at one.

Of `napari_ssn.training.nodules` it is known where the lesion lies and how the axes run; volumes in
nnU-Net's layout, and parts of either set, say neither, and become the same here.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from napari_ssn.errors import DataError
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Labels, Mask, Singles
from napari_ssn.geometry.intensity import some_values, units_of
from napari_ssn.geometry.orientation import Reorientation, named_directions
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.intensity import AIR_HU
from napari_ssn.training.cases import Case, Cases, Subset

#: How the axes of such volumes run: towards the head, the back and the left.
AXES = "SPL"
# What is learnt from lies no farther than this beyond the lesion: a region and its views.
_AROUND_MM = 50.0
# Bytes of pieces that are kept, so that they are not read again for every view.
_KEPT_BYTES = 2 * 2**30


class LesionSet(Cases):
    """Volumes of one lesion each, in HU and with axes as `AXES` names them."""

    @abstractmethod
    def hu(self, index: int) -> Singles:
        """Hounsfield units of a volume, or of what lies around its lesion, (Z, Y, X)."""

    @abstractmethod
    def masks(self, index: int) -> Labels:
        """What each rater outlined there, (K, Z, Y, X) of 0 and 1."""

    def orientation(self, index: int) -> str | None:
        """As `AXES`."""
        return AXES


class LesionPart(Subset, LesionSet):
    """Some of a set of lesions; arguments as of `Subset`."""

    def __init__(self, whole: LesionSet, chosen: Sequence[int]) -> None:
        super().__init__(whole, chosen)
        self._lesions = whole

    def hu(self, index: int) -> Singles:
        """As `LesionSet.hu`."""
        return self._lesions.hu(self.chosen[index])

    def masks(self, index: int) -> Labels:
        """As `LesionSet.masks`."""
        return self._lesions.masks(self.chosen[index])


class TurnedSet(LesionSet):
    """Any volumes of one lesion each, turned; the point lies in the middle of what most outlined.

    Args:
        whole: the volumes. Every one is looked at once.
        physical: whether they have to be in Hounsfield units and of known size.

    Raises:
        DataError: a volume is not, where it has to be.
    """

    def __init__(self, whole: Cases, physical: bool) -> None:
        self._whole = whole
        self.name, self.licence, self.raters = whole.name, whole.licence, whole.raters
        self.channels, self.labels, self.names = whole.channels, whole.labels, whole.names
        self.patients, self.sha256 = whole.patients, whole.sha256
        self._geometry: list[tuple[tuple[int, ...], tuple[float, ...]]] = []
        self._pieces: dict[int, tuple[Singles, Labels]] = {}
        self._room = _KEPT_BYTES
        for index, name in enumerate(self.names):
            volume = self[index].volume
            self._geometry.append((volume.space, volume.spacing_mm))
            if physical:
                check_physical(name, volume)

    def __getitem__(self, index: int) -> Case:
        case = self._whole[index]
        volume = case.volume
        turn = Reorientation.along(volume.affine, named_directions(AXES))
        turned = Volume(
            turn.apply(volume.data),
            turn.affine(volume.affine, volume.space),
            volume.extent,
            volume.oriented,
        )
        raters = turn.apply(case.raters)
        return Case(case.name, turned, raters, middle_of(raters > 0), case.notes)

    def hu(self, index: int) -> Singles:
        """Of what lies around the lesion; padding is air."""
        return self._piece(index)[0]

    def masks(self, index: int) -> Labels:
        """As `LesionSet.masks`."""
        return self._piece(index)[1]

    def space(self, index: int) -> tuple[int, ...]:
        """Shape of the turned grid."""
        return self._geometry[index][0]

    def spacing_mm(self, index: int) -> tuple[float, ...]:
        """Of slices, rows and columns."""
        return self._geometry[index][1]

    def _piece(self, index: int) -> tuple[Singles, Labels]:
        if index in self._pieces:
            return self._pieces[index]
        case = self[index]
        masks = (case.raters > 0).astype(np.uint8)
        there = np.argwhere(masks.any(0))
        if not len(there):
            there = np.array([case.centre])
        steps = Affine(case.volume.affine).spacing_mm()
        part = tuple(
            slice(max(0, int(low - _AROUND_MM / mm)), int(high + _AROUND_MM / mm) + 2)
            for low, high, mm in zip(there.min(0), there.max(0), steps, strict=True)
        )
        hu = np.maximum(case.volume.data[0][part], np.float32(AIR_HU))
        found = hu, np.ascontiguousarray(masks[(slice(None), *part)])
        size = sum(array.nbytes for array in found)
        if size <= self._room:
            self._room -= size
            self._pieces[index] = found
        return found


def check_physical(name: str, volume: Volume) -> None:
    """DataError unless a volume is one, of known voxel size and in Hounsfield units.

    Args:
        name: of it, for the message.
        volume: with its values.
    """
    if len(volume.space) != 3:
        raise DataError(f"{name} is a single slice, and a volume is needed.")
    if volume.extent != "volume":
        raise DataError(f"{name} has no known voxel size, and needs one.")
    if units_of(some_values(volume.data[0])) != "hu":
        raise DataError(f"{name} does not seem to be in Hounsfield units: air is not near −1,000.")


def lesions_of(cases: Cases, physical: bool = True) -> LesionSet:
    """A set of volumes as one of lesions; the same where it is one. As `TurnedSet`."""
    if isinstance(cases, LesionSet):
        return cases
    if isinstance(cases, Subset) and isinstance(cases.whole, LesionSet):
        return LesionPart(cases.whole, cases.chosen)
    return TurnedSet(cases, physical)


def middle_of(masks: Labels | Mask) -> tuple[int, ...]:
    """The voxel that is pointed at: the one nearest the middle of what most raters outlined.

    Of masks (K, *S); the middle of the grid where all are empty.
    """
    votes = masks.sum(0)
    if not votes.any():
        return tuple(n // 2 for n in votes.shape)
    there = np.argwhere(votes == votes.max())
    apart = ((there - there.mean(0)) ** 2).sum(1)
    return tuple(int(i) for i in there[apart.argmin()])
