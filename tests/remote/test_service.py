"""The server's side of the line: who may ask, how much, what becomes of it, who sees what."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from napari_ssn.errors import Cancel, ServerError
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.inference import Asked, Watch
from napari_ssn.network.models import Model, load_model
from napari_ssn.network.question import Place, Question
from napari_ssn.remote import runs as runs_module
from napari_ssn.remote import service
from napari_ssn.remote.messages import answer_of, answered, asked, key_of
from napari_ssn.remote.runs import Runs
from napari_ssn.remote.serving import Line
from napari_ssn.remote.tokens import made_token, token_in
from tests.support.helpers import tiny_model
from tests.support.serving import TOKEN, served

LEASE = 1.0
MOST = 1 << 20
NAMES = tuple(f"{n}" * 40 for n in range(10))


class Slow:
    """A model that computes for as long as it is held."""

    def __init__(self, model: Model) -> None:
        self.card, self.device, self.room, self._model = model.card, model.device, model.room, model
        self.held = threading.Event()
        self.held.set()

    def answer(self, question: Question, watch: Watch) -> Any:
        while not self.held.wait(0.01):
            if watch.cancel.asked():
                break
        return self._model.answer(question, watch)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Slow:
    folder = tiny_model(tmp_path_factory.mktemp("m") / "flat", region=(16, 16))
    return Slow(load_model(folder, "cpu"))


@pytest.fixture(scope="module")
def address(model: Slow) -> Iterator[str]:
    with served([model], most_bytes=MOST, lease=LEASE) as found:
        yield found


@pytest.fixture
def held(model: Slow) -> Iterator[Slow]:
    model.held.clear()
    yield model
    model.held.set()


def call(address: str, method: str, path: str, token: str = TOKEN, **kwargs: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}"} | kwargs.pop("headers", {})
    url = f"{address}/v1/{path}"
    return requests.request(method, url, headers=headers, timeout=20, **kwargs)


def question_of(model: Slow, seed: int) -> Question:
    found: list[Question] = []

    class Listening(Asked):
        card, room = model.card, model.room

        def answer(self, question: Question, watch: Watch) -> Any:
            found.append(question)
            return model._model.answer(question, watch)

    rng = np.random.default_rng(seed)
    Listening().infer(Volume(rng.random((1, 30, 40), np.float32), np.eye(4)))
    return found[0]


def until(address: str, name: str, state: str, seconds: float = 10) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        told: dict[str, Any] = call(address, "GET", f"runs/{name}").json()
        if told["state"] == state:
            return told
        time.sleep(0.02)
    raise AssertionError(f"{told} is not {state}")


def test_it_greets_whoever_has_the_token(address: str, model: Slow) -> None:
    told = call(address, "GET", "greeting").json()
    assert told["models"] == [{"key": key_of(model.card), "name": "flat", "title": "Tiny 2D model"}]
    assert (told["device"], told["most_bytes"], told["lease_s"]) == ("CPU", MOST, LEASE)


@pytest.mark.parametrize("token", ["", "x" * 32, TOKEN[:-1], TOKEN + "1", "é" * 30])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "greeting"),
        ("PUT", f"runs/{NAMES[0]}"),
        ("GET", f"runs/{NAMES[0]}"),
        ("GET", f"runs/{NAMES[0]}/result"),
        ("GET", f"runs/{NAMES[0]}/glimpse"),
        ("DELETE", f"runs/{NAMES[0]}"),
    ],
)
def test_nobody_else_is_told_anything(address: str, method: str, path: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}".encode()}
    answer = call(address, method, path, headers=headers, data=b"x")
    assert answer.status_code == 401
    assert answer.json() == {"words": "The server does not know that token."}


@pytest.mark.parametrize("path", ["docs", "redoc", "openapi.json", "v1/runs", "v1/runs/"])
def test_there_is_no_list_and_no_page(address: str, path: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = requests.get(f"{address}/{path}", headers=headers, timeout=20)
    assert answer.status_code == 404 and set(answer.json()) == {"words"}


def test_an_answer_is_that_of_the_model(address: str, model: Slow) -> None:
    question = question_of(model, 1)
    message = asked(question, key_of(model.card))
    assert call(address, "PUT", f"runs/{NAMES[1]}", data=message).status_code == 200
    told = until(address, NAMES[1], "done")
    assert told["done"] == told["total"] > 1
    found = answer_of(call(address, "GET", f"runs/{NAMES[1]}/result").content, model.card, question)
    expected = model._model.answer(question, Watch()).dist.numbers()
    for name, array in found.dist.numbers().items():
        assert array.tobytes() == expected[name].tobytes()
    # Asked again, as after a line that was cut, it is there already; another one is not taken.
    again = call(address, "PUT", f"runs/{NAMES[1]}", data=message).json()
    assert again["state"] == "done"
    other = call(address, "PUT", f"runs/{NAMES[1]}", data=message[:-1])
    assert other.status_code == 409
    assert call(address, "DELETE", f"runs/{NAMES[1]}").status_code == 204
    assert call(address, "GET", f"runs/{NAMES[1]}").status_code == 404


def test_two_at_once_get_each_their_own(address: str, model: Slow, held: Slow) -> None:
    questions = [question_of(model, seed) for seed in (2, 3)]
    for name, question in zip(NAMES, questions, strict=False):
        message = asked(question, key_of(model.card))
        call(address, "PUT", f"runs/{name}", data=message)
    assert until(address, NAMES[0], "running")["place"] == 0
    told = call(address, "GET", f"runs/{NAMES[1]}").json()
    assert (told["state"], told["place"]) == ("waiting", 1)
    assert call(address, "GET", f"runs/{NAMES[1]}/result").status_code == 404
    held.held.set()
    for name, question in zip(NAMES, questions, strict=False):
        until(address, name, "done")
        answer = call(address, "GET", f"runs/{name}/result").content
        expected = model._model.answer(question, Watch()).dist.numbers()
        found = answer_of(answer, model.card, question).dist.numbers()
        assert all(found[n].tobytes() == expected[n].tobytes() for n in expected)
        call(address, "DELETE", f"runs/{name}")


def test_one_that_is_stopped_makes_way_at_once(address: str, model: Slow, held: Slow) -> None:
    message = asked(question_of(model, 4), key_of(model.card))
    for name in NAMES[:3]:
        call(address, "PUT", f"runs/{name}", data=message)
    until(address, NAMES[0], "running")
    assert call(address, "GET", f"runs/{NAMES[2]}").json()["place"] == 2
    call(address, "DELETE", f"runs/{NAMES[1]}")
    assert call(address, "GET", f"runs/{NAMES[2]}").json()["place"] == 1
    call(address, "DELETE", f"runs/{NAMES[0]}")
    until(address, NAMES[2], "running", seconds=0.5)
    call(address, "DELETE", f"runs/{NAMES[2]}")


def test_what_nobody_asks_after_is_forgotten(address: str, model: Slow, held: Slow) -> None:
    message = asked(question_of(model, 5), key_of(model.card))
    for name in NAMES[:2]:
        call(address, "PUT", f"runs/{name}", data=message)
    # Who asks keeps it, the other one goes, although it is the one that runs.
    end = time.monotonic() + 2.5 * LEASE
    while time.monotonic() < end:
        kept = call(address, "GET", f"runs/{NAMES[1]}").json()
        time.sleep(0.1)
    assert kept["state"] == "running"
    assert call(address, "GET", f"runs/{NAMES[0]}").status_code == 404
    call(address, "DELETE", f"runs/{NAMES[1]}")


def test_what_cannot_be_done_is_said(address: str, model: Slow) -> None:
    question = question_of(model, 6)
    for name, message, kind, words in (
        (NAMES[0], b"<html>", "DataError", "no message"),
        (NAMES[1], asked(question, "a" * 64), "ModelError", "does not have that model"),
    ):
        call(address, "PUT", f"runs/{name}", data=message)
        told = until(address, name, "failed")
        assert told["kind"] == kind and words in told["words"]
        call(address, "DELETE", f"runs/{name}")
    assert call(address, "PUT", "runs/short", data=b"x").status_code == 422


@pytest.mark.parametrize(
    ("update", "kind"),
    [
        ({"tile": (16, 1 << 20)}, "ModelError"),
        ({"tile": (16, 16, 16)}, "ModelError"),
        ({"look_at": (None, 3, None)}, "DataError"),
        ({"centre": (1 << 20, 3)}, "GeometryError"),
        ({"data": np.full((1, 30, 40), np.nan, np.float32)}, "ImageError"),
        ({"data": np.zeros((1, 30, 41), np.float32)}, "ImageError"),
        ({"image": Place((30, 40), 1, np.diag([1.0, 0, 1, 1]), "plane", True)}, "GeometryError"),
        ({"image": Place((30, 1 << 20), 1, np.eye(4), "plane", True)}, "ImageError"),
        ({"image": Place((30, 40), 9, np.eye(4), "plane", True)}, "ModelError|ImageError"),
    ],
)
def test_a_question_that_no_client_asks_is_told(
    address: str, model: Slow, update: dict[str, Any], kind: str
) -> None:
    question = replace(question_of(model, 6), **update)
    call(address, "PUT", f"runs/{NAMES[3]}", data=asked(question, key_of(model.card)))
    told = until(address, NAMES[3], "failed")
    assert re.fullmatch(kind, told["kind"]), told
    call(address, "DELETE", f"runs/{NAMES[3]}")


def test_a_run_that_breaks_leaves_the_others_alone(
    address: str, model: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = question_of(model, 7)
    message = asked(question, key_of(model.card))

    def broken(*args: Any) -> Any:
        raise ZeroDivisionError("/secret/path")

    with monkeypatch.context() as patch:
        patch.setattr(model, "answer", broken)
        call(address, "PUT", f"runs/{NAMES[0]}", data=message)
        told = until(address, NAMES[0], "failed")
    assert "secret" not in told["words"] and "log" in told["words"]
    call(address, "PUT", f"runs/{NAMES[1]}", data=message)
    until(address, NAMES[1], "done")
    for name in NAMES[:2]:
        call(address, "DELETE", f"runs/{name}")


def test_too_much_is_refused_before_it_comes(address: str) -> None:
    def zeros() -> Iterator[bytes]:
        yield bytes(MOST)

    # A gigabyte is announced, and none of it read.
    headers = {"Content-Length": str(1 << 30)}
    answer = call(address, "PUT", f"runs/{NAMES[0]}", headers=headers, data=b"")
    assert answer.status_code == 413 and answer.json()["words"] == (
        "The server takes 1 MB at most, and this is 1024 MB."
    )
    answer = call(address, "PUT", f"runs/{NAMES[0]}", data=zeros())
    assert answer.status_code == 411


def test_there_is_room_for_so_much(
    address: str, model: Slow, held: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = asked(question_of(model, 8), key_of(model.card))
    monkeypatch.setattr(runs_module, "MOST_RUNS", 3)
    status = [call(address, "PUT", f"runs/{n}", data=message).status_code for n in NAMES[:5]]
    assert status == [200, 200, 200, 503, 503]
    for name in NAMES[:3]:
        call(address, "DELETE", f"runs/{name}")
    assert call(address, "PUT", f"runs/{NAMES[4]}", data=message).status_code == 200
    call(address, "DELETE", f"runs/{NAMES[4]}")


def test_a_result_that_comes_slowly_is_kept_until_it_is_there(
    model: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = question_of(model, 9)
    message = asked(question, key_of(model.card))
    # On a slow line: three times as long as a lease, in pieces that each take less than one.
    with served([model], most_bytes=MOST, lease=0.4) as there:
        call(there, "PUT", f"runs/{NAMES[0]}", data=message)
        until(there, NAMES[0], "done")
        size = int(call(there, "GET", f"runs/{NAMES[0]}/result").headers["Content-Length"])
        monkeypatch.setattr(service, "_PIECE", size // 12 + 1)
        real = runs_module.Runs.renew

        def slowly(runs: Any, name: str) -> None:
            time.sleep(0.1)
            real(runs, name)

        monkeypatch.setattr(runs_module.Runs, "renew", slowly)
        found = call(there, "GET", f"runs/{NAMES[0]}/result").content
        assert len(found) == size
        assert call(there, "GET", f"runs/{NAMES[0]}").json()["state"] == "done"


def test_results_that_nobody_fetches_leave_room_for_others(model: Slow) -> None:
    message = asked(question_of(model, 10), key_of(model.card))
    size = len(answered(model.answer(question_of(model, 10), Watch(cancel=Cancel(lambda: False)))))
    # Room for one result: the second is begun when the first was fetched, or forgotten.
    with Runs({key_of(model.card): model}, MOST, size // 2, 30.0) as runs:  # type: ignore[dict-item]
        for name in NAMES[:2]:
            runs.put(name, message)
        end = time.monotonic() + 5
        while runs.state(NAMES[0]).state != "done" and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.3)
        assert runs.state(NAMES[1]).state == "waiting"
        runs.drop(NAMES[0])
        while runs.state(NAMES[1]).state != "done" and time.monotonic() < end:
            time.sleep(0.01)
        assert runs.state(NAMES[1]).state == "done"


# ---- Where it listens, and who has the token


def test_it_listens_beyond_this_computer_on_purpose_alone(tmp_path: Path) -> None:
    for host in ("127.0.0.1", "127.9.0.1", "localhost", "::1"):
        Line(host=host).check()
    for host in ("0.0.0.0", "::", "192.0.2.7", "example.org", "127.0.0.1.example.org"):
        with pytest.raises(ServerError, match="without TLS"):
            Line(host=host).check()
        Line(host=host, insecure=True).check()
    with pytest.raises(ServerError, match="both"):
        Line(certificate=tmp_path / "cert.pem").check()
    (tmp_path / "cert.pem").write_text("none")
    with pytest.raises(ServerError, match="PEM"):
        Line(certificate=tmp_path / "cert.pem", key=tmp_path / "cert.pem").check()


def test_a_port_that_is_taken_is_said(address: str, model: Slow) -> None:
    port = int(address.rpartition(":")[2])
    words = f"Nothing can listen at port {port}"
    with pytest.raises(ServerError, match=words), served([model], Line(port=port)):
        pass


def test_a_token_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "settings" / "token"
    assert made_token(path) and not made_token(path)
    assert path.stat().st_mode & 0o777 == 0o600
    token = token_in(path)
    assert len(token) >= 40 and token == token_in(path)
    path.chmod(0o640)
    with pytest.raises(ServerError, match="Others on this computer"):
        token_in(path)
    path.chmod(0o600)
    for content in (b"", b"short\n", b"two words that are long enough", b"\xff" * 40, b"x" * 2000):
        path.write_bytes(content)
        with pytest.raises(ServerError, match="holds none"):
            token_in(path)
    with pytest.raises(ServerError, match="cannot be read"):
        token_in(tmp_path / "nowhere")
