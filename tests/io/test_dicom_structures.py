"""DICOM structure sets, read back by plastimatch and judged by dicom3tools."""

import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import nrrd
import numpy as np
import pydicom
import pytest

import napari_ssn as ssn
from napari_ssn.core.hypotheses import ProbabilityMap
from napari_ssn.errors import ExportError, GeometryError, ImageError
from napari_ssn.io.content import Content
from napari_ssn.io.dicom.outlines import filled, in_slices, lines
from napari_ssn.io.dicom.structures import encode, label_maps
from tests.support.dicoms import check_leaves_out, told
from tests.support.segmentations import AFFINES, LPS, SOURCES, SPACE, card, complaints, maps, series


def test_lines_hold_the_voxels_of_their_mask_and_no_other() -> None:
    rng = np.random.default_rng(0)
    for _ in range(150):
        shape = tuple(rng.integers(1, 12, 2))
        mask = rng.random(shape) < rng.random()
        found = [filled(line, shape) for line in lines(mask)]
        # None within another: readers that know no holes see none filled.
        assert np.sum(found, axis=0).max(initial=0) <= 1
        np.testing.assert_array_equal(np.any(found, axis=0) if found else mask & False, mask)


def test_a_ring_becomes_two_halves_and_lines_run_between_voxels() -> None:
    ring = np.ones((5, 5), bool)
    ring[2, 2] = False
    assert len(list(lines(ring))) == 2
    (square,) = lines(np.ones((1, 1), bool))
    # Half-way to each neighbour.
    assert sorted(map(tuple, square)) == [(-0.5, 0), (0, -0.5), (0, 0.5), (0.5, 0)]


def test_a_contour_through_no_place_is_none() -> None:
    contour = SimpleNamespace(
        get=lambda keyword: "CLOSED_PLANAR", ContourData=[0, 0, 0, 3, np.nan, 0, 3, 3, 0]
    )
    with pytest.raises(ValueError, match="no place"):
        list(in_slices({"ContourSequence": [contour]}, np.eye(4), (5, 5, 1), "elsewhere"))


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("name", ["oblique", "mirrored", "sagittal"])
def test_outlines_come_back_voxel_for_voxel(tmp_path: Path, name: str, kind: str) -> None:
    affine, path = AFFINES[name], tmp_path / "a.rtstruct.dcm"
    found, source = maps(2, affine), SOURCES[kind](tmp_path, affine)
    ssn.write(found, path, model=card(), source=source)
    back = label_maps([path], affine, SPACE, 2, 2)
    np.testing.assert_array_equal(back, [one.label_map for one in found])
    assert complaints(path, "RTStructureSet") == []
    header = pydicom.dcmread(path)
    assert header.FrameOfReferenceUID == source.headers[0].FrameOfReferenceUID
    assert header.StudyInstanceUID == source.headers[0].StudyInstanceUID
    # Each contour names the slice that it is on.
    contour = header.ROIContourSequence[0].ContourSequence[0]
    (image,) = contour.ContourImageSequence
    at = np.linalg.inv(LPS @ affine) @ [*map(float, contour.ContourData[:3]), 1.0]
    assert at[2] == pytest.approx(round(at[2]), abs=1e-3)
    if source.frames is None:
        assert image.ReferencedSOPInstanceUID == source.headers[round(at[2])].SOPInstanceUID
    else:
        assert image.ReferencedFrameNumber == source.frames[round(at[2])]
    elsewhere = affine.copy()
    elsewhere[:3, 3] += affine[:3, 2] / 2
    with pytest.raises(GeometryError, match="does not lie on the grid"):
        label_maps([path], elsewhere, SPACE, 2, 2)
    with pytest.raises(ImageError, match="other structures than expected"):
        label_maps([path], affine, SPACE, 3, 2)


def test_contours_of_an_ensemble_of_few_are_called_by_its_members(tmp_path: Path) -> None:
    affine, path = AFFINES["oblique"], tmp_path / "a.rtstruct.dcm"
    (one,), source = maps(1, affine), series(tmp_path, affine)
    levels = np.random.default_rng(4).integers(0, 4, (2, *SPACE)).astype(np.uint8)
    content = Content.of(one, card(), levels=levels, members="4 label maps")
    path.write_bytes(encode(content, path, source))
    found = pydicom.dcmread(path).StructureSetROISequence
    said = {str(roi.ROIName): str(roi.get("ROIDescription", "")) for roi in found}
    assert said["anterior, inner (all)"] == "Inside all of 4 label maps that outline anything"
    assert said["posterior, outer (any)"] == "Inside any of 4 label maps that outline anything"
    assert "%" not in "".join([*said, *said.values()])


def test_others_fill_the_same_voxels(tmp_path: Path) -> None:
    """Of the outline, and of what 95, 50 and 5 % of the hypotheses agree on."""
    tool = shutil.which("plastimatch")
    if tool is None:
        pytest.skip("plastimatch (Debian: plastimatch) is not installed")
    affine, path = AFFINES["oblique"], tmp_path / "a.rtstruct.dcm"
    (one,), source = maps(1, affine), series(tmp_path, affine)
    levels = np.random.default_rng(4).integers(0, 4, (2, *SPACE)).astype(np.uint8)
    path.write_bytes(encode(Content.of(one, card(), levels=levels), path, source))
    assert complaints(path, "RTStructureSet") == []
    names = [str(roi.ROIName) for roi in pydicom.dcmread(path).StructureSetROISequence]
    nested = ("inner (95 %)", "median (50 %)", "outer (5 %)")
    labels = ("anterior", "posterior")
    assert names == [*labels, *(f"{label}, {one}" for label in labels for one in nested)]
    options = ("--referenced-ct", tmp_path / "scan", "--output-prefix", tmp_path / "out")
    command = [tool, "convert", "--input", path, *options, "--prefix-format", "nrrd"]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    masks = [one.label_map == 1, one.label_map == 2]
    masks += [levels[label] >= level for label in (0, 1) for level in (3, 2, 1)]
    files = {file.stem: file for file in (tmp_path / "out").iterdir()}
    assert len(files) == len(names)
    for name, mask in zip(names, masks, strict=True):
        plain = "".join(c if c.isalnum() else "_" for c in name)
        (file,) = (f for stem, f in files.items() if _plain(stem) == plain)
        values, fields = nrrd.read(str(file))
        theirs = np.eye(4)
        theirs[:3, :3] = np.array(fields["space directions"]).T
        theirs[:3, 3] = fields["space origin"]
        index = np.argwhere(values > 0) @ (ours := np.linalg.inv(LPS @ affine) @ theirs)[:3, :3].T
        index += ours[:3, 3]
        assert np.abs(index - np.rint(index)).max() < 1e-3
        back = np.zeros(SPACE, bool)
        back[tuple(np.rint(index).astype(int).T)] = True
        np.testing.assert_array_equal(back, mask)


def _plain(stem: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in stem)


@pytest.mark.parametrize("deidentified", [False, True])
def test_no_more_goes_out_than_the_standard_requires(tmp_path: Path, deidentified: bool) -> None:
    affine, path = AFFINES["oblique"], tmp_path / "a.rtstruct.dcm"
    source = series(tmp_path, affine, change=told)
    ssn.write(maps(1, affine), path, source=source, deidentified=deidentified)
    whole = path.read_bytes()
    check_leaves_out(whole, deidentified)
    assert complaints(path, "RTStructureSet") == []


def test_what_it_cannot_hold_is_refused_and_nothing_outlined_is_held(tmp_path: Path) -> None:
    affine, path = AFFINES["straight"], tmp_path / "a.rtstruct.dcm"
    source = series(tmp_path, affine)
    likely = ProbabilityMap(np.full((2, *SPACE), 0.5, np.float32), affine)
    with pytest.raises(ExportError, match="holds outlines, and probabilities have none"):
        ssn.write(likely, path, source=source)
    nothing = ssn.Hypothesis(np.zeros(SPACE, np.uint8), affine, None)
    ssn.write(nothing, path, source=source)
    assert complaints(path, "RTStructureSet") == []
    assert not label_maps([path], affine, SPACE, 1, 1).any()
    with pytest.raises(ImageError, match="of DICOM there is only 1 RTSTRUCT"):
        ssn.read(path)
