"""Between napari's layers and the session: images to read, and layers that show results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer, Points
from numpy.typing import NDArray

from napari_ssn.core.directions.compass import Compass
from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.geometry.declared import declared_by
from napari_ssn.geometry.display import (
    NOTE_KEY,
    RESULT_KEY,
    SHOWN_AT,
    SOURCE_KEY,
    Display,
    image_display,
    to_volume,
)
from napari_ssn.geometry.foreign import has_time_last
from napari_ssn.geometry.intensity import seems_ct, some_values, units_of
from napari_ssn.geometry.transforms import layer_matrix
from napari_ssn.geometry.volume import Volume
from napari_ssn.gui.layers.places import frames_of, index_to_world
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.source import Source
from napari_ssn.session import Decoded
from napari_ssn.text.hindrances import COLOURED, TIME_NOT_FIRST
from napari_ssn.text.sizes import plural

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction

HYPOTHESIS = "SSN · hypothesis"
COMPARED = "SSN · compared"
PREVIEW = "SSN · first outlines"
REGION = "SSN · region"
# Size of a marker in pixels of the screen.
CLICK_PIXELS = (11, 13)

_IMAGE_EVENTS = ("data", "scale", "translate", "rotate", "shear", "affine", "units")

_TIME = ("t", "time", "frame")
# How many times as long as the shortest side of a voxel the longest of almost a cube is.
_CUBES = 1.5

# Every reading of a layer is another image, as far as results are concerned.
_tokens = count(1)


def image_events(layer: Image) -> list[Any]:
    """Events of an image layer after which it is another image."""
    return [getattr(layer.events, name) for name in _IMAGE_EVENTS]


def next_token() -> int:
    """What tells an image from all others, and from itself before a change."""
    return next(_tokens)


@dataclass(frozen=True)
class Shown:
    """An image layer as the session sees it, and how its grid is shown.

    Attributes:
        source: what the session gets.
        display: where the layer's array came from; None when it cannot be used.
        note: what a person should know of how it was read, one sentence; empty for nothing.
        compass: which way the viewer's axes go in the patient; None with no display.
    """

    source: Source
    display: Display | None
    note: str = ""
    compass: Compass | None = None


def describe(layer: Image, frame: int = 0, look: bool = True) -> Shown:
    """Read an image layer, or one frame of it, without touching its intensities.

    Args:
        layer, frame: of which image.
        look: whether a few of its values are looked at; who asks where it lies needs none.
    """
    token = next_token()
    data = layer.data[0] if layer.multiscale else layer.data
    frames = frames_of(layer)
    if layer.rgb:
        return _unusable(
            token,
            COLOURED,
        )
    named = any(name.lower() in _TIME for name in layer.axis_labels[1:])
    if frames is not None and (named or has_time_last(layer.ndim, layer.metadata)):
        return _unusable(token, TIME_NOT_FIRST)
    try:
        display = _display_of(layer, len(data.shape) - (frames is not None))
    except (ImageError, GeometryError) as error:
        return _unusable(token, str(error))
    seen = _seen(data if frames is None else data[frame], display) if look else None
    source = Source(
        token=token,
        space=display.image_space,
        channels=1,
        affine=display.affine,
        extent=display.extent,
        oriented=display.oriented,
        load=partial(_load, data, display, None if frames is None else frame),
        frame=None if frames is None else frame,
        shown=display.reorientation,
        ct=None if seen is None else seems_ct(seen),
        units=None if seen is None else units_of(seen),
        # A layer that was cropped or moved has another grid than its series.
        declared=declared_by(layer.metadata.get(SOURCE_KEY)),
        cut=None
        if seen is None
        else partial(_cut, data if frames is None else data[frame], display),
        series=None if display.moved else layer.metadata.get(SOURCE_KEY),
    )
    compass = Compass(display, index_to_world(layer, len(display.shape)))
    return Shown(source, display, layer.metadata.get(NOTE_KEY) or "", compass)


def _seen(data: Any, display: Display) -> NDArray[np.float64] | None:
    """Some of the values in memory; None of a lazy array, which is not read for that.

    Those of the source's own grid, because a run looks at them there: what the window says before
    it, and what one may insist on, must not be told from other slices.
    """
    if not isinstance(data, np.ndarray) or data.dtype.kind not in "biuf":
        return None
    return some_values(display.reorientation.undo(data))


def _cut(data: NDArray[Any], display: Display, part: tuple[slice, ...]) -> NDArray[np.float32]:
    """A part of an image in memory, (1, *part) on the file's own grid."""
    with np.errstate(over="ignore"):
        return np.asarray(display.reorientation.undo(data)[part], dtype=np.float32)[None]


def _unusable(token: int, problem: str) -> Shown:
    def load() -> Volume:
        raise ImageError(problem)

    source = Source(token, (1, 1), 1, np.eye(4), "unknown", False, load, problem)
    return Shown(source, None)


def _load(data: Any, display: Display, frame: int | None) -> Volume:
    """In the worker: a lazy array is read only now."""
    return to_volume(data if frame is None else data[frame], display)


def _display_of(layer: Image, axes: int) -> Display:
    """Place of an image's last axes."""
    shape = (layer.data[0] if layer.multiscale else layer.data).shape[-axes:]
    return image_display(shape, index_to_world(layer, axes), layer.units[-axes:], layer.metadata)


def label_layer(
    name: str, data: Any, transform: dict[str, Any], metadata: dict[str, Any]
) -> Labels:
    """A labels layer with the transform of an image."""
    layer = Labels(data, name=name, metadata={RESULT_KEY: metadata}, **transform)
    layer.rendering = _rendering(layer)
    return layer


def move_to(layer: Layer, data: Any, transform: dict[str, Any]) -> None:
    """Give a layer other data of as many axes, and the transform of another image."""
    for name, value in transform.items():
        # Each that is set draws the layer anew.
        if not _same(getattr(layer, name), value):
            setattr(layer, name, value)
    layer.data = data
    if isinstance(layer, Labels) and layer.rendering != _rendering(layer):
        layer.rendering = _rendering(layer)


def _rendering(layer: Labels) -> str:
    """How napari draws it in 3D: it sheds light on voxels as if they were cubes.

    Where slices are thick, whole faces would be dark, as if a piece were missing: those are drawn
    without light.
    """
    axes = min(layer.ndim, 3)
    sides = np.linalg.norm(index_to_world(layer, axes)[:axes, :axes], axis=0)
    return "translucent" if sides.max() > _CUBES * sides.min() else "iso_categorical"


def _same(one: Any, other: Any) -> bool:
    """Whether two parts of a transform are equal: names, units, numbers, or an affine map."""
    if isinstance(one, tuple) and not isinstance(other, np.ndarray):
        return one == tuple(other)
    matrices = [np.asarray(getattr(part, "affine_matrix", part)) for part in (one, other)]
    return bool(np.array_equal(matrices[0], matrices[1]))


def result_metadata(
    result: Prediction,
    choice: Choice,
    place: dict[str, Any],
    z: Sequence[float] | NDArray[np.float64] | None,
) -> dict[str, Any]:
    """What a result layer carries, in plain numbers: its origin, and its place for the writer.

    ``place`` is what `place_on` gives; it does not change while the slider moves.
    """
    return {
        **place,
        "run": result.run,
        "kind": choice.kind,
        "sample": choice.sample,
        "member": choice.member,
        "seed": choice.seed,
        "direction": choice.direction,
        "directions": choice.basis,
        "sigma": choice.sigma,
        "z": None if z is None else [float(value) for value in z],
        "model": result.card.name,
        "weights_sha256": result.card.weights_sha256,
        "image_sha256": result.image_sha256,
        "centre": None if result.centre is None else list(result.centre),
        "frame": None if result.source.frame is None else result.source.frame + 1,
        "lesions": {str(number): sigma for number, sigma in choice.own},
        "spread": {"overall": result.spread.overall, "per_label": list(result.spread.per_label)},
        "points": [[*point.index, point.label] for point in choice.points],
        "conditions": [[one.kind, one.label, one.voxels, *one.index] for one in choice.only],
        "labels": list(result.labels),
    }


def place_on(display: Display, transform: dict[str, Any]) -> dict[str, Any]:
    """Where a result's layer lies: on which grid of a file, and where in the viewer."""
    shown_at = layer_matrix(transform, len(display.shape))
    return {**display.to_metadata(), SHOWN_AT: shown_at.tolist()}


def decoded_metadata(decoded: Decoded, place: dict[str, Any]) -> dict[str, Any]:
    """As `result_metadata`, with the content of the sidecar."""
    z = decoded.provenance["choice"]["z"]
    base = result_metadata(decoded.result, decoded.choice, place, z)
    return {**base, "provenance": decoded.provenance}


def is_ours(layer: Layer) -> bool:
    """Whether a layer shows a result, so that it is no image to segment."""
    return RESULT_KEY in layer.metadata


def is_opened(layer: Layer) -> bool:
    """Whether a layer holds what a file holds that was opened: outlines that somebody saved."""
    told = layer.metadata.get(RESULT_KEY)
    # Those of this session say of which run they are, and overlays nothing at all.
    return bool(told) and "run" not in told


def layer_name(decoded: Decoded) -> str:
    """``SSN · sample 03`` or ``SSN · kept · 1.42 mL``."""
    choice = decoded.choice
    frame = decoded.result.source.frame
    when = "" if frame is None else f" · frame {frame + 1}"
    if decoded.kept:
        voxels = int(decoded.counts[1:].sum())
        return f"SSN · kept · {decoded.result.measure.amount_here(voxels)}{when}"
    seed = "" if choice.seed == 0 else f" (seed {choice.seed})"
    told = f" · {plural(len(choice.points), 'point')}" if choice.points else ""
    told += f" · {plural(len(choice.only), 'condition')}" if choice.only else ""
    told += " · spread changed" if decoded.result.spread.changed else ""
    which = f"sample {(choice.sample or 0) + 1:02d}"
    if choice.member is not None:
        which = f"member {choice.member + 1:02d}"
    return f"SSN · {which}{seed}{told}{when}"


def place_in(display: Display, centre: Sequence[int]) -> NDArray[np.float64]:
    """A voxel of the source's grid as the only point of a layer, (1, axes)."""
    return np.array([display.reorientation.index_to_display(centre, display.image_space)], float)


def clicks_layer(name: str, transform: dict[str, Any], axes: int) -> Points:
    """An empty layer for points that somebody places, as large on every screen."""
    return Points(
        np.zeros((0, axes)),
        ndim=axes,
        name=name,
        size=1.5,
        canvas_size_limits=CLICK_PIXELS,
        **transform,
    )
