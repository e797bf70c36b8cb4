"""Predictions and choices as a study keeps them, made again bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from napari_ssn.core.columns.columns import SHELLS
from napari_ssn.core.decodable import FARTHEST, Decodable
from napari_ssn.core.directions.effects import Effect
from napari_ssn.core.directions.principal import Directions
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.given.residual import Residual
from napari_ssn.core.packed.distribution import PackedDistribution
from napari_ssn.core.spread import Spread
from napari_ssn.core.summaries.lesions import Lesions
from napari_ssn.documents import study as kept
from napari_ssn.documents.study import Piece
from napari_ssn.errors import NEVER, Cancel, DataError, GeometryError
from napari_ssn.geometry.volume import Volume
from napari_ssn.prediction.choice import Choice, Drawing, Point, Question
from napari_ssn.prediction.decode import position_of
from napari_ssn.prediction.lesions import tell_apart
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.source import Source
from napari_ssn.prediction.spreading import spread_anew
from napari_ssn.prediction.stored import PACKED, Arrays

_DAMAGED = "The study is damaged: the numbers of a result do not fit together."
_OTHER_IMAGE = "The result in the study is of another image than this one."
_UNKNOWN_CHOICE = "The study says of a hypothesis that its result has not."


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
        distance=stored.distance,
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
    choice = Choice(
        sample=told.sample,
        seed=told.seed,
        direction=told.direction,
        sigma=told.sigma,
        own=tuple(told.own),
        points=tuple(Point(tuple(one.index), one.label) for one in told.points),
        only=tuple(
            Question(one.kind, one.label, one.voxels or 0.0, tuple(one.index or ()))
            for one in told.only
        ),
        basis=told.basis,
        nothing=told.nothing,
        drawing=None if told.drawing is None else _drawing(told.drawing),
    )
    dist = prediction.dist
    labels = [*(one.label for one in choice.points), *(one.label for one in choice.only)]
    if any(label >= dist.classes for label in labels) or choice.direction >= max(1, dist.rank):
        raise DataError(_UNKNOWN_CHOICE)
    if any(one.kind == "reaches" and not one.index for one in choice.only):
        raise DataError(_UNKNOWN_CHOICE)
    if choice.drawing is not None:
        z = np.array(choice.drawing.z)
        if len(z) != dist.rank or np.abs(z).max() > FARTHEST:
            raise DataError(_UNKNOWN_CHOICE)
    prediction.bases.find(choice.basis)
    if choice.own:
        lesions = lesions or tell_apart(prediction, cancel)
        numbers = [number for number, _ in choice.own]
        if not lesions.several or max(numbers) > len(lesions.found):
            raise DataError(_UNKNOWN_CHOICE)
    try:
        position_of(prediction, choice)
    except (GeometryError, ValueError):
        # A point outside the region, or a condition that hardly any hypothesis meets.
        raise DataError(_UNKNOWN_CHOICE) from None
    return choice, lesions


def _drawing(told: kept.Nearest) -> Drawing:
    return Drawing(tuple(told.z), told.sha256, told.tolerance, told.length_mm)


def _restored_dist(told: kept.Distribution, arrays: Arrays) -> Decodable:
    """The distribution of some arrays; DataError where they do not fit together."""
    affine, start = np.array(told.affine), tuple(told.start)
    whole, presence = tuple(told.image_space), told.presence
    dist: Decodable
    try:
        if told.form == "packed":
            _check_packed(told, arrays)
            parts: dict[str, Any] = _unfolded(told, arrays)
            dist = PackedDistribution(
                **parts, affine=affine, start=start, image_space=whole, presence=presence
            )
        else:
            mean, factor, diag = (arrays[name] for name in ("mean", "cov_factor", "cov_diag"))
            if any(part.dtype != np.float32 for part in (mean, factor, diag)):
                raise DataError(_DAMAGED)
            mu, columns, variances = (torch.from_numpy(part) for part in (mean, factor, diag))
            dist = LogitDistribution(mu, columns, variances, affine, start, whole, presence)
    except (KeyError, ValueError, GeometryError):
        raise DataError(_DAMAGED) from None
    if (dist.classes, dist.rank, dist.space) != (told.classes, told.rank, tuple(told.space)):
        raise DataError(_DAMAGED)
    return dist


def _check_packed(told: kept.Distribution, arrays: Arrays) -> None:
    """DataError for arrays that no packing makes; what indexes into them may rely on it."""
    count, classes = int(np.prod(told.space)), told.classes
    shapes = {
        "order": ((count,), ("int32",)),
        "ends": ((SHELLS,), ("int64",)),
        "best": ((count,), ("uint8",)),
        "rivals": ((classes - 1, count), ("uint8",)),
        "margins": ((classes - 1, told.rank + 1, count), ("float16", "float32")),
        "second": ((count if classes > 2 else 0,), ("int16",)),
        "noise": ((classes, count), ("float16", "float32")),
    }
    for name, (shape, kinds) in shapes.items():
        if arrays[name].shape != shape or arrays[name].dtype.name not in kinds:
            raise DataError(_DAMAGED)
    order, ends = arrays["order"], arrays["ends"]
    seen = np.zeros(count, np.bool_)
    if order.min() < 0 or order.max() >= count:
        raise DataError(_DAMAGED)
    seen[order] = True
    named = np.concatenate([arrays["best"][None], arrays["rivals"]])
    named.sort(axis=0)
    sound = (
        seen.all()
        and ends[0] >= 0
        and ends[-1] == count
        and bool((np.diff(ends) >= 0).all())
        and bool((named == np.arange(classes, dtype=np.uint8)[:, None]).all())
        and bool(np.isfinite(arrays["margins"]).all())
        and bool(np.isfinite(arrays["noise"]).all())
    )
    if not sound:
        raise DataError(_DAMAGED)


def _unfolded(told: kept.Distribution, arrays: Arrays) -> Arrays:
    """All arrays of a packed distribution, from those that are stored."""
    order, best = arrays["order"], arrays["best"]
    mean_map, place = np.empty_like(best), np.empty_like(order)
    mean_map[order] = best
    place[order] = np.arange(len(order), dtype=np.int32)
    whole = {"mean_map": mean_map.reshape(told.space), "place": place.reshape(told.space)}
    return {**{name: arrays[name] for name in PACKED}, **whole}


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
