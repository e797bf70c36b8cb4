"""Series whose slices each name a frame of reference of their own, as LIDC-IDRI's do."""

from __future__ import annotations

from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

import napari_ssn as ssn
from napari_ssn.errors import GeometryError
from napari_ssn.geometry.display import NOTE_KEY
from napari_ssn.hooks import dicom as opening
from napari_ssn.io.dicom import DicomSeries
from tests.support.dicoms import make_series
from tests.support.helpers import command, noise_image, tiny_model

IMAGE = (22, 18, 8)
AXIAL = np.array([[-0.7, 0, 0, 30.5], [0, -0.7, 0, 20.25], [0, 0, 2.5, -340.0], [0, 0, 0, 1]])


def own_frame(k: int, dataset: Dataset) -> None:
    dataset.FrameOfReferenceUID = generate_uid(entropy_srcs=[f"frame {k}"])


def values() -> np.ndarray:
    return np.maximum(noise_image(IMAGE), -1000)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    make_series(tmp_path / "scan", values(), AXIAL, change=own_frame)
    return tmp_path / "scan"


def test_slices_on_an_even_grid_are_one_volume_with_a_note(scan: Path) -> None:
    volume = ssn.read(scan)
    np.testing.assert_array_equal(volume.data[0], values())
    np.testing.assert_allclose(volume.affine, AXIAL, atol=1e-9)
    assert volume.note is not None and volume.note.startswith("The frame of reference is not one")
    assert "each slice names another" in volume.note
    [(_, meta, kind)] = opening.read_layers(str(scan))
    assert kind == "image" and meta["metadata"][NOTE_KEY] == volume.note


def test_some_slices_in_another_frame_are_counted(tmp_path: Path) -> None:
    def half(k: int, dataset: Dataset) -> None:
        if k > 3:
            own_frame(0, dataset)

    make_series(tmp_path, values(), AXIAL, change=half)
    note = ssn.read(tmp_path).note
    assert note is not None and "the 8 slices name 2 different ones" in note


def test_an_uneven_grid_is_refused_as_ever(scan: Path) -> None:
    for path in scan.iterdir():
        if pydicom.dcmread(path).ImagePositionPatient[2] == -340 + 2.5 * 4:
            path.unlink()
    with pytest.raises(GeometryError, match="1 slice is missing after slice 4"):
        ssn.read(scan)


@pytest.mark.parametrize("suffix", [".nii.gz", ".seg.nrrd", ".dcm"])
def test_it_is_segmented_exported_and_verified(
    scan: Path, tmp_path: Path, monkeypatch, capsys, suffix: str
) -> None:
    model = tiny_model(tmp_path / "tiny", 3, 3, region=(16,) * 3)
    form = {".nii.gz": "nifti", ".seg.nrrd": "seg.nrrd", ".dcm": "dicom-seg"}[suffix]
    out, options = tmp_path / "out", ("--model", model, "--device", "cpu")
    where = ("--samples", 1, "--format", form, "--out", out, *options)
    status, _, err = command(monkeypatch, capsys, "segment", scan, *where)
    assert status == 0 and "The frame of reference is not one" in err
    assert ("the DICOM files name that of the first slice" in err) == (suffix == ".dcm")
    for sidecar in sorted(out.glob("*.json")):
        status, said, _ = command(monkeypatch, capsys, "verify", sidecar, "--image", scan, *options)
        assert status == 0 and "the file beside the sidecar is the same too" in said


def test_a_segmentation_names_the_frame_of_one_slice_and_says_so(
    scan: Path, tmp_path: Path
) -> None:
    volume = ssn.read(scan)
    assert isinstance(volume.source, DicomSeries)
    # Nothing on the first slices: the frame is the first slice's all the same.
    labels = np.zeros(IMAGE, np.uint8)
    labels[3:9, 4:7, 5:7] = 1
    ssn.write(ssn.Hypothesis(labels, volume.affine, None), scan / "seg.dcm", source=volume)
    seg = highdicom.seg.segread(scan / "seg.dcm")
    assert seg.FrameOfReferenceUID == volume.source.headers[0].FrameOfReferenceUID
    assert "names that of the first one" in seg.ImageComments
    assert seg.get_volume().array.sum() == labels.sum()
    # Beside the series it opens with it, whichever of the slices' frames it names.
    [image, shown] = opening.read_layers(str(scan))
    assert image[2] == "image" and shown[2] == "labels" and shown[0].sum() == labels.sum()
    seg = pydicom.dcmread(scan / "seg.dcm")
    seg.FrameOfReferenceUID = volume.source.headers[-1].FrameOfReferenceUID
    seg.save_as(scan / "seg.dcm")
    assert len(opening.read_layers(str(scan))) == 2


def test_a_segmentation_of_one_frame_has_no_comment(tmp_path: Path) -> None:
    make_series(tmp_path / "s", values(), AXIAL)
    volume = ssn.read(tmp_path / "s")
    assert volume.note is None
    one = ssn.Hypothesis(np.ones(IMAGE, np.uint8), volume.affine, None)
    ssn.write(one, tmp_path / "seg.dcm", source=volume)
    assert "ImageComments" not in pydicom.dcmread(tmp_path / "seg.dcm")
