"""Three lung nodules on which radiologists disagree, for a first look.

From LIDC-IDRI (CC BY 3.0); the attribution is in ``sample_data/samples.json`` and travels with
every layer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_ssn.core.volume import Volume
    from napari_ssn.io.napari_hooks import LayerData

#: How many there are; they are numbered from 1.
COUNT = 3

RATERS = 4
# Colours that people with a colour vision deficiency tell apart (Okabe and Ito 2008).
_COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442")


@dataclass(frozen=True)
class Sample:
    """What is known of a sample besides its pixels."""

    name: str
    title: str
    description: str
    case: str
    image: str
    raters: str
    pixel_spacing_mm: float
    slice_spacing_mm: float


@cache
def _catalogue() -> dict[str, Any]:
    text = (files("napari_ssn") / "sample_data" / "samples.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def attribution() -> str:
    """Authors, source and licence of the samples; show it wherever they are shown."""
    return str(_catalogue()["attribution"])


def sample(number: int) -> Sample:
    """What is known of a sample, 1 to `COUNT`."""
    if not 1 <= number <= COUNT:
        raise ValueError(f"number: expected 1 to {COUNT}, got {number}")
    return Sample(**_catalogue()["samples"][number - 1])


def volume(number: int) -> Volume:
    """A sample as a `Volume`: one axial slice of 128 × 128 with its thickness, in mm."""
    import numpy as np

    from napari_ssn.core.display import plain_display
    from napari_ssn.core.volume import Volume

    about = sample(number)
    pixels = _pixels(about.image).astype(np.float32)
    display = plain_display(pixels.shape, (about.pixel_spacing_mm,) * 2, units=("mm", "mm"))
    affine = np.array(display.affine)
    affine[2, 2] = about.slice_spacing_mm
    return Volume(pixels[None], affine, "volume", oriented=False)


def raters(number: int) -> NDArray[np.uint8]:
    """What each of the four radiologists marked, (4, 128, 128) of 0 and 1.

    A mask of zeros is an opinion too: no nodule here.
    """
    import numpy as np

    packed = _pixels(sample(number).raters)
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


def layers(number: int) -> list[LayerData]:
    """The image, and the radiologists' outlines in a hidden layer of shapes."""
    from napari_ssn.core.display import Display
    from napari_ssn.io.napari_hooks import image_layer, place

    about, image = sample(number), volume(number)
    data, options, kind = image_layer(image, name=f"Lung nodule {number}")
    options["metadata"] |= {"title": about.title, "attribution": attribution()}
    paths, who = [], []
    for rater, mask in enumerate(raters(number)):
        # Closed paths, not polygons: nothing is filled, and a mask may have holes.
        loops = outlines(mask)
        paths += loops
        who += [rater] * len(loops)
    outline_options = {
        **place(Display.of(image)),
        "name": "radiologists",
        "shape_type": "path",
        "edge_color": [_COLOURS[rater] for rater in who],
        "face_color": "transparent",
        "edge_width": 0.5,
        "features": {"radiologist": [rater + 1 for rater in who]},
        "visible": False,
        "metadata": {"attribution": attribution()},
    }
    return [(data, options, kind), (paths, outline_options, "shapes")]


def outlines(mask: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
    """Borders of a mask's regions and holes along the edges of its pixels.

    Args:
        mask: (rows, columns); pixel (r, c) covers r ± ½, c ± ½.

    Returns:
        closed loops, each (points, 2) with the first point repeated at the end and a point
        only where the border turns.
    """
    import numpy as np

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
    import numpy as np
    from PIL import Image

    with (files("napari_ssn") / "sample_data" / name).open("rb") as stream:
        return np.asarray(Image.open(stream), dtype=np.uint8)
