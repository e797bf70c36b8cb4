"""From an empty window to a file, by mouse and keys alone: `make walk` does it on more images."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_ssn.cli.verifying import verify
from napari_ssn.io.nifti import read_nifti
from napari_ssn.session import Settings
from tests.support.helpers import tiny_model
from tests.support.walked import MOST, SAMPLES, Walk


@pytest.mark.own_window
def test_from_an_empty_window_to_a_file_in_few_clicks(
    make_viewer: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_model(tmp_path / "tiny", region=(128, 128), centred=True)
    found = {"tiny": model}
    for users in ("network.places", "prediction.repeating"):
        monkeypatch.setattr(f"napari_ssn.{users}.model_folders", lambda: found)
    monkeypatch.setattr("napari_ssn.gui.dock.kept_folder", lambda: None)
    few = (Settings(device="cpu", hypotheses=100, samples=4), 3)
    monkeypatch.setattr("napari_ssn.gui.dock.preferences", lambda: few)
    monkeypatch.chdir(tmp_path)
    viewer = make_viewer(show=True).__wrapped__
    case = SAMPLES[0]
    walk = Walk(viewer, case, tmp_path, random.Random(1))
    sidecar = walk.to_export()
    assert walk.clicks <= MOST and not walk.hands.scrolled, walk.hands.done
    assert verify(case.image, sidecar, model_name=str(model))
    assert read_nifti(sidecar.with_suffix(".nii.gz")).space == (128, 128)
