"""One run of the network on one tile: where, how it is stopped, and what it does when full."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from napari_ssn.errors import NEVER, Cancel, DeviceError, ModelError
from napari_ssn.network.blend import Parameters
from napari_ssn.network.building import check_network
from napari_ssn.network.threads import undivided

if TYPE_CHECKING:
    from napari_ssn.network.models import Model

# Networks halve their grid up to four times.
_STEP = 16


@dataclass(frozen=True)
class Attempt:
    """A way to run that needs less of the GPU's memory than the one before.

    Attributes:
        device: where the network computes.
        home: where the result is kept.
        tile: voxels of a tile, per axis of the network.
        words: what a user is told when it comes to this.
        divided: whether all layers are computed in all threads: see `undivided`.
    """

    device: torch.device
    home: torch.device
    tile: tuple[int, ...]
    words: str = ""
    divided: bool = False


def attempts(
    model: Model, tile: tuple[int, ...] | None = None, divided: bool = False
) -> list[Attempt]:
    """Ways to run a model, the best first: on its device, with smaller tiles, on the CPU.

    Args:
        model: to run.
        tile: size of the tiles, if no other will do.
        divided: as `Attempt` has it, for the CPU.

    Raises:
        ModelError: the model takes no tiles of that size.
    """
    cpu = torch.device("cpu")
    region = tuple(model.card.region)
    size = tile or region
    if size != region:
        if len(size) != len(region):
            raise ModelError(f"{model.card.title} looks at pieces of {len(region)} axes.")
        check_network(model.network, len(model.card.channels), size)
    if model.device.type == "cpu":
        return [Attempt(cpu, cpu, size, divided=divided)]
    # Apple's MPS has no float64, which the directions need: there the result lives on the CPU.
    device, full = model.device, "The GPU's memory is full:"
    found = []
    if device.type != "mps":
        found.append(Attempt(device, device, size))
    found.append(Attempt(device, cpu, size, f"{full} the result is kept in main memory."))
    smaller = None if tile is not None else _smaller(model)
    if smaller is not None:
        shown = " × ".join(map(str, smaller))
        found.append(
            Attempt(device, cpu, smaller, f"{full} going on with tiles of {shown} voxels.")
        )
    return [*found, Attempt(cpu, cpu, size, f"{full} going on on the CPU.", divided)]


def _smaller(model: Model) -> tuple[int, ...] | None:
    """Half a tile, in voxels that networks can halve; None if the model takes no other size."""
    region = tuple(model.card.region)
    if model.card.centred:
        # The point is in the middle of its region and of nothing else.
        return None
    tile = tuple(min(s, max(_STEP, -(-s // 2 // _STEP) * _STEP)) for s in region)
    if tile == region:
        return None
    try:
        check_network(model.network, len(model.card.channels), tile)
    except ModelError:
        return None
    return tile


class Forward:
    """Runs a model's network on tiles.

    Args:
        model: whose network it is.
        device: where to compute; a copy of the network goes there if it is not the model's.
        cancel: looked at before every layer of the network, because one tile of a 3D network
            takes longer than a user waits. If it says True, `Cancelled` is raised.
        divided: whether all layers are computed in all threads, as they were once.
    """

    def __init__(
        self,
        model: Model,
        device: torch.device,
        cancel: Cancel,
        divided: bool = False,
    ) -> None:
        self._title = model.card.title
        self._device = device
        self._cancel = cancel
        self._divided = divided or device.type != "cpu"
        self._network: nn.Module = model.network
        #: Logit of presence in the tile that came last; None where the network does not ask.
        self.presence: float | None = None
        if device != model.device:
            self._network = copy.deepcopy(model.network).to(device)

    def __call__(self, image: Tensor) -> Parameters:
        """Mean, factor and deviation of (channels, *tile); ModelError if one is not finite.

        What the network says of presence stays in `presence`.
        """
        # Last, so that what stops a layer does so before its threads are fewer.
        whole = nullcontext() if self._divided else undivided(self._network)
        with torch.inference_mode(), stoppable(self._network, self._cancel), whole:
            parameters = self._network(image[None].to(self._device))
            mean, factor, diag, *present = parameters
            found = Parameters(mean[0], factor[0], diag[0].sqrt())
            # The extremes are NaN where anything is, and cost one pass.
            extremes = [torch.stack(part.aminmax()) for part in found]
            for there in present:
                extremes.append(there)
                self.presence = float(there[0])
            if not bool(torch.cat(extremes).isfinite().all()):
                raise ModelError(f"{self._title} gave values that are not finite on this image.")
        return found


@contextmanager
def stoppable(network: nn.Module, cancel: Cancel) -> Iterator[None]:
    """Look before every layer of a network whether to stop, and raise `Cancelled` then."""
    if cancel is NEVER:
        yield
        return

    def look(*_: object) -> None:
        cancel.check()

    with ExitStack() as hooks:
        for layer in network.modules():
            if not any(layer.children()):
                hooks.enter_context(layer.register_forward_pre_hook(look))
        yield


def is_full(error: RuntimeError) -> bool:
    """Whether an error of torch says that a device's memory is full."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    # Apple's GPU and the CPU have no class of their own for it.
    return "out of memory" in text or "can't allocate memory" in text


def full(device: torch.device) -> DeviceError:
    """What is said when nothing smaller is left to try."""
    place = "computer" if device.type == "cpu" else "GPU"
    return DeviceError(f"The {place}'s memory is full: choose a region around a point.")
