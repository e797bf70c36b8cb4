"""A monkey in the window: whatever is pressed in whatever order, nothing breaks and nothing grows.

It is seeded: what it does is the same each time, but for how far the worker is by then. In the
tests it does each thing that it can; ``make monkey`` gives it half an hour. The viewer is not
shown: drawing is napari's own, and what is looked for here is ours.
"""

from __future__ import annotations

import gc
import logging
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import mode
from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Layer
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QFileDialog,
    QInputDialog,
    QMessageBox,
    QPushButton,
    QSpinBox,
    QWidget,
)
from scipy.stats import theilslopes

from tests.support.held import Held, alive, held
from tests.support.helpers import noise_image, tiny_model
from tests.support.settled import unsettle

SECONDS = float(os.environ.get("MONKEY_SECONDS", "0"))
SEED = int(os.environ.get("MONKEY_SEED", "0"))
#: Actions from one rest to the next, rests until everything was used once, and how many count at
#: the least.
ROUND, WARM, COUNTED = 30 if SECONDS else 20, 3, 5
# Half of the smallest image here.
MORE_BYTES = 3840
SHAPES = ((40, 48), (12, 24, 22), (3, 10, 20, 18))


class Monkey:
    """Does one thing after another to a window, as somebody's hands might.

    Args:
        viewer, dock: of the window.
        folder: for what is exported.
        seed: of what it does.
    """

    def __init__(self, viewer: Any, dock: Any, folder: Path, seed: int) -> None:
        self.viewer, self.dock, self.folder = viewer, dock, folder
        self.random = random.Random(seed)
        self.trail: list[str] = []
        self.done: dict[str, int] = {}
        dock.export.ask = lambda parent, name, pattern: str(folder / name)
        dock.export.confirm = lambda parent, name: self.random.random() < 0.5
        # Pressing something of the dock is what people do most.
        self.actions: list[Callable[[], str]] = [
            *[self.use_dock] * 8,
            *[self.press_key] * 2,
            *[self.click_canvas] * 2,
            *[self.move_sliders] * 2,
            self.open_image,
            self.run,
            self.wait,
            self.change_layer,
            self.remove_layer,
            self.turn,
            self.clear,
        ]
        self._next: list[Callable[[], str]] = []

    def act(self) -> None:
        """The next thing: in any order, and each of them before one comes again."""
        if not self._next:
            self._next = self.random.sample(self.actions, len(self.actions))
        action = self._next.pop()
        self.trail.append(action.__name__)
        self.trail[-1] = f"{action.__name__} {action()}"
        self.done[action.__name__] = self.done.get(action.__name__, 0) + 1
        QApplication.processEvents()

    # ---- The dock

    def use_dock(self) -> str:
        """Whatever can be used at the moment, in a way that it can be used."""
        usable = [w for w in self.dock.findChildren(QWidget) if self._usable(w)]
        widget = self.random.choice(usable)
        name = f"{type(widget).__name__} {widget.toolTip()[:40]!r}"
        if isinstance(widget, QAbstractButton):
            widget.click()
        elif isinstance(widget, QComboBox):
            index = self.random.randrange(widget.count())
            if widget.model().item(index).isEnabled():
                widget.setCurrentIndex(index)
                widget.activated.emit(index)
        elif isinstance(widget, QAbstractSlider):
            widget.setSliderDown(True)
            for _ in range(3):
                widget.setValue(self.random.randint(widget.minimum(), widget.maximum()))
            widget.setSliderDown(False)
        elif isinstance(widget, QDoubleSpinBox):
            widget.setValue(self.random.uniform(widget.minimum(), min(10.0, widget.maximum())))
        elif isinstance(widget, QSpinBox):
            # Twenty samples at once say no more than six.
            widget.setValue(self.random.randint(widget.minimum(), min(6, widget.maximum())))
        return name

    def _usable(self, widget: QWidget) -> bool:
        kinds = (QAbstractButton, QComboBox, QAbstractSlider, QAbstractSpinBox)
        if not isinstance(widget, kinds) or not widget.isVisibleTo(self.dock):
            return False
        if isinstance(widget, QComboBox) and not widget.count():
            return False
        # A menu waits for an answer.
        opens = isinstance(widget, QPushButton) and widget.menu() is not None
        return widget.isEnabled() and not opens and "Folder" not in widget.toolTip()

    def run(self) -> str:
        self.dock.run.press()
        return "" if self.dock.session.busy else "refused"

    # ---- The viewer

    def open_image(self) -> str:
        shape, seed = self.random.choice(SHAPES), self.random.randrange(5)
        kind = self.random.choice(("mm", "um", "pixel", "rgb"))
        if kind == "rgb":
            self.viewer.add_image(np.zeros((20, 20, 3), np.uint8), rgb=True)
            return kind
        scale = [0.7 * (1000 if kind == "um" else 1)] * len(shape)
        place = [self.random.choice((0.0, 300.0))] * len(shape)
        units = (kind,) * len(shape)
        self.viewer.add_image(noise_image(shape, seed), scale=scale, translate=place, units=units)
        return f"{kind} {shape}"

    def remove_layer(self) -> str:
        if not self.viewer.layers:
            return ""
        layer = self.random.choice(list(self.viewer.layers))
        name = str(layer.name)
        self.viewer.layers.remove(layer)
        return name

    def change_layer(self) -> str:
        if not self.viewer.layers:
            return ""
        layer = self.random.choice(list(self.viewer.layers))
        how = self.random.choice(("select", "rename", "hide", "move", "scale", "data"))
        if how == "select":
            self.viewer.layers.selection = {layer}
        elif how == "rename":
            layer.name = f"{layer.name} again"[:60]
        elif how == "hide":
            layer.visible = not layer.visible
        elif how == "move":
            self.viewer.layers.move(
                self.viewer.layers.index(layer), self.random.randrange(len(self.viewer.layers))
            )
        elif isinstance(layer, Image) and how == "scale":
            layer.scale = [self.random.choice((0.5, 1.0, 2.0)) for _ in layer.scale]
        elif isinstance(layer, Image) and how == "data" and not layer.rgb:
            layer.data = np.flip(layer.data, -1).copy()
        return f"{how} {layer.name}"

    def clear(self) -> str:
        self.viewer.layers.clear()
        return ""

    def turn(self) -> str:
        dims, how = self.viewer.dims, self.random.choice(("roll", "transpose", "3d", "home"))
        if how == "roll":
            dims.roll()
        elif how == "transpose":
            dims.transpose()
        elif how == "3d":
            dims.ndisplay = 5 - dims.ndisplay
        else:
            self.viewer.reset_view()
        return how

    def move_sliders(self) -> str:
        dims = self.viewer.dims
        step = [self.random.randint(0, max(0, int(n) - 1)) for n in dims.nsteps]
        dims.current_step = tuple(step)
        return str(step)

    def click_canvas(self) -> str:
        """A click or a drag, as napari hands it to the viewer's callbacks."""

        class Event:
            type, button = "mouse_press", 1

        event, dims = Event(), self.viewer.dims
        event.position = tuple(
            self.random.uniform(one.start - one.step, one.stop + one.step) for one in dims.range
        )
        ours = [
            c
            for c in self.viewer.mouse_drag_callbacks
            if getattr(c, "__module__", "").startswith("napari_ssn")
        ]
        dragged = self.random.random() < 0.2
        for callback in ours:
            event.type = "mouse_press"
            rest = iter(callback(self.viewer, event))
            next(rest, None)
            if dragged:
                event.type = "mouse_move"
                next(rest, None)
            event.type = "mouse_release"
            for _ in rest:
                pass
        return f"{event.position} {'dragged' if dragged else ''}"

    def press_key(self) -> str:
        keys = [k for k, do in self.viewer.keymap.items() if "napari_ssn" in str(do.__name__)]
        key = self.random.choice(keys)
        self.viewer.keymap[key](self.viewer)
        return str(key)

    def wait(self) -> str:
        """As long as it takes, now and then; else a moment."""
        session = self.dock.session
        end = time.monotonic() + (20 if self.random.random() < 0.5 else 0.05)
        while time.monotonic() < end and (session.busy or not session.summary.dealt):
            QApplication.processEvents()
            time.sleep(0.002)
            if session.result is None and not session.busy:
                break
        return session.state

    # ---- Rest

    def rest(self) -> None:
        """Bring the window to where it always can be: a result, and nothing to see."""
        session = self.dock.session
        session.cancel()
        self.viewer.layers.clear()
        self.viewer.dims.ndisplay = 2
        self.viewer.add_image(noise_image((40, 48)), scale=(0.7, 0.7), units=("mm",) * 2)
        session.set_around_point(False)
        session.setup.pick_model(
            next(one for one in session.setup.survey.models if one.card.spatial_dims == 2)
        )
        assert session.setup.obstacle is None
        session.run()
        end = time.monotonic() + 180
        while session.activity is not None or not session.summary.dealt:
            QApplication.processEvents()
            time.sleep(0.002)
            assert time.monotonic() < end, f"no rest: {session.state}, {session.note}"
        session.overviews.changed.emit()
        # Results of closed images stay until their room is wanted, which is no leak.
        for entry in session.results.entries:
            if entry is not session.results.current:
                session.results.drop(entry)
        self.viewer.layers.clear()
        for _ in range(3):
            QApplication.sendPostedEvents()
            # What is deleted later waits for a loop of events, which no test runs.
            QApplication.sendPostedEvents(None, QEvent.DeferredDelete)
            QApplication.processEvents()


@dataclass(frozen=True)
class Rest:
    """What is there where nothing is shown: arrays and tensors, layers, and Qt's widgets."""

    held: Held = field(repr=False)
    size: int
    layers: int
    widgets: int

    @classmethod
    def now(cls) -> Rest:
        numbers = held()
        layers = alive(Layer)
        # Until the next look: napari searches for cycles whenever layers go.
        gc.freeze()
        return cls(numbers, numbers.total(), layers, len(QApplication.allWidgets()))


@contextmanager
def telling(monkey: Monkey) -> Iterator[None]:
    """Say what was done before it went wrong."""
    well = False
    try:
        yield
        well = True
    finally:
        unsettle()
        if not well:
            print(f"seed {SEED}, after {len(monkey.trail)} actions:", *monkey.trail[-25:], sep="\n")


def growth(values: list[int]) -> float:
    """More at each rest, as a median over all pairs of them (Theil and Sen): what comes once, or
    comes and goes, is none.
    """
    return float(theilslopes(values).slope)


def answer_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever asks is told that it was closed: nobody is there to answer."""
    for name, answer in (
        ("getExistingDirectory", ""),
        ("getOpenFileName", ("", "")),
        ("getOpenFileNames", ([], "")),
        ("getSaveFileName", ("", "")),
    ):
        monkeypatch.setattr(QFileDialog, name, partial(_same, answer))
    monkeypatch.setattr(QInputDialog, "getText", partial(_same, ("", False)))
    no = QMessageBox.StandardButton.No
    for name in ("question", "warning", "information", "critical"):
        monkeypatch.setattr(QMessageBox, name, partial(_same, no))
    monkeypatch.setattr(QDialog, "exec", partial(_same, 0))


def _same(answer: Any, *_: Any, **__: Any) -> Any:
    return answer


@pytest.mark.slow
@pytest.mark.own_window
@pytest.mark.timeout(SECONDS * 3 + 900)
@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")
@pytest.mark.filterwarnings("ignore:Contours are not displayed:UserWarning")
def test_a_monkey_breaks_nothing_and_leaves_nothing_behind(
    open_dock: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer_nothing(monkeypatch)
    models = [
        tiny_model(tmp_path / "flat", region=(16, 16)),
        tiny_model(tmp_path / "deep", dims=3, region=(16, 16, 16)),
    ]
    viewer, dock = open_dock(*models)
    monkey = Monkey(viewer, dock, tmp_path, SEED)
    began, rounds = time.monotonic(), 0
    rests: list[Rest] = []
    with telling(monkey), caplog.at_level(logging.ERROR, "napari_ssn"):
        while time.monotonic() - began < SECONDS or len(rests) < COUNTED:
            for _ in range(ROUND):
                monkey.act()
            monkey.rest()
            rounds += 1
            if rounds > WARM:
                rests.append(Rest.now())
                print(rests[-1])
            assert not caplog.records, [record.getMessage() for record in caplog.records]
    assert set(monkey.done) == {one.__name__ for one in monkey.actions}, monkey.done
    # napari lets go of a layer's controls, and the layer with them, when another takes their place:
    # one may be there still at some rests, and more are not. Rests are compared with their like.
    layers = [rest.layers for rest in rests]
    assert growth(layers) < 0.1 or max(layers) - min(layers) <= 1, rests
    alike = [rest for rest in rests if rest.layers == mode(layers)]
    assert growth([rest.widgets for rest in alike]) < 0.1, rests
    more = alike[-1].held - alike[0].held
    assert growth([rest.size for rest in alike]) < MORE_BYTES, (rests, more.most_common(10))
