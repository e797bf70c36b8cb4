"""Bundles of MONAI: what of them is taken, and what is refused.

Taken are a network of `NETWORKS`, with plain arguments; of the preprocessing orientation, voxel
size and scaling of intensities; of the inferer the windows; of the postprocessing whether labels
exclude each other; the names of channels and labels; and along which axes the training mirrored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from napari_ssn.documents.architecture import MonaiNetwork, check_numbers
from napari_ssn.documents.bundle import Config, Table, target_of
from napari_ssn.errors import Cancel, ModelError
from napari_ssn.geometry.arrays import Array, Between
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.forward import stoppable
from napari_ssn.network.library import check_parts
from napari_ssn.network.others.nnunet import softmax
from napari_ssn.network.others.window import View, mean_of_views
from napari_ssn.network.tracking import tracking

#: Networks of monai.networks.nets that a bundle may name.
NETWORKS: tuple[str, ...] = get_args(MonaiNetwork)
# Of the preprocessing: what only brings the image into memory, and what changes it, with the
# arguments that are taken.
_NOTHING_TO_DO = {"LoadImage", "EnsureChannelFirst", "EnsureType", "ToTensor", "CastToType"}
_TAKEN = {
    "Orientation": {"axcodes"},
    "Spacing": {"pixdim", "mode"},
    "ScaleIntensityRange": {"a_min", "a_max", "b_min", "b_max", "clip"},
    "ScaleIntensity": {"minv", "maxv"},
    "NormalizeIntensity": {"nonzero", "channel_wise", "subtrahend", "divisor"},
}
# What MONAI has to be told lest it warn of another meaning of before.
_MEANT: dict[str, Table] = {"Orientation": {"labels": None}}
# Said of any transform, and of no matter here.
_ABOUT = {"_target_", "_desc_", "_disabled_", "_requires_", "keys", "allow_missing_keys", "dtype"}
_INFERERS = ("SlidingWindowInferer", "SlidingWindowInfererAdapt", "SimpleInferer")


@dataclass(frozen=True, eq=False)
class Seen:
    """An image as the network sees it, and the way back.

    Attributes:
        data: (channels, *nodes), with its affine (MONAI's MetaTensor).
        volume: the image.
        moved: whether its grid is another than the image's.
    """

    data: Any
    volume: Volume
    moved: bool


class Bundle:
    """What a bundle says, checked: how an image is prepared, and what network sees it.

    Args:
        inference, metadata: its texts.

    Attributes:
        name, arguments: of the network.
        outputs: logits that it gives; one alone is that of its label.
        labels, channels: their names.
        changes: name and arguments of what is done to an image.
        window: that the network sees at once; None for the whole.
        modality: of the image; empty where it does not say.

    Raises:
        ModelError: they ask for what is not taken.
    """

    kind: Literal["MONAI"] = "MONAI"

    def __init__(self, inference: Config, metadata: Config) -> None:
        told = inference.part("network_def", "net", "network")
        if told is None or not str(told.get("_target_", "")):
            raise ModelError("The inference.json of the bundle says no network (network_def).")
        named = str(told["_target_"])
        self.name = named.rpartition(".")[2]
        if self.name not in NETWORKS or not (
            named == self.name or named.startswith("monai.networks.nets.")
        ):
            raise ModelError(
                f"The network of the bundle is “{named[:60]}”, which is not run: networks of "
                f"monai.networks.nets are ({', '.join(NETWORKS)})."
            )
        plain = {key: one for key, one in told.items() if not key.startswith("_")}
        self.arguments: Table = inference.value(plain)
        try:
            check_numbers(self.arguments)
            channels, classes = (int(self.arguments[f"{way}_channels"]) for way in ("in", "out"))
        except (ValueError, KeyError, TypeError):
            raise ModelError("The network of the bundle has arguments that are none.") from None
        if self.arguments.get("spatial_dims", self.arguments.get("dimensions", 3)) != 3:
            raise ModelError("The network of the bundle reads slices, and volumes are read here.")
        self.outputs, self._single = classes, classes == 1
        self.modality = _modality(metadata)
        self._check_activation(inference, classes)
        self.channels = _names(metadata, "inputs", "image", channels) or tuple(
            f"channel {k}" for k in range(1, channels + 1)
        )
        named_labels = _names(metadata, "outputs", "pred", classes)
        if self._single:
            self.labels: tuple[str, ...] = ("background", (named_labels or ("label 1",))[0])
        else:
            rest = (f"label {k}" for k in range(1, classes))
            self.labels = named_labels or ("background", *rest)
        self.changes = [
            (target_of(one), _arguments_of(one, inference))
            for one in inference.steps("preprocessing")
            if target_of(one) not in _NOTHING_TO_DO
        ]
        self.window, self._overlap, self._mode = _windows_of(inference)

    def _check_activation(self, inference: Config, classes: int) -> None:
        steps = inference.steps("postprocessing")
        alone = any(target_of(one) == "Activations" and one.get("sigmoid") is True for one in steps)
        if alone and classes > 1:
            raise ModelError("The labels of the bundle are regions that overlap: not read.")

    def build(self) -> nn.Module:
        """The network, without weights; ModelError if it cannot be built."""
        check_parts(self.name)
        kind: Any = getattr(_monai().networks.nets, self.name)
        try:
            network: nn.Module = kind(**self.arguments)
        except (TypeError, ValueError, KeyError, AssertionError, IndexError, RuntimeError):
            raise ModelError("The bundle says a network that cannot be built.") from None
        return network

    def prepare(self, volume: Volume) -> Seen:
        """An image as the network sees it; ModelError if it is none that it reads."""
        if len(volume.space) != 3:
            raise ModelError("The network of the bundle reads volumes, and the image is one slice.")
        monai = _monai()
        data = monai.data.MetaTensor(
            torch.from_numpy(np.array(volume.data)), torch.tensor(volume.affine)
        )
        with tracking(True):
            for name, arguments in self.changes:
                change = getattr(monai.transforms, name)
                try:
                    data = change(**arguments, **_MEANT.get(name, {}))(data)
                except (TypeError, ValueError, RuntimeError):
                    raise ModelError(
                        f"The bundle prepares images by {name} in a way that does not fit this one."
                    ) from None
        near = np.allclose(data.affine.numpy(), volume.affine, atol=1e-4)
        moved = not near or tuple(data.shape[1:]) != volume.space
        return Seen(data, volume, moved)

    def windows(self, prepared: Seen) -> int:
        """How many windows the network sees of an image."""
        if self.window is None:
            return 1
        count = 1
        for length, size in zip(prepared.data.shape[1:], self.window, strict=True):
            apart = max(1, int(size * (1 - self._overlap)))
            count *= max(1, math.ceil((length - size) / apart) + 1)
        return count

    def run(
        self,
        network: nn.Module,
        prepared: Seen,
        views: tuple[View, ...],
        step: Between,
        cancel: Cancel,
    ) -> Array:
        """Probabilities on the image's own grid, (C, *S) at half precision: a mean over views."""
        monai = _monai()

        def predict(part: Tensor) -> Tensor:
            found = mean_of_views(network, part, views)
            step()
            return found

        device = next(network.parameters()).device
        data = prepared.data.as_tensor()[None]
        try:
            with torch.inference_mode(), stoppable(network, cancel):
                if self.window is None:
                    logits = predict(data.to(device)).cpu()
                else:
                    logits = monai.inferers.sliding_window_inference(
                        *(data, self.window, 1, predict, self._overlap, self._mode),
                        sw_device=device,
                        device="cpu",
                    )
        except (RuntimeError, ValueError, AttributeError, TypeError) as error:
            if "out of memory" in str(error).lower():
                raise
            raise ModelError(
                "The network of the bundle cannot take this image with the windows it states."
            ) from None
        count = 1 if self._single else len(self.labels)
        if logits.shape != (1, count, *data.shape[2:]) or not bool(logits.isfinite().all()):
            raise ModelError("The network of the bundle gives no finite logits of its labels.")
        found = logits[0]
        if self._single:
            found = torch.cat([torch.zeros_like(found), found])
        probabilities = softmax(found)
        if not prepared.moved:
            return probabilities.numpy()
        volume = prepared.volume
        back = monai.transforms.SpatialResample(
            mode="bilinear", padding_mode="border", dtype=torch.float32
        )
        out = np.empty((len(probabilities), *volume.space), np.float16)
        with tracking(True):
            for one, label in zip(out, probabilities, strict=True):
                cancel.check()
                placed = monai.data.MetaTensor(label[None].float(), prepared.data.affine)
                one[...] = back(placed, torch.tensor(volume.affine), volume.space)[0].numpy()
        return out


def _monai() -> Any:
    # It takes seconds to import.
    return import_module("monai")


def mirrored_axes(training: Config | None) -> tuple[int, ...]:
    """Axes along which a bundle's own training mirrored at random; none where it does not say."""
    axes: set[int] = set()
    for one in () if training is None else training.every():
        if target_of(one) == "RandAxisFlip":
            axes |= {0, 1, 2}
        if target_of(one) == "RandFlip":
            told = one.get("spatial_axis", [0, 1, 2])
            listed = told if isinstance(told, list) else [0, 1, 2] if told is None else [told]
            axes |= {axis for axis in listed if type(axis) is int and 0 <= axis <= 2}
    return tuple(sorted(axes))


def _modality(metadata: Config) -> str:
    found: Any = metadata.told
    for name in ("network_data_format", "inputs", "image", "modality"):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def _names(metadata: Config, way: str, what: str, count: int) -> tuple[str, ...] | None:
    """Names of channels or labels; None where there are not so many."""
    found: Any = metadata.told
    for name in ("network_data_format", way, what, "channel_def"):
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, dict) or set(found) != {str(k) for k in range(count)}:
        return None
    return tuple(str(found[str(k)])[:64] or str(k) for k in range(count))


def _arguments_of(told: Table, inference: Config) -> Table:
    """Arguments of a transform that is taken; ModelError for any other."""
    name = target_of(told)
    if name not in _TAKEN:
        raise ModelError(
            f"The bundle prepares images by “{str(told.get('_target_'))[:60]}”, which is not "
            f"taken: {', '.join(_TAKEN)} are."
        )
    found = {key: one for key, one in told.items() if key not in _ABOUT}
    if others := sorted(set(found) - _TAKEN[name]):
        raise ModelError(
            f"The bundle prepares images by {name} with “{others[0][:40]}”, which is not taken: "
            f"{', '.join(sorted(_TAKEN[name]))} are."
        )
    plain: Table = inference.value(found)
    if isinstance(plain.get("mode"), list) and plain["mode"]:
        # One for each key, the image's first.
        plain["mode"] = plain["mode"][0]
    return plain


def _windows_of(inference: Config) -> tuple[list[int] | None, float, str]:
    """Size of the windows, how far they overlap and how they are weighted; no size for one."""
    told = inference.part("inferer")
    if told is None:
        raise ModelError("The inference.json of the bundle says no inferer.")
    name = target_of(told)
    if name not in _INFERERS:
        raise ModelError(
            f"The inferer of the bundle is “{name[:60]}”, which is not known here: "
            f"{', '.join(_INFERERS)} are."
        )
    if name == "SimpleInferer":
        return None, 0.0, "constant"
    size = inference.value(told.get("roi_size"))
    overlap = inference.value(told.get("overlap", 0.25))
    mode = inference.value(told.get("mode", "constant"))
    if not (
        isinstance(size, list)
        and len(size) == 3
        and all(type(n) is int and 0 < n <= 4096 for n in size)
        and isinstance(overlap, int | float)
        and 0 <= overlap < 1
        and mode in ("constant", "gaussian")
    ):
        raise ModelError("The inferer of the bundle has no windows of three sizes and an overlap.")
    return size, float(overlap), mode
