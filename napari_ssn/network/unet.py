"""A U-Net whose weights go by the names of MONAI's BasicUNet.

The shipped nodule models are such networks. MONAI takes longer to import than torch and all that a
run computes together; what it makes of the same weights is the same to the bit.

Source: Ronneberger et al., "U-Net", MICCAI 2015; five levels as MONAI has them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# How often the grid is halved.
_HALVED = 4
# Share that a leaky unit lets through below zero.
_LEAK = 0.1


#: A normalisation as MONAI's networks name it: ``batch``, or ``("instance", {"affine": True})``.
Norm = str | Sequence[str | Mapping[str, Any]]

# Normalisations by name, in two and in three dimensions.
_NORMS: dict[str, tuple[Any, Any]] = {
    "batch": (nn.BatchNorm2d, nn.BatchNorm3d),
    "instance": (nn.InstanceNorm2d, nn.InstanceNorm3d),
    "group": (nn.GroupNorm, nn.GroupNorm),
}


class _Kinds:
    """The layers of two or of three dimensions."""

    def __init__(self, dims: int, norm: Norm) -> None:
        flat = dims == 2
        self.conv: type[nn.Module] = nn.Conv2d if flat else nn.Conv3d
        self.pool: type[nn.Module] = nn.MaxPool2d if flat else nn.MaxPool3d
        self.up: type[nn.Module] = nn.ConvTranspose2d if flat else nn.ConvTranspose3d
        name, self._options = _named(norm)
        self._norm = _NORMS[name][0 if flat else 1]
        self._width = "num_channels" if name == "group" else "num_features"

    def norm(self, features: int) -> nn.Module:
        """The normalisation of so many features."""
        found: nn.Module = self._norm(**{self._width: features}, **self._options)
        return found


def knows(norm: object) -> bool:
    """Whether `UNet` knows a normalisation; MONAI has more of them.

    Examples:
        >>> from napari_ssn.network.unet import knows
        >>> knows("batch"), knows(["group", {"num_groups": 2}]), knows("local_response")
        (True, True, False)
    """
    try:
        _named(norm)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return False
    return True


def _named(norm: Norm) -> tuple[str, dict[str, Any]]:
    name, options = (norm, {}) if isinstance(norm, str) else norm
    if not isinstance(name, str) or name not in _NORMS:
        raise ValueError(f"norm: expected one of {', '.join(_NORMS)}, got {name!r}")
    known = {"affine", "num_groups"} if name == "group" else {"affine"}
    if not isinstance(options, Mapping) or not options.keys() <= known:
        raise ValueError(f"norm: {name} takes no {options}")
    return name, dict(options)


class _Normed(nn.Sequential):
    """A 3×3(×3) convolution, a batch normalisation, a leaky unit."""

    def __init__(self, kinds: _Kinds, channels: int, features: int) -> None:
        super().__init__()
        self.add_module("conv", kinds.conv(channels, features, 3, padding=1))
        rest = nn.Sequential()
        rest.add_module("N", kinds.norm(features))
        rest.add_module("A", nn.LeakyReLU(_LEAK, inplace=True))
        self.add_module("adn", rest)


class _Pair(nn.Sequential):
    """Two of them, one after the other."""

    def __init__(self, kinds: _Kinds, channels: int, features: int) -> None:
        super().__init__()
        self.add_module("conv_0", _Normed(kinds, channels, features))
        self.add_module("conv_1", _Normed(kinds, features, features))


class _Down(nn.Sequential):
    """Half the grid, and a pair."""

    def __init__(self, kinds: _Kinds, channels: int, features: int) -> None:
        super().__init__()
        self.add_module("max_pooling", kinds.pool(2))
        self.add_module("convs", _Pair(kinds, channels, features))


class _Up(nn.Module):
    """Twice the grid, what the way down had there, and a pair."""

    def __init__(
        self, kinds: _Kinds, channels: int, beside: int, features: int, upward: int
    ) -> None:
        super().__init__()
        self.upsample = nn.Sequential()
        self.upsample.add_module("deconv", kinds.up(channels, upward, 2, stride=2))
        self.convs = _Pair(kinds, beside + upward, features)

    def forward(self, x: Tensor, beside: Tensor) -> Tensor:
        found = self.upsample(x)
        # An odd grid was halved downwards: its last voxel is there twice.
        short = [a - b for a, b in zip(beside.shape[2:], found.shape[2:], strict=True)]
        if any(short):
            found = functional.pad(found, [n for s in reversed(short) for n in (0, s)], "replicate")
        out: Tensor = self.convs(torch.cat([beside, found], 1))
        return out


class UNet(nn.Module):
    """Five levels down and up again.

    Args:
        spatial_dims: 2 or 3.
        in_channels: of the image.
        out_channels: of the result.
        features: widths of the five levels, and of the last layer before the result.
        norm: ``batch``, ``instance`` or ``group``, alone or with its options.

    Examples:
        >>> import torch
        >>> from napari_ssn.network.unet import UNet
        >>> UNet(2, 1, 8, (4, 4, 8, 8, 16, 4))(torch.zeros(1, 1, 32, 48)).shape
        torch.Size([1, 8, 32, 48])
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        features: Sequence[int] = (32, 32, 64, 128, 256, 32),
        norm: Norm = ("instance", {"affine": True}),
    ) -> None:
        super().__init__()
        if spatial_dims not in (2, 3):
            raise ValueError(f"spatial_dims: expected 2 or 3, got {spatial_dims}")
        kinds = _Kinds(spatial_dims, norm)
        self._by_instance = _named(norm)[0] == "instance"
        a, b, c, d, e, last = features
        self.conv_0 = _Pair(kinds, in_channels, a)
        self.down_1 = _Down(kinds, a, b)
        self.down_2 = _Down(kinds, b, c)
        self.down_3 = _Down(kinds, c, d)
        self.down_4 = _Down(kinds, d, e)
        self.upcat_4 = _Up(kinds, e, d, d, e // 2)
        self.upcat_3 = _Up(kinds, d, c, c, d // 2)
        self.upcat_2 = _Up(kinds, c, b, b, c // 2)
        # The finest level keeps its width on the way up.
        self.upcat_1 = _Up(kinds, b, a, last, b)
        self.final_conv = kinds.conv(last, out_channels, 1)

    def takes(self, size: Sequence[int]) -> bool:
        """Whether it can halve a grid of a size as often as it does; others come back as large."""
        deepest = [n >> _HALVED for n in size]
        # Of a single voxel there is no mean and no deviation.
        return min(deepest) > 0 and (not self._by_instance or math.prod(deepest) > 1)

    def forward(self, image: Tensor) -> Tensor:
        """(B, channels, *S) → (B, features, *S); ``takes(S)``."""
        x0 = self.conv_0(image)
        x1 = self.down_1(x0)
        x2 = self.down_2(x1)
        x3 = self.down_3(x2)
        x4 = self.down_4(x3)
        up = self.upcat_4(x4, x3)
        up = self.upcat_3(up, x2)
        up = self.upcat_2(up, x1)
        up = self.upcat_1(up, x0)
        found: Tensor = self.final_conv(up)
        return found
