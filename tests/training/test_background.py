"""Whole scans for points on no nodule: what cannot be one is refused before anything is learnt."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_ssn.errors import DataError, GeometryError
from napari_ssn.training.background import background_of

STEPS = np.diag([-0.8, -0.8, 2.0, 1.0])


def chest() -> np.ndarray:
    random = np.random.default_rng(0)
    data = random.normal(-850, 40, (24, 22, 12))
    data[:12] = random.normal(40, 20, (12, 22, 12))
    return data.astype(np.float32)


def saved(folder: Path, data: np.ndarray) -> Path:
    path = folder / "scan.nii.gz"
    image = nib.Nifti1Image(data, STEPS)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
    return path


def test_a_scan_and_its_nodules(tmp_path: Path) -> None:
    path = saved(tmp_path, chest())
    volume, places = background_of(f"{path}=1,2,3;4,5,6")
    assert volume.space == (24, 22, 12)
    np.testing.assert_allclose(places, [[-0.8, -1.6, 6], [-3.2, -4, 12]], atol=1e-5)
    # Some scans hold no nodule.
    assert background_of(str(path))[1].shape == (0, 3)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (np.abs(np.random.default_rng(1).normal(400, 150, (24, 22, 12))), "Hounsfield units"),
        (chest() + 1024, "Hounsfield units"),
        (chest()[..., 0], "single slice"),
    ],
)
def test_what_is_no_ct_volume_is_refused(tmp_path: Path, data: np.ndarray, words: str) -> None:
    path = saved(tmp_path, data.astype(np.float32))
    with pytest.raises(DataError, match=words):
        background_of(f"{path}=1,2,3" if data.ndim == 3 else str(path))


def test_a_place_that_is_none_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, chest())
    with pytest.raises(DataError, match="i,j,k"):
        background_of(f"{path}=1,b,3")
    with pytest.raises(GeometryError, match="outside"):
        background_of(f"{path}=99,2,3")
