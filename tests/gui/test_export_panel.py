"""The export panel: what can be written of which image, and what was written."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from qtpy.QtCore import Qt

import napari_ssn as ssn
from napari_ssn.geometry.affine import Affine
from napari_ssn.gui.layers.colours import COPIES
from napari_ssn.gui.panels.output import _PARTS, with_suffix
from napari_ssn.hooks.saving import write_labels
from napari_ssn.io.dicom.structured import stated
from napari_ssn.io.known import holding
from napari_ssn.io.layers import image_layer
from tests.support.dicoms import SECRETS, make_series
from tests.support.docks import run_and_wait
from tests.support.helpers import noise_image, oblique_affine, tiny_model


def entries(box: Any) -> dict[str, tuple[bool, str]]:
    """Every entry of a box: whether it can be chosen, and its tooltip."""
    return {
        box.itemText(i): (
            box.model().item(i).isEnabled(),
            str(box.itemData(i, Qt.ItemDataRole.ToolTipRole)),
        )
        for i in range(box.count())
    }


def choose(box: Any, words: str) -> None:
    """Choose an entry as with the mouse."""
    index = box.findText(words)
    assert box.model().item(index).isEnabled(), words
    box.setCurrentIndex(index)
    box.activated.emit(index)


def export(dock: Any, qtbot: Any, folder: Path) -> tuple[str, ...]:
    """Press the button and name the file by its part; the names of what was written."""
    panel, session = dock.export, dock.session
    session.files.exported = None
    name = f"{_PARTS[panel._form.value.part].name}{panel._form.value.suffix}"
    panel.ask = lambda parent, proposed, pattern: str(folder / name)
    panel.write.click()
    qtbot.waitUntil(lambda: session.files.exported is not None, timeout=20_000)
    return session.files.exported.files


@pytest.fixture
def ready(opened: Any, qtbot: Any) -> Any:
    """A dock with a result and its cards."""
    dock = opened[1]
    run_and_wait(dock, qtbot)
    qtbot.waitUntil(lambda: dock.session.summary.dealt, timeout=60_000)
    return dock


def test_everything_is_written_from_one_row(ready: Any, qtbot: Any, tmp_path: Path) -> None:
    panel, session = ready.export, ready.session
    assert export(ready, qtbot, tmp_path) == ("hypothesis.nii.gz", "hypothesis.json")
    choose(panel.part, "All cards")
    assert panel.what.text() == f"Exports the {len(session.cards.cards)} cards."
    choose(panel.format, ".seg.nrrd")
    assert export(ready, qtbot, tmp_path) == ("hypotheses.seg.nrrd", "hypotheses.seg.nrrd.json")
    choose(panel.part, "Report")
    assert panel.format.currentText() == ".html"
    assert not entries(panel.format)[".sc.dcm"][0]
    assert export(ready, qtbot, tmp_path) == ("report.html",)
    choose(panel.part, "Volumes")
    assert export(ready, qtbot, tmp_path) == ("volumes.csv",)
    with (tmp_path / "volumes.csv").open(newline="") as stream:
        assert next(csv.DictReader(stream))["hypothesis"] == "on show"
    choose(panel.part, "On show")
    # The format that was chosen last comes back with what can be written in it.
    assert panel.format.currentText() == ".seg.nrrd"
    choose(panel.part, "Probability")
    assert panel.format.currentText() == ".nii.gz"
    # A segmentation of 3D Slicer holds none.
    offered = {end: tip for end, (_, tip) in entries(panel.format).items()}
    assert list(offered) == [one.written for one in holding("likely")]
    assert ".seg.nrrd" not in offered and offered[".nii"] == "NIfTI, not compressed"
    assert export(ready, qtbot, tmp_path) == ("probability.nii.gz", "probability.json")
    assert nib.load(tmp_path / "probability.nii.gz").get_data_dtype() == np.float32


def test_dicom_is_greyed_with_its_reason(ready: Any) -> None:
    enabled, tip = entries(ready.export.format)[".dcm"]
    assert not enabled and "opened from DICOM" in tip


def test_what_needs_the_cards_waits_for_them(opened: Any, qtbot: Any) -> None:
    dock = opened[1]
    dock.session.summary._cards.want = lambda key: None
    run_and_wait(dock, qtbot)
    dock.session.changed.emit()
    for words in ("All cards", "Report", "Volumes"):
        enabled, tip = entries(dock.export.part)[words]
        assert not enabled and "still being compared" in tip
    assert dock.export.write.isEnabled()
    dock.export.part.setCurrentIndex(1)
    assert not dock.export.write.isEnabled()


def test_a_series_goes_back_to_dicom(open_dock: Any, qtbot: Any, tmp_path: Path) -> None:
    import highdicom

    space, affine = (22, 18, 8), oblique_affine()
    make_series(tmp_path / "scan", noise_image(space), affine, signed=True, intercept=0.0)
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny", 3, region=(16, 16, 16)))
    volume = ssn.read(tmp_path / "scan")
    data, options, _ = image_layer(volume, name="scan")
    viewer.add_image(data, **options)
    run_and_wait(dock, qtbot)
    choose(dock.export.format, ".dcm")
    assert "name the patient" in dock.export.what.toolTip()
    files = export(dock, qtbot, tmp_path)
    assert files == ("hypothesis.dcm", "hypothesis.dcm.json")
    assert dock.export.told.text() == f"Wrote {files[0]} (names the patient) and its .json."
    read = highdicom.seg.segread(tmp_path / "hypothesis.dcm").get_volume(
        segment_numbers=[1], allow_missing_positions=True
    )
    # Every voxel of the file lies on the image's voxel that has the label.
    where = np.linalg.inv(np.diag([-1, -1, 1, 1]) @ volume.affine) @ read.affine
    marked = np.argwhere(read.array[..., 0])
    index = marked @ where[:3, :3].T + where[:3, 3]
    np.testing.assert_allclose(index, np.rint(index), atol=1e-6)
    result = dock.session.result
    expected = np.argwhere(result.dist.placed(dock.session.walk.label_map(())) == 1)
    assert {tuple(i) for i in np.rint(index).astype(int)} == {tuple(i) for i in expected}
    text = (tmp_path / "hypothesis.dcm.json").read_text()
    assert not any(secret in text for secret in SECRETS)
    # The same without the patient; what is repeated of the source is said before.
    assert "nothing else" in dock.export.what.toolTip() and dock.export.unnamed.isVisibleTo(dock)
    dock.export.unnamed.setChecked(True)
    assert "name nobody, and no date" in dock.export.what.toolTip()
    (tmp_path / "unnamed").mkdir()
    export(dock, qtbot, tmp_path / "unnamed")
    assert "names no patient" in dock.export.told.text()
    raw = (tmp_path / "unnamed" / "hypothesis.dcm").read_bytes()
    assert not any(secret.encode() in raw for secret in SECRETS)
    dock.export.unnamed.setChecked(False)
    # A structured report brings the segmentation that it refers to.
    qtbot.waitUntil(lambda: dock.session.ranges is not None, timeout=20_000)
    choose(dock.export.format, ".sr.dcm")
    assert dock.export.unnamed.isVisibleTo(dock)
    (tmp_path / "reported").mkdir()
    files = export(dock, qtbot, tmp_path / "reported")
    names = ("hypothesis.sr.dcm", "hypothesis.dcm")
    assert files == tuple(f"{name}{end}" for name in names for end in ("", ".json"))
    (found,) = stated(tmp_path / "reported" / names[0]).measured
    assert found.spread is not None and found.spread.low == pytest.approx(
        dock.session.ranges.ranges[0].low * Affine(volume.affine).voxel_ml, abs=1e-6
    )
    choose(dock.export.format, ".rtstruct.dcm")
    files = export(dock, qtbot, tmp_path / "reported")
    assert files == ("hypothesis.rtstruct.dcm", "hypothesis.rtstruct.dcm.json")
    structures = pydicom.dcmread(tmp_path / "reported" / files[0]).StructureSetROISequence
    assert len(structures) == 4 * (dock.session.result.dist.classes - 1)
    choose(dock.export.part, "Probability")
    assert ".sr.dcm" not in entries(dock.export.format)
    choose(dock.export.format, ".pm.dcm")
    files = export(dock, qtbot, tmp_path / "reported")
    assert files == ("probability.pm.dcm", "probability.pm.dcm.json")
    choose(dock.export.part, "On show")
    choose(dock.export.format, ".nii.gz")
    assert not dock.export.unnamed.isVisibleTo(dock)
    choose(dock.export.format, ".dcm")
    # A layer that was moved is no longer the series.
    viewer.layers["scan"].translate = (1.0, 2.0, 3.0)
    qtbot.waitUntil(lambda: dock.session.stale, timeout=20_000)
    run_and_wait(dock, qtbot)
    qtbot.waitUntil(lambda: not dock.session.stale, timeout=20_000)
    assert not entries(dock.export.format)[".dcm"][0]
    assert dock.export.format.currentText() == ".nii.gz"


def test_the_result_of_a_closed_image_is_not_exported(
    opened: Any, qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    panel, session = dock.export, dock.session
    # Another image in front leaves it as it is: one can still look at what is exported.
    viewer.add_image(noise_image((30, 30)), name="other")
    assert session.stale and panel.write.isEnabled() and "earlier result" in panel.what.text()
    image = viewer.layers["scan"]
    viewer.layers.remove(image)
    assert not panel.write.isEnabled()
    assert panel.told.text() == "The result's image was closed: run again to export."
    for write in (
        session.files.export,
        session.files.export_volumes,
        session.files.export_report,
    ):
        session.tell("")
        write(tmp_path / "out.nii.gz")
        assert session.note.error and "closed" in session.note.text
        assert session.activity is None
    assert not list(tmp_path.glob("out*"))
    # Nothing of the result is lost: with its image back it is what it was.
    viewer.add_layer(image)
    assert panel.write.isEnabled()
    viewer.layers.clear()
    assert session.result is not None and not panel.write.isEnabled()


def test_a_layer_is_saved_for_slicer_in_its_colours(ready: Any, qtbot: Any, tmp_path: Path) -> None:
    import nrrd

    ready.session.copies.keep()
    viewer = ready._viewer
    qtbot.waitUntil(lambda: any("kept" in one.name for one in viewer.layers), timeout=20_000)
    kept = next(one for one in viewer.layers if "kept" in one.name)
    data, meta, _ = kept.as_layer_data_tuple()
    written = write_labels(str(tmp_path / "a.seg.nrrd"), data, meta)
    assert [Path(p).name for p in written] == ["a.seg.nrrd", "a.seg.nrrd.json"]
    header = nrrd.read_header(written[0])
    card = ready.session.result.card
    assert header["Segment0_Name"] == card.labels[1].name
    parts = [round(255 * float(part)) for part in header["Segment0_Color"].split()]
    # Each copy has a colour of its own on the image, and keeps it in the file.
    assert "#" + "".join(f"{part:02x}" for part in parts) == COPIES[0]
    assert json.loads(Path(written[1]).read_text())["choice"]["kind"] == "mean"


@pytest.mark.parametrize(
    ("name", "suffix", "path"),
    [
        ("a", ".dcm", "a.dcm"),
        ("a.b", ".seg.nrrd", "a.b.seg.nrrd"),
        ("A.NII.GZ", ".nii.gz", "A.NII.GZ"),
        ("a.seg.nrrd", ".nii.gz", "a.seg.nrrd"),
        ("a.dcm", ".html", "a.dcm.html"),
        ("a.html", ".html", "a.html"),
    ],
)
def test_the_suffix_is_that_of_the_format(name: str, suffix: str, path: str) -> None:
    assert with_suffix(name, suffix) == Path(path)


@pytest.mark.styled
def test_the_row_fits_the_dock(ready: Any) -> None:
    ready.export.folder.show()
    # The dock's own 320 pixels without its margins.
    assert ready.export.minimumSizeHint().width() <= 304


def test_the_proposed_name_tells_image_and_hypothesis_apart_and_nobody_else(
    opened: Any, qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = opened
    panel, asked = dock.export, list[str]()
    panel.ask = lambda parent, name, pattern: str(asked.append(name) or "")

    def proposed() -> str:
        panel.write.click()
        return asked[-1]

    # Another reader calls a layer after its file, which may be called after the patient.
    viewer.layers["scan"].name = "DOE_JANE"
    run_and_wait(dock, qtbot)
    digest, first = dock.session.result.image_sha256[:4], proposed()
    assert first.startswith(f"image_{digest}_Mean_") and first.endswith(".nii.gz")
    dock.session.walk.show_sample(2)
    qtbot.waitUntil(lambda: dock.session.walk.counts is not None, timeout=20_000)
    assert "3-of-4" in proposed() and proposed() != first
    choose(panel.part, "Report")
    qtbot.waitUntil(panel.write.isEnabled, timeout=60_000)
    assert proposed() == f"image_{digest}_report.html"
    # Ours names nobody, and an alias is what somebody wants to read.
    nib.save(nib.Nifti1Image(noise_image((40, 48)), np.eye(4)), tmp_path / "DOE.nii.gz")
    viewer.layers.clear()
    viewer.open(tmp_path / "DOE.nii.gz", plugin="napari-ssn")
    run_and_wait(dock, qtbot)
    choose(panel.part, "On show")
    assert proposed().startswith("Image-40x48_")
    viewer.layers[0].name = "before therapy"
    assert proposed().startswith("before-therapy_") and "DOE" not in "".join(asked)


def test_a_name_without_suffix_is_asked_about(ready: Any, qtbot: Any, tmp_path: Path) -> None:
    """The file dialog asks about the name that was typed, which is not the file's."""
    panel, session = ready.export, ready.session
    export(ready, qtbot, tmp_path)
    before = (tmp_path / "hypothesis.nii.gz").read_bytes()
    session.walk.set_sigma(2.0)
    asked: list[str] = []
    panel.ask = lambda parent, name, pattern: str(tmp_path / "hypothesis")
    panel.confirm = lambda parent, name: bool(asked.append(name))
    panel.write.click()
    assert asked == ["hypothesis.nii.gz"] and session.state == "result"
    assert (tmp_path / "hypothesis.nii.gz").read_bytes() == before
    session.files.exported = None
    panel.confirm = lambda parent, name: True
    panel.write.click()
    qtbot.waitUntil(lambda: session.files.exported is not None, timeout=20_000)
    assert (tmp_path / "hypothesis.nii.gz").read_bytes() != before


def test_the_file_of_the_image_is_not_replaced(opened: Any, qtbot: Any, tmp_path: Path) -> None:
    viewer, dock = opened
    viewer.layers.clear()
    scan = tmp_path / "scan.nii.gz"
    nib.save(nib.Nifti1Image(noise_image((40, 48)), np.diag([0.7, 0.7, 1, 1])), scan)
    before = scan.read_bytes()
    viewer.open(scan, plugin="napari-ssn")
    run_and_wait(dock, qtbot)
    # The dialog would ask, and somebody says yes too quickly.
    for typed in (scan, tmp_path / "scan"):
        dock.export.ask = lambda parent, name, pattern, typed=typed: str(typed)
        dock.export.confirm = lambda parent, name: True
        dock.export.write.click()
        assert "would replace an image that is open" in dock.export.told.text()
    assert scan.read_bytes() == before and len(list(tmp_path.glob("scan*"))) == 1
