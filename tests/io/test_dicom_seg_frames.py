"""DICOM files of many frames that contradict themselves, or lie nowhere in a patient."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import highdicom
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

import napari_ssn as ssn
from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.io.dicom.segments import read_dicom_seg
from tests.support.dicoms import make_multiframe, make_series
from tests.support.helpers import noise_image

AXIAL = np.array([[-0.7, 0, 0, 30.5], [0, -0.7, 0, 20.25], [0, 0, 2.5, -12.0], [0, 0, 0, 1]])


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A segmentation of three frames by another program."""
    values = np.maximum(noise_image((7, 6, 3)), -1000)
    seg = highdicom.seg.Segmentation(
        source_images=[dcmread(p) for p in make_series(tmp_path / "scan", values, AXIAL)],
        pixel_array=np.ones((3, 6, 7), np.uint8),
        segmentation_type="BINARY",
        segment_descriptions=[
            highdicom.seg.SegmentDescription(1, "one", codes.SCT.Tissue, codes.SCT.Liver, "MANUAL")
        ],
        series_instance_uid=generate_uid(),
        series_number=9,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="A",
        manufacturer_model_name="x",
        software_versions="1",
        device_serial_number="1",
    )
    seg.save_as(tmp_path / "seg.dcm")
    return tmp_path / "seg.dcm"


def without_count(seg: Dataset) -> None:
    del seg.NumberOfFrames


def one_too_few(seg: Dataset) -> None:
    del seg.PerFrameFunctionalGroupsSequence[-1]


def nowhere(seg: Dataset) -> None:
    for frame in seg.PerFrameFunctionalGroupsSequence:
        del frame.PlanePositionSequence


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        (without_count, ImageError, "holds 1 frame and says of 3 where they lie"),
        (one_too_few, ImageError, "holds 3 frames and says of 2 where they lie"),
        (nowhere, GeometryError, "does not say where in the patient it lies"),
    ],
)
def test_what_contradicts_itself_is_told_by_name(
    three: Path, change: Callable[[Dataset], None], kind: type[Exception], said: str
) -> None:
    seg = dcmread(three)
    change(seg)
    seg.save_as(three)
    with pytest.raises(kind, match=said):
        read_dicom_seg(three.read_bytes())


@pytest.mark.parametrize("held", [2, 4])
def test_an_image_says_of_each_of_its_frames_where_it_lies(tmp_path: Path, held: int) -> None:
    path = tmp_path / "a.dcm"
    make_multiframe(path, noise_image((7, 6, 3)), AXIAL)
    image = dcmread(path)
    image.NumberOfFrames = held
    image.save_as(path)
    with pytest.raises(ImageError, match=f"holds {held} frames and says of 3 where they lie"):
        ssn.read(path)
