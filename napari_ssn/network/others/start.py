"""A network of others as the beginning of an SSN: its outline is the mean that training starts at.

The last layer of the network is widened by `MORE` channels, which the stochastic heads see beside
its logits; the head of the mean copies the logits. So the mean is, before the first step, what the
network itself says, and P is as small as in every SSN that has learnt nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from napari_ssn.documents.architecture import Architecture
from napari_ssn.errors import NEVER, Cancel, DataError, ModelError
from napari_ssn.network.building import build_network, unique_state
from napari_ssn.network.others.bundle import Bundle
from napari_ssn.network.others.folders import read_folder
from napari_ssn.network.others.networks import load_weights
from napari_ssn.network.others.nnunet import READERS, NnuNet
from napari_ssn.network.others.weights import Reader
from napari_ssn.network.ssn import CentreGuided

#: Channels beside the logits.
MORE = 32
# How far the mean may be from what the network says, relative to the largest of its logits.
_ROUNDED = 1e-3
_RANK = 10
# Ways of scaling intensities that a card has, too.
_WAYS = {
    "ZScoreNormalization": "standardise",
    "NormalizeIntensity": "standardise",
    "RescaleTo01Normalization": "stretch",
    "ScaleIntensity": "stretch",
}
_OTHERWISE = (
    "Its images were scaled by {what}, and here they are scaled otherwise: that is learnt anew."
)
_One = TypeVar("_One")


@dataclass(frozen=True, eq=False)
class Start:
    """A network of others, turned onto the axes of an image's file.

    Attributes:
        kind: ``nnU-Net 2`` or ``MONAI``.
        name: what it is called: the fold, where there are several.
        architecture: of an SSN on top of it.
        channels, labels: names of those that it reads and outlines.
        region: windows that it was trained on.
        look: of a card: ``normalisation``, ``window_hu`` and ``orientation``, as far as it was
            trained on images that look so.
        spacing_mm: of the voxels that it was trained on; None where it does not say.
        sums: sha256 of its weights and of the texts of the folder.
        notes: what a person should know.
        outputs: logits that it gives; one alone is that of its label.
    """

    kind: str
    name: str
    architecture: Architecture
    channels: tuple[str, ...]
    labels: tuple[str, ...]
    region: tuple[int, ...]
    look: dict[str, Any]
    spacing_mm: tuple[float, ...] | None
    sums: tuple[str, str]
    notes: tuple[str, ...]
    outputs: int
    _network: nn.Module
    # Of its own axes, which of the file's each of them is.
    _order: tuple[int, int, int]

    def state(self, architecture: Architecture, labels: Sequence[str]) -> dict[str, Tensor]:
        """Tensors of an SSN that starts from it, of the backbone and the head of the mean.

        Args:
            architecture: of the SSN; its backbone is this one's.
            labels: that it is to outline; where they are others the head starts from nothing.

        Raises:
            ModelError: the network does not say in there what it says alone.
        """
        with torch.random.fork_rng():
            # What stands beside the logits is the same in every process.
            torch.manual_seed(0)
            made = build_network(architecture, len(self.channels), len(labels), 3).eval()
        guided = isinstance(made.backbone, CentreGuided)
        inner: Any = made.backbone.backbone if guided else made.backbone
        theirs, turned = self._network.state_dict(), _transposing(inner)
        own = unique_state(inner)
        if not own.keys() <= theirs.keys():
            raise ModelError("The network of the folder is another one than its texts say.")
        taken = {
            name: _widened(mine, _along(theirs[name], self._order), name in turned)
            for name, mine in own.items()
        }
        inner.load_state_dict(taken, strict=False)
        self._check(inner, len(self.channels) + guided)
        lead = "backbone.backbone" if guided else "backbone"
        out = {f"{lead}.{name}": tensor for name, tensor in taken.items()}
        if tuple(labels) == self.labels:
            weight: Any = torch.zeros_like(made.mean.weight)
            for row in range(self.outputs):
                # One logit alone is that of the label, beside 0 of the background.
                weight[row + len(labels) - self.outputs, row] = 1
            out |= {"mean.weight": weight, "mean.bias": torch.zeros(len(labels))}
        return out

    def _check(self, backbone: nn.Module, channels: int) -> None:
        """ModelError unless the first channels are the logits of the network alone."""
        generator = torch.Generator().manual_seed(0)
        back = [2 + self._order.index(axis) for axis in range(3)]
        there = [2 + axis for axis in self._order]
        for parts in (4, 2, 1):
            size = [max(1, length // parts) for length in self.region]
            image = torch.randn(1, channels, *size, generator=generator)
            seen = image[:, : len(self.channels)].permute(0, 1, *there)
            try:
                with torch.inference_mode():
                    wanted = self._network(seen).permute(0, 1, *back)
                    found = backbone(image)[:, : wanted.shape[1]]
            except (RuntimeError, ValueError, TypeError, IndexError):
                # Too small for as often as it halves: a larger one is tried.
                continue
            off, most = float((found - wanted).abs().max()), float(wanted.abs().max())
            if found.shape == wanted.shape and off <= _ROUNDED * max(1.0, most):
                return
            break
        raise ModelError(
            "The network of the folder cannot be started from: with more channels it does not say "
            "what it says alone."
        )


def read_start(path: Path, channels: Sequence[str], cancel: Cancel = NEVER) -> Start:
    """The first network of a model folder of nnU-Net, or of a bundle.

    Args:
        path: of the folder.
        channels: that the data has.
        cancel: looked at while it is read.

    Raises:
        ModelError: the folder is not run here, or its network reads slices.
        DataError: the network reads another number of channels.
    """
    folder = read_folder(path, cancel)
    plan = folder.plan
    if len(plan.channels) != len(channels):
        raise DataError(
            f"The network to start from reads {len(plan.channels)} channels "
            f"({', '.join(plan.channels)}), and the data has {len(channels)}."
        )
    weights = folder.first
    if weights is None:
        with Reader(cancel) as reader:
            weights = reader.read(folder.weights[0][0])
    network = plan.build().eval()
    load_weights(network, weights)
    told = _of_nnunet(plan) if isinstance(plan, NnuNet) else _of_bundle(plan)
    fold, notes = folder.weights[0][1], told.notes
    if len(folder.weights) > 1:
        notes = (f"Of its {len(folder.weights)} networks that of fold {fold} is taken.", *notes)
    architecture = Architecture.model_validate(
        {"backbone": told.name, "arguments": told.arguments, "features": plan.outputs + MORE}
        | {"rank": _RANK}
    )
    return Start(
        plan.kind,
        "the network" if fold is None else f"fold {fold}",
        architecture,
        plan.channels,
        plan.labels,
        told.region,
        told.look,
        told.spacing_mm,
        (folder.sums[0], folder.plan_sha256),
        notes,
        plan.outputs,
        network,
        told.order,
    )


class _Told(NamedTuple):
    """What a folder says of its network and its images; see `Start`."""

    name: str
    arguments: dict[str, Any]
    region: tuple[int, ...]
    look: dict[str, Any]
    spacing_mm: tuple[float, ...] | None
    order: tuple[int, int, int]
    notes: tuple[str, ...]


def _of_nnunet(plan: NnuNet) -> _Told:
    config, told = plan.config, plan.config.architecture
    if len(config.patch_size) != 3 or len(config.spacing) != 3:
        raise ModelError(
            "The network to start from reads slices: choose a folder of a 3D configuration."
        )
    # Programs of nnU-Net's see the file's axes backwards, and then in the order of the plans.
    first, second, third = (2 - axis for axis in plan.plans.transpose_forward)
    order = (first, second, third)
    arguments = dict(told.arch_kwargs)
    for key in ("kernel_sizes", "strides"):
        arguments[key] = [
            _turned(one, order) if isinstance(one, list) and len(one) == 3 else one
            for one in arguments.get(key, [])
        ]
    reorients = READERS[plan.plans.image_reader_writer]
    look: dict[str, Any] = {"orientation": "RAS"} if reorients else {}
    schemes = set(config.normalization_schemes)
    intensities = plan.plans.foreground_intensity_properties_per_channel.get("0")
    if schemes == {"CTNormalization"} and len(plan.channels) == 1 and intensities is not None:
        window = (intensities.percentile_00_5, intensities.percentile_99_5)
        look |= {"normalisation": "hu", "window_hu": window}
    elif len(schemes) == 1 and (way := _WAYS.get(*schemes)) is not None:
        look |= {"normalisation": way}
    return _Told(
        told.network_class_name.rpartition(".")[2],
        arguments,
        tuple(_turned(config.patch_size, order)),
        look,
        tuple(_turned(config.spacing, order)),
        order,
        () if "normalisation" in look else (_OTHERWISE.format(what=" and ".join(sorted(schemes))),),
    )


def _of_bundle(plan: Bundle) -> _Told:
    beside = ("in_channels", "out_channels", "spatial_dims", "dimensions")
    arguments = {key: one for key, one in plan.arguments.items() if key not in beside}
    if plan.name == "DynUNet":
        # Of no matter once it is trained, and another output while it is.
        arguments = {key: one for key, one in arguments.items() if not key.startswith("deep_supr")}
        arguments["deep_supervision"] = False
    look: dict[str, Any] = {}
    spacing, scaled = None, ""
    for name, given in plan.changes:
        if name == "Orientation" and isinstance(given.get("axcodes"), str):
            look["orientation"] = given["axcodes"]
        sizes = given.get("pixdim")
        if name == "Spacing" and isinstance(sizes, list) and len(sizes) == 3:
            spacing = tuple(float(one) for one in sizes)
        if name in _WAYS:
            look["normalisation"] = _WAYS[name]
        if name == "ScaleIntensityRange":
            scaled = name
            if "CT" in plan.modality.upper():
                window = (float(given["a_min"]), float(given["a_max"]))
                look |= {"normalisation": "hu", "window_hu": window}
    known = "normalisation" in look or not scaled
    return _Told(
        plan.name,
        arguments,
        tuple(plan.window or ()),
        look,
        spacing,
        (0, 1, 2),
        () if known else (_OTHERWISE.format(what=scaled),),
    )


def _turned(values: Sequence[_One], order: tuple[int, int, int]) -> list[_One]:
    """One value an axis of the network's, in the order of the file's axes."""
    return [values[order.index(axis)] for axis in range(3)]


def _along(weight: Tensor, order: tuple[int, int, int]) -> Tensor:
    """A kernel of the network's axes on the file's."""
    if weight.ndim != 5:
        return weight
    return weight.permute(0, 1, *(2 + order.index(axis) for axis in range(3)))


def _transposing(network: nn.Module) -> set[str]:
    """Names of weights whose first axis is of what comes in."""
    kinds = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    return {f"{name}.weight" for name, one in network.named_modules() if isinstance(one, kinds)}


def _widened(mine: Tensor, theirs: Tensor, transposing: bool) -> Tensor:
    """Weights of more channels, of which the first ones do what they did.

    What comes in anew says nothing to what was there before.
    """
    if mine.ndim != theirs.ndim or any(
        m < t for m, t in zip(mine.shape, theirs.shape, strict=True)
    ):
        raise ModelError("The network of the folder is another one than its texts say.")
    out = mine.clone()
    if out.ndim > 1:
        first, second = theirs.shape[:2]
        if transposing:
            out[first:, :second] = 0
        else:
            out[:first, second:] = 0
    out[tuple(slice(length) for length in theirs.shape)] = theirs
    return out
