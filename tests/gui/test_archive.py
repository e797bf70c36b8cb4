"""The window for archives: an archive is added, a series opened, results sent, and sent again."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from napari.layers import Labels
from pydicom.uid import ParametricMapStorage, RTStructureSetStorage

from napari_ssn.gui.panels.archive import NewServer
from napari_ssn.io.dicom.web import servers
from tests.support.dicoms import make_series
from tests.support.docks import run_and_wait
from tests.support.helpers import noise_image, tiny_model
from tests.support.orthanc import PASSWORD, USER, Orthanc
from tests.support.planted import named_in


def test_from_an_archive_and_back(
    open_dock: Callable[..., Any],
    qtbot: Any,
    tmp_path: Path,
    orthanc: Orthanc,
    archives: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    orthanc.empty()
    values = np.maximum(noise_image((24, 22, 6)), -1000)
    for path in make_series(tmp_path / "scan", values, np.diag([0.7, 0.7, 1.25, 1])):
        orthanc.put(path.read_bytes())
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny", dims=3, region=(16,) * 3))
    rooms = dock.archives
    archive = rooms.archive

    def idle() -> None:
        qtbot.waitUntil(lambda: not archive.doing, timeout=30_000)

    # Nothing is listed: one is added, which says where its token belongs.
    dock.start.open.menu().actions()[2].trigger()
    dialog = rooms.dialog
    assert dialog.isVisible() and not rooms.button.isVisibleTo(dock)
    assert dialog.fresh.isVisibleTo(dialog) and not dialog.search.isVisibleTo(dialog)
    dialog.adding.show(NewServer("clinic", "pacs", "password"))
    dialog.add.click()
    assert "is no address" in dialog.status.text() and not archives.exists()
    dialog.adding.show(NewServer("clinic", orthanc.web, "password", str(tmp_path / "no.pem")))
    dialog.add.click()
    assert "named for the archive is not there" in dialog.status.text() and not archives.exists()
    dialog.adding.show(NewServer("clinic", orthanc.web, "password"))
    dialog.add.click()
    assert "NAPARI_SSN_TOKEN_CLINIC" in dialog.status.text()
    assert dialog.search.isVisibleTo(dialog) and rooms.button.isVisibleTo(rooms.button.parent())
    dialog.find.click()
    idle()
    assert "set the user and password" in dialog.status.text() and not dialog.studies.count()

    monkeypatch.setenv("NAPARI_SSN_TOKEN_CLINIC", f"{USER}:{PASSWORD}")
    dialog.form["since"].setText("soon")
    dialog.find.click()
    idle()
    assert "'soon' is no date" in dialog.status.text()
    dialog.form["since"].setText("2020-01-02")
    dialog.find.click()
    assert dialog.stop.isVisibleTo(dialog) and not dialog.find.isEnabled()
    idle()
    assert [dialog.studies.item(0).text()] == ["2020-01-02 · CT · 1 series, 6 images"]
    assert dialog.status.text() == "1 study." and not dialog.open.isEnabled()
    dialog.studies.setCurrentRow(0)
    idle()
    assert dialog.series.item(0).text() == "1 · CT · thorax · 6 images"
    dialog.series.setCurrentRow(0)
    dialog.open.click()
    qtbot.waitUntil(lambda: len(viewer.layers) > 0, timeout=30_000)
    assert not dialog.isVisible() and viewer.layers[0].name.startswith("CT thorax · 2020-01-02")
    np.testing.assert_array_equal(
        np.sort(np.ravel(viewer.layers[0].data)), np.sort(values.astype(np.float32).ravel())
    )
    dialog.form["names"].setChecked(True)
    dialog.find.click()
    idle()
    assert named_in(dialog.studies.item(0).text()) >= {"DOE", "JANE", "PID-4711"}

    # Results: what was not written as DICOM is not sent.
    assert not rooms.send.isVisibleTo(dock)
    run_and_wait(dock, qtbot)
    session, folder = dock.session, tmp_path / "out"
    folder.mkdir()

    def export(name: str, part: Any = "shown") -> None:
        session.files.export(folder / name, part=part)
        qtbot.waitUntil(lambda: session.activity is None, timeout=30_000)
        assert session.files.exported is not None, session.note

    export("a.nii.gz")
    assert not rooms.send.isVisibleTo(dock.foot)
    export("a.sr.dcm")
    assert rooms.send.isVisibleTo(dock.foot) and rooms.send.send.text() == "Send…"
    # The archive is away: nothing is lost, and it is offered again.
    real = archives.read_text()
    archives.write_text(real.replace(orthanc.web, "http://127.0.0.1:9/dicom-web"))
    rooms.send.send.click()
    idle()
    assert "not sent. clinic does not answer" in rooms.send.status.text()
    assert rooms.send.send.text() == "Send again…"
    archives.write_text(real)
    rooms.send.send.click()
    idle()
    said = rooms.send.status.text()
    assert said in ("SEG and SR are in clinic.", "SR and SEG are in clinic.")
    assert rooms.send.send.text() == "Send…" and not named_in(said)
    assert {path.read_bytes() for path in folder.glob("*.dcm")} <= set(orthanc.files())
    rooms.send.send.click()
    idle()
    assert rooms.send.status.text() == f"{said} They were there already."
    # Of another file nothing is said yet.
    export("b.dcm")
    assert rooms.send.status.text() == "" and rooms.send.isVisibleTo(dock.foot)

    # What was sent opens again, where it lies on the image.
    def open_kind(kind: str) -> None:
        words = [dialog.series.item(at).text() for at in range(dialog.series.count())]
        dialog.series.setCurrentRow(next(k for k, one in enumerate(words) if f"{kind} · " in one))
        dialog.open.click()
        idle()

    dialog.studies.setCurrentRow(0)
    idle()
    before = set(viewer.layers)
    open_kind("SR")
    # A report has no voxels: what it is about is opened.
    (reported,) = set(viewer.layers) - before
    before = set(viewer.layers)
    open_kind("SEG")
    (layer,) = set(viewer.layers) - before
    np.testing.assert_array_equal(reported.data, layer.data)
    assert isinstance(layer, Labels) and layer.visible and not named_in(layer.name)
    image = viewer.layers["CT thorax · 2020-01-02 · 24 × 22 × 6"]
    chosen = session.walk.label_map(()).astype(bool)
    assert (layer.data > 0).sum() == chosen.sum()
    corner = image.world_to_data(layer.data_to_world((0, 0, 0)))
    np.testing.assert_allclose(corner, np.rint(corner), atol=1e-6)

    # Probabilities and contours go there likewise.
    for part, end in (("probability", ".pm.dcm"), ("shown", ".rtstruct.dcm")):
        export(f"c{end}", part)
        rooms.send.send.click()
        idle()
        assert "in clinic" in rooms.send.status.text()
        assert (folder / f"c{end}").read_bytes() in orthanc.files()
    kinds = {str(pydicom.dcmread(BytesIO(raw)).SOPClassUID) for raw in orthanc.files()}
    assert {ParametricMapStorage, RTStructureSetStorage} <= kinds


def test_an_archive_of_the_list_is_offered_beside_the_image(
    open_dock: Callable[..., Any], archives: Path
) -> None:
    servers.add_server(servers.server_of("clinic", "https://pacs.example.org/dicom-web"))
    _, dock = open_dock()
    assert not dock.archives.button.isHidden() and not dock.archives.button.isWindow()
    dock.archives.button.click()
    dialog = dock.archives.dialog
    assert dialog.search.isVisibleTo(dialog) and dialog.form.value.server == "clinic"
