"""The session that a sidecar tells of: its run made again, and its hypotheses as choices in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from napari_ssn.core.kinds import DirectionKind
from napari_ssn.core.summaries.lesions import Lesions
from napari_ssn.documents.adjudicated import Adjudicated
from napari_ssn.documents.chosen import Choice as Told
from napari_ssn.documents.sidecar import Provenance, read_sidecar
from napari_ssn.errors import NEVER, Cancel, DataError, SSNError
from napari_ssn.io.finding import image_beside
from napari_ssn.io.hashes import image_hash, label_map_hash
from napari_ssn.io.sidecar import sidecar_path
from napari_ssn.network.inference import Watch
from napari_ssn.network.models import Model
from napari_ssn.prediction.choice import Choice, Drawing
from napari_ssn.prediction.decode import hypothesis_of
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.recall import Recall, conditions_in, made_of, points_in, spread_in
from napari_ssn.prediction.repeating import check_image, check_repeatable, circumstances, rerun
from napari_ssn.prediction.restored import check_choice
from napari_ssn.prediction.run import run
from napari_ssn.prediction.source import Source
from napari_ssn.prediction.spreading import spread_anew
from napari_ssn.text.repeating import UNKNOWN_HYPOTHESIS
from napari_ssn.text.results import differing_line, repeated_line

_ENSEMBLE = (
    "This result was exported from an ensemble, whose members are not in its file: open its image, "
    "choose them in the place of a model, and run."
)
_UNNUMBERED = (
    "The result's .json says of no number that its hypothesis was drawn with: napari-ssn segment "
    "with --from-sidecar makes it again."
)


@dataclass(frozen=True)
class Found:
    """What there is of a sidecar's session before its model runs.

    Attributes:
        record: the sidecar.
        here: whether the image that is open is its own.
        image: the file or folder of its image, where that lies beside it; None for nowhere.
    """

    record: Provenance
    here: bool = False
    image: Path | None = None


def find(path: Path, source: Source | None, cancel: Cancel = NEVER) -> Found:
    """Read a sidecar, and find its image: the one that is open, or one that lies beside it.

    DataError if it is damaged, or tells of what no model makes again.
    """
    record = read_sidecar(path)
    check_repeatable(record)
    if record.run.ensemble is not None:
        raise DataError(_ENSEMBLE)
    if any(_unnumbered(one.choice) for one in record.each()):
        raise DataError(_UNNUMBERED)
    if source is not None and may_be_its(source, record):
        volume = source.load()
        cancel.check()
        if image_hash(volume) == record.run.image_sha256:
            return Found(record, here=True)
    return Found(record, image=image_beside(path, record, cancel))


def sidecar_of(path: Path) -> Path | None:
    """The sidecar that lies beside a label map and tells of a run; None if there is none.

    What was edited, or is a probability map, opens as the layers that it is.
    """
    beside = sidecar_path(path)
    try:
        record = read_sidecar(beside)
        check_repeatable(record)
    except SSNError:
        return None
    return None if record.run.ensemble is not None else beside


def may_be_its(source: Source, record: Provenance) -> bool:
    """Whether an image has the grid of a sidecar's; its values are not looked at."""
    frame = None if source.frame is None else source.frame + 1
    return (
        source.problem is None
        and source.space == tuple(record.grid.shape)
        and record.run.frame in (None, frame)
        and bool(np.array_equal(source.affine, record.grid.affine))
    )


def _unnumbered(told: Told) -> bool:
    return told.kind == "representative" or (told.kind == "sample" and told.sample is None)


@dataclass(frozen=True)
class Repeated:
    """A run that was made again, and the hypotheses of its sidecar.

    Attributes:
        prediction: with the spread, and the way of taking points, that the sidecar states.
        choice: its hypothesis; of several the first.
        lesions: as they are told apart, if a hypothesis needs it.
        others: the other hypotheses of its file.
        words: whether they are the exported ones, in a sentence.
    """

    prediction: Prediction
    choice: Choice
    lesions: Lesions | None
    others: tuple[Choice, ...]
    words: str


def repeat(
    record: Provenance,
    model: Model,
    source: Source,
    *,
    kinds: Sequence[DirectionKind] = (),
    number: int = 1,
    watch: Watch | None = None,
    cancel: Cancel = NEVER,
) -> Repeated:
    """Run a sidecar's model on its image as it states, and stand at its hypothesis.

    Args:
        record: the sidecar.
        model: with its weights.
        source: the image.
        kinds: directions that are found besides those that the sidecar walks.
        number, watch, cancel: as for `run`.

    Raises:
        ImageError: the image is another one.
        DataError: the sidecar states what the model has not.
        ModelError, GeometryError, DeviceError, Cancelled: as `run`.
    """
    check_image(source.load(), record)
    cancel.check()
    ones = record.each()
    walked = [one.choice.directions for one in ones if one.choice.directions is not None]
    wanted = tuple(dict.fromkeys([*kinds, *walked]))
    again = partial(run, model, source, kinds=wanted, number=number, watch=watch, cancel=cancel)
    found = _stated(rerun(record, model, again), record.choice, cancel)
    choices, lesions, differing = list[Choice](), None, 0
    for one in ones:
        choice = choice_of(found, one.choice, one.adjudicated)
        lesions = check_choice(found, choice, lesions, UNKNOWN_HYPOTHESIS, cancel)
        made = hypothesis_of(found, choice, lesions)
        differing += label_map_hash(made.label_map) != one.label_map_sha256
        choices.append(choice)
    words = repeated_line(len(ones))
    if differing:
        words = f"{differing_line(differing, len(ones))} {circumstances(record, found)}"
    return Repeated(found, choices[0], lesions, tuple(choices[1:]), words)


def _stated(found: Prediction, told: Told, cancel: Cancel) -> Prediction:
    """A run with the spread, and the way of taking points, of a sidecar."""
    made = Recall(found).stated(told.model_copy(update={"spread": None}))
    for kind in found.bases.kinds:
        made.bases.take(found.bases.known(kind))
    if told.spread is None:
        return made
    return spread_anew(made, points_in(made, told), spread_in(made, told.spread), cancel)


def choice_of(prediction: Prediction, told: Told, people: Adjudicated | None = None) -> Choice:
    """The choice that a sidecar tells of: what `record.describe` was given.

    Args:
        prediction: that it is of.
        told: what the sidecar says.
        people: whose outlines it says that its drawing was made of.

    Raises:
        DataError: it has a point or a condition that the model has not.
    """
    drawing = None
    if told.drawing is not None:
        z = told.z if told.anchor is None else told.anchor
        one = told.drawing
        made = made_of(people)
        drawing = Drawing(tuple(z or ()), one.sha256, one.tolerance, one.length_mm, made)
    own = () if told.lesions is None else told.lesions.own
    return Choice(
        sample=None if told.sample is None else told.sample - 1,
        seed=told.seed or 0,
        direction=0 if told.direction is None else told.direction - 1,
        sigma=told.sigma or 0.0,
        own=tuple((one.lesion, one.sigma) for one in own),
        points=points_in(prediction, told),
        only=conditions_in(prediction, told),
        basis=told.directions or "label-weighted",
        nothing=bool(told.nothing),
        drawing=drawing,
    )
