"""Predictions and choices as a study keeps them, made again bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from napari_ssn.core.begun.awaiting import Begin
from napari_ssn.core.begun.parts import begun
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.directions.effects import Effect
from napari_ssn.core.directions.principal import Directions
from napari_ssn.core.given.residual import Residual
from napari_ssn.core.latent import FARTHEST
from napari_ssn.core.packed import forms
from napari_ssn.core.spread import Spread
from napari_ssn.core.summaries.lesions import Lesions
from napari_ssn.documents import study as kept
from napari_ssn.documents.study import Piece
from napari_ssn.errors import NEVER, Cancel, DataError, GeometryError, ServerError
from napari_ssn.geometry.arrays import Arrays
from napari_ssn.geometry.volume import Volume
from napari_ssn.prediction.choice import Choice, Drawing, Point, Question
from napari_ssn.prediction.decode import position_of
from napari_ssn.prediction.kept_members import members_from
from napari_ssn.prediction.lesions import tell_apart
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.recall import made_of
from napari_ssn.prediction.source import Source
from napari_ssn.prediction.spreading import spread_anew
from napari_ssn.text.repeating import UNKNOWN_IN_STUDY

_DAMAGED = "The study is damaged: the numbers of a result do not fit together."
_OTHER_IMAGE = "The result in the study is of another image than this one."


def restore(
    stored: kept.Result,
    image: kept.Image,
    arrays: Callable[[Piece], Arrays],
    source: Source,
    number: int = 1,
    volume: Volume | None = None,
    cancel: Cancel = NEVER,
) -> Prediction:
    """A prediction that a study keeps, with the image that it is of.

    Args:
        stored: what the study says of it.
        image: what the study says of its image.
        arrays: reads a piece.
        source: the image as it is open now.
        number: of the run, to tell it from others.
        volume: the image's intensities, where they are read already.
        cancel: looked at on the way.

    Raises:
        DataError: the study is damaged, or the result is of another image.
    """
    if source.space != tuple(image.space) or not np.array_equal(source.affine, image.affine):
        raise DataError(_OTHER_IMAGE)
    dist = _restored_dist(stored.distribution, arrays(stored.distribution.piece))
    cancel.check()
    run, correction = stored.run, stored.correction
    edges = (source.load() if volume is None else volume).data[0]
    residual = None
    if correction is not None:
        plain = Residual(correction.length_mm, correction.amplitude, chance=correction.chance)
        residual = plain.within(dist, edges, correction.edge_share)
    members, sources, told = None, tuple[tuple[str, str], ...](), run.ensemble
    ran = [one.network for one in told.members if one.network] if told is not None else []
    if told is not None and stored.members is not None:
        members = members_from(told, arrays(stored.members), dist)
        sources = tuple((one.sha256, one.name) for one in told.members)
    made = Prediction(
        run=number,
        source=replace(source, ct=image.ct, units=image.units),
        card=stored.card,
        device=run.device,
        device_title=run.device_title,
        tile=tuple(run.tile or ()),
        centre=None if run.centre is None else tuple(run.centre),
        depth_mm=run.depth_mm,
        dist=dist,
        image_sha256=run.image_sha256,
        residual=residual,
        tolerance=stored.tolerance,
        slip=stored.slip,
        threads=run.threads,
        instructions=run.instructions,
        insisted=bool(run.insisted),
        unpadded=bool(run.unpadded),
        moved_to=None if run.moved_to is None else tuple(run.moved_to),
        looks=run.looks,
        distance=stored.distance,
        members=members,
        sources=sources,
        networks=tuple(ran),
    )
    if stored.spread is not None:
        try:
            factors = tuple(stored.spread.per_label)
            # As a person has it who changed none of them.
            spread = Spread(stored.spread.overall, factors if set(factors) != {1.0} else ())
            made = spread_anew(made, (), spread, cancel)
        except ValueError:
            raise DataError(_DAMAGED) from None
    for one in stored.directions:
        made.bases.take(_restored_directions(one, arrays(one.piece), dist.rank))
    return made


def choice_from(
    prediction: Prediction, told: kept.Chosen, lesions: Lesions | None, cancel: Cancel = NEVER
) -> tuple[Choice, Lesions | None]:
    """A choice that a study keeps, and the lesions that it needs to be told apart.

    Args:
        prediction: that it is of.
        told: the choice.
        lesions: of the prediction, where they are told apart already.
        cancel: looked at on the way.

    Raises:
        DataError: the prediction has no such hypothesis.
    """
    points = tuple(Point(tuple(one.index), one.label) for one in told.points)
    only = tuple(
        Question(one.kind, one.label, one.voxels or 0.0, tuple(one.index or ()))
        for one in told.only
    )
    drawing = None if told.drawing is None else _drawing(told.drawing)
    exact = {"own": tuple(told.own), "points": points, "only": only, "drawing": drawing}
    choice = Choice(**{**dict(told), **exact})
    return choice, check_choice(prediction, choice, lesions, UNKNOWN_IN_STUDY, cancel)


def check_choice(
    prediction: Prediction,
    choice: Choice,
    lesions: Lesions | None,
    unknown: str,
    cancel: Cancel = NEVER,
) -> Lesions | None:
    """The lesions that a choice needs to be told apart, if it is one of a prediction.

    Args:
        prediction: that it is to be of.
        choice: that a file tells of; its directions are found where they are not known.
        lesions: of the prediction, where they are told apart already.
        unknown: what is said where the prediction has no such hypothesis: a DataError.
        cancel: looked at on the way.
    """
    dist = prediction.dist
    labels = [*(one.label for one in choice.points), *(one.label for one in choice.only)]
    if any(label >= dist.classes for label in labels) or choice.direction >= max(1, dist.rank):
        raise DataError(unknown)
    if any(one.kind == "reaches" and not one.index for one in choice.only):
        raise DataError(unknown)
    members = prediction.members
    if choice.member is not None:
        if members is None or choice.member >= len(members):
            raise DataError(unknown)
        if choice.nothing == (choice.member in members.outlined):
            raise DataError(unknown)
    if choice.drawing is not None:
        z = np.array(choice.drawing.z)
        if len(z) != dist.rank or np.abs(z).max() > FARTHEST:
            raise DataError(unknown)
    prediction.bases.find(choice.basis)
    if choice.own:
        lesions = lesions or tell_apart(prediction, cancel)
        numbers = [number for number, _ in choice.own]
        if not lesions.several or max(numbers) > len(lesions.found):
            raise DataError(unknown)
    try:
        position_of(prediction, choice)
    except (GeometryError, ValueError):
        # A point outside the region, or a condition that hardly any hypothesis meets.
        raise DataError(unknown) from None
    return lesions


def _drawing(told: kept.Nearest) -> Drawing:
    people = made_of(told.adjudicated)
    return Drawing(tuple(told.z), told.sha256, told.tolerance, told.length_mm, people)


def _restored_dist(told: kept.Distribution, arrays: Arrays) -> Decodable:
    """The distribution of some arrays; DataError where they do not fit together."""
    place: dict[str, Any] = {
        "affine": np.array(told.affine),
        "start": tuple(told.start),
        "image_space": tuple(told.image_space),
        "presence": told.presence,
    }
    dist: Decodable
    try:
        if told.reach is None:
            dist = forms.of_numbers(told.form, arrays, told.space, **place)
        else:
            parts = Begin(told.reach, arrays["codes"], arrays, _not_kept)
            dist = begun(told.form, parts, tuple(told.space), **place)
    except (KeyError, ValueError, GeometryError):
        raise DataError(_DAMAGED) from None
    if (dist.classes, dist.rank, dist.space) != (told.classes, told.rank, tuple(told.space)):
        raise DataError(_DAMAGED)
    return dist


def _not_kept() -> Arrays:
    raise ServerError(
        "What lies far from the outline was still on the server when this result was saved: run "
        "again for it."
    )


def _restored_directions(told: kept.Directions, arrays: Arrays, rank: int) -> Directions:
    basis, share = arrays.get("basis"), arrays.get("share")
    if basis is None or share is None or len(told.effects) != rank:
        raise DataError(_DAMAGED)
    if basis.shape != (rank, rank) or share.shape != (rank,):
        raise DataError(_DAMAGED)
    if basis.dtype != np.float64 or not (np.isfinite(basis).all() and np.isfinite(share).all()):
        raise DataError(_DAMAGED)
    effects = tuple(_restored_effect(one) for one in told.effects)
    return Directions(basis, share, effects, told.kind)


def _restored_effect(told: kept.Effect) -> Effect:
    values = {name: getattr(told, name) for name in type(told).model_fields}
    return Effect(**{**values, "others": tuple(map(_restored_effect, told.others))})
