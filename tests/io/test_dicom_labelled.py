"""DICOM label maps, read back by highdicom."""

import shutil
import subprocess
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest

import napari_ssn as ssn
from napari_ssn.errors import ExportError
from napari_ssn.io.dicom.segments import label_maps, read_dicom_seg
from tests.support.dicoms import check_leaves_out, told
from tests.support.segmentations import AFFINES, SOURCES, SPACE, card, maps, series

NAMES = [(1, "anterior"), (2, "posterior")]


def judged(path: Path) -> list[str]:
    """Errors that dciodvfy finds, which does not know the class itself up to now."""
    tool = shutil.which("dciodvfy")
    if tool is None:
        pytest.skip("dciodvfy (Debian: dicom3tools) is not installed")
    done = subprocess.run([tool, str(path)], capture_output=True, text=True, check=False)
    errors = [line for line in (done.stdout + done.stderr).splitlines() if "Error" in line]
    return [line for line in errors if line != "Error - Information Object Not found"]


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("name", ["oblique", "sagittal"])
def test_a_hypothesis_comes_back(tmp_path: Path, name: str, kind: str) -> None:
    affine, path = AFFINES[name], tmp_path / "a.labelmap.dcm"
    one = maps(1, affine)[0]
    ssn.write(one, path, model=card(), source=SOURCES[kind](tmp_path, affine))
    seg = highdicom.seg.segread(path)
    assert seg.SegmentationType == "LABELMAP" and seg.PixelPaddingValue == 0
    assert [(s.SegmentNumber, s.SegmentLabel) for s in seg.SegmentSequence] == NAMES
    for number in (1, 2):
        volume = seg.get_volume(segment_numbers=[number], perpendicular_tol=1.0)
        assert volume.array.sum() == (one.label_map == number).sum()
    np.testing.assert_array_equal(label_maps([path], affine, SPACE, 1, 2)[0], one.label_map)
    opened = read_dicom_seg(path.read_bytes())
    assert opened is not None
    (layer,) = opened[1]
    assert {value: label.name for value, label in layer.labels.items()} == dict(NAMES)
    assert judged(path) == []


@pytest.mark.parametrize("deidentified", [False, True])
def test_no_more_goes_out_than_the_standard_requires(tmp_path: Path, deidentified: bool) -> None:
    affine, path = AFFINES["oblique"], tmp_path / "a.labelmap.dcm"
    source = series(tmp_path, affine, change=told)
    ssn.write(maps(1, affine), path, source=source, deidentified=deidentified)
    whole = path.read_bytes()
    check_leaves_out(whole, deidentified)


def test_several_are_refused_and_nothing_outlined_is_held(tmp_path: Path) -> None:
    affine, path = AFFINES["straight"], tmp_path / "a.labelmap.dcm"
    source = series(tmp_path, affine)
    with pytest.raises(ExportError, match="holds one hypothesis"):
        ssn.write(maps(2, affine), path, source=source)
    nothing = ssn.Hypothesis(np.zeros(SPACE, np.uint8), affine, None)
    ssn.write(nothing, path, source=source)
    assert pydicom.dcmread(path).NumberOfFrames == 1
    assert not label_maps([path], affine, SPACE, 1, 1).any()
