"""What goes over the line comes out as it went in, bit for bit; what is no message does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.packed.distribution import PackedDistribution
from napari_ssn.errors import DataError
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.inference import Asked, Inference, Watch
from napari_ssn.network.models import Model, load_model
from napari_ssn.network.question import Question
from napari_ssn.remote.messages import answer_of, answered, asked, key_of, question_of
from napari_ssn.remote.wire import read, written
from tests.support.helpers import noise_image, oblique_affine, tiny_model

MOST = 1 << 24
KINDS = ("float16", "float32", "float64", "int16", "int32", "int64", "uint8")


class Kept(Asked):
    """A model that keeps the question it is asked."""

    def __init__(self, model: Model) -> None:
        self.card, self._model = model.card, model
        self.question: Question | None = None

    def room(self) -> int:
        return self._model.room()

    def answer(self, question: Question, watch: Watch) -> Inference:
        self.question = question
        return self._model.answer(question, watch)


@pytest.fixture(scope="module", params=[2, 3])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tiny_model(
        tmp_path_factory.mktemp("m") / "deep",
        dims=3,
        classes=request.param,
        region=(16, 16, 16),
        centred=True,
    )
    return load_model(folder, "cpu")


@pytest.fixture(scope="module")
def asked_of(model: Model) -> tuple[Question, Inference]:
    kept = Kept(model)
    volume = Volume(noise_image((30, 20, 22))[None], oblique_affine())
    found = kept.infer(volume, (5, 10, 11), watch=Watch(look_at=(4, None, None)))
    assert kept.question is not None
    return kept.question, found


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["data", "mean", "order"]),
        st.sampled_from(KINDS).flatmap(
            lambda kind: arrays(kind, array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5))
        ),
    )
)
def test_arrays_come_out_as_they_went_in(found: dict[str, Any]) -> None:
    says, back = read(written({"n": len(found)}, found), MOST)
    assert says == {"n": len(found)} and list(back) == list(found)
    for name, array in found.items():
        assert back[name].dtype == array.dtype and back[name].shape == array.shape
        assert back[name].tobytes() == array.tobytes()


def test_a_question_comes_out_as_it_went_in(asked_of: tuple[Question, Inference]) -> None:
    question, _ = asked_of
    weights, back = question_of(asked(question, "a" * 64), MOST)
    assert weights == "a" * 64
    np.testing.assert_array_equal(back.data, question.data)
    np.testing.assert_array_equal(back.image.affine, question.image.affine)
    for name in ("space", "channels", "extent", "oriented"):
        assert getattr(back.image, name) == getattr(question.image, name)
    for name in ("centre", "depth_mm", "tile", "divided", "look_at"):
        assert getattr(back, name) == getattr(question, name)


def test_rounded_intensities_take_half_as_much(
    model: Model, asked_of: tuple[Question, Inference]
) -> None:
    question, _ = asked_of
    rounded = replace(question, data=question.data.astype(np.float16).astype(np.float32))
    message = asked(rounded, "a" * 64, half=True)
    _, back = question_of(message, MOST)
    assert back.data.dtype == np.float32
    np.testing.assert_array_equal(back.data, rounded.data)
    assert len(message) < 0.7 * len(asked(question, "a" * 64))
    # As floats they would be more than is allowed.
    with pytest.raises(DataError, match="larger than it may be"):
        question_of(message, question.data.nbytes - 4)


def test_a_card_says_so_for_here_and_there(model: Model) -> None:
    card = model.card.model_copy(update={"half_intensities": True})
    rounding = Kept(Model(card, model.network, model.device, model.folder))
    volume = Volume(noise_image((30, 20, 22))[None], oblique_affine())
    found = rounding.infer(volume, (5, 10, 11))
    plain = model.infer(volume, (5, 10, 11))
    assert rounding.question is not None
    data = rounding.question.data
    np.testing.assert_array_equal(data, data.astype(np.float16))
    _, heard = question_of(asked(rounding.question, key_of(card), half=True), MOST)
    there = answer_of(answered(model.answer(heard, Watch())), card, rounding.question)
    for name, array in found.dist.numbers().items():
        assert there.dist.numbers()[name].tobytes() == array.tobytes()
    assert not np.array_equal(plain.dist.numbers()["mean"], found.dist.numbers()["mean"])


def test_who_is_asked_by_a_message_answers_the_same(
    model: Model, asked_of: tuple[Question, Inference]
) -> None:
    question, found = asked_of
    _, heard = question_of(asked(question, "a" * 64), MOST)
    message = answered(model.answer(heard, Watch()))
    back = answer_of(message, model.card, question)
    assert isinstance(back.dist, LogitDistribution)
    for name, array in found.dist.numbers().items():
        assert back.dist.numbers()[name].tobytes() == array.tobytes()
    assert same_place(back.dist, found.dist)
    assert (back.title, found.title) == ("CPU of a server", "CPU") and back.threads == found.threads
    assert back.tile == found.tile and back.device == found.device
    # What all numbers have in common is not sent again and again.
    assert len(message) < 0.95 * found.dist.nbytes


def same_place(one: Any, other: Any) -> bool:
    return (one.start, one.image_space, one.presence, one.affine.tolist()) == (
        other.start,
        other.image_space,
        other.presence,
        other.affine.tolist(),
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_a_packed_one_comes_out_as_it_went_in(
    model: Model, asked_of: tuple[Question, Inference], dtype: torch.dtype
) -> None:
    question, found = asked_of
    assert isinstance(found.dist, LogitDistribution)
    packed = PackedDistribution.of(found.dist.with_presence(0.75), dtype)
    message = answered(replace(found, dist=packed))
    back = answer_of(message, model.card, question).dist
    assert isinstance(back, PackedDistribution) and same_place(back, packed)
    for name, array in packed.arrays().items():
        assert back.arrays()[name].dtype == array.dtype, name
        np.testing.assert_array_equal(back.arrays()[name], array, err_msg=name)
    draws = np.random.default_rng(3).normal(size=(4, packed.rank)) * 2
    np.testing.assert_array_equal(back.label_maps(draws), packed.label_maps(draws))


# ---- What is no message


def taken_apart(message: bytes) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(message[4:8], "little")
    return json.loads(message[8 : 8 + length]), message[8 + length :]


def put_together(head: dict[str, Any], rest: bytes) -> bytes:
    content = json.dumps(head).encode()
    return b"NSSN" + len(content).to_bytes(4, "little") + content + rest


def other_head(**update: Any) -> Callable[[bytes], bytes]:
    def change(message: bytes) -> bytes:
        head, rest = taken_apart(message)
        head["pieces"][0].update(update)
        return put_together(head, rest)

    return change


def bomb(message: bytes) -> bytes:
    """A frame that says it is small, and is not."""
    head, _ = taken_apart(message)
    packer = zstandard.ZstdCompressor(write_content_size=False)
    frame = packer.compress(bytes(1 << 22))
    head["pieces"][0]["packed"] = len(frame)
    return put_together(head, frame)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda message: b"", "no message"),
        (lambda message: b"<html><body>Please log in</body></html>", "no message"),
        (lambda message: b"NSSN" + b"\xff" * 4 + message[8:], "no message"),
        (lambda message: message[:-1], "damaged"),
        (lambda message: message + b"x", "damaged"),
        (lambda message: message[:-9] + bytes([message[-9] ^ 255]) + message[-8:], "damaged"),
        (other_head(kind="object"), "head is damaged"),
        (other_head(shape=[-3]), "head is damaged"),
        (other_head(shape=[1 << 39, 1 << 39]), "larger"),
        (other_head(shape=[9]), "damaged"),
        (other_head(packed=3), "damaged"),
        (other_head(packed=1 << 39), "damaged"),
        (bomb, "damaged"),
    ],
)
def test_what_is_no_message_is_told(change: Callable[[bytes], bytes], words: str) -> None:
    values = np.random.default_rng(0).normal(size=(3, 50)).astype(np.float32)
    with pytest.raises(DataError, match=words):
        read(change(written({"a": 1}, {"data": values})), MOST)


def test_no_flipped_byte_does_worse_than_being_told(asked_of: tuple[Question, Inference]) -> None:
    question, _ = asked_of
    whole, told = asked(question, "a" * 64), 0
    for at in range(0, len(whole), 211):
        message = bytearray(whole)
        message[at] ^= 0x55
        try:
            question_of(bytes(message), MOST)
        except DataError:
            told += 1
    # Of the head some bytes may be others: the name of a model, a place.
    assert told > 0.95 * len(range(0, len(whole), 211))


def test_an_answer_to_another_question_is_told(
    model: Model, asked_of: tuple[Question, Inference]
) -> None:
    question, found = asked_of
    elsewhere = replace(question, centre=(15, 10, 11))
    with pytest.raises(DataError, match="another question"):
        answer_of(answered(found), model.card, elsewhere)
    with pytest.raises(DataError, match="none that this version"):
        answer_of(asked(question, "a" * 64), model.card, question)
    with pytest.raises(DataError, match="no question that this version"):
        question_of(answered(found), MOST)


def test_a_packed_answer_that_no_packing_makes_is_told(
    model: Model, asked_of: tuple[Question, Inference]
) -> None:
    question, found = asked_of
    assert isinstance(found.dist, LogitDistribution)
    message = answered(replace(found, dist=PackedDistribution.of(found.dist)))
    says, numbers = read(message, MOST)
    best = numbers["best"].copy()
    best[0] = 200
    shell = numbers["shell"].copy()
    shell[0] = -1
    for other in (
        {**numbers, "best": best},
        {**numbers, "shell": shell},
        {**numbers, "shell": numbers["shell"][:-1]},
        {**numbers, "noise": numbers["noise"][:, :5]},
        {name: array for name, array in numbers.items() if name != "margins"},
    ):
        with pytest.raises(DataError, match="none that this version"):
            answer_of(written(says, other), model.card, question)
