"""A network slid over an image, its views mirrored, as nnU-Net does.

Source: nnU-Net v2 (Isensee et al., Nature Methods 2021), ``predict_from_raw_data.py``: windows
overlap by half, are weighted by a Gaussian of an eighth of their width, and are summed up at half
precision, so that what is found here is what it finds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations, product

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from napari_ssn.errors import Cancel, ModelError
from napari_ssn.geometry.arrays import Between
from napari_ssn.network.forward import stoppable

#: Axes along which a view is mirrored; none of the image as it is.
View = tuple[int, ...]

# The Gaussian's largest weight, that half precision keeps the small ones apart.
_TOP, _WIDTH = 10.0, 1 / 8


def all_views(axes: Sequence[int]) -> tuple[View, ...]:
    """The image as it is, and mirrored along some axes in every way."""
    return tuple(
        view for count in range(len(axes) + 1) for view in combinations(sorted(axes), count)
    )


def gaussian(size: Sequence[int]) -> Tensor:
    """Weights of a window, at half precision; nowhere 0."""
    peak = np.zeros(size)
    peak[tuple(n // 2 for n in size)] = 1
    found = gaussian_filter(peak, [n * _WIDTH for n in size], 0, mode="constant", cval=0)
    weights = torch.from_numpy(found / found.max() * _TOP).half()
    weights[weights == 0] = weights[weights != 0].min()
    return weights


def starts(length: int, window: int) -> list[int]:
    """Where windows begin along an axis: at most half of one apart, and as far as each other."""
    last = length - window
    count = math.ceil(last / (window / 2)) + 1
    # Halves are rounded to even, as numpy does.
    return [round(last / (count - 1) * k) for k in range(count)] if count > 1 else [0]


def windows(space: Sequence[int], size: Sequence[int]) -> Iterator[tuple[int | slice, ...]]:
    """Parts of a grid that a network sees; one of two axes is shown slice by slice."""
    flat = len(space) - len(size)
    slices: list[list[int]] = [list(range(space[0]))] if flat else []
    for at in product(*slices, *map(starts, space[flat:], size)):
        yield (*at[:flat], *(slice(a, a + n) for a, n in zip(at[flat:], size, strict=True)))


def count_windows(space: Sequence[int], size: Sequence[int]) -> int:
    """How many `windows` there are of a grid, which is padded to one at least."""
    flat = len(space) - len(size)
    padded = [max(a, b) for a, b in zip(space[flat:], size, strict=True)]
    counts = [len(starts(a, b)) for a, b in zip(padded, size, strict=True)]
    return math.prod(counts) * (space[0] if flat else 1)


def slide(
    network: nn.Module,
    data: Tensor,
    size: Sequence[int],
    classes: int,
    views: Sequence[View],
    step: Between,
    cancel: Cancel,
) -> Tensor:
    """Logits of an image, (classes, *space) at half precision: the mean over some views.

    Args:
        network: on the device where it computes.
        data: (channels, *space) float32.
        size: of a window, as many axes as the network has.
        classes: of its logits.
        views: axes of the window that are mirrored in each.
        step: called after each window.
        cancel: looked at before each layer of the network.

    Raises:
        ModelError: the network's values are not finite, or no logits of so many classes.
        Cancelled: somebody stopped it.
    """
    space = data.shape[1:]
    flat = len(space) - len(size)
    padding, inside = [], [slice(None)] * flat
    for length, wanted in zip(space[flat:], size, strict=True):
        lack = max(0, wanted - length)
        padding.append((lack // 2, lack - lack // 2))
        inside.append(slice(lack // 2, lack // 2 + length))
    widths = [n for pair in reversed(padding) for n in pair]
    padded = torch.nn.functional.pad(data, widths)
    weights, device = gaussian(size), next(network.parameters()).device
    total = torch.zeros((classes, *padded.shape[1:]), dtype=torch.half)
    seen = torch.zeros(padded.shape[1:], dtype=torch.half)
    with torch.inference_mode(), stoppable(network, cancel):
        for where in windows(padded.shape[1:], size):
            part = padded[(slice(None), *where)][None].to(device)
            found = mean_of_views(network, part, views)[0].cpu()
            if found.shape != (classes, *size):
                raise ModelError("The network gives other logits than its files say.")
            total[(slice(None), *where)] += found * weights
            seen[where] += weights
            step()
    total /= seen
    if not bool(total.isfinite().all()):
        raise ModelError("The network gave values that are not finite on this image.")
    return total[(slice(None), *inside)]


def mean_of_views(network: nn.Module, part: Tensor, views: Sequence[View]) -> Tensor:
    """Mean of the logits of a window (1, channels, *size), each view turned back."""
    total: Tensor | None = None
    for view in views:
        axes = [2 + axis for axis in view]
        found = network(part.flip(axes)).flip(axes) if axes else network(part)
        total = found if total is None else total + found
    assert total is not None
    return total / len(views)
