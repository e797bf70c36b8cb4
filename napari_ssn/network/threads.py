"""Numbers that do not hang on how many threads compute them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn

# More would be started, and none of them would have a processor.
_MOST = 256


def instructions() -> str:
    """Instructions that torch computes with on this processor, ``AVX2``; ``DEFAULT`` for none."""
    return str(torch.backends.cpu.get_cpu_capability())


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Compute with so many threads for a while; with as many as before where that is None."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(min(count, _MOST))
    try:
        yield
    finally:
        if count is not None:
            torch.set_num_threads(before)


@contextmanager
def undivided(network: nn.Module) -> Iterator[None]:
    """Compute convolutions over single voxels in one thread for a while.

    On the CPU torch makes such a convolution one matrix product and cuts it into as many pieces
    as there are threads; where the cuts lie decides in which order a sum is added up, so that
    the last bits, and now and then a voxel's label, hang on their number. All other layers of
    the shipped networks give the same bits for any number. These are 2 % of a network's work.
    """
    before = torch.get_num_threads()

    def alone(*_: object) -> None:
        torch.set_num_threads(1)

    def together(*_: object) -> None:
        torch.set_num_threads(before)

    kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
    with ExitStack() as hooks:
        hooks.callback(torch.set_num_threads, before)
        for layer in network.modules():
            if isinstance(layer, kinds) and set(layer.kernel_size) == {1}:
                hooks.enter_context(layer.register_forward_pre_hook(alone))
                hooks.enter_context(layer.register_forward_hook(together))
        yield
