"""The readers' room: several people's outlines of one image, and where the model has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_ssn.core.adjudicating import Pairs, blend, pairs
from napari_ssn.core.counts import count_labels
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.core.odd import Odd, odd_ones
from napari_ssn.core.overlap import dice, majority_vote
from napari_ssn.core.summaries.agreement import agreement
from napari_ssn.documents.adjudicated import Adjudicated, How, ReaderShare, painted_on
from napari_ssn.documents.chosen import Choice as Told
from napari_ssn.documents.sidecar import Provenance
from napari_ssn.errors import NEVER, Cancel, DataError, SSNError
from napari_ssn.geometry.arrays import Floats, Ints, Labels
from napari_ssn.io.content import Content
from napari_ssn.io.hashes import label_map_hash
from napari_ssn.io.sidecar import write_content
from napari_ssn.io.staple import Staple, staple
from napari_ssn.prediction.counting import count_sizes
from napari_ssn.prediction.drawing import Fitting, as_drawing, draws_of, fit, in_region, smaller
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.recall import made_of
from napari_ssn.prediction.record import record_of
from napari_ssn.text.sizes import capital

Counts = Ints

_MOST_LABELS = 255
# Of a sidecar.
_LONGEST_NAME = 64


@dataclass(frozen=True, eq=False)
class Readers:
    """Outlines of M people, of C labels. The background is left out of all counts.

    Attributes:
        names: of the people, or ``reader 1``, ``reader 2``.
        labels: names of all labels, background first.
        maps: label maps (*S) on the image's grid.
        counts: (M, C − 1) voxels of each label.
        pairs: how far each two agree.
        majority: (*S), what most say; of ties the lower label, so the background.
        staple: None where it cannot be computed.
        votes: (C − 1, *S) how many of them give a voxel each label.
        nested: (3, C − 1) voxels that all of them give a label, at least half, and any.
        odd: whose may be stored otherwise than the others', or of something else.
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    maps: tuple[Labels, ...]
    counts: Counts
    pairs: Pairs
    majority: Labels
    staple: Staple | None
    votes: Labels
    nested: Counts
    odd: Odd


@dataclass(frozen=True, eq=False)
class Placed:
    """Where readers lie among a model's hypotheses.

    Attributes:
        fittings: of each, the nearest hypothesis; None of who outlines nothing, or nothing that
            any hypothesis has.
        smaller: (M, C − 1) share of the hypotheses in which a label is smaller than they drew.
        nested: (3, C − 1) voxels of the model's inner, median and outer outline.
        outlined: how likely the model has it that anything is outlined.
        around: members of an ensemble that the hypotheses were drawn around, in words; empty of a
            model.
    """

    fittings: tuple[Fitting | None, ...]
    smaller: Floats
    nested: Counts
    outlined: float
    around: str = ""


def levels_of(people: int) -> tuple[int, int, int]:
    """How many of so many people any, at least half, and all of them are."""
    return 1, (people + 1) // 2, people


def gather(
    values: Sequence[NDArray[np.generic]],
    space: Sequence[int],
    spacing: Sequence[float],
    names: Sequence[str] = (),
    labels: Sequence[str] | None = None,
) -> Readers:
    """Compare several people's outlines.

    Args:
        values: label maps on the image's grid, at least two; who outlined nothing has an empty one.
        space: shape of the image.
        spacing: voxel size along each axis, 1 where it is unknown.
        names: of the people; by their numbers if left out.
        labels: names of a model's labels, background first; if left out those that are drawn.

    Raises:
        DataError: fewer than two, another number of names, names that are empty or long, or what
            is no label map.
        GeometryError: another shape.
    """
    if len(values) < 2:
        raise DataError("The readers' room compares two outlines or more: name another one.")
    if names and len(names) != len(values):
        raise DataError(f"There are {len(values)} outlines and {len(names)} names.")
    if any(not 0 < len(name.strip()) <= _LONGEST_NAME for name in names):
        raise DataError(f"A name of a person has 1 to {_LONGEST_NAME} letters.")
    if labels is None:
        labels = _drawn(values)
    people = tuple(names) or tuple(f"reader {k}" for k in range(1, len(values) + 1))
    maps = tuple(
        _label_map(one, space, labels, name) for one, name in zip(values, people, strict=True)
    )
    classes = len(labels)
    try:
        truth = staple(maps, classes)
    except DataError:
        truth = None
    votes = np.array([sum((one == c).astype(np.uint8) for one in maps) for c in range(1, classes)])
    m = len(maps)
    nested = [(votes >= least).reshape(classes - 1, -1).sum(1) for least in levels_of(m)[::-1]]
    return Readers(
        people,
        tuple(labels),
        maps,
        np.array([count_labels(one, classes)[1:] for one in maps]),
        pairs(maps, classes, spacing),
        majority_vote(np.stack(maps), classes).astype(np.uint8),
        truth,
        votes,
        np.array(nested),
        odd_ones(maps, classes),
    )


def place(readers: Readers, prediction: Prediction, cancel: Cancel = NEVER) -> Placed:
    """Where readers lie among the hypotheses of a model, of the part that was segmented."""
    given, z, members = prediction.given, draws_of(prediction), prediction.members
    outlined = given.outlined((), z)
    sizes = count_sizes(prediction, (), z[outlined], cancel)[:, 1:]
    found = agreement(prediction.dist, z[outlined], cancel.check)
    levels = [found.levels(label) for label in range(1, len(readers.labels))]
    nested = [[int((one >= least).sum()) for one in levels] for least in (3, 2, 1)]
    fittings = list[Fitting | None]()
    for one in readers.maps:
        cancel.check()
        try:
            fittings.append(fit(prediction, one, sizes=sizes, cancel=cancel))
        except DataError:
            # Outside the region, or where no hypothesis has anything.
            fittings.append(None)
    here = [count_labels(in_region(prediction, one), len(readers.labels)) for one in readers.maps]
    return Placed(
        tuple(fittings),
        np.array([smaller(sizes, one[1:]) for one in here]),
        np.array(nested),
        given.presence(()) * len(outlined) / len(z),
        "" if members is None else f"the {len(members)} {prediction.noun}",
    )


def adjudicate(
    readers: Readers,
    how: How,
    spacing: Sequence[float],
    number: int = 0,
    weights: Sequence[float] | None = None,
) -> tuple[Labels, list[float] | None]:
    """One outline made of all, and the share of each in it; None of STAPLE's, which has none.

    Args:
        readers: whose.
        how: one of them, the majority, STAPLE, or between them (see `blend`).
        spacing: voxel size along each axis, 1 where it is unknown.
        number: of who is picked, from 0.
        weights: of a blend; all alike if left out.

    Raises:
        DataError: there is no STAPLE, or a blend with who outlines nothing or other weights.
    """
    m = len(readers.maps)
    if how == "pick":
        return readers.maps[number], [float(k == number) for k in range(m)]
    if how == "majority":
        return readers.majority, [1 / m] * m
    if how == "staple":
        # Says why there is none.
        truth = readers.staple or staple(readers.maps, len(readers.labels))
        return truth.label_map, None
    chosen = np.ones(m) if weights is None else np.asarray(weights, np.float64)
    if len(chosen) != m or not (np.isfinite(chosen).all() and (chosen >= 0).all() and chosen.any()):
        raise DataError(f"A blend of {m} outlines takes {m} weights, none below 0, not all 0.")
    empty = [
        name
        for name, one, weight in zip(readers.names, readers.maps, chosen, strict=True)
        if weight > 0 and not one.any()
    ]
    if empty:
        raise DataError(f"{empty[0]} outlines nothing, which cannot be blended: leave it out.")
    kept = np.flatnonzero(chosen > 0)
    maps = [readers.maps[k] for k in kept]
    made = blend(maps, chosen[kept].tolist(), len(readers.labels), spacing)
    return made, (chosen / chosen.sum()).tolist()


def corrected(readers: Readers, made: Labels, values: NDArray[np.generic]) -> Labels:
    """An outline that was made of all as somebody has painted on it since.

    Args:
        readers: whose.
        made: as it was made.
        values: of its layer, on the image's grid.

    Raises:
        DataError: nothing is left of it, or it has numbers that are none of the labels.
    """
    return as_drawing(values, made.shape, readers.labels)


def shares_of(
    readers: Readers,
    how: How,
    label_map: Labels,
    shares: Sequence[float] | None,
    made: Labels | None = None,
) -> Adjudicated:
    """What a sidecar says of the people behind an outline.

    Args:
        readers: whose.
        how: it was made of them.
        label_map: that is written.
        shares: of `adjudicate`.
        made: what `adjudicate` made, where somebody has painted on it since.
    """
    classes = len(readers.labels)
    return Adjudicated(
        how=how,
        readers=[
            ReaderShare(
                name=name,
                sha256=label_map_hash(one),
                share=None if shares is None else shares[k],
                dice=dice(label_map, one, classes).tolist(),
            )
            for k, (name, one) in enumerate(zip(readers.names, readers.maps, strict=True))
        ],
        corrected_voxels=0 if made is None else int(np.count_nonzero(label_map != made)),
    )


def recorded(record: Provenance, drawn: Labels, prediction: Prediction) -> Adjudicated | None:
    """The people behind an outline that was written, opened again, and is drawn on perhaps.

    Args:
        record: the sidecar beside it.
        drawn: the outline now, of labels of the prediction.
        prediction: whose hypotheses are looked at.

    Returns:
        what the sidecar says of them; None where it says nothing, or of another image or model.
    """
    people, labels = record.adjudicated, len(record.volumes) + 1
    if people is None or people.outline_sha256 is not None:
        return None
    if record.run.image_sha256 != prediction.image_sha256 or labels != len(prediction.labels):
        return None
    written = label_map_hash(drawn) == record.label_map_sha256
    return people if written else painted_on(people)


def of_people(found: Fitting, shares: Adjudicated) -> Fitting:
    """What the model makes of a drawing, which was made of people's outlines with these shares."""
    return replace(found, drawing=replace(found.drawing, made_of=made_of(shares)))


def write_outline(
    path: Path,
    label_map: Labels,
    shares: Adjudicated,
    prediction: Prediction,
    overwrite: bool = False,
) -> None:
    """Write an outline made of several as NIfTI, with a sidecar that names everybody's share."""
    hypothesis = Hypothesis(label_map, prediction.source.affine, None, prediction.dist.classes)
    # The model did not make it, and cannot make it again.
    told = Told(kind="edited", z=None)
    record = record_of(prediction, hypothesis, told).model_copy(update={"adjudicated": shares})
    write_content(Content.of(hypothesis, prediction.card), path, record, overwrite)


def _label_map(
    values: NDArray[np.generic], space: Sequence[int], labels: Sequence[str], name: str
) -> Labels:
    """One person's label map; what is wrong with it is said with the name."""
    if not np.any(values):
        return np.zeros(tuple(space), np.uint8)
    try:
        return as_drawing(values, space, labels)
    except SSNError as error:
        raise type(error)(f"{capital(name)}: {error}") from None


def _drawn(values: Sequence[NDArray[np.generic]]) -> tuple[str, ...]:
    """Names of the labels that are drawn; one thing, if nobody tells two apart."""
    found = [np.unique(one[one != 0]) for one in values]
    if all(len(one) <= 1 for one in found):
        return ("background", "outline")
    highest = float(max(one.max() for one in found if len(one)))
    if not 0 < highest <= _MOST_LABELS:
        raise DataError(f"An outline holds the number {highest:g}: labels go up to {_MOST_LABELS}.")
    return ("background", *(f"label {k}" for k in range(1, int(highest) + 1)))
