"""Between napari's worlds and a file's voxels: the one place that reads or writes transforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.components import Dims
from napari.layers import Image, Layer
from numpy.typing import NDArray

from napari_ssn.errors import GeometryError
from napari_ssn.geometry.computed import computed
from napari_ssn.geometry.display import Display
from napari_ssn.geometry.onto import onto
from napari_ssn.geometry.transforms import units_mm
from napari_ssn.session import Plane

_TRANSFORM = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
# Rounding of a transform that a file keeps in single precision.
_NEAR = 1e-3


def frames_of(layer: Image) -> int | None:
    """Number of frames of a time series, (t, z, y, x); None for an image without time."""
    data = layer.data[0] if layer.multiscale else layer.data
    return int(data.shape[0]) if len(data.shape) == 4 and not layer.rgb else None


def index_to_world(layer: Layer, axes: int) -> NDArray[np.float64]:
    """Index to world of a layer's last axes, (n + 1, n + 1), with all of its transforms."""
    ndim = layer.ndim
    origin = np.asarray(layer.data_to_world((0,) * ndim), dtype=float)
    steps = [np.asarray(layer.data_to_world(unit), dtype=float) - origin for unit in np.eye(ndim)]
    linear = np.stack(steps, axis=1)
    first = ndim - axes
    mixed = linear[:first, first:].any() or linear[first:, :first].any()
    # What is no number has words of its own.
    if mixed and np.isfinite(linear).all():
        raise GeometryError(
            "This layer is turned in a way that mixes time with space: undo that first."
        )
    matrix = np.eye(axes + 1)
    matrix[:axes, :axes], matrix[:axes, axes] = linear[first:, first:], origin[first:]
    return matrix


def transform_of(image: Image, axes: int) -> dict[str, Any]:
    """Everything that says where an image's last axes lie, for layers that lie exactly on it.

    napari shows a layer with fewer axes than the viewer in every frame.
    """
    transform = {key: getattr(image, key) for key in _TRANSFORM}
    if axes == image.ndim:
        return transform
    shear = np.asarray(image.shear)
    if shear.ndim == 1:
        # The numbers above the diagonal, row by row.
        whole = np.eye(image.ndim)
        whole[np.triu_indices(image.ndim, 1)] = shear
        shear = whole
    matrix = np.asarray(image.affine.affine_matrix)
    return {
        **{key: transform[key][-axes:] for key in ("scale", "translate", "units", "axis_labels")},
        "rotate": np.asarray(image.rotate)[-axes:, -axes:],
        "shear": shear[-axes:, -axes:],
        "affine": matrix[-axes - 1 :, -axes - 1 :],
    }


def on_grid(layer: Layer, image: Image, display: Display) -> NDArray[Any] | None:
    """Values of a layer on the file's grid of an image; None where it lies elsewhere."""
    axes = len(display.shape)
    data = layer.data
    if layer.ndim != axes or getattr(data, "shape", None) != display.shape:
        return None
    try:
        places = index_to_world(layer, axes), index_to_world(image, axes)
    except GeometryError:
        return None
    if not np.allclose(*places, atol=_NEAR):
        return None
    return np.ascontiguousarray(display.reorientation.undo(computed(data)))


def laid_on(layer: Layer, image: Image, display: Display) -> NDArray[Any]:
    """Labels of a layer on the file's grid of an image; errors as of `laid`."""
    axes, data = len(display.shape), computed(layer.data)
    if data.ndim != axes:
        raise GeometryError("The outline has other axes than the image: draw on the image.")
    matrix, units = index_to_world(image, axes), image.units[-axes:]
    found = laid(layer, data, matrix, units, display.shape)
    return np.ascontiguousarray(display.reorientation.undo(found))


def laid(
    layer: Layer,
    data: NDArray[Any],
    matrix: NDArray[np.float64],
    units: Sequence[Any],
    shape: Sequence[int],
) -> NDArray[Any]:
    """Labels of a layer whose voxels are those of a grid, or of a part of it, on the whole of that.

    Args:
        layer: that says where they lie, along the last of its axes.
        data: of the layer, with as many axes as the grid.
        matrix: from an index of the grid to the world, as `index_to_world`.
        units: of the grid's axes.
        shape: of the grid.

    Raises:
        GeometryError: its voxels are others, or it reaches beyond the grid.
    """
    axes = len(shape)
    own = index_to_world(layer, axes)
    for axis, (theirs, ours) in enumerate(
        zip(units_mm(layer.units[-axes:]), units_mm(units), strict=True)
    ):
        if theirs is not None and ours is not None:
            own[axis] *= theirs / ours
    return onto(data, _in_space(own), _in_space(matrix), shape)


def _in_space(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """A matrix of two axes or three as one of three."""
    axes = len(matrix) - 1
    whole = np.eye(4)
    whole[:axes, :axes], whole[:axes, 3] = matrix[:-1, :-1], matrix[:-1, -1]
    return whole


def set_voxel_size(layer: Layer, size_mm: Sequence[float]) -> None:
    """Give a layer the voxel size that somebody knows, along the last of its axes, in mm."""
    axes = len(size_mm)
    layer.units = (*layer.units[:-axes], *("mm",) * axes)
    # Signs stay: they say which way an axis runs.
    signs = np.where(np.asarray(layer.scale[-axes:]) < 0, -1.0, 1.0)
    layer.scale = (*layer.scale[:-axes], *(signs * size_mm))


def plane_on_show(
    image: Image, display: Display, dims: Dims, place: Sequence[float]
) -> Plane | None:
    """Plane of the source's grid that a viewer shows; None in 3D and where there is one plane.

    Args:
        image, display: of the image.
        dims: of the viewer.
        place: where its sliders stand, in the image's own world.
    """
    hidden = set(dims.not_displayed)
    first = dims.ndim - image.ndim
    across = [axis for axis in range(image.ndim) if first + axis in hidden]
    if dims.ndisplay != 2 or len(across) != 1:
        return None
    voxel = clicked_voxel(image, display, place)
    if voxel is None:
        return None
    source = display.reorientation.order[across[0]]
    return tuple(voxel[axis] if axis == source else None for axis in range(image.ndim))


def clicked_voxel(
    image: Image, display: Display, position: Sequence[float]
) -> tuple[int, ...] | None:
    """Voxel of the source's grid under a place in its own world; None if it misses the image."""
    # A viewer with more axes than the image has its own in front.
    place = tuple(position)[-image.ndim :]
    # Of a time series the place in time is another matter.
    inside = image.world_to_data(place)[-len(display.shape) :]
    shown = [round(float(value)) for value in inside]
    if not all(0 <= at < size for at, size in zip(shown, display.shape, strict=True)):
        return None
    return display.reorientation.index_to_source(shown, display.image_space)


def world_of(image: Image, display: Display, index: Sequence[int]) -> tuple[float, ...]:
    """Place in its own world of a voxel of the source's grid, along the axes of space."""
    shown = display.reorientation.index_to_display(index, display.image_space)
    # Where in time makes no difference in space.
    place = image.data_to_world((0,) * (image.ndim - len(shown)) + shown)
    return tuple(float(value) for value in place[-len(shown) :])


def frame_at(image: Image, position: Sequence[float]) -> int:
    """Frame of a time series at a place in its own world, the nearest that there is."""
    frames = frames_of(image)
    assert frames is not None
    at = float(image.world_to_data(tuple(position)[-image.ndim :])[0])
    # In an image whose voxels have no size no place is known.
    return min(max(round(at), 0), frames - 1) if np.isfinite(at) else 0
