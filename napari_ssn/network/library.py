"""Networks of libraries of others: nnU-Net's own, by the arguments that its plans state.

And what MONAI's networks need that MONAI does not bring.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from torch import nn

from napari_ssn.errors import ModelError

#: Networks that plans may name.
UNETS = ("PlainConvUNet", "ResidualEncoderUNet", "ResidualUNet")
# What of torch their arguments may name.
_CLASSES = {
    *(
        f"{kind}{dims}d"
        for kind in ("Conv", "InstanceNorm", "BatchNorm", "Dropout")
        for dims in "23"
    ),
    *("LeakyReLU", "ReLU", "ELU", "GELU", "SiLU", "PReLU", "Mish"),
}
# Networks of MONAI's that are made of another package's parts.
_EINOPS = ("SwinUNETR", "UNETR")
_LIBRARY = (
    "A model of nnU-Net needs its networks: pip install 'napari-ssn[nnunet]', or "
    "dynamic-network-architectures alone."
)
_CANNOT = "The plans.json says a network that cannot be built."


def build_unet(
    name: str, told: Mapping[str, Any], classes_in: Iterable[str], channels: int, classes: int
) -> nn.Module:
    """A network, without weights; ModelError for any other, and where it cannot be built.

    Args:
        name: one of `UNETS`.
        told: its arguments.
        classes_in: those of the arguments that name a class of torch.
        channels, classes: that it reads and gives.
    """
    try:
        # An extra; torch is all that these of its networks need.
        unet = import_module("dynamic_network_architectures.architectures.unet")
    except ImportError:
        raise ModelError(_LIBRARY) from None
    if name not in UNETS:
        raise ModelError(
            f"Its network is “{name[:60]}”, which is not known here: {', '.join(UNETS)} are."
        )
    arguments = dict(told)
    for key in classes_in:
        if arguments.get(key) is not None:
            arguments[key] = _class_of(arguments[key])
    strides = np.array(arguments.get("strides", [1]))
    if strides.dtype.kind != "i" or math.prod(strides.shape) > 64:
        raise ModelError(_CANNOT)
    arguments |= {"deep_supervision": False}
    kind: Any = getattr(unet, name)
    try:
        network: nn.Module = kind(input_channels=channels, num_classes=classes, **arguments)
    except (TypeError, ValueError, KeyError, IndexError, AssertionError, RuntimeError):
        raise ModelError(_CANNOT) from None
    return network


def check_parts(name: str) -> None:
    """ModelError where a network of MONAI's is made of a package that is not there."""
    if name in _EINOPS and find_spec("einops") is None:
        raise ModelError(f"The network {name} needs the package einops: pip install einops.")


def backbone_of(
    name: str, *, spatial_dims: int, in_channels: int, out_channels: int, **arguments: Any
) -> nn.Module:
    """A network as the backbone of an SSN, as a card states it.

    What its decoder says on the way, to be taught deeply, is left out: a card's network has no
    weights that nothing hangs on.
    """
    named = [key for key, value in arguments.items() if isinstance(value, str)]
    network = build_unet(name, arguments, named, in_channels, out_channels)
    decoder: Any = network.decoder
    for at in range(len(decoder.seg_layers) - 1):
        decoder.seg_layers[at] = nn.Identity()
    return network


def _class_of(name: Any) -> type[nn.Module]:
    lead, _, last = str(name).rpartition(".")
    if not (lead == "torch.nn" or lead.startswith("torch.nn.modules")) or last not in _CLASSES:
        raise ModelError(f"Its network is made of “{str(name)[:60]}”, which is not known here.")
    found: type[nn.Module] = getattr(nn, last)
    return found
