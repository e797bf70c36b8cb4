"""DICOM parametric maps, read back by pydicom and judged by dicom3tools."""

from pathlib import Path

import numpy as np
import pydicom
import pytest

import napari_ssn as ssn
from napari_ssn.core.hypotheses import ProbabilityMap
from napari_ssn.errors import ExportError, ImageError
from tests.support.dicoms import check_leaves_out, told
from tests.support.segmentations import AFFINES, LPS, SOURCES, SPACE, card, complaints, maps, series


@pytest.mark.parametrize("kind", SOURCES)
def test_probabilities_come_back_to_the_bit(tmp_path: Path, kind: str) -> None:
    affine, path = AFFINES["oblique"], tmp_path / "a.pm.dcm"
    values = np.random.default_rng(2).random((2, *SPACE), np.float32)
    values[:, :, :, 1] = 0
    source = SOURCES[kind](tmp_path, affine)
    ssn.write(ProbabilityMap(values, affine), path, model=card(), source=source)
    assert complaints(path, "ParametricMap") == []
    read = pydicom.dcmread(path)
    pixels = read.pixel_array
    back, names = np.zeros_like(values), []
    for frame, rows in zip(read.PerFrameFunctionalGroupsSequence, pixels, strict=True):
        position = frame.PlanePositionSequence[0].ImagePositionPatient
        at = np.linalg.inv(LPS @ affine) @ [*map(float, position), 1.0]
        mapping = frame.RealWorldValueMappingSequence[0]
        label = ["anterior", "posterior"].index(mapping.LUTLabel)
        names.append(mapping.QuantityDefinitionSequence[0].ConceptCodeSequence[0].CodeMeaning)
        back[label, ..., round(float(at[2]))] = rows.T
    np.testing.assert_array_equal(back, values)
    # A slice on which nothing is likely is left out.
    assert len(pixels) == 2 * (SPACE[2] - 1) and set(names) == {"Probability"}


@pytest.mark.parametrize("deidentified", [False, True])
def test_no_more_goes_out_than_the_standard_requires(tmp_path: Path, deidentified: bool) -> None:
    affine, path = AFFINES["oblique"], tmp_path / "a.pm.dcm"
    source = series(tmp_path, affine, change=told)
    likely = ProbabilityMap(np.full((1, *SPACE), 0.5, np.float32), affine)
    ssn.write(likely, path, source=source, deidentified=deidentified)
    whole = path.read_bytes()
    check_leaves_out(whole, deidentified)
    assert complaints(path, "ParametricMap") == []


def test_what_it_cannot_hold_is_refused_and_it_is_no_image_here(tmp_path: Path) -> None:
    affine, path = AFFINES["straight"], tmp_path / "a.pm.dcm"
    source = series(tmp_path, affine)
    with pytest.raises(ExportError, match=r"holds probabilities: write label maps as \.dcm"):
        ssn.write(maps(1, affine), path, source=source)
    ssn.write(ProbabilityMap(np.zeros((1, *SPACE), np.float32), affine), path, source=source)
    assert complaints(path, "ParametricMap") == []
    with pytest.raises(ImageError, match="of DICOM there is only 1 parametric map"):
        ssn.read(path)
