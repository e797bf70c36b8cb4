"""From an image to a logit distribution: checks, normalisation, region or tiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.errors import (
    Cancelled,
    DeviceError,
    GeometryError,
    ImageError,
    ModelError,
)
from napari_ssn.core.volume import Volume, shift_affine
from napari_ssn.network.card import ModelCard

if TYPE_CHECKING:
    from napari_ssn.network.models import Model

# Share of a tile that its neighbour covers too; the Gaussian weights fade the seam.
_OVERLAP = 0.5


@dataclass(frozen=True)
class Fit:
    """Whether a model suits an image.

    Attributes:
        problem: why it cannot run, one sentence; None when it can.
        caution: why its result deserves doubt, one sentence; None when nothing speaks for it.
    """

    problem: str | None = None
    caution: str | None = None


def plane_axes(card: ModelCard, space: tuple[int, ...]) -> tuple[int, ...] | None:
    """Axes of the image that the network sees, or None when the dimensions do not fit.

    A 2D model takes a 3D image whose one axis has a single voxel.
    """
    if len(space) == card.spatial_dims:
        return tuple(range(len(space)))
    if card.spatial_dims == 2 and len(space) == 3 and 1 in space:
        single = max(axis for axis, size in enumerate(space) if size == 1)
        return tuple(axis for axis in range(3) if axis != single)
    return None


def check_fit(
    card: ModelCard,
    space: tuple[int, ...],
    channels: int = 1,
    spacing_mm: tuple[float, ...] | None = None,
) -> Fit:
    """Say whether a model suits an image, before anything is computed.

    Args:
        card: the model's card.
        space: shape of the image's grid.
        channels: channels of the image.
        spacing_mm: voxel size per axis; None when unknown.
    """
    axes = plane_axes(card, space)
    if axes is None:
        size = " × ".join(map(str, space))
        if card.spatial_dims == 2:
            text = (
                f"{card.title} reads single 2D slices, and this image is 3D ({size}): "
                "open one slice as a 2D image."
            )
        else:
            text = f"{card.title} reads 3D volumes, and this image is 2D ({size})."
        return Fit(problem=text)
    if channels != len(card.channels):
        return Fit(
            problem=f"{card.title} needs {len(card.channels)} channel(s) "
            f"({', '.join(card.channels)}), and this image has {channels}."
        )
    if card.spacing_range_mm is not None and spacing_mm is not None:
        low, high = card.spacing_range_mm
        sizes = [spacing_mm[axis] for axis in axes]
        # A little slack: 0.98 against 0.977 is the same scanner protocol.
        if min(sizes) < 0.9 * low or max(sizes) > 1.1 * high:
            shown = " × ".join(f"{size:.2f}" for size in sizes)
            return Fit(caution=f"Trained on voxels of {low:g}–{high:g} mm; these are {shown} mm.")
    return Fit()


def check_values(data: NDArray[np.float32]) -> None:
    """ImageError if an image or region holds NaN or infinity, or one single value."""
    bad = int(np.size(data) - np.count_nonzero(np.isfinite(data)))
    if bad:
        raise ImageError(f"The image holds {bad:,} voxels that are NaN or infinite.")
    for channel in data:
        if channel.min() == channel.max():
            raise ImageError("The image has the same value everywhere: there is nothing to see.")


def normalise(data: NDArray[np.float32], how: str) -> NDArray[np.float32]:
    """Bring each channel of (channels, *S) into the network's range.

    ``stretch``: minimum to 0, maximum to 1. ``standardise``: mean 0, standard deviation 1.
    """
    check_values(data)
    axes = tuple(range(1, data.ndim))
    # In float64: intensities near the limits of float32 would overflow their own range.
    wide = np.ascontiguousarray(data, np.float64)
    if how == "stretch":
        low, high = wide.min(axes, keepdims=True), wide.max(axes, keepdims=True)
        return np.asarray((wide - low) / (high - low), np.float32)
    mean, deviation = wide.mean(axes, keepdims=True), wide.std(axes, keepdims=True)
    return np.asarray((wide - mean) / deviation, np.float32)


@dataclass(frozen=True)
class Window:
    """A region of an image, and how far it reaches beyond it.

    Attributes:
        inside: slices of the image.
        before, after: voxels by which the region overhangs the image at each axis' ends.
    """

    inside: tuple[slice, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]


def window_around(centre: tuple[int, ...], size: tuple[int, ...], space: tuple[int, ...]) -> Window:
    """Region of a size whose voxel ``size // 2`` is the centre; GeometryError if that is off."""
    if len(centre) != len(space):
        raise GeometryError(
            f"The centre {tuple(centre)} has {len(centre)} numbers, the image {len(space)} axes."
        )
    # Written so that NaN is outside too.
    if not all(0 <= c < n for c, n in zip(centre, space, strict=True)):
        shown = ", ".join(f"{float(c):g}" for c in centre)
        raise GeometryError(
            f"The centre ({shown}) lies outside the image ({' × '.join(map(str, space))} voxels)."
        )
    inside, before, after = [], [], []
    for c, s, n in zip(centre, size, space, strict=True):
        first = int(c) - s // 2
        inside.append(slice(max(first, 0), min(first + s, n)))
        before.append(max(-first, 0))
        after.append(max(first + s - n, 0))
    return Window(tuple(inside), tuple(before), tuple(after))


def segment(
    model: Model,
    volume: Volume,
    centre: tuple[int, ...] | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> LogitDistribution:
    """See `Model.segment`."""
    card = model.card
    fit = check_fit(card, volume.space, volume.channels)
    if fit.problem is not None:
        raise ModelError(fit.problem)
    axes = plane_axes(card, volume.space)
    assert axes is not None
    single = tuple(a for a in range(len(volume.space)) if a not in axes)
    data = volume.data.reshape(volume.channels, *(volume.space[a] for a in axes))
    plane_centre = None
    if centre is not None:
        # Checks the axes that the network does not see as well.
        window_around(tuple(centre), (1,) * len(volume.space), volume.space)
        plane_centre = tuple(int(centre[a]) for a in axes)
    elif card.centred:
        plane_centre = _whole_centre(card, data.shape[1:])
    if plane_centre is not None:
        start, outputs = _region(model, data, plane_centre, progress, cancelled)
    else:
        start, outputs = (0,) * len(axes), _tiles(model, data, progress, cancelled)
    full_start = [0] * len(volume.space)
    for axis, value in zip(axes, start, strict=True):
        full_start[axis] = value
    mean, factor, diag = (o.float() for o in outputs)
    for axis in single:
        mean, diag = mean.unsqueeze(axis + 1), diag.unsqueeze(axis + 1)
        factor = factor.unsqueeze(axis + 2)
    return LogitDistribution(
        mean.contiguous(),
        factor.contiguous(),
        diag.contiguous(),
        shift_affine(volume.affine, tuple(full_start)),
        tuple(full_start),
        volume.space,
    )


def _whole_centre(card: ModelCard, space: tuple[int, ...]) -> tuple[int, ...]:
    """Middle of an image small enough to be the region of a model that needs a point."""
    if any(n > size for n, size in zip(space, card.region, strict=True)):
        region = " × ".join(map(str, card.region))
        raise GeometryError(
            f"{card.title} looks at {region} voxels around one lesion, and this image is "
            f"larger ({' × '.join(map(str, space))}): place the centre on the lesion."
        )
    return tuple(n // 2 for n in space)


def _region(
    model: Model,
    data: NDArray[np.float32],
    centre: tuple[int, ...],
    progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
) -> tuple[tuple[int, ...], tuple[Tensor, Tensor, Tensor]]:
    """Run the network once on a region; what overhangs the image is cut off again."""
    space = data.shape[1:]
    window = window_around(centre, tuple(model.card.region), space)
    part = normalise(data[(slice(None), *window.inside)], model.card.normalisation)
    overhang = list(zip(window.before, window.after, strict=True))
    padded = np.pad(part, [(0, 0), *overhang], mode="edge")
    _ask(cancelled)
    _tell(progress, 0, 1)
    mean, factor, diag = _forward(model, torch.from_numpy(padded)[None])
    _ask(cancelled)
    _tell(progress, 1, 1)
    keep = tuple(
        slice(b, size - a)
        for b, a, size in zip(window.before, window.after, model.card.region, strict=True)
    )
    start = tuple(s.start for s in window.inside)
    every = slice(None)
    return start, (
        mean[0][(every, *keep)],
        factor[0][(every, every, *keep)],
        diag[0][(every, *keep)],
    )


def _tiles(
    model: Model,
    data: NDArray[np.float32],
    progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Run the network over the whole image and blend its parameters.

    For a fixed z the logits are linear in μ and P, so blending these with one set of weights
    equals blending samples; standard deviations √D are blended and squared.
    """
    from monai.data.utils import dense_patch_slices
    from monai.inferers import sliding_window_inference

    space = data.shape[1:]
    region = tuple(model.card.region)
    padded = tuple(max(n, s) for n, s in zip(space, region, strict=True))
    interval = [
        s if s == n else max(1, int(s * (1 - _OVERLAP)))
        for n, s in zip(padded, region, strict=True)
    ]
    total = len(dense_patch_slices(padded, region, interval))
    done = 0
    _tell(progress, 0, total)

    def predict(tile: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        nonlocal done
        _ask(cancelled)
        mean, factor, diag = _forward(model, tile)
        done += len(tile)
        _tell(progress, min(done, total), total)
        return mean, factor.flatten(1, 2), diag.sqrt()

    image = torch.from_numpy(normalise(data, model.card.normalisation))[None]
    # Where `_forward` leaves its results; MONAI blends there.
    home = torch.device("cpu") if model.device.type == "mps" else model.device
    # MONAI's annotations know one tensor; it returns as many as the predictor does.
    blended = sliding_window_inference(
        image, region, 1, predict, overlap=_OVERLAP, mode="gaussian", padding_mode="replicate",
        sw_device=home, device=home,
    )  # fmt: skip
    _ask(cancelled)
    mean, factor, deviation = (b[0] for b in blended)
    rank = model.card.architecture.rank
    return mean, factor.reshape(rank, -1, *space), deviation.square()


def _forward(model: Model, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    try:
        with torch.inference_mode():
            out = model.network(image.to(model.device))
    except torch.OutOfMemoryError as error:
        raise DeviceError("The GPU's memory is full: use a smaller region or the CPU.") from error
    # Tensors made in inference mode cannot be used outside of it without a copy. Apple's MPS
    # has no float64, which the directions need: there the distribution lives on the CPU.
    mps = model.device.type == "mps"
    parts = tuple(part.cpu() if mps else part.clone() for part in out)
    if not all(bool(part.isfinite().all()) for part in parts):
        raise ModelError(f"{model.card.title} gave values that are not finite on this image.")
    return parts[0], parts[1], parts[2]


def _ask(cancelled: Callable[[], bool] | None) -> None:
    if cancelled is not None and cancelled():
        raise Cancelled("The run was cancelled.")


def _tell(progress: Callable[[int, int], None] | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)
