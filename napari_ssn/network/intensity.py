"""How intensities are brought into a network's range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_ssn.documents.card import ModelCard
from napari_ssn.errors import ImageError
from napari_ssn.geometry.arrays import Floats, Singles

_CONSTANT = "The image has the same value everywhere: there is nothing to see."


def check_finite(data: Singles) -> None:
    """ImageError if an image or region holds NaN or infinity."""
    bad = int(np.size(data) - np.count_nonzero(np.isfinite(data)))
    if bad:
        raise ImageError(
            f"Of the voxels that the model reads {bad:,} are NaN, infinite or beyond 3e38."
        )


#: Lower and upper end of a window in Hounsfield units.
Window = tuple[float, float]
#: In HU: below lies what scanners put beyond their field of view, and nothing of a patient.
AIR_HU = -1024.0


@dataclass(frozen=True)
class Scale:
    """Per channel what becomes 0, and how far from it 1 is; a width of 0 marks a constant.

    ``clipped``: what lies beyond 0 and 1 is set to these.
    """

    offset: Floats
    width: Floats
    clipped: bool = False

    @classmethod
    def of(cls, data: Singles, how: str, window: Window | None = None) -> Scale:
        """Scale of (channels, *S).

        ``stretch``: from the minimum to the maximum. ``standardise``: from the mean, by the
        standard deviation. ``hu``: the ends of ``window``, whatever the image holds. ImageError
        if a value is not finite.
        """
        check_finite(data)
        if how == "hu":
            if window is None:
                raise ValueError("window: expected two ends in HU, got None")
            low, high = window
            return cls(np.full(len(data), low), np.full(len(data), high - low), clipped=True)
        # In float64: intensities near the limits of float32 would overflow their own range.
        low, high = (
            f(data.reshape(len(data), -1), axis=1).astype(np.float64) for f in (np.min, np.max)
        )
        if how == "stretch":
            return cls(low, high - low)
        # In C order, because a sum rounds differently in another.
        flat = np.ascontiguousarray(data).reshape(len(data), -1)
        mean = flat.mean(1, dtype=np.float64)
        width = flat.std(1, dtype=np.float64)
        return cls(mean, np.where(low == high, 0.0, width))

    @property
    def constant(self) -> bool:
        """Whether some channel has the same value everywhere."""
        return bool((self.width == 0).any())

    def check(self) -> Scale:
        """ImageError if some channel is constant."""
        if self.constant:
            raise ImageError(_CONSTANT)
        return self

    def apply(self, data: Singles) -> Singles:
        """(channels, *S) in the network's range, in a new array; a constant channel becomes 0."""
        out = np.empty(data.shape, np.float32)
        for row, channel, offset, width in zip(out, data, self.offset, self.width, strict=True):
            row[...] = (channel.astype(np.float64) - offset) / (width or 1.0)
            if not width:
                row[...] = 0
        return out.clip(0, 1) if self.clipped else out


def unpadded(card: ModelCard, data: Singles) -> Singles:
    """Values (channels, *S) of a CT with what lies below air as air, where it would matter.

    A network whose image is stretched from its lowest to its highest value sees everything the
    darker for a corner of padding. The same array where nothing changes.
    """
    if card.normalisation != "stretch" or card.channels != ["CT"]:
        return data
    # False for NaN, which has words of its own.
    return np.maximum(data, np.float32(AIR_HU)) if bool((data < AIR_HU).any()) else data


def normalise(data: Singles, how: str) -> Singles:
    """Bring each channel of an image (channels, *S) into the network's range, see `Scale.of`.

    ImageError if a value is not finite or a channel constant.
    """
    return Scale.of(data, how).check().apply(data)


def normalise_slices(data: Singles, how: str, whole: Singles | None = None) -> Singles:
    """As `normalise`, each slice of (channels, slices, *S) by itself, as 2D networks are trained.

    A constant slice, as beyond the end of a scan, becomes 0; ImageError if all of them are.

    Args:
        data: slices, or regions of them.
        how: see `Scale.of`.
        whole: the slices that the regions were cut from, if these set the scale.
    """
    from_ = data if whole is None else whole
    scales = [Scale.of(from_[:, i], how) for i in range(data.shape[1])]
    if all(scale.constant for scale in scales):
        raise ImageError(_CONSTANT)
    return np.stack([scale.apply(data[:, i]) for i, scale in enumerate(scales)], axis=1)
