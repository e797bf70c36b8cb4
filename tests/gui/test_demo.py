"""The demonstration does what it says, the menu opens the dock, preferences count."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from napari_ssn.cli.verifying import verify
from napari_ssn.core.directions.compass import AXIAL
from napari_ssn.errors import (
    GeometryError,
    ModelError,
)
from tests.support.dicoms import SECRETS, make_series
from tests.support.docks import add_image
from tests.support.helpers import noise_image, tiny_model


@pytest.mark.shown
def test_perform(open_dock: Callable[..., Any], tmp_path: Path) -> None:
    from PIL import Image

    from napari_ssn.gui.demo import perform

    viewer, dock = open_dock(tiny_model(tmp_path / "tiny"), show=True)
    viewer.window.resize(900, 640)
    add_image(viewer)
    dock.settings.boxes["reach"].setValue(2.0)
    out = tmp_path / "out"
    lines = list(perform(viewer, dock, out, model="tiny", samples=2))
    pictures = [line.removeprefix("picture: ") for line in lines if line.startswith("picture")]
    assert pictures == ["opened.png", "result.png", "window.png"], "a slice has no other planes"
    lines = [line for line in lines if not line.startswith("picture")]
    assert lines[0].startswith("mean: Label 1: ")
    assert sum(line.startswith("sample ") for line in lines) == 2
    walked = [line for line in lines if line.startswith("direction 1 at ")]
    assert [line.split(" at ")[1].split(":")[0] for line in walked] == [
        "−2.00 σ",
        "−1.00 σ",
        "0 σ",
        "+1.00 σ",
        "+2.00 σ",
    ]
    # At 0 it is the mean, and what was chosen is what was seen at +1 and lies in the file.
    assert lines[0].startswith(f"mean: {walked[2].split(': ', 1)[1]} · ")
    chosen = next(line for line in lines if line.startswith("chosen"))
    assert chosen.split("): ")[1] == walked[3].split(": ", 1)[1]
    record = json.loads((out / "hypothesis.json").read_text())
    assert record["choice"]["sigma"] == pytest.approx(1.0)
    written = np.asarray(nib.load(out / "hypothesis.nii.gz").dataobj)
    assert int((written == 1).sum()) == record["volumes"]["label 1"]["voxels"]
    for name in pictures:
        picture = np.asarray(Image.open(out / name))
        assert picture.shape[1] >= 900 and picture.std() > 10


@pytest.mark.shown
def test_perform_on_a_series(
    open_dock: Callable[..., Any], tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    """The second demo, on a small CT made here: open, point, run, walk, export, verify."""
    from napari_ssn.gui.demo import perform

    affine = np.diag([-0.7, -0.7, 2.0, 1.0])
    values = np.maximum(noise_image((48, 40, 6)), -1000)
    make_series(tmp_path / "DOE", values, affine)
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny", centred=True), show=True)
    viewer.window.resize(900, 640)
    viewer.open(str(tmp_path / "DOE"), plugin="napari-ssn")
    # The whole of the walk is looked at above.
    dock.settings.boxes["reach"].setValue(1.0)
    out = tmp_path / "out"
    found = {"tiny": tmp_path / "tiny"}
    monkeypatch.setattr("napari_ssn.prediction.repeating.model_folders", lambda: found)
    centre, scan = (20, 22, 3), tmp_path / "DOE"
    check = partial(verify, scan)
    lines = list(perform(viewer, dock, out, samples=1, centre=centre, verify=check))
    taken = [line.removeprefix("picture: ") for line in lines if line.startswith("picture")]
    names = ("opened", "placed", "result", "coronal", "sagittal", "window")
    assert taken == [f"{name}.png" for name in names]
    assert dock.view.planes.shown == AXIAL
    # NIfTI and DICOM segmentation.
    assert capsys.readouterr().out.count("Identical: the label map was made again") == 2
    record = json.loads((out / "hypothesis.json").read_text())
    assert record["run"]["centre"] == [20, 22, 3]
    written = nib.load(out / "hypothesis.nii.gz")
    assert written.shape == (48, 40, 6)
    np.testing.assert_allclose(written.affine, affine, atol=1e-6)
    from_dicom = read_seg(out / "hypothesis.dcm")
    assert from_dicom.shape == (48, 40, 6)
    np.testing.assert_array_equal(from_dicom, np.asarray(written.dataobj) > 0)
    said = "\n".join(lines) + "".join(p.read_text() for p in out.glob("*.json"))
    assert not any(secret in said for secret in SECRETS)
    assert not any(secret in layer.name for layer in viewer.layers for secret in SECRETS)


def read_seg(path: Path) -> np.ndarray:
    """Segment 1 of a DICOM segmentation on its source's grid (column, row, slice)."""
    from highdicom.seg import segread

    segmentation = segread(path)
    volume = segmentation.get_volume(segment_numbers=[1])
    return volume.array[..., 0].transpose(2, 1, 0)[:, :, ::-1] > 0


def test_perform_says_that_the_centre_is_outside(
    open_dock: Callable[..., Any], tmp_path: Path
) -> None:
    from napari_ssn.gui.demo import perform

    viewer, dock = open_dock(tiny_model(tmp_path / "tiny", centred=True))
    add_image(viewer)
    with pytest.raises(GeometryError, match="not in the image"):
        list(perform(viewer, dock, tmp_path / "out", model="tiny", centre=(4, 99)))


def test_perform_without_the_model(open_dock: Callable[..., Any], tmp_path: Path) -> None:
    from napari_ssn.gui.demo import perform

    viewer, dock = open_dock(tiny_model(tmp_path / "tiny"))
    with pytest.raises(ModelError, match="no model 'lidc-2d'"):
        list(perform(viewer, dock, tmp_path, model="lidc-2d"))


@pytest.mark.own_window
def test_the_menu_opens_one_dock(
    make_viewer: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari._app_model import get_app_model

    monkeypatch.setattr("napari_ssn.network.places.model_folders", dict)
    viewer = make_viewer()
    command = get_app_model().commands.execute_command
    command("napari-ssn.open_dock").result()
    command("napari-ssn.open_dock").result()
    docks = [name for name in viewer.window.dock_widgets if "SSN" in name]
    assert len(docks) == 1


def test_preferences_are_those_of_the_manifest_unless_changed(monkeypatch: Any) -> None:
    from napari_ssn.gui import preferences as module
    from napari_ssn.session import Settings

    class Stored:
        class compute:
            device, hypotheses_for_range = "cpu", 300

        class window:
            slider_range, samples_to_add = 2, 7

    monkeypatch.setattr(module, "get_plugin_settings", lambda name: Stored)
    assert module.preferences() == (Settings(device="cpu", hypotheses=300, reach=2.0), 7)
    monkeypatch.setattr(Stored.compute, "server", " https://gpu.example.org ", raising=False)
    monkeypatch.setattr(Stored.compute, "token_file", "~/token", raising=False)
    server = module.preferences()[0].server
    assert server is not None and server.address == "https://gpu.example.org"
    assert server.token_file == Path.home() / "token"

    def unknown(name: str) -> Any:
        raise KeyError(name)

    monkeypatch.setattr(module, "get_plugin_settings", unknown)
    assert module.preferences() == (Settings(), 5)


def test_the_real_preferences_are_read() -> None:
    from napari_ssn.gui.preferences import preferences
    from napari_ssn.session import Settings

    assert preferences() == (Settings(), 5)
