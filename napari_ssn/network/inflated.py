"""A 2D network that reads the slices of a volume and lets neighbours know of each other.

Chest CTs come in slices of 0.5 to 5 mm, so what a 2D network has learnt of a slice is worth
keeping: its weights are taken over, and after each of its blocks a convolution along the slices,
whose weights start at zero, mixes what neighbours see (compare "inflation", Carreira and
Zisserman, CVPR 2017). At the start the network is the 2D one, slice by slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from napari_ssn.network.unet import UNet

# Share that the units between slices let through below zero.
_LEAK = 0.1
# Beyond the first slice and the last there is nothing, as for torch.
_PADDING = [1, 0]


class AlongSlices(nn.Module):
    """Add to each voxel what its neighbours in the slices above and below hold.

    ``x + W₃ * leaky(x)`` with W₃ a convolution of three slices and one voxel in the plane; zero
    to begin with, so that nothing is added.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3, channels, channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, slices: int) -> Tensor:
        """(B · Z, F, Y, X) → the same, Z slices of each volume in a row."""
        count, channels, height, width = x.shape
        if torch.compiler.is_exporting():
            return self._plainly(x, slices)
        # Channels last: slices one after the other are a volume already, without a copy, and
        # the convolution is three matrix products (torch's own is ten times slower here).
        flat = x.permute(0, 2, 3, 1).reshape(-1, slices, height * width, channels)
        if self.training and flat.requires_grad and flat.device.type == "cpu":
            own: Tensor = _Mixing.apply(flat, self.weight, self.bias)  # type: ignore[no-untyped-call]
            return own.reshape(count, height, width, channels).permute(0, 3, 1, 2)
        seen = functional.leaky_relu(flat, _LEAK)
        mixed = functional.linear(seen, self.weight[1], self.bias)
        if slices > 1:
            # In place: arrays of this size take as long to be found as to be filled.
            mixed[:, 1:] += functional.linear(seen[:, :-1], self.weight[0])
            mixed[:, :-1] += functional.linear(seen[:, 1:], self.weight[2])
        mixed += flat
        found: Tensor = mixed.reshape(count, height, width, channels)
        return found.permute(0, 3, 1, 2)

    def _plainly(self, x: Tensor, slices: int) -> Tensor:
        """The same in a few steps, as a file says it: each part that is written in place would be
        a dozen steps there, and who runs it chooses where things lie in memory.
        """
        rows = x.reshape(-1, slices, x.shape[1], x.shape[2] * x.shape[3]).transpose(1, 2)
        seen = functional.leaky_relu(rows, _LEAK)
        kernel = _kernel(self.weight, x.dtype)
        rows = rows + functional.conv2d(seen, kernel, self.bias, padding=_PADDING)
        return rows.transpose(1, 2).reshape(x.shape)


class _Mixing(torch.autograd.Function):
    """What `AlongSlices` does, while it learns, with a way back that goes through less memory.

    With what lies in a plane in a row it is a convolution in two dimensions, which oneDNN does in
    half the time of the matrix products, and in an order of its own.
    """

    @staticmethod
    def forward(ctx: Any, flat: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """(B, Z, Y · X, F) → the same."""
        flat = flat.contiguous()
        with torch.autocast("cpu", enabled=False):
            kind = flat.dtype
            seen = functional.leaky_relu(flat, _LEAK)
            mixed = functional.conv2d(
                _planes(seen), _kernel(weight, kind), bias.to(kind), padding=_PADDING
            )
            found = mixed.permute(0, 2, 3, 1).contiguous()
            found += flat
        ctx.save_for_backward(seen, weight)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        seen, weight = ctx.saved_tensors
        grad = grad.contiguous()
        back, learnt, bias = torch.ops.aten.convolution_backward(
            _planes(grad), _planes(seen), _kernel(weight, grad.dtype), [weight.shape[1]],
            [1, 1], _PADDING, [1, 1], False, [0, 0], 1, [True, True, True],
        )  # fmt: skip
        back = back.permute(0, 2, 3, 1)
        # The unit's sign is that of what it was given.
        back = torch.ops.aten.leaky_relu_backward(back, seen, _LEAK, True)
        back += grad
        learnt = learnt[..., 0].permute(2, 0, 1)
        return back, learnt.to(weight.dtype), bias.to(weight.dtype)


def _planes(flat: Tensor) -> Tensor:
    """(B, Z, Y · X, F) as images of a row a slice, (B, F, Z, Y · X), where they lie in memory."""
    return flat.permute(0, 3, 1, 2)


def _kernel(weight: Tensor, kind: torch.dtype) -> Tensor:
    """(3, F, F) as the kernel of a convolution of three such rows, (F, F, 3, 1)."""
    return weight.permute(1, 2, 0)[..., None].to(kind)


class SliceUNet(nn.Module):
    """A `UNet` in 2D on each slice, with `AlongSlices` after each block.

    Args:
        spatial_dims: 3; named as MONAI's networks name it.
        in_channels, out_channels: of the volume and of the features.
        features: six widths, as `UNet` has them.
        norm: as `UNet` has it. Statistics of a batch normalisation are those of the network
            that the weights come from and never change: a batch of a few nodules has none.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        features: tuple[int, ...] = (32, 32, 64, 128, 192, 32),
        norm: str = "batch",
    ) -> None:
        super().__init__()
        if spatial_dims != 3:
            raise ValueError(f"spatial_dims: expected 3, got {spatial_dims}")
        self.slices = UNet(
            spatial_dims=2,
            in_channels=in_channels,
            out_channels=out_channels,
            features=features,
            norm=norm,
        )
        widths = [*features[:5], features[3], features[2], features[1], features[5]]
        self.along = nn.ModuleList(AlongSlices(width) for width in widths)

    def train(self, mode: bool = True) -> SliceUNet:
        """As `torch.nn.Module.train`, batch normalisations aside."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def takes(self, size: Sequence[int]) -> bool:
        """As `UNet.takes`, of Z, Y and X."""
        return size[0] > 0 and self.slices.takes(size[1:])

    def forward(self, image: Tensor) -> Tensor:
        """(B, channels, Z, Y, X) → (B, features, Z, Y, X)."""
        batch, channels, slices, height, width = image.shape
        flat = image.transpose(1, 2).reshape(batch * slices, channels, height, width)
        if not torch.compiler.is_exporting():
            flat = flat.contiguous(memory_format=torch.channels_last)
        net, along = self.slices, list(self.along)
        x0 = along[0](net.conv_0(flat), slices)
        x1 = along[1](net.down_1(x0), slices)
        x2 = along[2](net.down_2(x1), slices)
        x3 = along[3](net.down_3(x2), slices)
        x4 = along[4](net.down_4(x3), slices)
        u4 = along[5](net.upcat_4(x4, x3), slices)
        u3 = along[6](net.upcat_3(u4, x2), slices)
        u2 = along[7](net.upcat_2(u3, x1), slices)
        u1 = along[8](net.upcat_1(u2, x0), slices)
        found: Tensor = net.final_conv(u1)
        found = found.permute(0, 2, 3, 1).reshape(batch, slices, height, width, -1)
        return found.permute(0, 4, 1, 2, 3)


#: Where the U-Net lies in an SSN that is told its centre, and in one that is inflated.
_FLAT, _INFLATED = "backbone.backbone.", "backbone.backbone.slices."


def inflate(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a 2D SSN of a U-Net under the names and shapes they have in a `SliceUNet`."""
    found = {}
    for name, value in tensors.items():
        if name.startswith(_FLAT):
            found[_INFLATED + name.removeprefix(_FLAT)] = value
        elif value.ndim == 4:
            # Heads are convolutions of one voxel, in two dimensions and in three.
            found[name] = value.unsqueeze(-1)
        else:
            found[name] = value
    return found
