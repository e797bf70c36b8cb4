"""How like the images that a model learnt from an image is, by what the network is given of it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from napari_ssn.core.likeness import FEATURES, Reference, likeness_features
from napari_ssn.documents.card import ModelCard
from napari_ssn.documents.likeness import Likeness
from napari_ssn.errors import SSNError
from napari_ssn.geometry.arrays import Floats, Singles
from napari_ssn.geometry.channels import Placed
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.frame import frame_of
from napari_ssn.network.intensity import Scale, unpadded
from napari_ssn.network.lattice import sample
from napari_ssn.network.plan import Plan, needs_point, plan_for

#: Reads a part of an image, (channels, *cut), on its own grid.
Cut = Callable[[tuple[slice, ...]], Singles]

# Planes that are looked at across the axis of the longest voxels, to either side of the middle:
# what lies beyond is another part of the body, and stacks to learn from end there.
_PLANES = 2


def likeness_to_training(
    card: ModelCard, image: Placed, cut: Cut, centre: tuple[int, ...] | None = None
) -> float | None:
    """Distance of an image from a model's training images; up to 1 it is like them.

    Args:
        card: of the model.
        image: the image.
        cut: reads a part of it; no more is read than the network would be given at once.
        centre: of the region; the middle of the image by default.

    Returns:
        None where that is not known: the card does not say what those were like, a model around a
        point was given none, the image has other channels, or the values are of no use.
    """
    known = card.likeness
    if known is None or known.features != feature_names(card):
        return None
    if image.channels != len(card.channels):
        return None
    try:
        if centre is None and needs_point(card, image):
            return None
        seen = features_of(card, image, cut, centre)
    except SSNError:
        # Whatever is wrong with the image, a run says so in its own words.
        return None
    return float(reference_of(known).distance(seen))


def likeness_of(
    card: ModelCard, volume: Volume, centre: tuple[int, ...] | None = None
) -> float | None:
    """`likeness_to_training` of an image whose values are there."""
    return likeness_to_training(card, volume, cut_of(volume), centre)


def cut_of(volume: Volume) -> Cut:
    """Reads parts of an image whose values are there."""
    return lambda part: volume.data[(slice(None), *part)]


def features_of(
    card: ModelCard, image: Placed, cut: Cut, centre: tuple[int, ...] | None = None
) -> Floats:
    """`likeness_features` of what a network is given at once, around a point or the middle.

    The region is scaled by its own values, of a 2D model a single slice is taken, and of a model
    whose voxels are longer along one axis five planes across it.

    Raises:
        ModelError: the model does not read such images.
        GeometryError: the centre lies outside the image.
        ImageError: the values are not finite.
    """
    middle = tuple(n // 2 for n in image.space) if centre is None else centre
    plan = plan_for(card, image, middle, depth_mm=0.0)
    reached = plan.of_image(tuple(range(*line.reach) for line in plan.lines))
    near = plan.frame.turn.apply(cut(tuple(slice(r.start, r.stop) for r in reached)))
    lines = [line.cut(*line.reach) for line in plan.lines]
    if card.normalisation == "hu":
        # Clipped before it is resampled, as for the network.
        scaled = Scale.of(near, "hu", card.window_hu).apply(near)
        seen = sample(scaled, lines)
    else:
        seen = sample(unpadded(card, near), lines)
        seen = Scale.of(seen, card.normalisation).apply(seen)
    if plan.frame.sliced:
        return likeness_features(seen[:, 0])
    return _in_planes(card, plan, seen, middle, image)


def _in_planes(
    card: ModelCard, plan: Plan, seen: Singles, middle: tuple[int, ...], image: Placed
) -> Floats:
    voxel = card.voxel_mm
    if voxel is None or len(set(voxel)) == 1:
        return likeness_features(seen)
    across = voxel.index(max(voxel))
    at = plan.frame.turn.index_to_display(middle, image.space)[across]
    line = plan.lines[across]
    node = round((at - line.first) / line.step)
    planes = np.arange(max(0, node - _PLANES), min(line.count, node + _PLANES + 1))
    axes = tuple(axis for axis in range(len(voxel)) if axis != across)
    return likeness_features(np.take(seen, planes, across + 1), axes)


def feature_names(card: ModelCard) -> list[str]:
    """Names of a model's features, channel by channel."""
    if len(card.channels) == 1:
        return list(FEATURES)
    return [f"{channel}: {name}" for channel in card.channels for name in FEATURES]


def size_mm(card: ModelCard, image: Placed) -> tuple[float, ...] | None:
    """Size of a whole image along the axes of the network; None where it is not known."""
    frame = frame_of(card, image)
    if frame.spacing_mm is None:
        return None
    first = int(frame.sliced)
    space = frame.turn.shape(image.space)
    lengths = [n * step for n, step in zip(space, frame.spacing_mm, strict=True)]
    return tuple(lengths[first:])


def reference_of(known: Likeness) -> Reference:
    """What a card says of the training images, to compare with."""
    return Reference(np.array(known.mean), np.array(known.covariance), known.limit, known.level)


def small_enough(card: ModelCard) -> bool:
    """Whether a region is looked at in a moment, so that nobody waits for it."""
    return math.prod(card.region) <= 1 << 18
