"""First whether there is anything: what is said, and what waits until somebody asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ssn.gui.layers.results import HYPOTHESIS, PREVIEW
from napari_ssn.network.models import Model
from tests.support.docks import add_image, run_and_wait
from tests.support.helpers import tiny_model


@pytest.fixture
def with_presence(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Give every answer of a network a presence, as a model with a head for it does."""
    wanted, infer = {"p": 0.02}, Model.infer

    def patched(self: Model, *args: Any, **options: Any) -> Any:
        watch = options.get("watch")
        if watch is not None and watch.preview is not None:
            show = watch.preview
            options["watch"] = replace(
                watch, preview=lambda slab: show(slab.with_presence(wanted["p"]))
            )
        found = infer(self, *args, **options)
        return replace(found, dist=found.dist.with_presence(wanted["p"]))

    monkeypatch.setattr(Model, "infer", patched)
    return wanted


@pytest.fixture
def deep(
    open_dock: Callable[..., Any], tmp_path: Path, with_presence: dict[str, float]
) -> tuple[Any, Any, dict[str, float]]:
    viewer, dock = open_dock(tiny_model(tmp_path / "deep", dims=3, region=(16, 16, 16)))
    add_image(viewer, (20, 24, 22))
    return viewer, dock, with_presence


def sizes_seen(dock: Any) -> list[str]:
    """Texts of the dock in which a size stands."""
    from qtpy.QtWidgets import QLabel

    labels = [one for one in dock.findChildren(QLabel) if one.isVisibleTo(dock)]
    return [one.text() for one in labels if " mL" in one.text()]


def test_what_does_not_look_like_anything_is_said_before_any_size(
    deep: tuple[Any, Any, dict[str, float]], qtbot: Any
) -> None:
    viewer, dock, _ = deep
    session, panel = dock.session, dock.presence
    assert not panel.isVisibleTo(dock)
    previews: list[bool] = []
    session.previewed.connect(lambda _: previews.append(PREVIEW in viewer.layers))
    dock.settings.boxes["contours"].setChecked(True)
    run_and_wait(dock, qtbot)
    qtbot.waitUntil(lambda: session.overviews.of("contours") is not None, timeout=60_000)
    assert panel.words.text() == "This does not look like a label 1 (2 %)."
    assert panel.words.property("role") == "headline" and panel.show_all.isVisibleTo(dock)
    assert sizes_seen(dock) == [] and not dock.details.isVisibleTo(dock)
    assert not dock.export.isVisibleTo(dock)
    # No outline, neither of the run's beginning nor of many hypotheses, and no key shows one.
    assert previews == []
    outline, lines = viewer.layers[HYPOTHESIS], dock.lines.strokes
    assert not outline.visible and not lines.visible
    before, choice = list(viewer.layers), session.walk.choice
    for key in ("Q", "W", ",", ".", "K"):
        viewer.keymap[next(k for k in viewer.keymap if str(k) == key)](viewer)
    assert session.walk.choice == choice and list(viewer.layers) == before
    # The person asks.
    panel.show_all.click()
    assert not panel.show_all.isVisibleTo(dock) and outline.visible and lines.visible
    assert sizes_seen(dock) and dock.export.isVisibleTo(dock)
    assert panel.words.text() == "This does not look like a label 1 (2 %)."
    # Of the next run it is asked anew.
    dock.run.button.click()
    qtbot.waitUntil(lambda: session.summary.hidden, timeout=60_000)
    assert not viewer.layers[HYPOTHESIS].visible and not dock.details.isVisibleTo(dock)
    # The key that shows the outline asks too.
    dock.scene.toggle()
    assert viewer.layers[HYPOTHESIS].visible and dock.details.isVisibleTo(dock)


def test_how_many_would_outline_nothing_stands_on_a_line_of_its_own(
    deep: tuple[Any, Any, dict[str, float]], qtbot: Any
) -> None:
    viewer, dock, wanted = deep
    wanted["p"] = 0.86
    run_and_wait(dock, qtbot)
    panel, session = dock.presence, dock.session
    nothing = 1 - session.presence.share
    assert panel.words.text() == f"About {100 * nothing:.0f} % would outline nothing here."
    assert panel.words.property("role") == "muted" and not panel.show_all.isVisibleTo(dock)
    assert viewer.layers[HYPOTHESIS].visible and dock.details.isVisibleTo(dock)
    # The range is worded as the command and the report word it.
    assert "hypotheses that outline it" in dock.result.ranges[0].text()
    # Among the cards nothing is one, and its outline is none.
    qtbot.waitUntil(lambda: session.summary.dealt, timeout=60_000)
    at = next(i for i, card in enumerate(session.cards.cards) if card.choice.nothing)
    card = dock.cards.buttons[at]
    assert card.isVisibleTo(dock) and card.accessibleName().endswith("nothing outlined")
    card.click()
    assert card.isChecked() and not np.array(viewer.layers[HYPOTHESIS].data).any()
    # Another image: what was said is greyed with the result.
    add_image(viewer, (20, 24, 22))
    assert not panel.isEnabled()


def test_of_a_model_that_does_not_ask_nothing_is_said(
    deep: tuple[Any, Any, dict[str, float]], qtbot: Any
) -> None:
    viewer, dock, wanted = deep
    wanted["p"] = 1.0
    run_and_wait(dock, qtbot)
    assert not dock.presence.isVisibleTo(dock) and dock.details.isVisibleTo(dock)
    assert viewer.layers[HYPOTHESIS].visible
