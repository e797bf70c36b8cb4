"""A session whose models run on a server: the same results, and what is wrong with it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_ssn.core.begun import awaiting
from napari_ssn.core.begun.awaiting import Awaiting
from napari_ssn.core.columns import columns
from napari_ssn.core.packed import distribution as packed
from napari_ssn.network.inference import Inference, Watch
from napari_ssn.network.models import Model, load_model
from napari_ssn.network.question import Question
from napari_ssn.remote import messages
from napari_ssn.remote.elsewhere import Elsewhere
from napari_ssn.remote.runs import Runs
from napari_ssn.session import Session
from tests.support.begun import blob
from tests.support.helpers import tiny_model
from tests.support.serving import served, token_file
from tests.support.sessions import ran, start, undealt

pytestmark = pytest.mark.usefixtures("few_draws")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("m") / "tiny")


@pytest.fixture(scope="module")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    token = token_file(tmp_path_factory.mktemp("t"))
    with served([load_model(model, "cpu")]) as address:
        yield Elsewhere(address, token)


def on(session: Session, server: Elsewhere | None) -> None:
    session.configure(replace(session.settings, server=server))


def test_a_run_there_is_a_run_here(
    model: Path, server: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = (start(undealt(), model, monkeypatch) for _ in range(2))
    on(there, server)
    survey = there.setup.survey
    assert survey is not None and (survey.device, survey.elsewhere) == ("CPU", True)

    def nothing(folder: Path, device: str) -> None:
        raise AssertionError("a model that a server has is not needed here")

    monkeypatch.setattr(there.catalogue.store, "get", nothing)
    for session in (ran(here), ran(there)):
        session.walk.set_sigma(0.7)
    assert here.result is not None and there.result is not None
    for name, array in here.result.dist.numbers().items():
        np.testing.assert_array_equal(array, there.result.dist.numbers()[name])
    np.testing.assert_array_equal(here.walk.counts, there.walk.counts)


def test_what_is_wrong_with_it_is_told_and_this_computer_can_go_on(
    model: Path, server: Elsewhere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = start(undealt(), model, monkeypatch)
    other = tmp_path / "token"
    other.touch(0o600)
    other.write_text("x" * 40)
    on(session, replace(server, token_file=other))
    assert session.note is not None and "does not know the token" in session.note.text
    with pytest.raises(AssertionError, match="does not know the token"):
        ran(session)
    assert session.result is None
    on(session, None)
    assert session.setup.survey is not None and not session.setup.survey.elsewhere
    assert ran(session).result is not None


def test_what_points_need_is_waited_for_in_words(
    model: Path, server: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "LARGE", 0)
    monkeypatch.setattr(awaiting, "_MOST", 1.0)
    monkeypatch.setattr(columns, "_BLOCK", 64)
    monkeypatch.setattr(messages, "_WORTH", 0)
    until, real, network = threading.Event(), Runs.rest, Model.answer

    def sure(model: Model, question: Question, watch: Watch) -> Inference:
        found = network(model, question, watch)
        dist = blob(found.dist.space)
        place = {name: getattr(found.dist, name) for name in ("affine", "start", "image_space")}
        return replace(found, dist=replace(dist, **place))

    monkeypatch.setattr(Model, "answer", sure)

    def slow(runs: Runs, name: str) -> bytes:
        assert until.wait(20)
        return real(runs, name)

    monkeypatch.setattr(Runs, "rest", slow)
    here, there = (start(undealt(), model, monkeypatch) for _ in range(2))
    on(there, server)
    for session in (ran(here), ran(there)):
        # What is seen does not need it.
        session.walk.set_sigma(0.2)
    assert there.result is not None and isinstance(there.result.dist, Awaiting)
    np.testing.assert_array_equal(here.walk.counts, there.walk.counts)
    there.pointing.add((2, 3), 1)
    assert not there.pointing.points
    assert there.note is not None and there.note.text.startswith("The server is still sending")
    until.set()
    end = time.monotonic() + 20
    while not there.pointing.points:
        assert time.monotonic() < end
        there.pointing.add((2, 3), 1)
    here.pointing.add((2, 3), 1)
    np.testing.assert_array_equal(here.walk.counts, there.walk.counts)
