"""Model folders of nnU-Net v2: the network of their plans, and an image as it was trained on.

Source: nnU-Net v2 (Isensee et al., Nature Methods 2021): ``default_preprocessor.py``,
``export_prediction.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from scipy.ndimage import binary_fill_holes
from torch import Tensor, nn

from napari_ssn.core.tensors import tensor_of
from napari_ssn.documents.nnunet import DataSet, Intensities, Plans
from napari_ssn.errors import Cancel, ImageError, ModelError
from napari_ssn.geometry.arrays import Array, Between
from napari_ssn.geometry.boxes import box_of
from napari_ssn.geometry.orientation import Reorientation, named_directions
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.library import build_unet
from napari_ssn.network.others.resampling import check_resampling, new_shape, resampled
from napari_ssn.network.others.window import View, count_windows, slide

_SMALL = 1e-8
#: Programs that read its images, and whether they turn their axes to RAS.
READERS = {
    "SimpleITKIO": False,
    "NibabelIO": False,
    "NibabelIOWithReorient": True,
}


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
        self.channels, self.outputs = tuple(data_set.channels), len(data_set.labels)
        if plans.image_reader_writer not in READERS:
            raise ModelError(
                f"Its plans read images with “{plans.image_reader_writer[:60]}”, which is not "
                f"known here: {', '.join(sorted(READERS))} are."
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
        told = self.config.architecture
        name = told.network_class_name.rpartition(".")[2]
        return build_unet(
            name, told.arch_kwargs, told.requires_import, len(self.channels), len(self.labels)
        )

    def windows(self, prepared: Prepared) -> int:
        """How many windows the network sees of an image."""
        return count_windows(prepared.data.shape[1:], self.config.patch_size)

    def prepare(self, volume: Volume) -> Prepared:
        """An image as the network sees it; ModelError if it is none that the model reads."""
        if len(volume.space) != 3:
            raise ModelError("A model of nnU-Net reads volumes here, and the image is one slice.")
        # Programs of nnU-Net's see the file's axes backwards: (z, y, x).
        stored = Reorientation.identity(3)
        if READERS[self.plans.image_reader_writer]:
            stored = Reorientation.along(volume.affine, named_directions("RAS"))
        order = [stored.order[2 - axis] for axis in self.plans.transpose_forward]
        flip = [stored.flip[2 - axis] for axis in self.plans.transpose_forward]
        turn = Reorientation(tuple(order), tuple(flip))
        data = turn.apply(volume.data)
        spacing = tuple(volume.spacing_mm[axis] for axis in turn.order)
        mask = binary_fill_holes((data != 0).any(axis=0))
        box, whole = box_of(mask), data.shape[1:]
        if box is None:
            raise ImageError("The image is zero everywhere.")
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
        step: Between,
        cancel: Cancel,
    ) -> Array:
        """Probabilities on the image's own grid, (C, *S) at half precision: a mean over views."""
        data = tensor_of(prepared.data)
        size, count = self.config.patch_size, len(self.labels)
        logits = slide(network, data, size, count, views, step, cancel).numpy()
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
