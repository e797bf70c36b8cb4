"""A model on a server gives what it gives here, bit for bit; what goes wrong is told."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_ssn as ssn
from napari_ssn.core.packed import distribution as packed
from napari_ssn.documents.remote import PROTOCOL
from napari_ssn.errors import NEVER, Cancel, Cancelled, GeometryError, ImageError, ServerError
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.inference import Watch
from napari_ssn.network.models import Model, load_model
from napari_ssn.network.question import How
from napari_ssn.network.recentring import MOST_LOOKS
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.run import run
from napari_ssn.prediction.source import Source
from napari_ssn.remote import runs
from napari_ssn.remote.distant import Distant
from napari_ssn.remote.elsewhere import Elsewhere
from napari_ssn.remote.line import Talk
from napari_ssn.remote.serving import Line
from tests.support.helpers import noise_image, oblique_affine, tiny_model
from tests.support.serving import served, token_file
from tests.support.soon import in_time, tried_again, within
from tests.support.webs import Answer, Asked, answering, certificate

SAME = (
    "device", "tile", "centre", "depth_mm", "image_sha256", "threads",
    "instructions", "insisted", "unpadded", "moved_to", "looks", "distance",
)  # fmt: skip


class Slow(Model):
    """A model that computes for as long as it is held."""

    held = threading.Event()

    def answer(self, question: Any, watch: Watch) -> Any:
        while not self.held.wait(0.01):
            if watch.cancel.asked():
                raise Cancelled("The run was cancelled.")
        return super().answer(question, watch)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Slow:
    folder = tiny_model(
        tmp_path_factory.mktemp("m") / "deep", dims=3, classes=3, region=(16, 16, 16), centred=True
    )
    loaded = load_model(folder, "cpu")
    card = loaded.card.model_copy(update={"recentred": True, "orientation": "ASR"})
    return Slow(card, loaded.network, loaded.device, folder)


@pytest.fixture(scope="module")
def address(model: Slow) -> Iterator[str]:
    with served([model], most_bytes=1 << 20, lease=20) as found:
        yield found


@pytest.fixture(autouse=True)
def held() -> Iterator[threading.Event]:
    Slow.held.set()
    yield Slow.held
    Slow.held.set()


@pytest.fixture
def token(tmp_path: Path) -> Path:
    return token_file(tmp_path)


def image(*space: int, seed: int = 0) -> Source:
    data = noise_image(space)[None] + np.float32(seed)
    return Source.of(Volume(data * (1 + seed), oblique_affine()), None)


def distant(model: Model, address: str, token: Path, **options: Any) -> Distant:
    return Distant.of(model.card, Elsewhere(address, token), **options)


def same(one: Prediction, other: Prediction) -> None:
    mine, its = one.dist.numbers(), other.dist.numbers()
    assert list(mine) == list(its) and one.dist.form == other.dist.form
    for name, array in mine.items():
        np.testing.assert_array_equal(array, its[name], err_msg=name)
    for name in SAME:
        assert getattr(one, name) == getattr(other, name), name
    assert {one.device_title, other.device_title} == {"CPU", "CPU of a server"}
    draws = np.random.default_rng(0).normal(size=(3, one.dist.rank))
    np.testing.assert_array_equal(one.dist.label_maps(draws), other.dist.label_maps(draws))


def test_a_script_asks_by_name(tmp_path: Path, token: Path) -> None:
    folder = tiny_model(tmp_path / "flat", region=(16, 16))
    here, volume = load_model(folder, "cpu"), image(20, 24).load()
    with served([here]) as address:
        there = ssn.distant_model(folder, address, token)
        found, expected = there.segment(volume), here.segment(volume)
        for name, array in expected.numbers().items():
            np.testing.assert_array_equal(found.numbers()[name], array)
        stop = Watch(cancel=Cancel(lambda: True))
        with pytest.raises(Cancelled):
            there.segment(volume, watch=stop)


@pytest.mark.parametrize("large", [False, True])
def test_it_gives_what_it_gives_here(
    model: Slow, address: str, token: Path, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        monkeypatch.setattr(packed, "LARGE", 1000)
    source, far = image(40, 30, 34), distant(model, address, token)
    steps: list[tuple[int, int]] = []
    watch = Watch(progress=lambda *step: steps.append(step))
    found = run(far, source, (9, 12, 20), watch=watch)
    same(found, run(model, source, (9, 12, 20)))
    assert found.dist.large == large and found.moved_to is not None and steps[-1] == (1, 1)


def test_of_a_look_that_only_says_where_little_comes_back(
    model: Slow, address: str, token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: dict[str, list[int]] = {}
    real = Talk.content

    def content(talk: Talk, path: str, most: int) -> bytes:
        found = real(talk, path, most)
        name = path.rpartition("/")[2]
        sizes.setdefault(name, []).append(len(found))
        return found

    monkeypatch.setattr(Talk, "content", content)
    source, far = image(40, 30, 34), distant(model, address, token)
    found = run(far, source, (9, 12, 20))
    assert found.moved_to is not None
    # One result, of the last look.
    [whole], outlines = sizes.pop("result"), sizes["outline"]
    assert whole < found.dist.nbytes and max(outlines) < whole / 20
    assert found.looks == MOST_LOOKS and len(outlines) == MOST_LOOKS - 1
    # Where it need not move the first look is the result, and is fetched.
    monkeypatch.setattr("napari_ssn.network.recentring.outlined_middle", lambda *asked: None)
    here = run(model, source, (9, 12, 20))
    assert here.moved_to is None
    same(run(far, source, here.centre), here)
    assert len(sizes["result"]) == 1 and sizes["result"][0] > whole / 4


def test_the_plane_on_show_comes_first(tmp_path: Path, token: Path) -> None:
    flat = load_model(tiny_model(tmp_path / "flat", region=(16, 16)), "cpu")
    seen: dict[str, list[Any]] = {"here": [], "there": []}
    with served([flat]) as address:
        for name, one in (("here", flat), ("there", distant(flat, address, token))):
            watch = Watch(look_at=(3, None, None), preview=seen[name].append)
            run(one, image(40, 40, 20), watch=watch)
    assert len(seen["here"]) == 1
    # It may be done before anybody asked for the plane.
    for slab in seen["there"]:
        np.testing.assert_array_equal(slab.label_map(), seen["here"][0].label_map())


def test_two_at_once_get_each_their_own(model: Slow, address: str, token: Path) -> None:
    sources = [image(24, 24, 24, seed=seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        far = distant(model, address, token)
        found = list(pool.map(lambda one: run(far, one, (12, 12, 12)), sources))
    for one, source in zip(found, sources, strict=True):
        same(one, run(model, source, (12, 12, 12)))


@tried_again
def test_who_waits_is_told_the_place_and_can_stop(
    model: Slow, address: str, token: Path, held: threading.Event
) -> None:
    held.clear()
    far, said = distant(model, address, token), list[str]()
    stop = [threading.Event(), threading.Event()]

    def begin(n: int) -> Prediction:
        cancel = Cancel(stop[n].is_set)
        return run(
            far, image(24, 24, 24), (12, 12, 12), watch=Watch(say=said.append), cancel=cancel
        )

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(begin, 0)
        time.sleep(0.5)
        second = pool.submit(begin, 1)
        while not said:
            time.sleep(0.02)
        assert said == ["The server is at another run: 1 before this one."]
        began = time.monotonic()
        stop[0].set()
        with pytest.raises(Cancelled):
            first.result(5)
        ended = time.monotonic()
        held.set()
        same(second.result(10), run(model, image(24, 24, 24), (12, 12, 12)))
    in_time(began, 0.5, lambda: ended)


def test_what_is_wrong_with_the_image_is_told_as_here(
    model: Slow, address: str, token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = distant(model, address, token)
    with pytest.raises(GeometryError) as there:
        run(far, image(24, 24, 24), (12, 12, 24))
    with pytest.raises(GeometryError) as here:
        run(model, image(24, 24, 24), (12, 12, 24))
    assert str(there.value) == str(here.value)

    def full(*args: Any) -> Any:
        raise ImageError("It is too large.")

    # What the server alone can tell is of its kind too.
    monkeypatch.setattr(model, "answer", full)
    with pytest.raises(ImageError, match=r"It is too large\."):
        run(far, image(24, 24, 24), (12, 12, 12))


def test_what_is_too_large_is_told_before_it_is_sent(
    model: Slow, address: str, token: Path
) -> None:
    far = distant(model, address, token)
    small = far.greeting.model_copy(update={"most_bytes": 1 << 10})
    with pytest.raises(ServerError, match="takes 0 MB at most, and this is 1 MB"):
        run(Distant(far.card, Elsewhere(address, token), small), image(24, 24, 24), (12, 12, 12))


def test_a_model_that_it_has_not_is_told(model: Slow, address: str, token: Path) -> None:
    for update, words in (
        ({"name": "other"}, "does not have the model other; it has deep"),
        ({"version": "9"}, "has another version of the model deep"),
    ):
        with pytest.raises(ServerError, match=words):
            Distant.of(model.card.model_copy(update=update), Elsewhere(address, token))


def test_a_wrong_token_is_told(model: Slow, address: str, token: Path) -> None:
    token.write_text("x" * 40)
    with pytest.raises(ServerError, match="does not know the token"):
        distant(model, address, token)
    token.chmod(0o644)
    with pytest.raises(ServerError, match="Others on this computer can read"):
        distant(model, address, token)


def test_a_server_that_is_killed_is_told(model: Slow, token: Path, held: threading.Event) -> None:
    held.clear()
    said: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        with served([model]) as address:
            far = distant(model, address, token, patience=1)
            watch = Watch(say=said.append)
            job = pool.submit(run, far, image(24, 24, 24), (12, 12, 12), watch=watch)
            time.sleep(0.7)
        with pytest.raises(ServerError, match="cannot be reached"):
            job.result(5)
    assert said == ["The line to the server broke off: trying again."]
    with pytest.raises(ServerError, match="cannot be reached"):
        distant(model, address, token)


def test_a_server_that_was_started_anew_has_forgotten(
    model: Slow, token: Path, held: threading.Event
) -> None:
    held.clear()
    with ThreadPoolExecutor(1) as pool:
        with served([model]) as address:
            far = distant(model, address, token)
            job = pool.submit(run, far, image(24, 24, 24), (12, 12, 12))
            time.sleep(0.7)
        again = served([model], Line(port=int(address.rpartition(":")[2])))
        with again, pytest.raises(ServerError, match="knows nothing of this run"):
            job.result(10)


class Cut:
    """A line to a server that can be cut: bytes go through until then."""

    def __init__(self, address: str) -> None:
        self._there = ("127.0.0.1", int(address.rpartition(":")[2]))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[Any] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listening.accept()
            except OSError:
                return
            there = socket.create_connection(self._there)
            self._open += [here, there]
            for one, other in ((here, there), (there, here)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: Any, other: Any) -> None:
        try:
            while content := one.recv(4096):
                other.sendall(content)
        except OSError:
            pass
        for end in (one, other):
            end.close()

    def close_lines(self) -> None:
        for line in self._open:
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def close(self) -> None:
        self._listening.close()
        self.close_lines()


def test_after_a_line_was_cut_the_result_is_found_again(
    model: Slow,
    address: str,
    token: Path,
    held: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line, done = Cut(address), list[str]()
    real = runs.Runs.put

    def put(self: Any, name: str, question: bytes) -> Any:
        done.append(name)
        return real(self, name, question)

    monkeypatch.setattr(runs.Runs, "put", put)
    held.clear()
    try:
        far = distant(model, line.address, token)
        with ThreadPoolExecutor(1) as pool:
            job = pool.submit(run, far, image(24, 24, 24), (12, 12, 12), how=How(steady=True))
            for _ in range(4):
                time.sleep(0.15)
                line.close_lines()
            held.set()
            same(job.result(10), run(model, image(24, 24, 24), (12, 12, 12), how=How(steady=True)))
    finally:
        line.close()
    assert len(set(done)) == 1


GREETING = {
    "protocol": PROTOCOL, "version": "9.9", "device": "CPU", "most_bytes": 1 << 30, "lease_s": 60,
    "models": [],
}  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(200, "text/html", b"<html>Please log in</html>"), "A web page answers"),
        (Answer(302, "text/html", b"", {"Location": "https://login.example.org"}), "A web page"),
        (Answer(502, "text/html", b"<html>Bad gateway</html>"), "does not answer"),
        (Answer(413, "text/html", b"<html>Too large</html>"), "proxy .* nothing as large"),
        (Answer(407, "text/html", b""), "login of its own"),
        (Answer(500, "text/plain", b"oops"), r"failed at this \(500\)"),
        (Answer(404, "text/html", b"<html>Not found</html>"), "A web page|no napari-ssn"),
        (Answer(200, "application/json", b"[]"), "no napari-ssn that this one"),
        (Answer(200, "application/json", b"{broken"), "no napari-ssn that this one"),
        (Answer(200, "application/json", b"x" * (1 << 21)), "longer than any"),
        (Answer(200, "application/json", json.dumps(GREETING).encode()), "it has .*"),
        (
            Answer(200, "application/json", json.dumps({"protocol": 7, "version": "9.9"}).encode()),
            r"has napari-ssn 9\.9, which speaks otherwise than .* here: update the older one",
        ),
        (Answer(0), "closes the line without a word"),
        (Answer(200, "application/json", b"{}", length=500), "broke off"),
    ],
)
def test_whatever_answers_instead_is_told(
    model: Slow, token: Path, answer: Answer, words: str
) -> None:
    def respond(asked: Asked) -> Answer:
        return answer

    with answering(respond) as web, pytest.raises(ServerError, match=words):
        distant(model, web.address, token)


def test_a_proxy_that_breaks_in_later_is_told(model: Slow, address: str, token: Path) -> None:
    page = Answer(200, "text/html", b"<html>Your session has ended</html>")
    with answering(lambda asked: page) as web:
        far = Distant(
            model.card, Elsewhere(web.address, token), distant(model, address, token).greeting
        )
        with pytest.raises(ServerError, match="A web page answers"):
            run(far, image(24, 24, 24), (12, 12, 12))


@pytest.mark.parametrize(
    ("name", "days", "words"),
    [
        ("localhost", -3, "certificate of the server is too old"),
        ("gpu.example.org", 2, "certificate of the server is of another name than its address"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_told(
    name: str, days: int, words: str, model: Slow, token: Path, tmp_path: Path
) -> None:
    own = certificate(tmp_path, name, days)
    with served([model], Line(port=0, certificate=own, key=own)) as address:
        there = Elsewhere(address.replace("127.0.0.1", "localhost"), token, own)
        with pytest.raises(ServerError, match=words):
            Distant.of(model.card, there)


def test_tls_is_verified(model: Slow, token: Path, tmp_path: Path) -> None:
    own = certificate(tmp_path)
    with served([model], Line(port=0, certificate=own, key=own)) as address:
        assert address.startswith("https://")
        there = address.replace("127.0.0.1", "localhost")
        with pytest.raises(ServerError, match="an unknown authority: name the file"):
            Distant.of(model.card, Elsewhere(there, token))
        far = Distant.of(model.card, Elsewhere(there, token, own))
        same(
            run(far, image(24, 24, 24), (12, 12, 12)),
            run(model, image(24, 24, 24), (12, 12, 12)),
        )


def test_the_other_scheme_is_told(model: Slow, address: str, token: Path, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"does not speak TLS.*begins with http://"):
        distant(model, address.replace("http:", "https:"), token)
    own = certificate(tmp_path)
    with (
        served([model], Line(port=0, certificate=own, key=own)) as there,
        pytest.raises(ServerError, match=r"without a word.*begins with https://"),
    ):
        distant(model, there.replace("https:", "http:"), token)


@pytest.mark.parametrize(("content", "words"), [(None, "not there"), ("x", "holds none")])
def test_certificates_that_are_none(
    model: Slow, token: Path, tmp_path: Path, content: str | None, words: str
) -> None:
    path = tmp_path / "own.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ServerError, match=words):
        Distant.of(model.card, Elsewhere("https://gpu.example.org", token, path))


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ("gpu.example.org:8797", "is no address"),
        ("http://192.0.2.1:8797", "anybody on the way"),
        ("https://user:word@gpu.example.org", "take it out"),
    ],
)
def test_what_is_no_server_is_told(model: Slow, token: Path, there: str, words: str) -> None:
    with pytest.raises(ServerError, match=words):
        distant(model, there, token)


def test_a_server_that_is_mute_is_told(
    model: Slow, token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_ssn.remote.distant._SOON", (0.3, 0.3))
    until = threading.Event()
    with answering(lambda asked: (until.wait(20), Answer(0))[1]) as web:
        with pytest.raises(ServerError, match="silent, nothing came"):
            Distant.of(model.card, Elsewhere(web.address, token))
        until.set()


@tried_again
def test_a_server_that_falls_silent_is_told_when_patience_ends(
    model: Slow, address: str, token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen it takes what it is asked, and says nothing: seconds of silence begin nothing anew."""
    monkeypatch.setattr("napari_ssn.remote.distant.TIMEOUTS", (0.4, 0.4), raising=False)
    monkeypatch.setattr("napari_ssn.remote.line.TIMEOUTS", (0.4, 0.4))
    monkeypatch.setattr(Talk.__init__, "__defaults__", (NEVER, (0.4, 0.4)))
    until = threading.Event()
    with answering(lambda asked: (until.wait(20), Answer(0))[1]) as web:
        far = Distant(
            model.card,
            Elsewhere(web.address, token),
            distant(model, address, token).greeting,
            patience=0.3,
        )
        try:
            with within(1.3), pytest.raises(ServerError, match="silent, nothing came"):
                run(far, image(24, 24, 24), (12, 12, 12))
        finally:
            until.set()


@tried_again
def test_nothing_hangs_where_nothing_comes(model: Slow, token: Path) -> None:
    stop, until = threading.Event(), threading.Event()
    silent: Callable[[Asked], Answer] = lambda asked: (until.wait(20), Answer(0))[1]  # noqa: E731
    with answering(silent) as web:
        threading.Timer(0.3, stop.set).start()
        try:
            with within(0.8), pytest.raises(Cancelled):
                Distant.of(model.card, Elsewhere(web.address, token), Cancel(stop.is_set))
        finally:
            until.set()
