"""napari's own menu and a drop on the picture: read beside the window."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import QMimeData, QPointF, Qt, QTimer, QUrl
from qtpy.QtGui import QDropEvent

from napari_ssn.gui.reading import Reading
from napari_ssn.io import opening as io
from tests.support.dicoms import make_series
from tests.support.helpers import noise_image

pytestmark = pytest.mark.own_window


@pytest.fixture
def scans(tmp_path: Path) -> tuple[Path, Path]:
    """A series in a folder, and a file."""
    make_series(tmp_path / "series", np.maximum(noise_image((12, 10, 6)), -1000), np.eye(4))
    scan = tmp_path / "scan.nii.gz"
    nib.save(nib.Nifti1Image(noise_image((40, 48)), np.diag([0.7, 0.7, 1, 1])), scan)
    return tmp_path / "series", scan


@pytest.fixture(autouse=True)
def chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where napari asks which reader to use, this one is."""
    monkeypatch.setattr(
        "napari._qt.dialogs.qt_reader_dialog.QtReaderDialog.get_user_choices",
        lambda dialog: ("napari-ssn", False),
    )


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the main thread read, each time that something was."""
    seen: list[bool] = []
    read = io.layers_at

    def layers_at(*args: Any) -> Any:
        seen.append(threading.current_thread() is threading.main_thread())
        return read(*args)

    monkeypatch.setattr(io, "layers_at", layers_at)
    return seen


def drop(viewer: Any, *paths: Path) -> None:
    """Drop files on the picture, while the window's loop runs."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    how = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton)

    def act() -> None:
        event = QDropEvent(QPointF(40, 40), *how, Qt.KeyboardModifier.NoModifier)
        viewer.window._qt_viewer.dropEvent(event)

    QTimer.singleShot(0, act)


def test_without_a_dock_it_has_a_window_of_its_own(
    make_viewer: Callable[..., Any],
    qtbot: Any,
    scans: tuple[Path, Path],
    threads: list[bool],
) -> None:
    viewer = make_viewer().__wrapped__
    window = viewer.window._qt_window
    drop(viewer, *scans)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=60_000)
    assert threads == [False, False]
    assert viewer.layers[0].source.path == str(scans[0])
    # Below the picture napari names what the pointer is over: not by the file.
    shown = viewer.layers[0].get_source_str(), str(viewer.layers[0].get_status((1, 1, 1)))
    assert not any(scans[0].stem in words for words in shown)
    qtbot.waitUntil(lambda: window.findChild(Reading) is None, timeout=10_000)

    # Who calls gets the layers, whatever else goes on.
    found: list[Any] = []
    QTimer.singleShot(0, lambda: found.extend(viewer.open(str(scans[0]), plugin="napari-ssn")))
    qtbot.waitUntil(lambda: bool(found), timeout=60_000)
    assert isinstance(found[0], Image) and len(threads) == 2
    # So do those who name files where they start napari.
    viewer.window._qt_viewer._qt_open([str(scans[1])], stack=False)
    assert len(viewer.layers) == 4 and len(threads) == 2


def test_what_cannot_be_read_is_said_and_what_is_read_can_be_left(
    make_viewer: Callable[..., Any],
    qtbot: Any,
    scans: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from napari_ssn.gui import reading as module

    said: list[str] = []
    monkeypatch.setattr(module, "show_error", said.append)
    viewer = make_viewer().__wrapped__
    window = viewer.window._qt_window
    torn = scans[1].with_name("torn.nii.gz")
    torn.write_bytes(scans[1].read_bytes()[:200])
    drop(viewer, torn)
    qtbot.waitUntil(lambda: bool(said), timeout=60_000)
    assert "damaged" in said[0] and "torn" not in said[0] and not viewer.layers
    qtbot.waitUntil(lambda: window.findChild(Reading) is None, timeout=10_000)

    going, let = threading.Event(), threading.Event()

    def slow(path: Path, ask: Any, opened: set[str], step: Callable[[int, int], None]) -> list[Any]:
        step(1, 9)
        going.set()
        let.wait(60)
        step(2, 9)
        return [(np.zeros((4, 4)), {}, "image")]

    monkeypatch.setattr(io, "layers_at", slow)
    drop(viewer, scans[0])
    qtbot.waitUntil(going.is_set, timeout=60_000)
    reading = window.findChild(Reading)
    qtbot.waitUntil(lambda: reading.labelText() == "Reading 1 of 9 …", timeout=10_000)
    reading.canceled.emit()
    let.set()
    qtbot.waitUntil(lambda: window.findChild(Reading) is None, timeout=10_000)
    assert not viewer.layers and len(said) == 1


def test_with_a_dock_it_is_read_there(
    make_viewer: Callable[..., Any],
    qtbot: Any,
    scans: tuple[Path, Path],
    threads: list[bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from napari_ssn.gui import dock as module

    monkeypatch.setattr("napari_ssn.network.places.model_folders", dict)
    monkeypatch.setattr(module, "kept_folder", lambda: None)
    viewer = make_viewer().__wrapped__
    _, dock = viewer.window.add_plugin_dock_widget("napari-ssn", "SSN hypotheses")
    qtbot.waitUntil(lambda: dock.session.setup.survey is not None, timeout=60_000)
    words: list[str] = []
    dock.opening.opening.changed.connect(lambda: words.append(dock.opening.status.text()))
    drop(viewer, scans[0])
    qtbot.waitUntil(lambda: dock.picture.image is not None, timeout=60_000)
    assert threads == [False] and "Reading …" in words
    assert viewer.window._qt_window.findChild(Reading) is None
