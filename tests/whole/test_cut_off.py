"""An outline that reaches an edge is said to, beside its size, wherever that is said."""

from __future__ import annotations

import csv
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from qtpy.QtWidgets import QApplication

import napari_ssn as ssn
from napari_ssn.cli.segmenting import segment_image
from napari_ssn.documents.sidecar import read_sidecar
from napari_ssn.gui.panels.walk import ResultPanel
from napari_ssn.network.models import Model
from napari_ssn.prediction.source import Source
from napari_ssn.session import (
    Session,
    Settings,
)
from napari_ssn.text.sizes import capital
from tests.support.helpers import noise_image, oblique_affine, page_of, tiny_model
from tests.support.sessions import Inline

pytestmark = pytest.mark.usefixtures("few_draws")

SCAN, REGION, CENTRE = (30, 28, 16), (16, 16, 16), (12, 14, 8)
REGION_WORDS = "reaches the region's edge: it may be larger"
IMAGE_WORDS = "reaches the image's edge: it may be larger"
APART_WORDS = "0.016 mL of it lies apart from the lesion pointed at"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("m") / "tiny", 3, region=REGION, centred=True)


def show_a_ball(
    monkeypatch: pytest.MonkeyPatch, middle: tuple[int, ...], speck: bool = False
) -> None:
    """Let every run find a ball of radius 3 at a voxel of the image, and hardly anything else.

    But for seven voxels beside it, where a speck is wanted.
    """
    infer = Model.infer

    def patched(self: Model, *args: Any, **options: Any) -> Any:
        found = infer(self, *args, **options)
        dist = found.dist
        assert dist.start is not None and dist.space == REGION
        places = [g + s - m for g, s, m in zip(np.indices(REGION), dist.start, middle, strict=True)]
        inside = 3.2 - np.sqrt(sum(place**2 for place in places))
        if speck:
            beside = [place - off for place, off in zip(places, (4, 4, 0), strict=True)]
            inside = np.maximum(inside, 1.2 - np.sqrt(sum(place**2 for place in beside)))
        mean = np.stack([np.zeros(REGION), 20 * inside]).astype(np.float32)
        dist = replace(dist, mean=torch.from_numpy(mean), cov_factor=dist.cov_factor * 1e-3)
        return replace(found, dist=dist)

    monkeypatch.setattr(Model, "infer", patched)


@pytest.mark.parametrize(
    ("middle", "words", "stated"),
    [
        (CENTRE, "", []),
        ((6, 14, 8), REGION_WORDS, ["region"]),
        ((12, 14, 2), IMAGE_WORDS, ["image"]),
        # What else is outlined is counted apart.
        (CENTRE, APART_WORDS, []),
    ],
)
def test_window_command_and_files_say_what_is_cut_off(
    model: Path,
    middle: tuple[int, ...],
    words: str,
    stated: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    qtbot: Any,
) -> None:
    assert QApplication.instance() is not None
    speck = words == APART_WORDS
    show_a_ball(monkeypatch, middle, speck)
    monkeypatch.setattr("napari_ssn.network.places.model_folders", dict)
    path, out = tmp_path / "scan.nii.gz", tmp_path / "out"
    nib.save(nib.Nifti1Image(noise_image(SCAN), oblique_affine()), path)
    segment_image(path, out, str(model), centre=CENTRE, count=1, device="cpu", report=True)
    told = capsys.readouterr().out.strip()
    assert told.endswith(f" · {words}" if words else " mm")
    row, *_ = csv.DictReader((out / "volumes.csv").read_text().splitlines())
    assert (row["hypothesis"], row["cut_off_by"]) == ("mean", " and ".join(stated))
    apart = read_sidecar(out / "mean.json").volumes["label 1"].apart_voxels
    assert apart == (7 if speck else 0) and row["apart_voxels"] == str(apart)
    assert read_sidecar(out / "mean.json").volumes["label 1"].cut_off_by == stated
    page = page_of(out / "report.html")
    assert (
        f"<td>{escape(capital(words))}. Model range" in page if words else "<td>Model range" in page
    )

    volume, session = ssn.read(path), Session(Inline(), Settings(device="cpu"), (model,))
    session.catalogue.look()
    panel = ResultPanel(session)
    qtbot.addWidget(panel)
    extent, oriented = volume.extent, volume.oriented
    session.set_image(Source(1, SCAN, 1, volume.affine, extent, oriented, lambda: volume))
    session.place_centre(CENTRE)
    session.run()
    assert session.result is not None, session.note
    panel.follow()
    assert panel.cut_off[0].text() == (f"{capital(words)}." if words else "")
    session.files.export_volumes(tmp_path / "v.csv")
    rows = list(csv.DictReader((tmp_path / "v.csv").read_text().splitlines()))
    said = {row["hypothesis"]: row["cut_off_by"] for row in rows}
    assert said["on show"] == said["hypothesis 1"] == " and ".join(stated)
    assert said["range high"] == ""
    session.close()
