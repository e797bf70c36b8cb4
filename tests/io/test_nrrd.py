"""``.seg.nrrd``, read back by pynrrd as 3D Slicer reads it."""

import gzip
from pathlib import Path

import nrrd
import numpy as np
import pytest

import napari_ssn as ssn
from napari_ssn.core.hypotheses import Hypothesis, ProbabilityMap
from napari_ssn.documents.card import read_card
from napari_ssn.errors import ExportError
from napari_ssn.io.content import PlainLabel, PlainModel
from tests.support.helpers import oblique_affine

ROOT = Path(__file__).parents[2]
SPACE = (7, 6, 5)
LPS = np.diag([-1.0, -1.0, 1.0])


def hypotheses(count: int, affine: np.ndarray | None = None) -> list[Hypothesis]:
    rng = np.random.default_rng(0)
    affine = oblique_affine() if affine is None else affine
    return [
        Hypothesis(rng.integers(0, 3, SPACE).astype(np.uint8), affine, None, 3, 1 / count)
        for _ in range(count)
    ]


def card():
    return read_card(ROOT / "src_weights" / "hippocampus-3d")


@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_one_hypothesis_comes_back_at_its_place(tmp_path: Path, flips, order) -> None:
    affine = oblique_affine()
    affine[:3] = np.diag(flips) @ affine[list(order)]
    one = hypotheses(1, affine)[0]
    ssn.write(one, tmp_path / "a.seg.nrrd", model=card())
    data, header = nrrd.read(str(tmp_path / "a.seg.nrrd"))
    np.testing.assert_array_equal(data, one.label_map)
    assert header["space"] == "left-posterior-superior"
    assert header["kinds"] == ["domain"] * 3
    # One row per axis of the grid. Exactly: every number is written to its last bit.
    np.testing.assert_array_equal(header["space directions"].T, LPS @ affine[:3, :3])
    np.testing.assert_array_equal(header["space origin"], LPS @ affine[:3, 3])


def test_several_hypotheses_are_layers(tmp_path: Path) -> None:
    found = hypotheses(3)
    names = ["likeliest", "larger", "none"]
    ssn.write(found, tmp_path / "a.seg.nrrd", model=card(), names=names)
    data, header = nrrd.read(str(tmp_path / "a.seg.nrrd"))
    assert header["kinds"] == ["list", "domain", "domain", "domain"]
    assert np.isnan(header["space directions"][0]).all()
    np.testing.assert_array_equal(header["space directions"][1:].T, LPS @ oblique_affine()[:3, :3])
    ids = set()
    for number in range(6):
        field = {key: header[f"Segment{number}_{key}"] for key in ("ID", "Name", "Color")}
        layer, value = (int(header[f"Segment{number}_{key}"]) for key in ("Layer", "LabelValue"))
        assert (layer, value) == (number // 2, number % 2 + 1)
        label = card().labels[value]
        assert field["Name"] == f"{label.name}, {names[layer]}"
        colour = [round(255 * float(part)) for part in field["Color"].split()]
        assert "#" + "".join(f"{part:02x}" for part in colour) == label.colour
        mask = data[layer] == value
        np.testing.assert_array_equal(mask, found[layer].label_map == value)
        first, last = np.argwhere(mask).min(0), np.argwhere(mask).max(0)
        extent = np.array(header[f"Segment{number}_Extent"].split(), int).reshape(3, 2)
        np.testing.assert_array_equal(extent, np.stack([first, last], 1))
        ids.add(field["ID"])
    assert len(ids) == 6 and "Segment6_ID" not in header
    assert header["Segmentation_SourceRepresentation"] == "Binary labelmap"
    assert header["Segmentation_MasterRepresentation"] == "Binary labelmap"
    assert header["Segmentation_ContainedRepresentationNames"] == "Binary labelmap|"
    assert header["Segmentation_ReferenceImageExtentOffset"] == "0 0 0"


def test_terms_are_slicers(tmp_path: Path) -> None:
    ssn.write(hypotheses(1)[0], tmp_path / "a.seg.nrrd", model=card())
    header = nrrd.read_header(str(tmp_path / "a.seg.nrrd"))
    assert (
        "TerminologyEntry:Segmentation category and type - DICOM master list"
        "~SCT^91723000^Anatomical Structure~SCT^5366008^Hippocampus~SCT^255549009^Anterior"
        "~Anatomic codes - DICOM master list~^^~^^|"
    ) in header["Segment0_Tags"]
    assert header["napari-ssn_WeightsSHA256"] == card().weights_sha256


def test_what_is_not_there_has_no_extent(tmp_path: Path) -> None:
    empty = Hypothesis(np.zeros(SPACE, np.uint8), np.eye(4), None)
    ssn.write(empty, tmp_path / "a.seg.nrrd")
    header = nrrd.read_header(str(tmp_path / "a.seg.nrrd"))
    assert header["Segment0_Extent"] == "0 -1 0 -1 0 -1"
    assert header["Segment0_Name"] == "label 1"


def test_a_plane_is_a_volume_of_one_slice(tmp_path: Path) -> None:
    plane = Hypothesis(np.eye(4, 3, dtype=np.uint8), np.eye(4), None)
    ssn.write([plane, plane], tmp_path / "a.seg.nrrd")
    data, _ = nrrd.read(str(tmp_path / "a.seg.nrrd"))
    assert data.shape == (2, 4, 3, 1)
    np.testing.assert_array_equal(data[1, ..., 0], plane.label_map)


def test_odd_names_stay_in_their_field(tmp_path: Path) -> None:
    labels = [PlainLabel("background", "#000000"), PlainLabel("a|b~c\nSegment9_ID:=x", "#102030")]
    model = PlainModel("tiny", "1", "", labels)
    one = Hypothesis(np.ones((2, 2, 2), np.uint8), np.eye(4), None)
    ssn.write(one, tmp_path / "a.seg.nrrd", model=model)
    header = nrrd.read_header(str(tmp_path / "a.seg.nrrd"))
    assert header["Segment0_Name"] == "a b c Segment9_ID:=x" and "Segment9_ID" not in header


def test_the_same_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        ssn.write(hypotheses(2), tmp_path / f"{name}.seg.nrrd", model=card())
    first, second = ((tmp_path / f"{name}.seg.nrrd").read_bytes() for name in "ab")
    assert first == second
    head, body = first.split(b"\n\n", 1)
    assert len(gzip.decompress(body)) == 2 * np.prod(SPACE) and b"date" not in head.lower()


def test_probabilities_are_no_segmentation(tmp_path: Path) -> None:
    likely = ProbabilityMap(np.full((1, *SPACE), 0.5, np.float32), np.eye(4))
    with pytest.raises(ExportError, match="hold no probabilities"):
        ssn.write(likely, tmp_path / "a.seg.nrrd")
    assert not list(tmp_path.iterdir())
