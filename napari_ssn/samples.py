"""Lung nodules on which radiologists disagree, for a first look: three slices and a volume.

From LIDC-IDRI (CC BY 3.0); the attribution is in ``sample_data/samples.json`` and travels with
every layer. ``docs/sample_nodule.py`` makes the volume.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from napari_ssn.geometry.arrays import Bytes, Floats, Labels, Pixels
from napari_ssn.geometry.display import Display, plain_display
from napari_ssn.geometry.edges import edges_of
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.hashes import image_hash
from napari_ssn.io.layers import image_layer, place
from napari_ssn.io.nifti import read_nifti, read_stored
from napari_ssn.text.image import changed_line

if TYPE_CHECKING:
    import numpy as np

    from napari_ssn.geometry.volume import Volume
    from napari_ssn.io.layers import LayerData

#: How many there are; they are numbered from 1.
COUNT = 4
#: The first of them are slices, the others volumes.
SLICES = 3
#: Where they lie. The package is never run from an archive: torch could not be either.
FOLDER = Path(str(files("napari_ssn"))) / "sample_data"

RATERS = 4
# Colours that people with a colour vision deficiency tell apart (Okabe and Ito 2008).
_COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442")


@dataclass(frozen=True)
class Sample:
    """What is known of a sample besides its pixels.

    ``changed`` says what was done to the data of its source; ``centre`` is the voxel in the middle
    of the nodule, where the image is larger than what a model looks at.
    """

    name: str
    title: str
    description: str
    case: str
    changed: str
    image: str
    raters: str
    pixel_spacing_mm: float
    slice_spacing_mm: float
    centre: tuple[int, ...] | None = None

    @property
    def is_volume(self) -> bool:
        """Whether it has three axes."""
        return self.image.endswith(".nii.gz")


@cache
def _catalogue() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / "samples.json").read_text(encoding="utf-8"))
    return content


def attribution(number: int) -> str:
    """Authors, source and licence of a sample and what was changed; it goes where that goes."""
    return changed_line(_catalogue()["attribution"], sample(number).changed)


def sample(number: int) -> Sample:
    """What is known of a sample, 1 to `COUNT`."""
    if not 1 <= number <= COUNT:
        raise ValueError(f"number: expected 1 to {COUNT}, got {number}")
    about = _catalogue()["samples"][number - 1]
    centre = about.get("centre")
    return Sample(**{**about, "centre": None if centre is None else tuple(centre)})


def named(name: str) -> int | None:
    """Number of the sample of a name; None if there is none."""
    return next((i for i in range(1, COUNT + 1) if sample(i).name == name), None)


def with_hash(digest: str) -> int | None:
    """Number of the sample whose values, and place, have a hash; None if there is none."""
    return next((i for i in range(1, COUNT + 1) if image_hash(volume(i)) == digest), None)


def volume(number: int) -> Volume:
    """A sample as a `Volume` in mm: one axial slice of 128 × 128, or a volume in HU."""
    about = sample(number)
    if about.is_volume:
        return read_nifti(FOLDER / about.image)
    pixels = _pixels(about.image).astype(np.float32)
    display = plain_display(pixels.shape, (about.pixel_spacing_mm,) * 2, units=("mm", "mm"))
    affine = np.array(display.affine)
    affine[2, 2] = about.slice_spacing_mm
    return Volume(pixels[None], affine, "volume", oriented=False)


def raters(number: int) -> Labels:
    """What each of the four radiologists marked, (4, *S) of 0 and 1, on the sample's own grid.

    A mask of zeros is an opinion too: no nodule here.
    """
    return _each(_packed(number))


def nodule_1() -> list[LayerData]:
    """Layers of the first sample."""
    return layers(1)


def nodule_2() -> list[LayerData]:
    """Layers of the second sample."""
    return layers(2)


def nodule_3() -> list[LayerData]:
    """Layers of the third sample."""
    return layers(3)


def nodule_4() -> list[LayerData]:
    """Layers of the fourth sample, a volume."""
    return layers(4)


def layers(number: int) -> list[LayerData]:
    """The image, and the radiologists' outlines in a hidden layer of shapes.

    Those of a volume are drawn in all three planes.
    """
    about, image = sample(number), volume(number)
    data, options, kind = image_layer(image, name=f"Lung nodule {number}")
    options["metadata"] |= {"title": about.title, "attribution": attribution(number)}
    display = Display.of(image)
    # Closed paths, not polygons: nothing is filled, and a mask may have holes.
    paths, who = _drawn(display.reorientation.apply(_packed(number)))
    outline_options = {
        **place(display),
        "name": "radiologists",
        "shape_type": "path",
        "edge_color": [_COLOURS[rater] for rater in who],
        "face_color": "transparent",
        "edge_width": 0.5,
        "features": {"radiologist": [rater + 1 for rater in who]},
        "visible": False,
        "metadata": {"attribution": attribution(number)},
    }
    return [(data, options, kind), (paths, outline_options, "shapes")]


def _drawn(packed: Bytes) -> tuple[list[Floats], list[int]]:
    """Outlines in a slice, or in every plane of a volume, and whose each is, from 0.

    Each point has as many coordinates as there are axes.
    """
    if packed.ndim == 2:
        whose, paths = edges_of(_each(packed))
        return paths, whose
    # Most of it holds nothing.
    marked = [np.flatnonzero(packed.any(others)) for others in ((1, 2), (0, 2), (0, 1))]
    starts = [int(at[0]) for at in marked]
    box = tuple(slice(at[0], at[-1] + 1) for at in marked)
    masks, paths, who = _each(packed[box]), [], []
    for axis, first in enumerate(starts):
        planes = np.moveaxis(masks, axis + 1, 1)
        of, loops = edges_of(planes.reshape(-1, *planes.shape[2:]))
        corner = [start for other, start in enumerate(starts) if other != axis]
        for plane, loop in zip(of, loops, strict=True):
            rater, at = divmod(plane, planes.shape[1])
            path = np.empty((len(loop), 3))
            path[:, axis] = first + at
            path[:, [other for other in range(3) if other != axis]] = loop + corner
            paths.append(path)
            who.append(rater)
    return paths, who


def _packed(number: int) -> Bytes:
    """What was marked, (*S): a bit for each of the radiologists."""
    about = sample(number)
    if about.is_volume:
        return np.asarray(read_stored(FOLDER / about.raters).values[0], dtype=np.uint8)
    return _pixels(about.raters)


def _each(packed: Bytes) -> Labels:
    """A mask for each of the radiologists, (4, *S) of 0 and 1."""
    bits = np.arange(RATERS, dtype=np.uint8).reshape(-1, *[1] * packed.ndim)
    return np.asarray((packed >> bits) & np.uint8(1))


def _pixels(name: str) -> Pixels:
    with (FOLDER / name).open("rb") as stream:
        return np.asarray(Image.open(stream), dtype=np.uint8)
