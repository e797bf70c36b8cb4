"""A large result is packed as it comes, layer by layer: the same as packing it in the end."""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.packed.distribution import PackedDistribution, compact
from napari_ssn.errors import Cancel, Cancelled
from napari_ssn.geometry.volume import Volume
from napari_ssn.network import plan as plans
from napari_ssn.network import slabs
from napari_ssn.network.inference import Watch
from napari_ssn.network.models import Model, load_model
from napari_ssn.network.plan import needed_bytes, plan_for
from napari_ssn.network.question import Question
from napari_ssn.network.slabs import Slabs
from napari_ssn.remote import messages
from tests.support.helpers import noise_image, oblique_affine, tiny_model

Look = tuple[int | None, ...] | None

#: Model, what its card says, plane on show, and whether that is seen before the rest.
CASES: list[tuple[str, dict[str, Any], Look, bool]] = [
    ("deep", {}, None, False),
    ("deep", {}, (None, None, 0), True),
    ("deep", {"orientation": "ASR"}, (None, None, 19), True),
    ("deep", {"orientation": "ASR"}, (17, None, None), True),
    ("deep", {"orientation": "ASR"}, (5, 6, 7), True),
    ("deep", {"orientation": "LIP", "spacing_mm": [1.0]}, (2, None, None), True),
    ("deep", {"orientation": "LIP", "spacing_mm": [1.0]}, (None, 2, None), True),
    ("deep", {"spacing_mm": [0.9, 2.0, 0.7]}, (9, None, None), True),
    # Across it there is one layer alone.
    ("deep", {"spacing_mm": [0.9, 2.0, 0.7]}, (None, 2, None), False),
    ("flat", {"orientation": "PL"}, None, False),
    ("flat", {"orientation": "PL"}, (None, None, 7), True),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    there = tmp_path_factory.mktemp("m")
    tiny_model(there / "deep", dims=3, classes=3, region=(16, 16, 16))
    tiny_model(there / "flat", region=(16, 16))
    return there


def model_of(folder: Path, name: str, **update: Any) -> Model:
    model = load_model(folder / name, "cpu")
    card = model.card.model_copy(update=update)
    return Model(card, model.network, model.device, model.folder)


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "LARGE", 1000)


def volume() -> Volume:
    return Volume(noise_image((28, 24, 20))[None], oblique_affine((1.1, 1.0, 0.8)))


@pytest.fixture(scope="module")
def dense_of(folder: Path) -> Callable[[str, str, Look], LogitDistribution]:
    """What a model finds in it where nothing is packed, once for all who compare with it."""

    @cache
    def found(name: str, update: str, look_at: Look) -> LogitDistribution:
        dense = model_of(folder, name, **json.loads(update)).infer(volume(), watch=Watch(look_at))
        assert isinstance(dense.dist, LogitDistribution)
        return dense.dist

    return found


def same(one: PackedDistribution, other: PackedDistribution) -> None:
    for name, numbers in other.arrays().items():
        np.testing.assert_array_equal(one.arrays()[name], numbers, err_msg=name)
    np.testing.assert_array_equal(one.affine, other.affine)
    assert (one.start, one.image_space, one.presence) == (
        other.start, other.image_space, other.presence,
    )  # fmt: skip


@pytest.mark.parametrize("disk", [False, True])
@pytest.mark.parametrize(("name", "update", "look_at", "early"), CASES)
def test_packed_as_it_comes_is_what_packing_the_whole_gives(
    folder: Path,
    dense_of: Callable[[str, str, Look], LogitDistribution],
    name: str,
    update: dict[str, Any],
    look_at: Look,
    early: bool,
    disk: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plans, "folder_for", lambda size: tmp_path if disk else None)
    model = model_of(folder, name, **update)
    seen: list[LogitDistribution] = []
    dense = dense_of(name, json.dumps(update), look_at)
    told: list[int] = []
    watch = Watch(look_at, seen.append, lambda done, _: told.append(done))
    found = model.infer(volume(), watch=watch, packed=True).dist
    assert isinstance(found, PackedDistribution)
    same(found, PackedDistribution.of(dense))
    assert compact(found) is found and list(tmp_path.iterdir()) == []
    # Every tile once.
    assert told == list(range(len(told)))
    # What is seen first is what it will be.
    for slab in seen:
        part = tuple(slice(None) if at is None else slice(at, at + 1) for at in look_at or ())
        np.testing.assert_array_equal(slab.label_map(), dense.label_map()[part])
    assert len(seen) == early


def test_a_region_around_a_point_and_one_tile(folder: Path) -> None:
    for name, centre in (("deep", (20, 15, 13)), ("flat", (20, 15, 13)), ("deep", (1, 23, 19))):
        model = model_of(folder, name, centred=True) if name == "flat" else model_of(folder, name)
        dense = model.infer(volume(), centre).dist
        found = model.infer(volume(), centre, packed=True).dist
        assert isinstance(dense, LogitDistribution) and isinstance(found, PackedDistribution)
        same(found, PackedDistribution.of(dense))


def test_what_is_small_stays_as_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "LARGE", 1 << 28)
    model = model_of(folder, "deep")
    assert isinstance(model.infer(volume(), packed=True).dist, LogitDistribution)


@pytest.mark.parametrize("look_at", [None, (None, None, 44)])
def test_no_more_than_a_layer_is_there_at_once(
    folder: Path, look_at: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, held = model_of(folder, "deep"), watched(monkeypatch)
    long = Volume(noise_image((16, 16, 88))[None], np.eye(4))
    found = model.infer(long, watch=Watch(look_at), packed=True).dist
    whole = found.dense().nbytes  # type: ignore[attr-defined]
    # A layer of 16 nodes, half of it overlapped on either side where it began in the middle.
    assert 0 < max(held) <= (16 if look_at is None else 24) / 88 * whole
    assert held[-1] < whole / 3


@pytest.mark.parametrize(
    ("look_at", "disk", "most"),
    # Of 56 nodes 8 that are overlapped by the next layer, before the plane 8 more unless they lie
    # on a disk, and a row of 16 nodes, of 56, through two layers.
    [
        (None, False, 8 + 16 * 16 / 56),
        ((None, 28, None), False, 16 + 16 * 16 / 56),
        ((None, 28, None), True, 8 + 16 * 16 / 56),
    ],
)
def test_of_a_layer_no_more_than_a_row_is_there_in_full(
    folder: Path,
    look_at: Look,
    disk: bool,
    most: float,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, held = model_of(folder, "deep"), watched(monkeypatch)
    monkeypatch.setattr(plans, "folder_for", lambda size: tmp_path if disk else None)
    flat = Volume(noise_image((16, 56, 56))[None], np.eye(4))
    previews: list[LogitDistribution] = []
    found = model.infer(flat, watch=Watch(look_at, previews.append), packed=True).dist
    whole = found.dense().nbytes  # type: ignore[attr-defined]
    assert 0 < max(held) <= most / 56 * whole
    assert len(previews) == (look_at is not None)


def watched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of dense numbers in memory after each tile."""
    held, settle = [], Slabs.settle

    def watch(self: Slabs) -> None:
        totals = [
            one.blender.total
            for one in self._pieces
            if one.blender is not None and (one.blender._shelf is None or self._folder is None)
        ]
        held.append(sum(part.nbytes for total in totals if total for part in total))
        settle(self)

    monkeypatch.setattr(Slabs, "settle", watch)
    return held


def test_the_estimate_knows_of_it(folder: Path) -> None:
    card = model_of(folder, "deep").card
    card = card.model_copy(
        update={"architecture": card.architecture.model_copy(update={"rank": 10})}
    )
    scan = Volume(np.zeros((1, 16, 16, 200), np.float32), np.eye(4))
    plan = plan_for(card, scan)
    voxels = 16 * 16 * 200
    # Two rivals' eleven margins, three deviations, in half precision; what sorting takes.
    kept = voxels * (2 * (2 * 11 + 3) + 3 + 4)
    assert kept < needed_bytes(card, plan, packed=True) < needed_bytes(card, plan)


def test_the_estimate_counts_a_coarse_grid_in_voxels_of_the_image(folder: Path) -> None:
    card = model_of(folder, "deep", spacing_mm=[4.0]).card
    plan = plan_for(card, Volume(np.zeros((1, 64, 64, 64), np.float32), np.eye(4)))
    assert plan.nodes == (16, 16, 16)
    # One tile: all of it is there at once, dense and packed, (1 + 3 + 1) · 3 numbers a voxel.
    dense, kept = 4 * 5 * 3, 2 * (2 * 4 + 3) + 3 + 4
    assert needed_bytes(card, plan, packed=True) > (dense + kept) * 64**3


def beside(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Pack in a thread of its own, as where a GPU computes; names of threads that packed."""
    make, pack, names = Slabs.__init__, Slabs._pack, list[str]()

    def made(self: Slabs, *arguments: Any) -> None:
        *rest, _, stop = arguments
        make(self, *rest, True, stop)

    def packed(self: Slabs, *arguments: Any) -> None:
        names.append(threading.current_thread().name)
        pack(self, *arguments)

    monkeypatch.setattr(Slabs, "__init__", made)
    monkeypatch.setattr(Slabs, "_pack", packed)
    return names


@pytest.mark.parametrize("look_at", [None, (None, 2, None), (2, None, None)])
def test_packed_in_a_thread_of_its_own_it_is_the_same(
    folder: Path, look_at: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(folder, "deep", orientation="LIP", spacing_mm=[1.0])
    dense = model.infer(volume()).dist
    names, seen = beside(monkeypatch), list[LogitDistribution]()
    found = model.infer(volume(), watch=Watch(look_at, seen.append), packed=True).dist
    assert isinstance(dense, LogitDistribution) and isinstance(found, PackedDistribution)
    same(found, PackedDistribution.of(dense))
    assert len(seen) == (look_at is not None)
    assert len(names) > 3 and all(name.startswith("packing") for name in names)


def test_what_fails_in_that_thread_ends_the_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("no numbers")

    beside(monkeypatch)
    monkeypatch.setattr(slabs.Packing, "add", fail)
    with pytest.raises(ValueError, match="no numbers"):
        model_of(folder, "deep").infer(volume(), packed=True)
    # The thread ends when nobody has a use for it any more.
    gc.collect()
    for one in threading.enumerate():
        if one.name.startswith("packing"):
            one.join(30)
            assert not one.is_alive()


@pytest.mark.parametrize("other", [False, True])
def test_a_run_is_stopped_while_it_packs(
    folder: Path, other: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if other:
        beside(monkeypatch)
    model, asked = model_of(folder, "deep"), [0]

    def stop() -> bool:
        asked[0] += 1
        return asked[0] > 300

    with pytest.raises(Cancelled):
        model.infer(volume(), watch=Watch(cancel=Cancel(stop)), packed=True)


def test_on_a_disk_it_takes_less_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = model_of(folder, "deep").card
    plan = plan_for(card, Volume(np.zeros((1, 64, 64, 64), np.float32), np.eye(4)))
    sizes: list[int] = []

    def folder_for(size: int) -> Path:
        sizes.append(size)
        return folder

    monkeypatch.setattr(plans, "folder_for", folder_for)
    memory = needed_bytes(card, plan, packed=True)
    assert sizes == []
    # Two rivals' four margins and three deviations, two names, and how far the second is.
    there = (2 * (2 * 4 + 3) + 2 + 2) * 64**3
    assert needed_bytes(card, plan, packed=True, aside=True) == memory - there
    assert sizes == [there]


def test_what_another_computer_asks_for_is_in_memory_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(folder, "deep")
    asked: list[Question] = []
    answer = Model.answer

    def listen(self: Model, question: Question, watch: Watch) -> Any:
        asked.append(question)
        return answer(self, question, watch)

    monkeypatch.setattr(Model, "answer", listen)
    model.infer(volume(), packed=True)
    message = messages.asked(asked[0], "0" * 64)
    _, sent = messages.question_of(message, 1 << 20)
    assert asked[0].aside and not sent.aside

    def never(size: int) -> Path:
        raise AssertionError("a server writes nothing to its disk")

    monkeypatch.setattr(plans, "folder_for", never)
    answer(model, sent, Watch())
