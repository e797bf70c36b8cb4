"""What comes first of a packed distribution makes its label maps; the rest comes when needed."""

from __future__ import annotations

import copy
import gc
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_ssn.core.begun.awaiting import Begin
from napari_ssn.core.begun.parts import begin, begun
from napari_ssn.core.columns import columns
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.directions.principal import principal_directions
from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.given.clicks import Click
from napari_ssn.core.given.conditioning import condition
from napari_ssn.core.given.residual import Residual
from napari_ssn.core.measures import label_counts
from napari_ssn.core.packed.distribution import PackedDistribution
from napari_ssn.core.packed.flips import flips_along
from napari_ssn.core.summaries.representatives import representatives
from napari_ssn.errors import DataError, ServerError
from tests.support.begun import Arrays, begun_of
from tests.support.begun import blob as dense_blob
from tests.support.rough import random_dist

SPACE = (30, 26, 22)
Dist = LogitDistribution | PackedDistribution


@pytest.fixture(autouse=True)
def many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a large grid: what is far is left out by the block."""
    monkeypatch.setattr(columns, "_BLOCK", 256)


def blob(form: str, classes: int) -> Dist:
    dense = dense_blob(SPACE, classes)
    return PackedDistribution.of(dense) if form == "packed" else dense


def missing(rest: Arrays) -> Arrays:
    raise AssertionError("The rest is not needed.")


@pytest.fixture(params=["packed", "dense"])
def form(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(params=[2, 4])
def dist(request: pytest.FixtureRequest, form: str) -> Dist:
    return blob(form, request.param)


def border(dist: Decodable, z: NDArray[np.float64]) -> NDArray[np.int64]:
    """Voxels beside which another label is."""
    labels, found = dist.label_map(z), np.zeros(dist.space, bool)
    for axis in range(3):
        differs = np.diff(labels, axis=axis) != 0
        pad = [(0, 0)] * 3
        for ends in ((0, 1), (1, 0)):
            pad[axis] = ends
            found |= np.pad(differs, pad)
    return np.flatnonzero(found)


def test_what_is_seen_needs_no_more_than_what_came_first(dist: Dist) -> None:
    some, z = begun_of(dist, missing), draw_z(30, 3, 4)
    assert some.nbytes < 0.8 * dist.nbytes
    np.testing.assert_array_equal(some.label_maps(z), dist.label_maps(z))
    np.testing.assert_array_equal(
        some.label_map(z[0], (slice(None), 9)), dist.label_map(z[0])[:, 9]
    )
    np.testing.assert_array_equal(some.sample(7, 3), dist.sample(7, 3))
    np.testing.assert_array_equal(label_counts(some, z), label_counts(dist, z))
    for kind in ("label-weighted", "varimax"):
        mine, its = principal_directions(some, kind), principal_directions(dist, kind)
        # To the last bit: where a slider stands is written into sidecars.
        assert mine.basis.tobytes() == its.basis.tobytes()
        assert mine.share.tobytes() == its.share.tobytes() and mine.effects == its.effects
    stops = np.linspace(-3, 3, 25)[:, None] * its.basis[:, 0]
    walk, whole = flips_along(some, stops), flips_along(dist, stops)
    assert (walk is None) == (whole is None) == (dist.form == "dense")
    if walk is not None and whole is not None:
        np.testing.assert_array_equal(walk.words, whole.words)
        np.testing.assert_array_equal(walk.label_map(3, (5,)), whole.label_map(3, (5,)))
    for one, other in zip(representatives(some, n=60), representatives(dist, n=60), strict=True):
        np.testing.assert_array_equal(one.label_map, other.label_map)
        assert one.probability == other.probability
    for vector in z:
        voxels = border(dist, vector)
        for mine, its in zip(some.logits_at(voxels), dist.logits_at(voxels), strict=True):
            np.testing.assert_array_equal(mine, its)


def test_a_point_where_labels_can_change_needs_no_more(dist: Dist) -> None:
    some, voxel = (
        begun_of(dist, missing),
        np.unravel_index(border(dist, draw_z(1, 3, 0)[0])[3], SPACE),
    )
    click = Click(tuple(map(int, voxel)), 1)
    mine, its = condition(some, [click]), condition(dist, [click])
    np.testing.assert_array_equal(mine.label_map(mine.mean), its.label_map(its.mean))


NEEDS: dict[str, Callable[[Decodable], Any]] = {
    "probabilities": lambda dist: dist.probabilities(16),
    "probability": lambda dist: dist.probability(1, 16),
    "numbers": lambda dist: list(dist.numbers().values()),
    "spread": lambda dist: dist.spread(1.5).label_map(np.ones(3)),
    "pixel noise": lambda dist: dist.sample(2, 1, pixel_noise=True),
    "a long z": lambda dist: dist.label_map(np.full(3, 20.0)),
    "long draws": lambda dist: dist.label_counts(np.full((20, 3), 20.0)),
    "a long radius": lambda dist: dist.changeable(60.0),
    "a long way": lambda dist: dist.changing(60.0)[0],
    "plain directions": lambda dist: principal_directions(dist, "plain").basis,
    "every voxel": lambda dist: dist.logits_at(np.arange(np.prod(SPACE)))[0],
    "every voxel's column": lambda dist: dist.at(dist.changeable(0.0) | True).mean,
    "all contenders": lambda dist: [piece().mean for piece in dist.contenders()],
    "a residual": lambda dist: condition(
        dist, [Click((2, 3, 2), 1)], residual=Residual(1.0)
    ).label_map(),
    "a copy": lambda dist: list(copy.deepcopy(dist).numbers().values()),
}


@pytest.mark.parametrize("what", NEEDS)
def test_what_needs_more_gets_it_once(what: str, dist: Dist) -> None:
    asked: list[int] = []

    def counted(rest: Arrays) -> Arrays:
        asked.append(1)
        return rest

    some = begun_of(dist, counted)
    for _ in range(2):
        mine, its = NEEDS[what](some), NEEDS[what](dist)
        one, other = (x if isinstance(x, list) else [x] for x in (mine, its))
        for here, there in zip(one, other, strict=True):
            np.testing.assert_array_equal(np.asarray(here), np.asarray(there))
    assert asked == [1]


def test_all_of_it_is_what_it_was(dist: Dist) -> None:
    some = begun_of(dist.with_presence(0.75))
    whole = some.complete()
    assert type(whole) is type(dist) and whole.presence == 0.75
    for name, array in dist.numbers().items():
        found = whole.numbers()[name]
        assert found.dtype == array.dtype and found.flags.c_contiguous
        np.testing.assert_array_equal(found, array, err_msg=name)
    # A copy with another presence does not ask again.
    again = some.given_presence()
    assert again.presence == 1
    name = list(dist.numbers())[-1]
    assert np.shares_memory(again.complete().numbers()[name], whole.numbers()[name])
    assert dist.complete() is dist


def test_what_came_first_makes_it_again(form: str, dist: Dist) -> None:
    some = begun_of(dist, missing)
    first = some.first()
    again = begun(form, Begin(some.reach, first["codes"], first, lambda: missing({})), SPACE)
    assert not again.whole and not some.whole and dist.whole
    for vector in draw_z(4, dist.rank, 2):
        np.testing.assert_array_equal(again.label_map(vector), dist.label_map(vector))
    for name, array in first.items():
        assert again.first()[name].dtype == array.dtype
        np.testing.assert_array_equal(again.first()[name], array, err_msg=name)
    full = begun_of(dist)
    full.complete()
    assert full.whole and full.with_presence(0.5).whole


def test_a_copy_of_another_presence_needs_no_more(dist: Dist) -> None:
    some = begun_of(dist, missing).with_presence(0.5)
    assert type(some) is type(begun_of(dist)) and some.presence == 0.5
    np.testing.assert_array_equal(some.sample(9, 1), dist.with_presence(0.5).sample(9, 1))
    again = copy.copy(some).given_presence()
    np.testing.assert_array_equal(again.sample(9, 1), dist.sample(9, 1))


def test_who_asks_does_not_wait_because_another_waits(dist: Dist) -> None:
    until, patient = threading.Event(), threading.Event()

    def between(rest: Arrays) -> Arrays:
        if threading.current_thread() is threading.main_thread():
            raise ServerError("Not yet.")
        patient.set()
        assert until.wait(20)
        return rest

    some = begun_of(dist, between)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(some.complete)
        assert patient.wait(20)
        with pytest.raises(ServerError, match="Not yet"):
            some.complete()
        until.set()
        assert waiting.result(20).nbytes == some.complete().nbytes


def test_what_came_is_let_go_once_it_is_joined(dist: Dist) -> None:
    came = list[weakref.ref[Any]]()

    def between(rest: Arrays) -> Arrays:
        came.extend(weakref.ref(array) for array in rest.values() if array.size)
        return rest

    some = begun_of(dist, between)
    some.complete()
    gc.collect()
    assert came and not any(one() is not None for one in came)


def test_nothing_is_split_where_most_can_change(form: str) -> None:
    dense = random_dist(0, lead=0.5)
    assert begin(PackedDistribution.of(dense) if form == "packed" else dense) is None


def without(name: str) -> Callable[[Arrays], Arrays]:
    return lambda rest: {key: array for key, array in rest.items() if key != name}


def instead(
    name: str, change: Callable[[NDArray[Any]], NDArray[Any]]
) -> Callable[[Arrays], Arrays]:
    return lambda rest: {**rest, name: change(rest[name])}


Change = Callable[[Arrays], Arrays]

#: What is wrong with the rest: of a packed one, and of a dense one.
WRONG: dict[str, tuple[Change | None, Change | None]] = {
    "no shells": (without("shell"), None),
    "no mean": (without("margins"), without("mean")),
    "fewer shells": (instead("shell", lambda a: a[1:]), None),
    "shells of other numbers": (instead("shell", lambda a: a.astype(np.int32)), None),
    "shells that are none": (instead("shell", lambda a: a + 30000), None),
    "negative shells": (instead("shell", lambda a: -1 - a), None),
    "fewer voxels": (
        instead("noise", lambda a: a[:, 1:]),
        instead("cov_diag", lambda a: a[:, 1:]),
    ),
    "fewer labels": (instead("rivals", lambda a: a[:-1]), instead("mean", lambda a: a[:-1])),
    "other numbers": (
        instead("margins", lambda a: a.astype(np.float32)),
        instead("mean", lambda a: a.astype(np.float64)),
    ),
    "no numbers": (instead("margins", lambda a: a * np.float16(np.nan)), None),
    "another label twice": (instead("rivals", lambda a: a * 0), None),
}
CASES = [
    pytest.param(form, change, id=f"{form}, {what}")
    for what, changes in WRONG.items()
    for form, change in zip(("packed", "dense"), changes, strict=True)
    if change is not None
]


@pytest.mark.parametrize(("form", "change"), CASES)
def test_a_rest_that_does_not_fit_is_told(form: str, change: Change) -> None:
    dist, damaged = blob(form, 4), [True]

    def between(rest: Arrays) -> Arrays:
        return change(rest) if damaged[0] else rest

    some = begun_of(dist, between)
    with pytest.raises(DataError, match="does not fit what came first"):
        some.complete()
    # What is here is as good as before, and so is another try.
    z = draw_z(1, 3, 0)[0]
    np.testing.assert_array_equal(some.label_map(z), dist.label_map(z))
    damaged[0] = False
    for name, array in dist.numbers().items():
        np.testing.assert_array_equal(some.complete().numbers()[name], array)


Given = tuple[NDArray[Any], Arrays]

FIRST: dict[str, Callable[[NDArray[Any], Arrays], Given]] = {
    "codes of fewer voxels": lambda codes, first: (codes[1:], first),
    "codes beyond": lambda codes, first: (codes + codes.dtype.type(1), first),
    "other codes": lambda codes, first: (codes.astype(np.int64), first),
    "labels of fewer voxels": lambda codes, first: (codes, {**first, "best": first["best"][1:]}),
    "fewer numbers": lambda codes, first: (
        codes,
        {name: array if name == "best" else array[..., 1:] for name, array in first.items()},
    ),
    "no numbers": lambda codes, first: (codes, {"best": first["best"]}),
    "numbers of no voxel": lambda codes, first: (
        codes,
        {name: array if name == "best" else array[..., :0] for name, array in first.items()},
    ),
    "a far label that is none": lambda codes, first: (
        codes,
        {**first, "best": np.where(codes == codes.max(), np.uint8(9), first["best"])},
    ),
    "labels that are none": lambda codes, first: (codes, {**first, "best": first["best"] + 9}),
}


@pytest.mark.parametrize("what", FIRST)
def test_what_is_no_beginning_is_refused(what: str, form: str) -> None:
    dist = blob(form, 2)
    parts = begin(dist)
    assert parts is not None
    codes, first = FIRST[what](parts.codes, parts.first)
    with pytest.raises((KeyError, ValueError)):
        begun(form, parts._replace(codes=codes, first=first), SPACE)
