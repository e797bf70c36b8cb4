"""Which way a viewer's axes go in the patient, and which way up a picture of them is upright."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_ssn.geometry.arrays import Floats
from napari_ssn.geometry.display import Display
from napari_ssn.geometry.orientation import closest_axes
from napari_ssn.geometry.transforms import Matrix

#: The patient's axes that slices of each plane are stacked along: right, anterior, superior.
SAGITTAL, CORONAL, AXIAL = range(3)

# Sides of the patient by axis of right, anterior, superior, as radiologists mark them.
_SIDES = (("L", "R"), ("P", "A"), ("F", "H"))
# A side is named without a mark up to the smallest tilt that is told of an image: 0.006°.
_STRAIGHT = np.cos(1e-4)
# For each plane what its rows and its columns run along.
_IN_PLANE = {SAGITTAL: (2, 1), CORONAL: (2, 0), AXIAL: (1, 0)}


@dataclass(frozen=True)
class Upright:
    """Which way the shown axes are drawn.

    Attributes:
        towards: whether the first of three comes towards the viewer.
        up: whether the next runs up the canvas.
        right: whether the last runs to the right.
    """

    towards: bool
    up: bool
    right: bool


@dataclass(frozen=True)
class Edges:
    """Sides of the patient at the edges of a picture: R, L, A, P, H or F.

    Attributes:
        left, right, top, bottom: the side that is nearest.
        exact: whether the picture's edges face these sides, and no tilt lies between.
    """

    left: str
    right: str
    top: str
    bottom: str
    exact: bool


class Compass:
    """Directions in the patient of the axes of a viewer's world.

    A shown index i lies at ``A i`` in the patient and at ``W i`` in the world: the axes of the
    world are the columns of ``A W⁻¹``.

    Args:
        display: how an image's grid is shown.
        matrix: (n + 1, n + 1), its shown index to the world, with a determinant.
    """

    def __init__(self, display: Display, matrix: Matrix) -> None:
        ndim = len(display.shape)
        shown = display.reorientation.affine(display.affine, display.image_space)[:3, :3]
        # What stands upright on a plane stays what it is.
        linear = np.eye(3)
        linear[:ndim, :ndim] = np.asarray(matrix, dtype=np.float64)[:ndim, :ndim]
        axes = shown @ np.linalg.inv(linear)
        self._axes: Floats = axes / np.linalg.norm(axes, axis=0)
        # For each axis of the patient that of the world that runs along it most.
        self._along = closest_axes(self._axes)
        #: Axes of the world that the image has, 2 or 3.
        self.ndim = ndim
        #: Whether anybody knows these directions; else they are what is usual.
        self.known = display.oriented

    def order(self, plane: int) -> tuple[int, int, int]:
        """Axes of the world as a plane shows them: stacked, down or up, across.

        Args:
            plane: `SAGITTAL`, `CORONAL` or `AXIAL`; of an image of three axes.
        """
        rows, columns = _IN_PLANE[plane]
        return self._along[plane], self._along[rows], self._along[columns]

    def upright(self, order: Sequence[int]) -> Upright:
        """Draw axes as radiologists do: head or front above, patient's left or back at the right.

        And in three dimensions never as in a mirror: ``det(right, up, towards) > 0`` in the
        patient, whose axes right, anterior, superior are right-handed too.

        Args:
            order: of the axes of the world that are shown, the last two on the canvas.
        """
        rows, columns = self._axes[:, order[-2]], self._axes[:, order[-1]]
        # Head, front and right are above.
        up = bool(rows[self._patient(order[-2])] > 0)
        # Left, back and head are at the right.
        across = self._patient(order[-1])
        right = bool(columns[across] > 0) == (across == 2)
        if len(order) < 3:
            return Upright(True, up, right)
        depth = self._axes[:, order[-3]]
        frame = np.stack([columns if right else -columns, rows if up else -rows, depth], axis=1)
        return Upright(bool(np.linalg.det(frame) > 0), up, right)

    def edges(self, order: Sequence[int], up: bool, right: bool) -> Edges:
        """Sides of the patient at the edges of the canvas.

        Args:
            order: of the two axes of the world that are shown.
            up, right: whether they run up the canvas, and to its right.
        """
        sides, exact = [], True
        for axis, forwards in ((order[-1], right), (order[-2], up)):
            patient = self._patient(axis)
            along = self._axes[patient, axis]
            exact = exact and bool(abs(along) >= _STRAIGHT)
            low, high = _SIDES[patient]
            sides += [low, high] if (along > 0) == forwards else [high, low]
        left, right_, bottom, top = sides
        return Edges(left, right_, top, bottom, exact)

    def _patient(self, axis: int) -> int:
        """Axis of the patient that one of the world runs along most."""
        return self._along.index(axis)
