"""A frame of a time series, from the command line and back from its sidecar."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from napari_ssn.cli.app import app
from napari_ssn.errors import GeometryError
from napari_ssn.io.nifti import read_nifti
from tests.support.helpers import noise_image, oblique_affine, tiny_model

SPACE, FRAMES = (16, 20, 18), 4


@pytest.fixture
def series(tmp_path: Path) -> Path:
    data = np.stack([noise_image(SPACE, seed) for seed in range(FRAMES)], -1)
    nib.save(nib.Nifti1Image(data, oblique_affine()), tmp_path / "series.nii.gz")
    for k in range(FRAMES):
        one = nib.Nifti1Image(data[..., k], oblique_affine())
        nib.save(one, tmp_path / f"frame_{k + 1}.nii.gz")
    return tmp_path / "series.nii.gz"


@pytest.mark.parametrize("frame", range(FRAMES))
def test_a_frame_is_the_image_it_would_be_alone(series: Path, frame: int) -> None:
    found, alone = (
        read_nifti(series, frame),
        read_nifti(series.parent / f"frame_{frame + 1}.nii.gz"),
    )
    np.testing.assert_array_equal(found.data, alone.data)
    np.testing.assert_array_equal(found.affine, alone.affine)


def test_frames_that_are_not_there(series: Path) -> None:
    for frame in (-1, FRAMES):
        with pytest.raises(GeometryError, match=rf"no frame {frame + 1} .*16 × 20 × 18 × 4"):
            read_nifti(series, frame)
    with pytest.raises(GeometryError, match="no frame 1"):
        read_nifti(series.parent / "frame_1.nii.gz", 0)
    with pytest.raises(GeometryError, match="name a frame"):
        read_nifti(series)


def test_a_frame_is_segmented_and_made_again(series: Path, tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "deep", dims=3, region=(16, 16, 16))

    def segment(*arguments: object) -> str:
        return CliRunner().invoke(app, ["segment", *map(str, arguments)]).output

    common = ("--model", model, "--samples", 1)
    segment(series, "--frame", 3, "--out", tmp_path / "of series", *common)
    segment(tmp_path / "frame_3.nii.gz", "--out", tmp_path / "alone", *common)
    names = ("of series", "alone")
    first, second = (nib.load(tmp_path / n / "sample_01.nii.gz").get_fdata() for n in names)
    np.testing.assert_array_equal(first, second)
    sidecar = tmp_path / "of series" / "sample_01.json"
    assert json.loads(sidecar.read_text())["run"]["frame"] == 3
    # From the series, and from the frame as a file of its own.
    for image in (series, tmp_path / "frame_3.nii.gz"):
        again = ("--from-sidecar", sidecar, "--image", image, "--model", model)
        assert "identical" in segment(*again, "--out", tmp_path / f"{image.name} again.nii.gz")
    said = segment("--from-sidecar", sidecar, "--image", series, "--frame", 2, "--out", tmp_path)
    assert "--frame" in said


def test_a_channel_of_a_level_is_segmented_and_verified(tmp_path: Path) -> None:
    pytest.importorskip("zarr")
    from tests.support.zarrs import make

    fine = np.stack([noise_image((32, 40, 36), seed) for seed in range(2)])
    path = make(tmp_path / "a.zarr", [fine, fine[:, ::2, ::2, ::2]], "czyx", unit="millimeter")
    model = tiny_model(tmp_path / "deep", dims=3, region=(16, 16, 16))
    out = tmp_path / "out"
    chosen = ("--series", 2, "--frame", 2, "--model", model, "--samples", 0, "--out", out)
    done = CliRunner().invoke(app, ["segment", *map(str, (path, *chosen))])
    assert done.exit_code == 0, done.output
    assert nib.load(out / "mean.nii.gz").shape == (16, 20, 18)
    said = ["verify", str(out / "mean.json"), "--image", str(path), "--model", str(model)]
    again = CliRunner().invoke(app, said)
    assert "Identical" in again.output and again.exit_code == 0, again.output
    (path / "1" / "0.0.0.0").rename(path / "1" / "0.0.0.1")
    assert CliRunner().invoke(app, said).exit_code != 0
