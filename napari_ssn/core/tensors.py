"""Tensors as a distribution takes them, and indexed as arrays are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from napari_ssn.core.kept import Kept
from napari_ssn.geometry.arrays import Array, Floats, Ints, Where

_Dense = TypeVar("_Dense")
_NOWHERE = np.eye(4)
_NOWHERE.flags.writeable = False


def as_tensor(value: Any) -> Tensor:
    """Float32 tensor of a tensor or array, without copying where that is possible."""
    tensor = value if isinstance(value, Tensor) else torch.as_tensor(np.asarray(value, np.float32))
    return tensor.detach().to(torch.float32)


def tensor_of(values: Array) -> Tensor:
    """Tensor of an array in C order, without copying where that is possible.

    An array that was turned about along an axis of one is contiguous to numpy, which does not copy
    it then, and its stride is below zero, which torch refuses.
    """
    if values.flags.c_contiguous and all(step >= 0 for step in values.strides):
        return torch.from_numpy(values)
    return torch.from_numpy(values.copy(order="C"))


def check_tensors(mean: Tensor, cov_factor: Tensor, cov_diag: Tensor) -> None:
    """ValueError unless they are (C ≥ 2, *S), (R, C, *S) and (C, *S), finite, variances ≥ 0."""
    shape = tuple(mean.shape)
    if mean.ndim not in (3, 4) or shape[0] < 2:
        raise ValueError(f"mean: expected (C ≥ 2, *S), got {shape}")
    if cov_factor.ndim != mean.ndim + 1 or cov_factor.shape[1:] != shape:
        raise ValueError(f"cov_factor: expected (R, *{shape}), got {tuple(cov_factor.shape)}")
    if cov_diag.shape != shape:
        raise ValueError(f"cov_diag: expected {shape}, got {tuple(cov_diag.shape)}")
    named = {"mean": mean, "cov_factor": cov_factor, "cov_diag": cov_diag}
    for name, values in named.items():
        # Extremes are NaN where anything is: one pass, and no mask as large as the columns.
        if not all(map(math.isfinite, torch.stack(values.aminmax()).tolist())):
            raise ValueError(f"{name}: expected finite values, got NaN or infinity")
    if bool((cov_diag < 0).any()):
        raise ValueError("cov_diag: expected variances ≥ 0, got a negative one")


def column_of(
    kind: type[_Dense], mean: Tensor, cov_factor: Tensor, cov_diag: Tensor, presence: float
) -> _Dense:
    """Some voxels of a distribution as one of their own, (n, 1) without a place.

    Nothing is checked again: the numbers are some of those of the whole, and whoever asks a
    question asks thousands of such columns.
    """
    column = object.__new__(kind)
    vars(column).update(
        mean=mean, cov_factor=cov_factor, cov_diag=cov_diag, presence=presence, _kept=Kept(),
        affine=_NOWHERE, start=(0, 0), image_space=tuple(mean.shape[1:]),
    )  # fmt: skip
    return column


def taken(values: Tensor, voxels: Ints) -> Floats:
    """Values of some voxels, (..., v) of (..., V)."""
    if values.device.type == "cpu":
        # In numpy: torch wakes all its threads for the few voxels of a click.
        return values.numpy().take(voxels, axis=-1).astype(np.float64)
    there = torch.from_numpy(voxels).to(values.device)
    return values[..., there].double().cpu().numpy()


def forward(where: Sequence[slice | int], space: Sequence[int]) -> tuple[Where, list[int]]:
    """An index without steps backwards, which torch knows none of, and the axes to turn after it.

    Args:
        where: index of a part, one slice or integer per leading axis.
        space: shape of the whole.
    """
    parts: list[slice | int] = []
    turned: list[int] = []
    for part, size in zip(where, space, strict=False):
        if isinstance(part, slice) and (part.step or 1) < 0:
            # Axes that an integer is given for are gone.
            turned.append(sum(isinstance(one, slice) for one in parts))
            ahead = range(size)[part][::-1]
            part = slice(ahead.start, ahead.stop, ahead.step) if ahead else slice(0)
        parts.append(part)
    return tuple(parts), turned
