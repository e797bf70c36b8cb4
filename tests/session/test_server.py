"""A session whose models run on a server: the same results, and what is wrong with it is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_ssn.network.models import load_model
from napari_ssn.remote.elsewhere import Elsewhere
from napari_ssn.session import Session
from tests.support.helpers import tiny_model
from tests.support.serving import served, token_file
from tests.support.sessions import Inline, ran, start

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
    here, there = (start(Inline(), model, monkeypatch) for _ in range(2))
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
    session = start(Inline(), model, monkeypatch)
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
