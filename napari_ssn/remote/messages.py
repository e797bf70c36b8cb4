"""A question and its answer as messages: what is read is what was written, bit for bit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch.nn import functional

from napari_ssn.core.begun.awaiting import Begin, Rest
from napari_ssn.core.begun.parts import begin
from napari_ssn.core.begun.parts import begun as part_of
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.packed import forms
from napari_ssn.documents.card import ModelCard
from napari_ssn.documents.remote import Asks, Found
from napari_ssn.errors import DataError
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Floats
from napari_ssn.network.inference import Inference
from napari_ssn.network.plan import needed_bytes, plan_for
from napari_ssn.network.question import Place, Question
from napari_ssn.remote.wire import Arrays, read, written
from napari_ssn.text.server import on_server

# Bytes of a distribution of which less than all is worth two messages.
_WORTH = 1 << 24
_ANOTHER = "The answer is to another question."


def key_of(card: ModelCard) -> str:
    """By what two computers know that they speak of the same model: of its card, weights included.

    Another card of the same weights may look at another region, or say another presence.
    """
    return hashlib.sha256(card.model_dump_json().encode()).hexdigest()


def asked(question: Question, key: str, half: bool = False) -> bytes:
    """A question to the model of this key, see `key_of`, as a message.

    Args:
        question: the question.
        key: of the model.
        half: see `ModelCard.half_intensities`; of what is rounded already nothing is lost.
    """
    image = question.image
    asks = Asks(
        key=key,
        space=image.space,
        channels=image.channels,
        affine=_rows(image.affine),
        extent=image.extent,
        oriented=image.oriented,
        centre=question.centre,
        depth_mm=float(question.depth_mm),
        tile=question.tile,
        divided=question.divided,
        look_at=question.look_at,
    )
    data = question.data.astype(np.float16) if half else question.data
    return written(asks.model_dump(mode="json"), {"data": data})


def question_of(message: bytes, most: int) -> tuple[str, Question]:
    """The key of the model that is asked, and the question.

    Args:
        message: as `asked` makes it.
        most: bytes that its intensities may take.

    Raises:
        DataError: it is no such message, or too large.
        GeometryError: it lies nowhere.
    """
    says, arrays = read(message, most)
    try:
        asks = Asks.model_validate(says)
    except ValidationError:
        raise DataError("What was asked is no question that this version understands.") from None
    data = arrays.get("data")
    if data is None or data.dtype not in (np.float16, np.float32) or len(arrays) != 1:
        raise DataError("What was asked has no intensities.")
    if 4 * data.size > most:
        raise DataError(f"What was asked is larger than it may be: {most:,} bytes are the most.")
    affine = Affine.checked(np.array(asks.affine)).matrix
    if asks.look_at is not None and len(asks.look_at) != len(asks.space):
        raise DataError("What was asked looks at a plane of another image.")
    image = Place(asks.space, asks.channels, affine, asks.extent, asks.oriented)
    about = (asks.centre, asks.depth_mm, asks.tile, asks.divided, asks.look_at)
    # Nothing of what somebody asks is written to this computer's disk.
    return asks.key, Question(
        data.astype(np.float32, copy=False), image, *about, packed=True, aside=False
    )


def answered(found: Inference) -> bytes:
    """What a run found, as a message: its distribution as it is kept, see `compact`."""
    return _message(found, forms.in_grid_order(found.dist))


def begun(found: Inference) -> tuple[bytes, Callable[[], bytes] | None]:
    """The same in two: what label maps need, and what makes a message of the rest, see `Begin`.

    None where all of it is in the first.
    """
    parts = begin(found.dist) if found.dist.nbytes >= _WORTH else None
    if parts is None:
        return answered(found), None
    message = _message(found, {"code": parts.codes, **parts.first}, parts.reach)
    return message, lambda: written({}, parts.rest())


def rest_of(message: bytes, most: int) -> Arrays:
    """What `begun` left for later.

    Raises:
        DataError: it is no message, it is damaged, or larger than that.
    """
    return read(message, most)[1]


def _message(found: Inference, arrays: Arrays, reach: float | None = None) -> bytes:
    dist = found.dist
    says = Found(
        form=dist.form,
        reach=reach,
        space=dist.space,
        affine=_rows(dist.affine),
        start=dist.start,
        image_space=dist.image_space,
        presence=dist.presence,
        device=str(found.device),
        title=found.title,
        tile=found.tile,
        depth_mm=found.depth_mm,
        threads=found.threads,
        instructions=found.instructions,
    )
    return written(says.model_dump(mode="json"), arrays)


def outlined(found: Inference) -> bytes:
    """The mean's label map alone, as an answer: a distribution that has it, and no uncertainty."""
    dist = found.dist
    labels = torch.from_numpy(dist.label_map()).long()
    mean = functional.one_hot(labels, dist.classes).movedim(-1, 0).float()
    nothing = torch.zeros(dist.rank, *mean.shape)
    place = (dist.affine, dist.start, dist.image_space, dist.presence)
    # Of numbers that are all alike hardly anything is left.
    only = LogitDistribution(mean, nothing, torch.zeros_like(mean), *place)
    return answered(replace(found, dist=only))


def answer_of(
    message: bytes,
    card: ModelCard,
    question: Question,
    glimpse: bool = False,
    rest: Callable[[], Rest] | None = None,
) -> Inference:
    """What a run found, from the answer to a question.

    Args:
        message: as `answered` makes it.
        card: of the model.
        question: that it answers.
        glimpse: whether it is of a plane alone.
        rest: makes what gets the rest of one that was `begun`.

    Raises:
        DataError: it is no answer, or none to that question.
    """
    plan = plan_for(card, question.image, question.centre, question.depth_mm)
    # Dense it is at most so large, and packed smaller.
    says, arrays = read(message, needed_bytes(card, plan))
    try:
        found = Found.model_validate(says)
        place: dict[str, Any] = {
            "affine": np.array(found.affine),
            "start": found.start,
            "image_space": found.image_space,
            "presence": found.presence,
        }
        dist: Decodable
        if found.reach is not None and rest is not None:
            parts = Begin(found.reach, arrays["code"], arrays, rest())
            dist = part_of(found.form, parts, found.space, **place)
        else:
            numbers = forms.from_grid_order(found.form, arrays)
            dist = forms.of_numbers(found.form, numbers, found.space, **place)
    except (KeyError, ValueError):
        raise DataError("The answer is none that this version understands.") from None
    image = tuple(question.image.space)
    if (dist.image_space, dist.rank, dist.classes) != (image, card.architecture.rank, card.classes):
        raise DataError(_ANOTHER)
    if not glimpse and (dist.space, dist.start) != (plan.space, plan.start):
        raise DataError(_ANOTHER)
    how = (found.tile, found.depth_mm, found.threads, found.instructions)
    # A result says for ever that it was another computer's.
    return Inference(dist, torch.device(found.device), *how, elsewhere=on_server(found.title))


def _rows(affine: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(map(float, row)) for row in affine)
