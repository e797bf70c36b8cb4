"""The demonstration does what it says, the menu opens the dock, preferences count."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from napari_ssn.core.errors import ModelError
from tests.gui.conftest import add_image
from tests.helpers import tiny_model


def test_perform(open_dock: Callable[..., Any], tmp_path: Path) -> None:
    from PIL import Image

    from napari_ssn.gui.demo import perform

    viewer, dock = open_dock(tiny_model(tmp_path / "tiny"), show=True)
    viewer.window.resize(1280, 800)
    add_image(viewer)
    out = tmp_path / "out"
    lines = list(perform(viewer, dock, out, model="tiny", samples=2))
    assert lines[0].startswith("mean: Label 1 ")
    assert sum(line.startswith("sample ") for line in lines) == 2
    walked = [line for line in lines if line.startswith("direction 1 at ")]
    assert [line.split(" at ")[1].split(":")[0] for line in walked] == [
        "−3.00 σ",
        "−2.00 σ",
        "−1.00 σ",
        "0 σ",
        "+1.00 σ",
        "+2.00 σ",
        "+3.00 σ",
    ]
    # At 0 it is the mean, and what was chosen is what was seen at +1 and lies in the file.
    assert walked[3].split(": ")[1] == lines[0].split(" · ")[0].removeprefix("mean: ")
    chosen = next(line for line in lines if line.startswith("chosen"))
    assert chosen.split("): ")[1] == walked[4].split(": ")[1]
    record = json.loads((out / "hypothesis.json").read_text())
    assert record["choice"]["sigma"] == pytest.approx(1.0)
    written = np.asarray(nib.load(out / "hypothesis.nii.gz").dataobj)
    assert int((written == 1).sum()) == record["volumes"]["label 1"]["voxels"]
    picture = np.asarray(Image.open(out / "window.png"))
    assert picture.shape[1] >= 1280 and picture.std() > 10


def test_perform_without_the_model(open_dock: Callable[..., Any], tmp_path: Path) -> None:
    from napari_ssn.gui.demo import perform

    viewer, dock = open_dock(tiny_model(tmp_path / "tiny"))
    with pytest.raises(ModelError, match="no model 'lidc-2d'"):
        list(perform(viewer, dock, tmp_path))


def test_the_menu_opens_one_dock(
    make_napari_viewer_proxy: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari._app_model import get_app_model

    monkeypatch.setattr("napari_ssn.network.models.model_folders", dict)
    viewer = make_napari_viewer_proxy()
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
    assert module.preferences() == (Settings("cpu", 300, 16, 2.0), 7)

    def unknown(name: str) -> Any:
        raise KeyError(name)

    monkeypatch.setattr(module, "get_plugin_settings", unknown)
    assert module.preferences() == (Settings(), 5)


def test_the_real_preferences_are_read() -> None:
    from napari_ssn.gui.preferences import preferences
    from napari_ssn.session import Settings

    assert preferences() == (Settings(), 5)
