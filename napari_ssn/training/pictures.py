"""Pictures of the cases that a model does worst on: image, raters and model side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from napari_ssn.documents.card import Label
from napari_ssn.geometry.arrays import Ints, Labels, Singles
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.models import Model, make_folder, replace_file
from napari_ssn.text import pictures
from napari_ssn.text.training import image_caption, model_caption, raters_caption
from napari_ssn.training.cases import Case, Cases

# Pixels: of a panel's side, between and around panels, and under them for their captions.
PANEL = 320
GAP = 8
CAPTION = 28
_FONT = 14
_PAPER, _BEHIND, _INK = (24, 24, 24), (0, 0, 0), (224, 224, 224)

HYPOTHESES = 8
# Voxels of the image that are shown at least along each axis, and around all outlines.
_LEAST = 64
_MARGIN = 8
# Okabe and Ito's colours without black, because the image is dark; yellow late, because a thin
# line of it looks orange.
_RATERS = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#f0e442", "#d55e00", "#0072b2")

_T = TypeVar("_T", bound=np.generic)


def worst_cases(
    model: Model, cases: Cases, worst: Ints, folder: Path, count: int = 3
) -> list[Path]:
    """Write pictures of a model's worst cases, ``worst-1.png`` and so on.

    Each holds three panels of the same view: the image, what the raters outlined, and the
    model's mean with `HYPOTHESES` outlines drawn with seed 0. No name is drawn. The same
    arguments give the same bytes.

    Args:
        model: of the cases' channels, labels and dimensions.
        cases: the set.
        worst: indices of cases, worst first.
        folder: of the pictures, made if it is missing.
        count: of the pictures; fewer where there are fewer cases.

    Returns:
        paths of the pictures, worst first.

    Raises:
        ExportError: the folder or a picture cannot be written.
    """
    make_folder(folder)
    paths = []
    for place, index in enumerate(worst[:count].tolist(), start=1):
        scene = _scene(model, cases[index], cases.spacing_mm(index))
        path = folder / f"worst-{place}.png"
        replace_file(path, pictures.png_of(np.asarray(_picture(scene, model.card.labels[1:]))))
        paths.append(path)
    return paths


@dataclass(frozen=True, eq=False)
class _Scene:
    """One plane of a case, cut out and turned as it is shown.

    Attributes:
        image: (Y, X) of the first channel.
        raters: (K, Y, X) label maps.
        mean: (Y, X) label map of the mean.
        hypotheses: (n, Y, X) label maps.
        spacing: (2,) distance of rows and of columns, in mm if that is known.
        known: whether it is.
        slice: number of the slice and how many there are; None for a 2D image.
    """

    image: Singles
    raters: Labels
    mean: Labels
    hypotheses: Labels
    spacing: tuple[float, float]
    known: bool
    slice: tuple[int, int] | None

    @property
    def pixels(self) -> tuple[int, int]:
        """Height and width in the picture, the longer of them a panel's side."""
        return pictures.fitting(self.image.shape, self.spacing, PANEL)


def _scene(model: Model, case: Case, spacing_mm: tuple[float, ...]) -> _Scene:
    """Run the model on a case and choose what to show of both."""
    dist = model.segment(case.volume, case.centre)
    image: Singles = case.volume.data[0]
    raters = case.raters
    mean = dist.placed(dist.label_map())
    hypotheses = dist.placed(dist.sample(HYPOTHESES, seed=0))
    number, plane = None, [0, 1]
    if image.ndim == 3:
        across = _axial(case.volume)
        plane = [axis for axis in range(3) if axis != across]
        image = _across_last(image, across)
        raters, mean, hypotheses = (
            _across_last(maps, across) for maps in (raters, mean, hypotheses)
        )
        at = _slice(raters, mean)
        number = (at + 1, image.shape[-1])
        image = image[..., at]
        raters, mean, hypotheses = (maps[..., at] for maps in (raters, mean, hypotheses))
    sizes = [spacing_mm[axis] for axis in plane]
    known = bool(np.isfinite(sizes).all())
    rows, columns = sizes if known else (1.0, 1.0)
    turn = _upright(case.volume, plane)
    if turn.swap:
        rows, columns = columns, rows
    image = turn(image)
    raters, mean, hypotheses = (turn(maps) for maps in (raters, mean, hypotheses))
    marked = np.concatenate([raters, mean[None], hypotheses]).max(0) > 0
    part = (..., *pictures.view_around(marked, (rows, columns), _LEAST, _MARGIN))
    return _Scene(
        image[part], raters[part], mean[part], hypotheses[part], (rows, columns), known, number
    )


def _across_last(values: NDArray[_T], across: int) -> NDArray[_T]:
    """An array (…, *S) of three axes with one of these behind the others."""
    return np.moveaxis(values, values.ndim - 3 + across, -1)


def _axial(volume: Volume) -> int:
    """Axis along which slices are shown: the one towards the head, or the last if none is known."""
    return int(np.abs(volume.affine[2, :3]).argmax()) if volume.oriented else 2


def _slice(raters: Labels, mean: Labels) -> int:
    """Where along the last axis the raters marked most, or the model if they marked nothing."""
    for maps in (raters, mean[None]):
        sizes = np.count_nonzero(maps, (0, 1, 2))
        if sizes.any():
            return int(sizes.argmax())
    return int(mean.shape[-1]) // 2


@dataclass(frozen=True)
class _Turn:
    """How a plane is turned: whether its axes change places, and which are flipped after that."""

    swap: bool = False
    flip: tuple[int, ...] = ()

    def __call__(self, plane: NDArray[_T]) -> NDArray[_T]:
        """A plane (…, rows, columns) turned."""
        return np.flip(plane.swapaxes(-1, -2) if self.swap else plane, self.flip)


def _upright(volume: Volume, plane: Sequence[int] = (0, 1)) -> _Turn:
    """What makes the plane of two axes of an image, the first two, one that radiologists read.

    The patient's right is on the left and anterior or superior on top; in a sagittal plane,
    anterior is on the left. An image without orientation stays as it is stored.
    """
    if not volume.oriented:
        return _Turn()
    directions = volume.affine[:3, list(plane)]
    # 0 for right, 1 for anterior, 2 for superior: the rows follow the later of both, downwards.
    patient = np.abs(directions).argmax(0)
    rising = directions[patient, [0, 1]] > 0
    swap = bool(patient[0] < patient[1])
    if swap:
        rising = rising[::-1]
    return _Turn(swap, tuple(axis - 2 for axis in range(2) if rising[axis]))


def _rater_lines(raters: Labels, labels: Sequence[Label]) -> list[pictures.Line]:
    """A colour per rater for a single label; otherwise a colour per label."""
    if len(labels) > 1:
        return [line for rater in raters for line in pictures.label_lines(rater, labels, 1.5)]
    marked = [k for k, rater in enumerate(raters) if rater.any()]
    # Side by side, so that raters who drew the same are all seen.
    beside = np.arange(len(marked)) - (len(marked) - 1) / 2
    return [
        pictures.Line(raters[k] == 1, _RATERS[k % len(_RATERS)], 1.5, 1.25 * float(offset))
        for k, offset in zip(marked, beside, strict=True)
    ]


def _hypothesis_lines(scene: _Scene, labels: Sequence[Label]) -> list[pictures.Line]:
    lines = (pictures.label_lines(one, labels, 1.0, opacity=0.65) for one in scene.hypotheses)
    return [line for each in lines for line in each]


def _picture(scene: _Scene, labels: Sequence[Label]) -> Image.Image:
    """Three panels beside each other, each over its caption."""
    width = 3 * PANEL + 4 * GAP
    paper = Image.new("RGB", (width, PANEL + GAP + CAPTION), _PAPER)
    pen = ImageDraw.Draw(paper)
    font = ImageFont.load_default(_FONT)
    grey = pictures.grey_canvas(scene.image, scene.pixels)
    thin, solid = _hypothesis_lines(scene, labels), pictures.label_lines(scene.mean, labels, 2.5)
    rated = [_rater_lines(scene.raters, labels)]
    panels: list[list[list[pictures.Line]]] = [[], rated, [thin, solid]]
    for place, (layers, caption) in enumerate(zip(panels, _captions(scene), strict=True)):
        left, top = GAP + place * (PANEL + GAP), GAP
        paper.paste(_BEHIND, (left, top, left + PANEL, top + PANEL))
        panel = Image.fromarray(pictures.drawn(grey, layers))
        paper.paste(panel, (left + (PANEL - panel.width) // 2, top + (PANEL - panel.height) // 2))
        pen.text((left, top + PANEL + CAPTION // 2), caption, _INK, font, anchor="lm")
    return paper


def _captions(scene: _Scene) -> tuple[str, str, str]:
    """Of image, raters and model."""
    wide = scene.image.shape[1] * scene.spacing[1] if scene.known else None
    hypotheses = (len(scene.hypotheses), _empty(scene.hypotheses))
    return (
        image_caption(scene.slice, wide),
        raters_caption(len(scene.raters), _empty(scene.raters), scene.slice is not None),
        model_caption(bool(scene.mean.any()), *hypotheses),
    )


def _empty(maps: Labels) -> int:
    return int((~maps.any((1, 2))).sum())
