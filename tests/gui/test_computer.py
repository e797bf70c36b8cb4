"""*Settings › Compute on*: a server runs the models, and what is wrong with it is told."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ssn import prediction
from napari_ssn.errors import ServerError
from napari_ssn.network.models import load_model
from napari_ssn.text.overview import ON_SHOW
from tests.support.docks import pick, run_and_wait
from tests.support.helpers import tiny_model
from tests.support.serving import served, token_file


@pytest.fixture
def token(tmp_path: Path) -> Path:
    return token_file(tmp_path)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with served([load_model(tiny_model(tmp_path / "tiny"), "cpu")]) as found:
        yield found


def test_a_server_is_chosen_used_and_left(
    opened: tuple[Any, Any], qtbot: Any, address: str, token: Path
) -> None:
    _, dock = opened
    panel, session = dock.settings.computer, dock.session
    assert panel.rows.isHidden()
    pick(panel.where["computer"], "server")
    assert not panel.rows.isHidden() and session.settings.server is None
    # What cannot be one is said at once, and this computer goes on.
    panel.named["address"].setText("gpu.example.org")
    panel.use.click()
    assert "is no address" in panel.about.text() and session.settings.server is None
    panel.named["address"].setText(address)
    panel.named["token"].setText(str(token))
    panel.use.click()
    qtbot.waitUntil(lambda: session.setup.survey.elsewhere, timeout=20_000)
    assert panel.about.text() == f"Models run on {address} (CPU)."
    assert dock.header.badge.text() == "Server · CPU"
    assert dock.header.badge.toolTip() == "CPU, of the server that the settings name"
    run_and_wait(dock, qtbot)
    assert session.result is not None and session.result.device_title == "CPU of a server"
    pick(panel.where["computer"], "here")
    assert panel.rows.isHidden() and session.settings.server is None
    qtbot.waitUntil(lambda: not session.setup.survey.elsewhere, timeout=20_000)
    # Other settings keep the server out, and in.
    dock.settings.boxes["hypotheses"].setValue(200)
    assert session.settings.server is None and session.settings.hypotheses == 200


def test_other_settings_leave_the_server_alone(
    opened: tuple[Any, Any], qtbot: Any, address: str, token: Path
) -> None:
    _, dock = opened
    panel, session = dock.settings.computer, dock.session
    pick(panel.where["computer"], "server")
    panel.named["address"].setText(address)
    panel.named["token"].setText(str(token))
    panel.use.click()
    dock.settings.boxes["hypotheses"].setValue(200)
    assert session.settings.hypotheses == 200
    assert session.settings.server is not None and session.settings.server.address == address


def test_a_server_that_does_not_answer_is_told_of(
    opened: tuple[Any, Any], qtbot: Any, token: Path
) -> None:
    _, dock = opened
    panel, session = dock.settings.computer, dock.session
    pick(panel.where["computer"], "server")
    panel.named["address"].setText("http://127.0.0.1:9")
    panel.named["token"].setText(str(token))
    panel.use.click()
    qtbot.waitUntil(lambda: session.note is not None and session.note.error, timeout=20_000)
    assert "cannot be reached" in session.note.text
    assert dock.header.badge.text() == "Server"


@pytest.mark.parametrize("what", ["decode.labels_in", "lines.border_field"])
def test_a_hypothesis_that_takes_what_is_on_the_server_still_is_told(
    what: str, opened: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labels of one far from the outline, and numbers beside its border."""
    _, dock = opened
    run_and_wait(dock, qtbot)
    session = dock.session
    look = attrgetter(what)(prediction)
    there = False

    def far(*arguments: Any) -> Any:
        if not there:
            raise ServerError("The server is still sending what lies far from the outline.")
        return look(*arguments)

    monkeypatch.setattr(f"napari_ssn.prediction.{what}", far)
    session.walk.show_sample(1)
    assert "still sending what lies far" in dock.run.status.text()
    assert not any(one.words == ON_SHOW for one in dock.lines.strokes.strokes)
    there = True
    session.walk.show_sample(2)
    session.walk.show_sample(1)
    assert any(one.words == ON_SHOW for one in dock.lines.strokes.strokes)
    expected = session.result.dist.label_map(session.walk.here.position.z)
    np.testing.assert_array_equal(dock.scene.walking.data[:], expected)
