"""One window of napari that the tests of a process share: a new one takes longer than most of them.

It is lent to a test and taken back: layers, docks, camera, axes, theme and settings are as at the
start. What of ours napari would still call by then is a fault of the dock, and fails the test.
Tests that look at the window on the screen share one that is shown. Where opening and closing the
window is what is tested, a test is marked with ``own_window`` and has a new one.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import ExitStack
from copy import deepcopy
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from napari.layers import Layer
from napari.utils.events import EmitterGroup, EventedModel
from napari.utils.events.containers import EventedDict
from qtpy.QtCore import QEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDockWidget, QWidget
from vispy.scene import Node

from tests.support.settled import set_aside

#: Of a layer of labels, by their names.
TOOLS = {"polygon", "brush_stroke"}
#: Ours, by the modules that what napari calls comes from.
OURS = "napari_ssn"
# Settings as they are at first, once they were set so.
_plain: dict[str, Any] = {}
# Layers have states of their own, and go; callbacks and keys are looked at one by one.
_ASIDE = {"layers", "keymap"}
# What else follows axes and their order comes after them.
_ORDER = ("dims", "scene", "canvas")


class Unseen(Node):
    """Stands for the rectangle under an overlay, which napari makes a mesh and a line of."""

    def __init__(self, **looks: Any) -> None:
        super().__init__()
        self.width = self.height = 0.0
        self.color = self.center = None
        vars(self).update(looks)

    def set_gl_state(self, **state: Any) -> None:
        """Nothing is drawn."""


class SharedWindow:
    """Makes the window when it is first asked for, and again where it could not be brought back."""

    def __init__(self) -> None:
        self._viewer: Any = None
        self._shown = False
        self._undo = ExitStack()

    def lend(self, styled: bool = False, shown: bool = False) -> Any:
        """The viewer, as napari gives it: empty.

        Args:
            styled: with napari's style sheet, which is looked through for each widget there is: a
                fifth of what a test takes that looks at neither sizes nor colours.
            shown: on the screen, with the style sheet. That is another window: where what is drawn
                comes to lie is settled when it is first shown.
        """
        _reset_settings()
        if shown != self._shown:
            self.close()
            self._shown = shown
        if self._viewer is None:
            self._open()
        if styled and not shown:
            self._viewer.window._update_theme()
        self._viewer.window._qt_window.setUpdatesEnabled(True)
        set_aside()
        self._widgets = set(QApplication.topLevelWidgets())
        return self._viewer

    def take_back(self) -> None:
        """Bring the window to where it began; an assertion fails if ours does not let go of it."""
        viewer, window = self._viewer, self._viewer.window._qt_window
        for dock in window.findChildren(QDockWidget):
            if dock.objectName() not in self._docks:
                viewer.window.remove_dock_widget(dock)
        viewer.layers.clear()
        _reset_settings()
        _deliver()
        left = list(self._left())
        assert not left, f"napari would still call or show of ours: {left}"
        if not self._shown:
            window.hide()
        window.resize(self._size)
        window.restoreState(self._places)
        if not self._shown:
            _undress(viewer)
        _bring_back(viewer, self._state)
        _deliver()
        if self._shown and not self._settled():
            # Nothing of ours is wrong; the next test has another.
            self.close()
            return
        wrong = _differences(_state_of(viewer), self._state)
        assert not wrong, f"the window is not as it was: {wrong}"
        if self._more_widgets():
            # Those that only a cycle holds are gone after a search, which takes a while.
            gc.collect()
        widgets = self._more_widgets()
        assert not widgets, f"widgets that nobody closed: {widgets}"

    def close(self) -> None:
        """Close the window; the next test gets another."""
        from napari._qt.qt_viewer import QtViewer

        if self._viewer is None:
            return
        viewer, self._viewer = self._viewer, None
        try:
            with patch.object(viewer.window._qt_window, "_save_current_window_settings"):
                viewer.close()
        finally:
            # What a test that failed has left may keep it from closing; the next has another.
            self._undo.close()
            _deliver()
            del viewer
            gc.collect()
            QtViewer._instances.clear()

    def _open(self) -> None:
        """As napari's own fixture makes one: no welcome, no console, no thread for the status."""
        from app_model import Application
        from napari import Viewer
        from napari._app_model._app import NapariApplication, _napari_names
        from napari._qt._qapp_model.qactions import init_qactions
        from napari._vispy.canvas import VispyCanvas
        from napari.plugins import _initialize_plugins

        _initialize_plugins.cache_clear()
        init_qactions.cache_clear()
        app = NapariApplication("shared_app")
        app.injection_store.namespace = _napari_names
        for clear in (_initialize_plugins.cache_clear, init_qactions.cache_clear):
            self._undo.callback(clear)
        self._undo.callback(Application.destroy, "shared_app")
        overlays = VispyCanvas._update_layer_overlays

        def without_tools(canvas: VispyCanvas, layer: Layer) -> None:
            """Nobody draws with napari's tools here, which every layer of labels has two of."""
            for name in TOOLS & set(layer._overlays):
                layer._overlays[name].visible = layer._overlays[name].enabled
            overlays(canvas, layer)

        for name, value in (
            ("napari._vispy.canvas.VispyCanvas._update_layer_overlays", without_tools),
            ("napari._app_model._app.NapariApplication.get_app_model", lambda: app),
            ("napari._qt.threads.status_checker.StatusChecker.start", _nothing),
            ("napari._qt.qt_viewer.QtViewer._get_console", _no_console),
            # It searches all there is whenever a layer goes; here that is done after the test.
            ("napari._vispy.canvas.gc", SimpleNamespace(collect=_nothing)),
        ):
            self._undo.enter_context(patch(name, value))
        if not self._shown:
            self._undo.enter_context(patch("napari._vispy.overlays.base.Rectangle", Unseen))
        self._viewer = viewer = Viewer(show=self._shown, show_welcome_screen=False)
        window = viewer.window._qt_window
        unwatched(viewer)
        if self._shown:
            # The canvas has its size some turns later.
            QTest.qWaitForWindowExposed(window)
            QTest.qWait(300)
        self._size, self._places = window.size(), window.saveState()
        self._docks = {dock.objectName() for dock in window.findChildren(QDockWidget)}
        self._state = _state_of(viewer)
        self._keys = set(viewer.keymap)
        if not self._shown:
            _undress(viewer)

    def _settled(self) -> bool:
        """Whether the canvas is as large as it was: it is no smaller than controls that are going
        need it, and the screen answers some turns later.
        """
        viewer, end = self._viewer, time.monotonic() + 3
        size = self._state["canvas"]["size"]
        while viewer.canvas.size != size and time.monotonic() < end:
            viewer.window._qt_window.resize(self._size)
            QTest.qWait(20)
        return bool(viewer.canvas.size == size)

    def _more_widgets(self) -> set[QWidget]:
        """Windows by themselves that have come since it was lent."""
        come = set(QApplication.topLevelWidgets()) - self._widgets
        return {one for one in come if not self._napari_keeps(one)}

    def _napari_keeps(self, widget: QWidget) -> bool:
        """Sliders of axes stay once they were needed, and each has menus of its own."""
        around = [widget, *widget.findChildren(QWidget)]
        while (widget := widget.parent()) is not None:
            around.append(widget)
        return around[-1] is self._viewer.window._qt_window and not any(map(_is_ours, around))

    def _left(self) -> Iterator[str]:
        """What of ours is still known to napari."""
        viewer = self._viewer
        yield from (f"key {key}" for key in viewer.keymap if key not in self._keys)
        for kind in ("move", "drag", "wheel", "double_click"):
            for callback in getattr(viewer, f"mouse_{kind}_callbacks"):
                if _is_ours(callback):
                    yield f"mouse {kind} {callback}"
        for path, model in _models_of(viewer):
            yield from (f"{path}.{name}" for name in listening(model.events))
        yield from (f"layers.{name}" for name in listening(viewer.layers.events))


def _reset_settings() -> None:
    """napari's settings as they are at first; to set all of them takes longer than to look."""
    from napari.settings import get_settings

    settings = get_settings()
    # Every dock says where it is.
    settings.application.plugin_widget_positions.clear()
    if settings.model_dump() != _plain:
        settings.reset()
        _plain.clear()
        _plain.update(settings.model_dump())


def unwatched(viewer: Any) -> Any:
    """The viewer without what brings a hidden menu bar back, which sees each event of each widget.

    In Python that takes as long as half of what Qt does in a test.
    """
    QApplication.instance().removeEventFilter(viewer.window._qt_window)
    return viewer


def _undress(viewer: Any) -> None:
    """Take napari's style sheet off."""
    for widget in (viewer.window._qt_window, viewer.window._qt_viewer):
        # Setting what is there already looks at each widget too.
        if widget.styleSheet():
            widget.setStyleSheet("")


def listening(events: EmitterGroup) -> Iterator[str]:
    """Which events of napari's would call something of ours."""
    for name, emitter in events.emitters.items():
        for one in emitter.callbacks:
            owner = one[0]() if isinstance(one, tuple) else one
            if _is_ours(owner):
                yield f"{name} calls {type(owner).__name__}"


def _is_ours(owner: Any) -> bool:
    modules = (getattr(owner, "__module__", None), type(owner).__module__)
    return any(str(one).split(".")[0] == OURS for one in modules)


def _deliver() -> None:
    """What was posted, and what is to be deleted later, which waits for a loop of events."""
    QApplication.processEvents()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    QApplication.processEvents()


def _models_of(model: EventedModel, path: str = "viewer") -> Iterator[tuple[str, EventedModel]]:
    yield path, model
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, EventedModel):
            yield from _models_of(value, f"{path}.{name}")


def _state_of(model: Any) -> dict[str, Any]:
    """What can be set of a model, and of the models in it."""
    state = {}
    fields = model if isinstance(model, EventedDict) else type(model).model_fields
    for name in fields:
        value = model[name] if isinstance(model, EventedDict) else getattr(model, name)
        if name in _ASIDE or name.endswith("_callbacks"):
            continue
        state[name] = (
            _state_of(value) if isinstance(value, EventedModel | EventedDict) else deepcopy(value)
        )
    return state


def _bring_back(model: Any, state: dict[str, Any]) -> None:
    now = _state_of(model)
    if isinstance(model, EventedDict):
        for name in set(now) - set(state):
            del model[name]
    for name in sorted(state, key=lambda one: _ORDER.index(one) if one in _ORDER else -1):
        inner = model[name] if isinstance(model, EventedDict) else getattr(model, name)
        if isinstance(inner, EventedModel | EventedDict):
            _bring_back(inner, state[name])
        elif now[name] != state[name]:
            setattr(model, name, deepcopy(state[name]))


def _differences(now: dict[str, Any], then: dict[str, Any], path: str = "viewer") -> list[str]:
    found = [f"{path}.{name}" for name in set(now) ^ set(then)]
    for name in set(now) & set(then):
        if isinstance(then[name], dict) and isinstance(now[name], dict):
            found += _differences(now[name], then[name], f"{path}.{name}")
        elif now[name] != then[name]:
            found.append(f"{path}.{name}: {now[name]!r}, not {then[name]!r}")
    return found


def _nothing(*_: Any, **__: Any) -> None:
    pass


def _no_console(*_: Any) -> QWidget:
    widget = QWidget()
    widget._update_theme = _nothing
    return widget
