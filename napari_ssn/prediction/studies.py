"""Whole sessions into studies, and back onto the images that are open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_ssn.documents import study as documents
from napari_ssn.documents.ran import Software
from napari_ssn.documents.study import Piece, Study
from napari_ssn.errors import NEVER, Cancel, Cancelled, DataError, ServerError
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.hashes import image_hash
from napari_ssn.io.layers import LayerData, image_layer
from napari_ssn.io.study import Opened, open_study, write_study, write_study_folder
from napari_ssn.prediction.decode import hypothesis_of
from napari_ssn.prediction.held import Drawn, Held, Waiting, Whole
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.restored import choice_from, restore
from napari_ssn.prediction.source import Source
from napari_ssn.prediction.stored import Pieces, chosen, image_of, store
from napari_ssn.text.results import image_of_study, lacking_line

_DAMAGED = "The study is damaged: a label map in it has not the shape of its image."


# ---- Into a study


def save(path: Path, whole: Whole, pixels: bool, overwrite: bool, cancel: Cancel = NEVER) -> str:
    """Write a study into one file; the images too, only if ``pixels``.

    Returns:
        of which result numbers were elsewhere and could not be had, so that only those are saved
        that label maps need, in a sentence; empty for none.

    Raises:
        ExportError: there is a file that may not be replaced, or it cannot be written.
    """
    lacking = ""
    for number, held in enumerate(whole.held, start=1):
        cancel.check()
        try:
            held.prediction.dist.complete()
        except (ServerError, DataError) as error:
            lacking = lacking or lacking_line(number, len(whole.held), str(error))
    pieces = Pieces()
    study = study_of(whole, pieces, pixels, cancel)
    write_study(path, study, pieces.makers, overwrite)
    return lacking


def save_in_folder(folder: Path, whole: Whole, pieces: Pieces) -> None:
    """Bring a folder up to what there is to keep; ``pieces`` know what was encoded before.

    Of a result that is on its way from a server it has what is here.
    """
    pieces.makers.clear()
    write_study_folder(folder, study_of(whole, pieces), pieces.makers)


def study_of(whole: Whole, pieces: Pieces, pixels: bool = False, cancel: Cancel = NEVER) -> Study:
    """The document of a session, whose arrays go to ``pieces``."""
    images: list[documents.Image] = []
    places: dict[str, int] = {}
    results = []
    for held in whole.held:
        cancel.check()
        found = held.prediction
        if found.image_sha256 not in places:
            places[found.image_sha256] = len(images)
            images.append(image_of(found, _pixels(found, pieces) if pixels else None))
        kept = [one for drawn in held.kept if (one := _kept(held, drawn, pieces)) is not None]
        at = places[found.image_sha256]
        results.append(store(found, held.choice, at, pieces, kept))
    for waiting in whole.waiting:
        if waiting.image.sha256 not in places:
            places[waiting.image.sha256] = len(images)
            images.append(waiting.image)
        at = places[waiting.image.sha256]
        results.append(waiting.result.model_copy(update={"image": at}))
        for piece in _pieces_of(waiting):
            pieces.makers.setdefault(piece.sha256, partial(_copied, waiting.path, piece))
    settings = None
    if whole.settings is not None:
        hypotheses, samples, reach, cards = whole.settings
        settings = documents.Settings(
            hypotheses=hypotheses, samples=samples, reach=reach, cards=cards
        )
    return Study(
        saved=datetime.now(UTC).isoformat(timespec="seconds"),
        software=Software.here(),
        images=images,
        results=results,
        shown=whole.shown,
        settings=settings,
    )


def _pieces_of(waiting: Waiting) -> Iterable[Piece]:
    yield from waiting.result.pieces
    if waiting.image.pixels is not None:
        yield waiting.image.pixels


def _copied(path: Path, piece: Piece) -> bytearray:
    with open_study(path) as file:
        return file.content(piece)


def _pixels(found: Prediction, pieces: Pieces) -> Piece:
    return pieces.put(found.source.load, lambda: {"data": found.source.load().data})


def _kept(held: Held, drawn: Drawn, pieces: Pieces) -> documents.Kept | None:
    """What is kept of a hypothesis; None where the numbers that it needs are not here."""

    def arrays() -> dict[str, Any]:
        if drawn.labels is not None:
            return {"labels": drawn.labels}
        return {"labels": hypothesis_of(held.prediction, drawn.choice, held.lesions).label_map}

    try:
        piece = pieces.put(drawn, arrays)
    except (ServerError, DataError, Cancelled):
        if held.prediction.dist.whole:
            raise
        # Nobody has seen it yet.
        return None
    return documents.Kept(choice=chosen(drawn.choice), piece=piece, edited=drawn.edited)


# ---- Out of a study


@dataclass(frozen=True)
class Read:
    """What is read of a study before its images are known.

    Attributes:
        waiting: its results, each for its image.
        shown: the one that was on show; None for none.
        saved: when it was, as its document says.
        pictures: images that it holds itself.
        settings: as `Whole` has them; None where it keeps none.
    """

    waiting: tuple[Waiting, ...]
    shown: Waiting | None
    saved: str
    pictures: tuple[Volume, ...] = ()
    settings: tuple[int, int, float, int] | None = None


def read(path: Path, pixels: bool = True) -> Read:
    """Read what a study tells of; DataError if it is none, or damaged.

    Args:
        path: of a file or a folder.
        pixels: whether images that it holds are read too.
    """
    with open_study(path) as file:
        study = file.study
        waiting = tuple(
            Waiting(path, result, study.images[result.image]) for result in study.results
        )
        pictures = [
            _picture(file, image) for image in study.images if pixels and image.pixels is not None
        ]
    shown = None if study.shown is None else waiting[study.shown]
    kept = study.settings
    settings = None if kept is None else (kept.hypotheses, kept.samples, kept.reach, kept.cards)
    return Read(waiting, shown, study.saved, tuple(pictures), settings)


def _picture(file: Opened, image: documents.Image) -> Volume:
    assert image.pixels is not None
    data = file.arrays(image.pixels).get("data")
    if data is None or data.dtype != np.float32 or data.shape != (image.channels, *image.space):
        raise DataError("The study is damaged: an image in it has another shape than it says.")
    volume = Volume(data, np.array(image.affine), image.extent, image.oriented)
    if image_hash(volume) != image.sha256:
        raise DataError("The study is damaged: an image in it is not the one that it names.")
    return volume


def layers_of(pictures: Sequence[Volume]) -> tuple[LayerData, ...]:
    """Images that a study holds as layers; each channel makes one of its own."""
    layers = []
    for number, volume in enumerate(pictures, start=1):
        for k, channel in enumerate(volume.data, start=1):
            one = Volume(channel[None], volume.affine, volume.extent, volume.oriented)
            layers.append(image_layer(one, name=image_of_study(number, k, volume.channels)))
    return tuple(layers)


def may_be_of(image: documents.Image, source: Source) -> bool:
    """Whether an image that is open has the grid of a study's; its values are not looked at."""
    frame = None if source.frame is None else source.frame + 1
    return (
        source.problem is None
        and source.space == tuple(image.space)
        and source.channels == image.channels
        and image.frame in (None, frame)
        and bool(np.array_equal(source.affine, image.affine))
    )


@dataclass(frozen=True)
class Brought:
    """Results that were found to be of an open image.

    Attributes:
        held: each that could be made again, with what it waited as.
        problems: why others could not be, one sentence each.
    """

    held: tuple[tuple[Waiting, Held], ...] = ()
    problems: tuple[str, ...] = ()


def bring(
    waiting: Sequence[Waiting], source: Source, number: int, cancel: Cancel = NEVER
) -> Brought:
    """Make those results again that are of an image, by its values.

    Args:
        waiting: results whose image it may be.
        source: the image.
        number: of the first of these runs, to tell them from others.
        cancel: looked at on the way.
    """
    volume = source.load()
    digest = image_hash(volume)
    held: list[tuple[Waiting, Held]] = []
    problems: dict[str, None] = {}
    for one in waiting:
        cancel.check()
        if one.image.sha256 != digest:
            continue
        try:
            held.append((one, _held(one, source, number + len(held), volume, cancel)))
        except (DataError, ServerError) as error:
            problems[str(error)] = None
    return Brought(tuple(held), tuple(problems))


def _held(one: Waiting, source: Source, number: int, volume: Volume, cancel: Cancel) -> Held:
    with open_study(one.path) as file:
        made = restore(one.result, one.image, file.arrays, source, number, volume, cancel)
        choice, lesions = choice_from(made, one.result.shown, None, cancel)
        kept = []
        for told in one.result.kept:
            own, lesions = choice_from(made, told.choice, lesions, cancel)
            labels = file.arrays(told.piece).get("labels")
            if labels is None or labels.dtype != np.uint8 or labels.shape != source.space:
                raise DataError(_DAMAGED)
            kept.append(Drawn(own, labels, told.edited))
    return Held(made, choice, lesions, tuple(kept))
