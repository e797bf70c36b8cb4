"""Two pieces of images of one place laid on each other: a rigid motion, found by SimpleITK."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from napari_ssn.errors import NEVER, Cancel, DataError
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Floats, Singles

MISSING = "Laying scans on each other needs SimpleITK: pip install 'napari-ssn[itk]'."
# Both are looked at in voxels of that many mm: a fit is as good as half of it, and quick.
_STEP_MM = 1.5
# Millimetres around the place that count. What lies farther off moves by itself: breath, posture.
_AROUND_MM = 45.0
# From coarse to fine: voxels that are taken for one, and by how many mm they are smoothed.
_SHRINKS, _SMOOTHINGS = (4, 2, 1), (4.0, 2.0, 1.0)
_BINS, _SHARE, _SEED = 32, 0.2, 1
# Who lies in a scanner twice is turned by no more, and a place that was set is off by no more.
_MOST_DEGREES, _MOST_MM = 30.0, 30.0
# Correlation below which two pieces show nothing in common.
_LEAST_ALIKE = 0.4
_ORTHONORMAL = 1e-4
_NOT_FOUND = (
    "How these two scans lie on each other was not found: they are linked by a shift, set a place "
    "in both."
)


@dataclass(frozen=True, eq=False)
class Motion:
    """How one scan lies on another.

    Attributes:
        matrix: 4×4, mm of the first to mm of the other; a rotation and a shift.
        alike: correlation of both where they overlap, around the place.
    """

    matrix: Floats
    alike: float

    @property
    def degrees(self) -> float:
        """By how much it turns."""
        cosine = (np.trace(self.matrix[:3, :3]) - 1) / 2
        return math.degrees(math.acos(min(1.0, max(-1.0, float(cosine)))))


def register(
    images: Sequence[Singles],
    affines: Sequence[Floats],
    places: Sequence[Floats],
    cancel: Cancel = NEVER,
) -> Motion:
    """Find the rigid motion that lays the first image on the second around a place.

    Of most mutual information (Mattes), from the shift that lays one place on the other on.

    Args:
        images: two volumes, each with its own axes.
        affines: 4×4 of each, index to mm.
        places: (3,) mm of each, that lie about on each other.
        cancel: looked at with each step.

    Raises:
        DataError: SimpleITK is not installed, an image is a slice or has axes off a right angle,
            or nothing is found on which they lie on each other.

    Source: Mattes et al., IEEE TMI 2003.
    """
    try:
        sitk: Any = import_module("SimpleITK")
    except ModuleNotFoundError:
        raise DataError(MISSING) from None
    fixed, moving = (
        _piece(sitk, image, affine, place, room)
        for image, affine, place, room in zip(
            images, affines, places, (_AROUND_MM, _AROUND_MM + _MOST_MM), strict=True
        )
    )
    start = sitk.Euler3DTransform()
    start.SetCenter([float(v) for v in places[0]])
    start.SetTranslation([float(v) for v in places[1] - places[0]])
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(_BINS)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(_SHARE, _SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(2.0, 1e-3, 100, gradientMagnitudeTolerance=1e-6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(_SHRINKS)
    method.SetSmoothingSigmasPerLevel(_SMOOTHINGS)
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetInitialTransform(start, inPlace=True)
    method.AddCommand(
        sitk.sitkIterationEvent, lambda: method.StopRegistration() if cancel.asked() else None
    )
    try:
        method.Execute(fixed, moving)
    except RuntimeError:
        # As where all samples of one lie outside of the other.
        cancel.check()
        raise DataError(_NOT_FOUND) from None
    cancel.check()
    rotation = np.array(start.GetMatrix()).reshape(3, 3)
    centre, shift = np.array(start.GetCenter()), np.array(start.GetTranslation())
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, centre + shift - rotation @ centre
    found = Motion(matrix, _alike(sitk, fixed, moving, start))
    off = float(np.linalg.norm(shift - (places[1] - places[0])))
    if found.alike < _LEAST_ALIKE or found.degrees > _MOST_DEGREES or off > _MOST_MM:
        raise DataError(_NOT_FOUND)
    return found


def _piece(sitk: Any, image: Singles, affine: Floats, place: Floats, room: float) -> Any:
    """An image around a place in even voxels; what lies outside of it is not there."""
    if image.ndim != 3 or min(image.shape) < 2:
        raise DataError("Slices are linked by a shift alone: only volumes are laid on each other.")
    grid = Affine(affine)
    axes = grid.steps / grid.lengths
    if not np.allclose(axes.T @ axes, np.eye(3), atol=_ORTHONORMAL):
        raise DataError(
            "An image whose axes are not at right angles (a tilted gantry) is linked by a shift "
            "alone."
        )
    whole = sitk.GetImageFromArray(np.ascontiguousarray(image.T))
    whole.SetSpacing([float(v) for v in grid.lengths])
    whole.SetOrigin([float(v) for v in grid.origin])
    whole.SetDirection([float(v) for v in axes.ravel()])
    # Along the image's own axes, no farther than it goes.
    at = np.linalg.solve(grid.steps, place - grid.origin)
    low = np.maximum(0, np.floor(at - room / grid.lengths)).astype(int)
    high = np.minimum(np.array(image.shape), np.ceil(at + room / grid.lengths).astype(int) + 1)
    if (high - low < 2).any():
        raise DataError(_NOT_FOUND)
    size = np.maximum(2, np.ceil((high - low) * grid.lengths / _STEP_MM)).astype(int)
    # Neighbours are averaged before some of them are left out.
    sigmas = np.maximum(0.0, _STEP_MM**2 - grid.lengths**2) ** 0.5 / 2
    part = whole[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]
    if sigmas.any():
        part = sitk.DiscreteGaussian(part, [float(v) ** 2 for v in sigmas])
    return sitk.Resample(
        part,
        [int(v) for v in size],
        sitk.Transform(),
        sitk.sitkLinear,
        part.GetOrigin(),
        [_STEP_MM] * 3,
        part.GetDirection(),
        float(np.min(image)),
    )


def _alike(sitk: Any, fixed: Any, moving: Any, motion: Any) -> float:
    """Correlation of both where they overlap; 0 where hardly any of them does."""
    inside = sitk.Image(moving.GetSize(), sitk.sitkUInt8) + 1
    inside.CopyInformation(moving)
    laid, there = (
        sitk.GetArrayFromImage(sitk.Resample(one, fixed, motion, kind, 0.0))
        for one, kind in ((moving, sitk.sitkLinear), (inside, sitk.sitkNearestNeighbor))
    )
    here = there > 0
    if here.mean() < 0.2:
        return 0.0
    one, other = sitk.GetArrayFromImage(fixed)[here], laid[here]
    spread = float(one.std() * other.std())
    return float(((one - one.mean()) * (other - other.mean())).mean() / spread) if spread else 0.0
