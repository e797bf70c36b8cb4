"""The first screen: without an image the dock says how to come by one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication

from napari_ssn.gui.layers.results import HYPOTHESIS
from napari_ssn.hooks import resuming
from napari_ssn.prediction.choice import Choice
from tests.support.dicoms import make_series
from tests.support.docks import run_and_wait, settled
from tests.support.helpers import noise_image, tiny_model


def drop(dock: Any, *paths: Path) -> bool:
    """Drop files on a dock as the system does; whether it would take them."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    how = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton)
    none = Qt.KeyboardModifier.NoModifier
    over = QDragEnterEvent(QPoint(20, 20), *how, none)
    over.setAccepted(False)
    QApplication.sendEvent(dock, over)
    if over.isAccepted():
        QApplication.sendEvent(dock, QDropEvent(QPointF(20, 20), *how, none))
    return bool(over.isAccepted())


def test_from_nothing_to_an_image(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny"))
    start = dock.start
    later = (dock.fold, dock.view, dock.details)

    def begins() -> bool:
        shown = bool(start.isVisibleTo(dock))
        assert [one.isVisibleTo(dock) for one in later] == [not shown] * 3
        return shown

    assert begins() and dock.run.status.text() == "Open an image to begin."
    scan, torn = tmp_path / "scan.nii.gz", tmp_path / "torn.nii.gz"
    nib.save(nib.Nifti1Image(noise_image((40, 48)), np.diag([0.7, 0.7, 1, 1])), scan)
    torn.write_bytes(scan.read_bytes()[:200])
    (tmp_path / "letter.xyz").write_text("Dear colleague")
    make_series(tmp_path / "series", np.maximum(noise_image((20, 18, 6)), -1000), np.eye(4))

    files, folder, *_ = start.open.menu().actions()
    start.ask_files = list
    files.trigger()
    assert begins() and dock.session.note is None
    reading = dock.opening.opening

    def read(how: Callable[[], Any]) -> None:
        how()
        assert dock.opening.isVisibleTo(dock) and dock.opening.status.text() == "Reading …"
        qtbot.waitUntil(lambda: not reading.busy, timeout=60_000)
        assert not dock.opening.isVisibleTo(dock)

    for name, words in (("torn.nii.gz", "damaged"), ("letter.xyz", "Nothing here reads that")):
        start.ask_files = lambda name=name: [str(tmp_path / name)]
        read(files.trigger)
        said = dock.run.status
        assert words in said.text() and said.property("role") == "error" and begins()
        assert name not in said.text() and not viewer.layers
    # A folder with nothing in it, and one that napari reads.
    for name in ("empty", "stack"):
        (tmp_path / name).mkdir()
    for number in range(3):
        Image.fromarray(np.full((8, 9), number, np.uint8)).save(
            tmp_path / "stack" / f"{number}.png"
        )
    start.ask_folder = lambda: str(tmp_path / "empty")
    read(folder.trigger)
    assert "Nothing here reads that" in said.text() and not viewer.layers
    start.ask_folder = lambda: str(tmp_path / "stack")
    read(folder.trigger)
    assert viewer.layers[0].data.shape == (3, 8, 9)
    viewer.layers.clear()
    start.ask_files = lambda: [str(scan)]
    read(files.trigger)
    assert not begins() and dock.image.layers.currentText() == "Image 40 × 48"
    assert dock.run.button.isEnabled()

    viewer.layers.clear()
    assert begins()
    start.ask_folder = lambda: str(tmp_path / "series")
    read(folder.trigger)
    assert (
        not begins() and dock.image.layers.currentText() == "CT thorax · 2020-01-02 · 20 × 18 × 6"
    )

    viewer.layers.clear()
    read(lambda: drop(dock, tmp_path / "series"))
    assert not begins()
    viewer.layers.clear()
    assert not drop(dock) and begins()

    read(start.samples.menu().actions()[0].trigger)
    assert not begins() and dock.image.layers.currentText() == "Lung nodule 1"
    # Who sees several of one kind calls them what they like; without an answer it stays.
    for answer, name in (("before therapy ", "before therapy"), (" ", "before therapy")):
        dock.image.ask_name = lambda before, answer=answer: answer
        dock.image.alias.click()
        assert dock.image.layers.currentText() == viewer.layers[0].name == name
    # A result stays when its image goes, and so does what belongs to it.
    run_and_wait(dock, qtbot)
    viewer.layers.remove(name)
    assert start.isVisibleTo(dock) and dock.details.isVisibleTo(dock)
    assert dock.session.result is not None


def test_a_sidecar_dropped_on_dock_or_picture_goes_on_where_it_was_written(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny", region=(16, 16)))
    scan = tmp_path / "DOE.nii.gz"
    nib.save(nib.Nifti1Image(noise_image((20, 24)), np.diag([0.7, 0.7, 1, 1])), scan)
    assert drop(dock, scan)
    qtbot.waitUntil(lambda: dock.picture.image is not None, timeout=60_000)
    assert dock.picture.is_file_of(scan)
    run_and_wait(dock, qtbot)
    dock.session.pointing.add((5, 6), 1)
    dock.session.walk.set_sigma(0.7)
    qtbot.waitUntil(lambda: settled(dock.session), timeout=60_000)
    before = np.array(viewer.layers[HYPOTHESIS].data)
    dock.session.files.export(tmp_path / "one.nii.gz")
    qtbot.waitUntil(lambda: dock.session.files.exported is not None, timeout=60_000)

    def resumed(how: Callable[[], Any]) -> None:
        dock.session.walk.show(Choice())
        run = dock.session.result.run
        how()
        qtbot.waitUntil(lambda: dock.session.result.run > run, timeout=60_000)
        qtbot.waitUntil(lambda: settled(dock.session), timeout=60_000)
        assert "the same in every voxel" in dock.run.status.text()
        np.testing.assert_array_equal(np.array(viewer.layers[HYPOTHESIS].data), before)
        assert dock.slider.slider.value() > 0 and len(viewer.layers["SSN · clicks"].data) == 1

    # With its image open, and without: then that is found where the sidecar lies.
    resumed(lambda: drop(dock, tmp_path / "one.json"))
    viewer.layers.remove(dock.picture.image)
    resumed(lambda: drop(dock, tmp_path / "one.nii.gz"))
    assert not dock.session.stale and not dock.offer.isVisibleTo(dock)
    monkeypatch.setattr(resuming, "dock_of", lambda viewer: dock)
    resumed(lambda: viewer.open(str(tmp_path / "one.json"), plugin="napari-ssn"))
    # Where it is not found the dock says what is missed.
    viewer.layers.remove(dock.picture.image)
    scan.unlink()
    looks = dock.offer.looks
    for left in (True, False):
        dock.session.open(tmp_path / "one.json")
        # It says so while it looks, and can be told to leave it.
        assert looks.isVisibleTo(dock) and "Looking for the image" in looks.text()
        if left:
            dock.offer.leave.click()
            assert not dock.offer.isVisibleTo(dock)
    qtbot.waitUntil(lambda: "waits for its image (20 × 24)" in dock.offer.waits.text())
    assert (
        dock.offer.isVisibleTo(dock)
        and not looks.isVisibleTo(dock)
        and "DOE" not in dock.offer.waits.text()
    )
