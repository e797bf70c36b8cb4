"""From an architecture in words to a network."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import torch

from napari_ssn.documents.card import Architecture
from napari_ssn.errors import ModelError
from napari_ssn.network import library, strided, unet
from napari_ssn.network.inflated import SliceUNet
from napari_ssn.network.ssn import SSN, CentreGuided
from napari_ssn.network.strided import StridedUNet
from napari_ssn.network.unet import UNet


def build_network(architecture: Architecture, channels: int, classes: int, dims: int) -> SSN:
    """Build the network a card describes, with random weights."""
    guided = architecture.centre_radius is not None
    try:
        backbone: torch.nn.Module = _kind(architecture)(
            spatial_dims=dims,
            in_channels=channels + guided,
            out_channels=architecture.features,
            **architecture.arguments,
        )
    except (TypeError, ValueError, KeyError, AssertionError) as error:
        raise ModelError(
            f"The network {architecture.backbone} cannot be built from the card: {error}."
        ) from error
    if architecture.centre_radius is not None:
        backbone = CentreGuided(backbone, architecture.centre_radius)
    return SSN(
        backbone,
        architecture.features,
        classes,
        architecture.rank,
        dims,
        architecture.covariance,
        architecture.scales,
        architecture.presence,
        architecture.radius_of(dims),
        architecture.offset_columns,
    )


def _kind(architecture: Architecture) -> Any:
    """Class of a backbone: one of ours, or MONAI's, which takes seconds to import."""
    if architecture.backbone == SliceUNet.__name__:
        return SliceUNet
    given = architecture.arguments
    ours = given.keys() <= {"features", "norm"} and unet.knows(given.get("norm", "instance"))
    if architecture.backbone == "BasicUNet" and ours:
        return UNet
    if architecture.backbone == "DynUNet" and strided.knows(given):
        return StridedUNet
    if architecture.backbone in library.UNETS:
        return partial(library.backbone_of, architecture.backbone)
    library.check_parts(architecture.backbone)
    # MONAI takes seconds to import, and the shipped models do without.
    from monai.networks import nets

    return getattr(nets, architecture.backbone)


def check_network(network: SSN, channels: int, size: tuple[int, ...]) -> None:
    """ModelError if a network cannot take a region of a size; nothing is computed.

    Networks that halve their grid several times fail late and in words of their own on sizes
    they cannot halve.
    """
    backbone: Any = network.backbone
    if isinstance(backbone, CentreGuided):
        backbone = backbone.backbone
    if isinstance(backbone, UNet | SliceUNet | StridedUNet):
        made = tuple(size) if backbone.takes(size) else None
    else:
        made = made_of(network, channels, size)
    shown = " × ".join(map(str, size))
    if made is None:
        raise ModelError(
            f"The network cannot take {shown} voxels: it halves them more often than that allows."
        )
    if made != tuple(size):
        raise ModelError(f"The network makes {' × '.join(map(str, made))} voxels of {shown}.")


def made_of(network: SSN, channels: int, size: tuple[int, ...]) -> tuple[int, ...] | None:
    """What a network makes of a region of a size, by a trial without values; None if it fails.

    The first trial takes seconds: torch imports its compiler.
    """
    # Tensors on "meta" have a shape and no values.
    trial = copy.deepcopy(network).to("meta")
    try:
        mean = trial(torch.empty(2, channels, *size, device="meta")).mean
    except (RuntimeError, ValueError, TypeError, IndexError):
        # Their words are about tensors.
        return None
    return tuple(mean.shape[2:])


def unique_state(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """State of a module with every tensor under its first name only.

    MONAI's DynUNet registers its layers twice, and what is listed twice must be neither written
    nor averaged twice.
    """
    seen: set[int] = set()
    found = {}
    for name, value in module.state_dict().items():
        if value.numel() and value.data_ptr() in seen:
            continue
        seen.add(value.data_ptr())
        found[name] = value
    return found
