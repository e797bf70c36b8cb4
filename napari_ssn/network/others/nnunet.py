"""Model folders of nnU-Net v2: the network of their plans, and an image as it was trained on.

Source: nnU-Net v2 (Isensee et al., Nature Methods 2021): ``default_preprocessor.py``,
``export_prediction.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, find_objects
from torch import Tensor, nn

from napari_ssn.core.tensors import tensor_of
from napari_ssn.documents.nnunet import DataSet, Intensities, Network, Plans
from napari_ssn.errors import Cancel, ImageError, ModelError
from napari_ssn.geometry.orientation import Reorientation, named_directions
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.others.resampling import check_resampling, new_shape, resampled
from napari_ssn.network.others.window import View, count_windows, slide

Array = NDArray[Any]

# Networks of nnU-Net's own library that plans may name, and what of torch their arguments may.
_UNETS = ("PlainConvUNet", "ResidualEncoderUNet", "ResidualUNet")
_CLASSES = {
    *(
        f"{kind}{dims}d"
        for kind in ("Conv", "InstanceNorm", "BatchNorm", "Dropout")
        for dims in "23"
    ),
    *("LeakyReLU", "ReLU", "ELU", "GELU", "SiLU", "PReLU", "Mish"),
}
_SMALL = 1e-8
_READERS = {
    "SimpleITKIO": False,
    "NibabelIO": False,
    "NibabelIOWithReorient": True,
}
_LIBRARY = (
    "A model of nnU-Net needs its networks: pip install 'napari-ssn[nnunet]', or "
    "dynamic-network-architectures alone."
)


@dataclass(frozen=True)
class Prepared:
    """An image as the network sees it, and the way back.

    Attributes:
        data: (channels, *nodes) float32.
        turn: of the image's axes before anything else.
        box: part of the turned grid that is not zero everywhere.
        whole: shape of that grid.
        spacing_mm: of it.
    """

    data: Array
    turn: Reorientation
    box: tuple[slice, ...]
    whole: tuple[int, ...]
    spacing_mm: tuple[float, ...]


class NnuNet:
    """What plans say, checked: how an image is prepared, and what network sees it.

    Args:
        plans, data_set: of the model folder.

    Raises:
        ModelError: they ask for what is not known here.
    """

    kind: Literal["nnU-Net 2"] = "nnU-Net 2"

    def __init__(self, plans: Plans, data_set: DataSet) -> None:
        config = plans.configuration
        self.plans, self.config, self.data_set = plans, config, data_set
        self.labels = tuple(data_set.labels)
        self.channels = tuple(data_set.channels)
        if plans.image_reader_writer not in _READERS:
            raise ModelError(
                f"Its plans read images with “{plans.image_reader_writer[:60]}”, which is not "
                f"known here: {', '.join(sorted(_READERS))} are."
            )
        if config.previous_stage is not None:
            raise ModelError("It is the second stage of a cascade, which is not run here.")
        if config.preprocessor_name != "DefaultPreprocessor":
            raise ModelError(
                f"Its images are prepared by “{config.preprocessor_name[:60]}”, which is not known "
                "here."
            )
        check_resampling(config.resampling_fn_data, config.resampling_fn_data_kwargs)
        check_resampling(
            config.resampling_fn_probabilities, config.resampling_fn_probabilities_kwargs
        )
        forward, back = plans.transpose_forward, plans.transpose_backward
        fits = (
            len(config.normalization_schemes) == len(config.use_mask_for_norm) == len(self.channels)
            and sorted(forward) == [0, 1, 2] == [forward[axis] for axis in back]
            and len(config.spacing) == len(config.patch_size)
        )
        if not fits:
            raise ModelError("The plans.json contradicts itself or the dataset.json.")
        for channel, scheme in enumerate(config.normalization_schemes):
            self._normaliser(channel, scheme)

    def build(self) -> nn.Module:
        """The network, without weights; ModelError if it cannot be built."""
        return _built(self.config.architecture, len(self.channels), len(self.labels))

    def windows(self, prepared: Prepared) -> int:
        """How many windows the network sees of an image."""
        return count_windows(prepared.data.shape[1:], self.config.patch_size)

    def prepare(self, volume: Volume) -> Prepared:
        """An image as the network sees it; ModelError if it is none that the model reads."""
        if len(volume.space) != 3:
            raise ModelError("A model of nnU-Net reads volumes here, and the image is one slice.")
        # Programs of nnU-Net's see the file's axes backwards: (z, y, x).
        stored = Reorientation.identity(3)
        if _READERS[self.plans.image_reader_writer]:
            stored = Reorientation.along(volume.affine, named_directions("RAS"))
        order = [stored.order[2 - axis] for axis in self.plans.transpose_forward]
        flip = [stored.flip[2 - axis] for axis in self.plans.transpose_forward]
        turn = Reorientation(tuple(order), tuple(flip))
        data = turn.apply(volume.data)
        spacing = tuple(volume.spacing_mm[axis] for axis in turn.order)
        mask = binary_fill_holes((data != 0).any(axis=0))
        found = find_objects(mask.astype(np.uint8))
        if not found:
            raise ImageError("The image is zero everywhere.")
        box, whole = found[0], data.shape[1:]
        mask = mask[box]
        cut = np.array(data[(slice(None), *box)], np.float32, order="C")
        for channel, scheme in enumerate(self.config.normalization_schemes):
            masked = mask if self.config.use_mask_for_norm[channel] else None
            self._normaliser(channel, scheme)(cut[channel], masked)
        there = self._spacing(spacing)
        name, how = self.config.resampling_fn_data, self.config.resampling_fn_data_kwargs
        shape = new_shape(cut.shape[1:], spacing, there)
        if min(shape) < 1:
            raise ModelError("The image is thinner than a voxel of the model.")
        made = resampled(cut, shape, spacing, there, name, how)
        return Prepared(made, turn, box, whole, spacing)

    def run(
        self,
        network: nn.Module,
        prepared: Prepared,
        views: tuple[View, ...],
        step: Callable[[], None],
        cancel: Cancel,
    ) -> Array:
        """Probabilities on the image's own grid, (C, *S) at half precision: a mean over views."""
        data = tensor_of(prepared.data)
        size, count = self.config.patch_size, len(self.labels)
        logits = slide(network, data, size, count, views, step, cancel.asked).numpy()
        return self.back(logits, prepared, cancel)

    def back(self, logits: Array, prepared: Prepared, cancel: Cancel) -> Array:
        """Probabilities on the image's own grid of logits on that of the network."""
        cancel.check()
        shape = tuple(part.stop - part.start for part in prepared.box)
        here, config = self._spacing(prepared.spacing_mm), self.config
        name, how = config.resampling_fn_probabilities, config.resampling_fn_probabilities_kwargs
        near = resampled(logits, shape, here, prepared.spacing_mm, name, how)
        cancel.check()
        out = np.zeros((len(logits), *prepared.whole), np.float16)
        out[0] = 1
        out[(slice(None), *prepared.box)] = softmax(torch.from_numpy(near)).numpy()
        return prepared.turn.undo(out)

    def _spacing(self, own: tuple[float, ...]) -> tuple[float, ...]:
        """Of the network's grid; a network of two axes leaves the slices where they are."""
        wanted = tuple(self.config.spacing)
        return wanted if len(wanted) == 3 else (own[0], *wanted)

    def _normaliser(self, channel: int, scheme: str) -> Callable[[Array, Array | None], None]:
        """Changes the intensities of a channel in place, as a scheme of nnU-Net's does."""
        if scheme == "CTNormalization":
            told = self.plans.foreground_intensity_properties_per_channel.get(str(channel))
            if told is None:
                raise ModelError("The plans.json does not say the intensities of a channel.")
            known: Intensities = told
            return lambda values, mask: _ct(values, known)
        if scheme not in _SCHEMES:
            raise ModelError(
                f"Its plans scale intensities by “{scheme[:60]}”, which is not known here: "
                f"{', '.join(['CTNormalization', *_SCHEMES])} are."
            )
        return _SCHEMES[scheme]


def softmax(logits: Tensor) -> Tensor:
    """Probabilities at half precision, slab by slab: in between they are twice as large."""
    out = torch.empty(logits.shape, dtype=torch.half)
    for slab in range(logits.shape[1]):
        out[:, slab] = logits[:, slab].float().softmax(0)
    return out


def _zscore(values: Array, mask: Array | None) -> None:
    some = values if mask is None else values[mask]
    mean, deviation = some.mean(), max(some.std(), _SMALL)
    if mask is None:
        values -= mean
        values /= deviation
    else:
        values[mask] = (some - mean) / deviation


def _ct(values: Array, told: Intensities) -> None:
    np.clip(values, told.percentile_00_5, told.percentile_99_5, out=values)
    values -= told.mean
    values /= max(told.std, _SMALL)


def _to_one(values: Array, mask: Array | None) -> None:
    values -= values.min()
    values /= max(values.max(), _SMALL)


def _as_is(values: Array, mask: Array | None) -> None:
    """Leave them."""


_SCHEMES: dict[str, Callable[[Array, Array | None], None]] = {
    "ZScoreNormalization": _zscore,
    "RescaleTo01Normalization": _to_one,
    "NoNormalization": _as_is,
}


def _built(told: Network, channels: int, classes: int) -> nn.Module:
    """A network of nnU-Net's library; ModelError for any other, and where it cannot be built."""
    try:
        # An extra; torch is all that these of its networks need.
        unet = import_module("dynamic_network_architectures.architectures.unet")
    except ImportError:
        raise ModelError(_LIBRARY) from None
    name = told.network_class_name.rpartition(".")[2]
    if name not in _UNETS:
        raise ModelError(
            f"Its network is “{name[:60]}”, which is not known here: {', '.join(_UNETS)} are."
        )
    arguments = dict(told.arch_kwargs)
    for key in told.requires_import:
        if arguments.get(key) is not None:
            arguments[key] = _class_of(arguments[key])
    strides = np.array(arguments.get("strides", [1]))
    if strides.dtype.kind != "i" or math.prod(strides.shape) > 64:
        raise ModelError("The plans.json says a network that cannot be built.")
    arguments |= {"deep_supervision": False}
    kind: Any = getattr(unet, name)
    try:
        network: nn.Module = kind(input_channels=channels, num_classes=classes, **arguments)
    except (TypeError, ValueError, KeyError, IndexError, AssertionError, RuntimeError):
        raise ModelError("The plans.json says a network that cannot be built.") from None
    return network


def _class_of(name: Any) -> type[nn.Module]:
    lead, _, last = str(name).rpartition(".")
    if not (lead == "torch.nn" or lead.startswith("torch.nn.modules")) or last not in _CLASSES:
        raise ModelError(f"Its network is made of “{str(name)[:60]}”, which is not known here.")
    found: type[nn.Module] = getattr(nn, last)
    return found
