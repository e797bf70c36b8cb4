"""What scanners put beyond their field of view changes no outline, and old sidecars stay true."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import napari_ssn as ssn
from napari_ssn.cli.segmenting import segment_image
from napari_ssn.cli.verifying import verify
from napari_ssn.documents.card import read_card
from napari_ssn.io.hashes import label_map_hash
from napari_ssn.network.models import load_model, save_card
from napari_ssn.network.question import How
from napari_ssn.network.seen import Seen
from tests.support.helpers import noise_image, tiny_model

SPACE = (24, 20)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of CT, and stretched by what it sees."""
    folder = tiny_model(tmp_path_factory.mktemp("models") / "ct", 2)
    save_card(folder, read_card(folder).model_copy(update={"channels": ["CT"]}))
    return folder


def scan(folder: Path, padding: float | None) -> Path:
    """A slice in HU of which a corner is padding."""
    noise = noise_image(SPACE)
    values = np.interp(noise, [noise.min(), noise.max()], [-1000, 200])
    if padding is not None:
        values[:9, :9] = padding
    path = folder / f"{padding}.nii"
    nib.save(nib.Nifti1Image(values.astype(np.float32), np.diag([0.7, 0.7, 1, 1])), path)
    return path


def test_a_corner_of_padding_is_a_corner_of_air(model: Path, tmp_path: Path) -> None:
    loaded = load_model(model, "cpu")
    volumes = [ssn.read(scan(tmp_path, padding)) for padding in (-1024, -2000, -3024)]
    air, *padded = (loaded.infer(volume) for volume in volumes)
    for found in padded:
        np.testing.assert_array_equal(found.dist.mean, air.dist.mean)
        np.testing.assert_array_equal(found.dist.cov_factor, air.dist.cov_factor)
        assert found.unpadded
    assert not air.unpadded
    # As it counted before, it darkened all the rest.
    before = loaded.infer(volumes[2], how=How(padded=True))
    assert not before.unpadded and (before.dist.label_map() != air.dist.label_map()).any()
    # Nor does it tell an image from those of the training.
    seen = [Seen.of(loaded.card, volume, None).distance for volume in volumes]
    assert seen[0] == seen[1] == seen[2]


def test_sidecars_say_so_and_those_of_before_are_verified(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, out = scan(tmp_path, -3024), tmp_path / "out"
    segment_image(image, out, str(model), count=0, device="cpu")
    sidecar = out / "mean.json"
    record = json.loads(sidecar.read_text())
    assert record["run"]["unpadded"] is True
    assert verify(image, sidecar, model_name=str(model))
    # Without padding nothing is said of it.
    plain = scan(tmp_path, None)
    segment_image(plain, tmp_path / "plain", str(model), count=0, device="cpu")
    assert json.loads((tmp_path / "plain" / "mean.json").read_text())["run"]["unpadded"] is None
    # One of before: padding counted.
    volume = ssn.read(image)
    old = load_model(model, "cpu").infer(volume, how=How(padded=True)).dist.label_map()
    record["run"]["unpadded"] = None
    # Nor did one of before say how the sizes of all hypotheses spread.
    record.update(sizes=None, together=None)
    record["label_map_sha256"] = label_map_hash(old)
    size = record["volumes"]["label 1"]
    pixel = size["mm2"] / size["voxels"]
    size.update(voxels=int(old.sum()), mm2=pixel * int(old.sum()))
    size.update(longest_mm=None, perpendicular_mm=None, cut_off_by=None)
    size.update(first=None, last=None, apart_voxels=None)
    sidecar.write_text(json.dumps(record))
    nib.save(nib.Nifti1Image(old, volume.affine), out / "mean.nii.gz")
    capsys.readouterr()
    assert verify(image, sidecar, model_name=str(model)), capsys.readouterr()
