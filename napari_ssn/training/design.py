"""A recipe and a card for data that comes without: sizes and names are read from the data."""

from __future__ import annotations

import math
import re

import numpy as np

from napari_ssn.documents.card import Architecture, ModelCard, Training, card_of_others
from napari_ssn.errors import DataError
from napari_ssn.network.frame import SAME_SIZE
from napari_ssn.network.others.start import Start
from napari_ssn.text import training as said
from napari_ssn.training.cases import Cases
from napari_ssn.training.recipe import Recipe
from napari_ssn.training.slices import SliceSet
from napari_ssn.training.views import Views

# Okabe and Ito's colours, which most people with a colour blindness can tell apart.
_COLOURS = (
    "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999",
)  # fmt: skip
# Voxels of a region along each axis, at most, and the number of which it is a multiple: the
# networks halve their grid three or four times.
_LARGEST = {2: 256, 3: 96}
_STEP = {2: 16, 3: 8}
# Voxels of all views of a step: what 8 GB of memory hold with ease.
_VOXELS = {2: 16 * 64**2, 3: 2 * 48**3}


def design(cases: Cases, name: str, start: Start | None = None) -> tuple[Recipe, ModelCard]:
    """Recipe and card for a set; the card says what the data says, and what it does not say.

    Slices around a nodule are trained as ``lidc-2d`` was. Other data is trained on regions of
    the median size of its images, and run in tiles.

    Args:
        cases: to learn from.
        name: of the model to be.
        start: a network of others that it is to go on from: it says the architecture, the region
            and how its images looked.

    Raises:
        DataError: that network is not of such data.
    """
    dims = cases.spatial_dims
    if start is not None and dims != 3:
        raise DataError("The network to start from reads volumes, and the data is slices.")
    spaces = np.array([cases.space(i) for i in range(len(cases))])
    spacings = np.array([cases.spacing_mm(i) for i in range(len(cases))])
    known = spacings[np.isfinite(spacings).all(1)]
    centred = isinstance(cases, SliceSet)
    step, largest = _STEP[dims], _LARGEST[dims]
    region = [
        int(min(largest, step * math.ceil(size / step))) for size in np.median(spaces, axis=0)
    ]
    if start is not None and start.region:
        # Not smaller than a crop may be, and halved as often as before.
        region = [size * 2 ** max(0, math.ceil(math.log2(16 / size))) for size in start.region]
    look = {} if start is None else start.look
    # What all cases have in common is what the network will know.
    ways = {cases.orientation(i) for i in range(len(cases))}
    middle = np.median(spacings, axis=0)
    alike = bool((np.abs(spacings / middle - 1) <= SAME_SIZE).all())
    licence = cases.licence or said.UNSTATED
    card = card_of_others(
        name=re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip("._-") or "model",
        title=name,
        version="0.1.0",
        purpose=said.purpose_of(cases.labels[1:]),
        limits=[
            said.LIMITS_UNSAID,
            *([] if start is None else [said.limits_of(start.kind)]),
        ],
        licence=licence,
        architecture=_architecture(dims, centred) if start is None else start.architecture,
        spatial_dims=dims,
        channels=list(cases.channels),
        labels=[
            (label, _COLOURS[(i - 1) % len(_COLOURS)] if i else "#000000")
            for i, label in enumerate(cases.labels)
        ],
        normalisation=look.get("normalisation", "stretch" if centred else "standardise"),
        window_hu=look.get("window_hu"),
        spacing_range_mm=(float(known.min()), float(known.max())) if len(known) else None,
        orientation=look.get("orientation", ways.pop() if len(ways) == 1 else None),
        spacing_mm=[float(size) for size in middle] if alike else None,
        region=region,
        centred=centred,
        training=Training(
            # Not by the name of their folder, which would end up in reports.
            data=said.own_images(len(cases))
            + ("" if start is None else said.from_weights(start.kind, start.sums[0])),
            licence=licence,
            attribution=said.UNSTATED,
        ),
        weights_sha256="0" * 64,
    )
    if centred:
        return Recipe(architecture=card.architecture, crop=min(64, *region)), card
    voxels = math.prod(region)
    recipe = Recipe(
        architecture=card.architecture,
        crop=region,
        batch=max(2, round(_VOXELS[dims] / voxels)),
        whole_share=0.0,
        # What was learnt before is not to be lost in the first steps.
        learning_rate=1e-3 if start is None else 3e-4,
        warmup=500,
        views=Views(
            # Nothing says that a mirrored or turned structure keeps its label.
            rotation=10.0, scale=0.12, shift=3.0, mirror=[], quarter_turns=False,
            brightness=0.1, noise=0.05,
        ),
    )  # fmt: skip
    return recipe, card


def _architecture(dims: int, centred: bool) -> Architecture:
    if dims == 2:
        return Architecture(
            backbone="BasicUNet",
            arguments={"features": [32, 32, 64, 128, 192, 32], "norm": "batch"},
            features=32,
            rank=10,
            centre_radius=10.0 if centred else None,
        )
    return Architecture(
        backbone="DynUNet",
        arguments={
            "kernel_size": [3, 3, 3, 3],
            "strides": [1, 2, 2, 2],
            "upsample_kernel_size": [2, 2, 2],
            "filters": [16, 32, 64, 128],
            "norm_name": "instance",
        },
        features=16,
        rank=10,
    )
