"""A U-Net of strided convolutions whose weights go by the names of MONAI's DynUNet.

The shipped model of the hippocampus is one. As with `unet`, MONAI makes the same of the same
weights, to the bit, and takes seconds to import.

Source: Isensee et al., "nnU-Net", Nature Methods 2021.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

# Share that a leaky unit lets through below zero.
_LEAK = 0.01


def _layers(dims: int) -> tuple[Any, Any, Any]:
    """Convolution, its transpose, and normalisation by instance."""
    if dims == 2:
        return nn.Conv2d, nn.ConvTranspose2d, nn.InstanceNorm2d
    return nn.Conv3d, nn.ConvTranspose3d, nn.InstanceNorm3d


def _named(layer: nn.Module) -> nn.Sequential:
    """A layer by the name that MONAI gives it."""
    found = nn.Sequential()
    found.add_module("conv", layer)
    return found


class _Block(nn.Module):
    """Two convolutions, each with its normalisation and a leaky unit; the first may halve."""

    def __init__(self, dims: int, channels: int, features: int, stride: int = 1) -> None:
        super().__init__()
        conv, _, norm = _layers(dims)
        self.conv1 = _named(conv(channels, features, 3, stride=stride, padding=1, bias=False))
        self.conv2 = _named(conv(features, features, 3, padding=1, bias=False))
        self.lrelu = nn.LeakyReLU(_LEAK, inplace=True)
        self.norm1, self.norm2 = norm(features), norm(features)

    def forward(self, x: Tensor) -> Tensor:
        x = self.lrelu(self.norm1(self.conv1(x)))
        found: Tensor = self.lrelu(self.norm2(self.conv2(x)))
        return found


class _Up(nn.Module):
    """Twice the grid, what the way down had there, and a block."""

    def __init__(self, dims: int, channels: int, features: int) -> None:
        super().__init__()
        _, up, _ = _layers(dims)
        self.transp_conv = _named(up(channels, features, 2, stride=2, bias=False))
        self.conv_block = _Block(dims, 2 * features, features)

    def forward(self, x: Tensor, beside: Tensor) -> Tensor:
        found: Tensor = self.conv_block(torch.cat([self.transp_conv(x), beside], 1))
        return found


class StridedUNet(nn.Module):
    """As many levels as there are filters, each half as fine as the one before.

    Args:
        spatial_dims: 2 or 3.
        in_channels, out_channels: of the image and of the result.
        filters: widths of the levels, the finest first.
        rest: what MONAI's DynUNet is told besides, of which one way is known here, see `knows`.

    Examples:
        >>> import torch
        >>> from napari_ssn.network.strided import StridedUNet
        >>> StridedUNet(3, 1, 5, (4, 8, 16))(torch.zeros(1, 1, 8, 12, 4)).shape
        torch.Size([1, 5, 8, 12, 4])
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        filters: Sequence[int],
        **rest: object,
    ) -> None:
        super().__init__()
        if spatial_dims not in (2, 3):
            raise ValueError(f"spatial_dims: expected 2 or 3, got {spatial_dims}")
        if rest and not knows({"filters": filters, **rest}):
            raise ValueError(f"{', '.join(rest)}: not as they are known here")
        dims, (first, *middle, last) = spatial_dims, filters
        self.input_block = _Block(dims, in_channels, first)
        down = list(zip(filters[:-2], middle, strict=True))
        self.downsamples = nn.ModuleList(_Block(dims, a, b, 2) for a, b in down)
        self.bottleneck = _Block(dims, filters[-2], last, 2)
        up = zip(filters[:0:-1], filters[-2::-1], strict=True)
        self.upsamples = nn.ModuleList(_Up(dims, a, b) for a, b in up)
        conv, _, _ = _layers(dims)
        self.output_block = nn.Module()
        self.output_block.add_module("conv", _named(conv(first, out_channels, 1)))
        self._halved = len(filters) - 1
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d):
                nn.init.kaiming_normal_(module.weight, a=_LEAK)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def takes(self, size: Sequence[int]) -> bool:
        """Whether it can halve a grid of a size as often as it does, and finds it again."""
        step = 1 << self._halved
        return all(n > 0 and n % step == 0 for n in size) and math.prod(size) > step ** len(size)

    def forward(self, image: Tensor) -> Tensor:
        """(B, channels, *S) → (B, features, *S); ``takes(S)``."""
        levels = [self.input_block(image)]
        for down in self.downsamples:
            levels.append(down(levels[-1]))
        x = self.bottleneck(levels[-1])
        for up in self.upsamples:
            x = up(x, levels.pop())
        found: Tensor = self.output_block.conv(x)  # type: ignore[operator]
        return found


def knows(arguments: Mapping[str, Any]) -> bool:
    """Whether `StridedUNet` is the DynUNet of these arguments.

    Examples:
        >>> from napari_ssn.network.strided import knows
        >>> halves = {"strides": [1, 2, 2], "upsample_kernel_size": [2, 2]}
        >>> told = {"kernel_size": [3, 3, 3], "filters": [4, 8, 16], "norm_name": "instance"}
        >>> knows({**told, **halves}), knows({**told, **halves, "res_block": True})
        (True, False)
    """
    filters = arguments.get("filters")
    if not isinstance(filters, list | tuple) or len(filters) < 3:
        return False
    levels = len(filters)
    wanted = {
        "filters": list(filters),
        "kernel_size": [3] * levels,
        "strides": [1] + [2] * (levels - 1),
        "upsample_kernel_size": [2] * (levels - 1),
        "norm_name": "instance",
    }
    given = {k: list(v) if isinstance(v, tuple) else v for k, v in arguments.items()}
    return given == wanted
