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

from napari_ssn.geometry.display import Display, plain_display
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.hashes import image_hash
from napari_ssn.io.napari_hooks import image_layer, place
from napari_ssn.io.nifti import read_nifti

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_ssn.geometry.volume import Volume
    from napari_ssn.io.napari_hooks import LayerData

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
    return f"{_catalogue()['attribution']} Changed: {sample(number).changed}."


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


def raters(number: int) -> NDArray[np.uint8]:
    """What each of the four radiologists marked, (4, *S) of 0 and 1, on the sample's own grid.

    A mask of zeros is an opinion too: no nodule here.
    """
    about = sample(number)
    if about.is_volume:
        packed = read_nifti(FOLDER / about.raters).data[0].astype(np.uint8)
    else:
        packed = _pixels(about.raters)
    return np.stack([(packed >> bit) & 1 for bit in range(RATERS)]).astype(np.uint8)


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
    paths, who = [], []
    for rater, mask in enumerate(raters(number)):
        # Closed paths, not polygons: nothing is filled, and a mask may have holes.
        loops = drawn(display.reorientation.apply(mask))
        paths += loops
        who += [rater] * len(loops)
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


def drawn(mask: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
    """Outlines of a mask of two axes, or of every plane of one of three, see `outlines`.

    Each point has as many coordinates as the mask has axes.
    """
    if mask.ndim == 2:
        return outlines(mask)
    found = []
    for axis in range(mask.ndim):
        planes = np.moveaxis(mask, axis, 0)
        for at in np.flatnonzero(planes.any((1, 2))).tolist():
            found += [np.insert(loop, axis, at, axis=1) for loop in outlines(planes[at])]
    return found


def outlines(mask: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
    """Borders of a mask's regions and holes along the edges of its pixels.

    Args:
        mask: (rows, columns); pixel (r, c) covers r ± ½, c ± ½.

    Returns:
        closed loops, each (points, 2) with the first point repeated at the end and a point
        only where the border turns.
    """
    inside = np.pad(np.asarray(mask, dtype=bool), 1)
    # Edges run with the region on their right, so that each ends where another begins.
    following: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for (dr, dc), start, end in (
        ((-1, 0), (0, 0), (0, 1)),
        ((0, 1), (0, 1), (1, 1)),
        ((1, 0), (1, 1), (1, 0)),
        ((0, -1), (1, 0), (0, 0)),
    ):
        border = inside & ~np.roll(inside, (-dr, -dc), (0, 1))
        for r, c in np.argwhere(border).tolist():
            following.setdefault((r + start[0], c + start[1]), []).append((r + end[0], c + end[1]))
    loops = []
    while following:
        first = at = next(iter(following))
        loop = [first]
        while True:
            ends = following[at]
            at = ends.pop()
            if not ends:
                del following[loop[-1]]
            loop.append(at)
            if at == first:
                break
        # The padding shifted indices by one, and corner (r, c) lies half a pixel before pixel r.
        loops.append(np.array(_corners(loop), dtype=np.float64) - 1.5)
    return loops


def _corners(loop: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """A closed loop without the points between which it goes straight on."""
    points = loop[:-1]
    turns = [
        here
        for before, here, after in zip(
            [points[-1], *points[:-1]], points, [*points[1:], points[0]], strict=True
        )
        if (here[0] - before[0], here[1] - before[1]) != (after[0] - here[0], after[1] - here[1])
    ]
    return [*turns, turns[0]]


def _pixels(name: str) -> NDArray[np.uint8]:
    with (FOLDER / name).open("rb") as stream:
        return np.asarray(Image.open(stream), dtype=np.uint8)
