"""What more than label maps need stays on the server until it is needed, and no longer."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_ssn.core.begun import dense as dense_part
from napari_ssn.core.begun import packed as packed_part
from napari_ssn.core.begun.awaiting import Awaiting
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.distribution import draw_z
from napari_ssn.core.packed import distribution as packed
from napari_ssn.errors import NEVER, Cancel, Cancelled, ServerError
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.models import Model, load_model
from napari_ssn.remote import serving
from napari_ssn.remote.distant import Distant
from napari_ssn.remote.elsewhere import Elsewhere
from napari_ssn.remote.line import AwayError, ForgottenError, Talk
from napari_ssn.remote.runs import Runs, UnknownRunError
from tests.support.helpers import noise_image, oblique_affine, tiny_model
from tests.support.parted import part_small_ones
from tests.support.serving import served, token_file
from tests.support.soon import within

LEASE = 1.0
Make = Callable[..., Distant]


@pytest.fixture(autouse=True, params=["packed", "dense"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    part_small_ones(monkeypatch)
    found: str = request.param
    if found == "dense":
        monkeypatch.setattr(packed, "LARGE", 1 << 28)
    return found


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tiny_model(tmp_path_factory.mktemp("m") / "deep", dims=3, classes=3, region=(16,) * 3)
    return load_model(folder, "cpu")


@pytest.fixture(scope="module")
def address(model: Model) -> Iterator[str]:
    with served([model], lease=LEASE) as found:
        yield found


@pytest.fixture
def far(model: Model, address: str, tmp_path: Path) -> Make:
    elsewhere = Elsewhere(address, token_file(tmp_path))

    def make(there: str = address, **options: Any) -> Distant:
        server = Elsewhere(there, elsewhere.token_file)
        return Distant.of(model.card, server, patience=0.5, **options)

    return make


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Talk]]:
    """Paths of what was fetched, and over which line."""
    found, real = list[tuple[str, Talk]](), Talk.content

    def content(talk: Talk, path: str, most: int) -> bytes:
        message = real(talk, path, most)
        found.append((path, talk))
        return message

    monkeypatch.setattr(Talk, "content", content)
    return found


def names(fetched: list[tuple[str, Talk]]) -> list[str]:
    return [path.rpartition("/")[2] for path, _ in fetched]


def forgotten(fetched: list[tuple[str, Talk]], far: Distant) -> bool:
    """Whether the server soon knows nothing of a run."""
    path, _ = fetched[0]
    with Talk(far._server) as talk:
        for _ in range(100):
            try:
                # No question after the run, which would keep it.
                talk.content(path.replace("/result", "/glimpse"), 1 << 20)
            except ForgottenError:
                return True
            except ServerError:
                time.sleep(0.05)
    return False


def image(seed: int = 0) -> Volume:
    return Volume(noise_image((16, 16, 16))[None] + np.float32(seed), oblique_affine())


def short(n: int = 4) -> Any:
    z = draw_z(n, 3, 1)
    return 0.3 * z / np.linalg.norm(z, axis=1, keepdims=True)


def same(one: Decodable, other: Decodable) -> None:
    mine, its = one.numbers(), other.numbers()
    assert list(mine) == list(its)
    for name, array in its.items():
        np.testing.assert_array_equal(mine[name], array, err_msg=name)
        # Row after row in memory as here, where a column is read at once.
        assert mine[name].flags.c_contiguous


def here(model: Model, volume: Volume) -> Decodable:
    return packed.compact(model.segment(volume))


def test_label_maps_need_no_more_than_the_result(
    form: str, model: Model, far: Make, fetched: list[tuple[str, Talk]]
) -> None:
    found, expected = far().segment(image()), here(model, image())
    assert isinstance(found, Awaiting) and found.form == form
    assert found.rank == 3 and found.nbytes < 0.95 * expected.nbytes
    z = short()
    np.testing.assert_array_equal(found.label_maps(z), expected.label_maps(z))
    assert names(fetched) == ["result"]
    np.testing.assert_array_equal(found.probabilities(), expected.probabilities())
    same(found, expected)
    assert names(fetched) == ["result", "rest"]
    assert forgotten(fetched, far())


def test_it_is_kept_for_longer_than_a_lease(model: Model, far: Make) -> None:
    found = far().segment(image())
    time.sleep(2.5 * LEASE)
    same(found, here(model, image()))


def test_what_nobody_can_ask_for_is_let_go(far: Make, fetched: list[tuple[str, Talk]]) -> None:
    found = far().segment(image())
    assert not forgotten_now(fetched, far())
    del found
    gc.collect()
    assert forgotten(fetched, far())
    assert names(fetched) == ["result"]


def forgotten_now(fetched: list[tuple[str, Talk]], far: Distant) -> bool:
    with Talk(far._server) as talk:
        try:
            talk.content(fetched[0][0], 1 << 24)
        except ForgottenError:
            return True
        fetched.pop()
        return False


def test_it_comes_by_itself_where_a_window_waits(
    model: Model, far: Make, fetched: list[tuple[str, Talk]]
) -> None:
    found = far(ahead=True).segment(image())
    with within(10):
        while "rest" not in names(fetched):
            time.sleep(0.02)
    assert forgotten(fetched, far())
    same(found, here(model, image()))


def test_a_window_never_waits_for_it(
    model: Model, far: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    until, real = threading.Event(), Runs.rest

    def slow(runs: Runs, name: str) -> bytes:
        assert until.wait(20)
        return real(runs, name)

    monkeypatch.setattr(Runs, "rest", slow)
    found = far(ahead=True).segment(image())
    try:
        with within(1), pytest.raises(ServerError, match=r"still sending.*try again soon"):
            found.probabilities()
        # Other threads do for a while.
        monkeypatch.setattr("napari_ssn.remote.rest._WHILE", 0.5)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(found.probabilities)
            time.sleep(0.3)
            assert not waiting.done()
            with pytest.raises(ServerError, match="still sending"):
                waiting.result(5)
    finally:
        until.set()
    same(come(found), here(model, image()))


@pytest.mark.parametrize("ahead", [True, False], ids=["window", "command"])
def test_a_job_that_waits_for_it_stops_at_once(
    ahead: bool, far: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    until, stopped = threading.Event(), threading.Event()

    def slow(runs: Runs, name: str) -> bytes:
        assert until.wait(20)
        raise UnknownRunError("None.")

    monkeypatch.setattr(Runs, "rest", slow)
    found = far(ahead=ahead).segment(image())

    def job() -> None:
        with Cancel(stopped.is_set).heeded():
            found.probabilities()

    try:
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(job)
            time.sleep(0.3)
            assert not waiting.done()
            stopped.set()
            with within(0.5), pytest.raises(Cancelled):
                waiting.result(20)
            assert Cancel.here() is NEVER and pool.submit(Cancel.here).result() is NEVER
    finally:
        until.set()


def come(found: Decodable) -> Decodable:
    """What a window has, once all of it is there."""
    with within(10):
        while not found.whole:
            time.sleep(0.02)
    return found


def test_a_window_does_not_put_it_together_itself(
    form: str, model: Model, far: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads, until = list[str](), threading.Event()
    kind = {"packed": packed_part.Begun, "dense": dense_part.Begun}[form]
    real: Any = kind._joined

    def joined(dist: Any, rest: Any) -> Any:
        threads.append(threading.current_thread().name)
        assert until.wait(20)
        return real(dist, rest)

    monkeypatch.setattr(kind, "_joined", joined)
    found = far(ahead=True).segment(image())
    with within(10):
        while not threads:
            time.sleep(0.02)
    # All of it came.
    with within(1), pytest.raises(ServerError, match=r"still sending.*try again soon"):
        found.complete()
    until.set()
    same(come(found), here(model, image()))
    assert threads == ["napari-ssn-rest"]


def test_a_server_that_is_gone_is_told_and_label_maps_stay(model: Model, far: Make) -> None:
    with served([model], lease=LEASE) as there:
        found = far(there).segment(image())
    for _ in range(2):
        with within(8), pytest.raises(ServerError, match="still on the server and cannot be had"):
            found.probabilities()
    z, expected = short(), here(model, image())
    np.testing.assert_array_equal(found.label_maps(z), expected.label_maps(z))


def test_a_server_that_was_started_anew_has_forgotten_it(model: Model, far: Make) -> None:
    with served([model], lease=LEASE) as there:
        found = far(there).segment(image())
    line = serving.Line(port=int(there.rpartition(":")[2]))
    with (
        served([model], line, lease=LEASE),
        pytest.raises(ServerError, match="knows nothing of this run any more"),
    ):
        found.probabilities()


def test_what_is_kept_makes_way_for_others(
    model: Model, far: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_ROOM", 4)
    with served([model], most_bytes=1 << 17) as there:
        one = far(there)
        found = [one.segment(image(seed)) for seed in range(6)]
        with pytest.raises(ServerError, match="knows nothing of this run any more"):
            found[0].probabilities()
        same(found[-1], here(model, image(5)))


def test_a_rest_that_is_damaged_is_told(
    model: Model, far: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, damaged = Runs.rest, [True]

    def rest(runs: Runs, name: str) -> bytes:
        message = real(runs, name)
        return message[:-9] if damaged[0] else message

    monkeypatch.setattr(Runs, "rest", rest)
    found = far().segment(image())
    with pytest.raises(ServerError, match=r"cannot be had.*damaged on the way"):
        found.probabilities()
    damaged[0] = False
    same(found, here(model, image()))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ServerError("The token is gone."), "The token is gone"),
        (MemoryError(), "The computer's memory is full"),
        (RuntimeError("x"), "This computer failed at it: its log has the reason"),
    ],
    ids=["server", "memory", "anything"],
)
def test_whatever_goes_wrong_here_is_told(
    model: Model, far: Make, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def failing(message: bytes, most: int) -> Any:
        raise error

    found = far().segment(image())
    with monkeypatch.context() as now:
        now.setattr("napari_ssn.remote.rest.rest_of", failing)
        with within(10), pytest.raises(ServerError, match=f"cannot be had. {words}"):
            found.probabilities()
    same(found, here(model, image()))


def test_a_file_with_the_token_that_is_away_is_told(model: Model, far: Make) -> None:
    one = far()
    found, file = one.segment(image()), one._server.token_file
    away = file.rename(file.with_suffix(".away"))
    with within(10), pytest.raises(ServerError, match="file with the token cannot be read"):
        found.probabilities()
    # As where the server got another one.
    away.rename(file)
    same(found, here(model, image()))


def test_a_rest_that_takes_longer_than_a_lease_is_kept(
    model: Model, far: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Runs.rest

    def rest(runs: Runs, name: str) -> bytes:
        later = runs._runs[name].later
        assert later is not None

        def slow() -> bytes:
            time.sleep(2.5 * LEASE)
            return later()

        runs._runs[name].later = slow
        return real(runs, name)

    monkeypatch.setattr(Runs, "rest", rest)
    found = far().segment(image())
    same(found, here(model, image()))


def test_a_line_that_breaks_off_late_is_tried_again(
    model: Model, far: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, real, asked = far().segment(image()), Talk.content, list[str]()

    def content(talk: Talk, path: str, most: int) -> bytes:
        asked.append(path)
        if len(asked) == 1:
            # Longer than what it is tried again for.
            time.sleep(0.8)
            raise AwayError("broken off")
        return real(talk, path, most)

    monkeypatch.setattr(Talk, "content", content)
    same(found, here(model, image()))
    assert len(asked) == 2


def test_a_server_that_was_suspended_has_forgotten_nothing(
    model: Model, far: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, real = far().segment(image()), time.monotonic
    clock = SimpleNamespace(monotonic=lambda: real() + 100 * LEASE)
    monkeypatch.setattr("napari_ssn.remote.runs.time", clock)
    time.sleep(0.6 * LEASE)
    same(found, here(model, image()))
