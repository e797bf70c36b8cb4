"""Several hypotheses and probabilities: as NIfTI, and what a sidecar says of them."""

import hashlib
import hmac
import random
import sys
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydantic import ValidationError

import napari_ssn as ssn
from napari_ssn.core.hypotheses import Hypothesis, ProbabilityMap
from napari_ssn.documents.chosen import Choice
from napari_ssn.documents.ran import DicomInput
from napari_ssn.documents.sidecar import Provenance, read_sidecar
from napari_ssn.io.content import Content
from napari_ssn.io.describing import describe, describe_probability, describe_several
from napari_ssn.io.dicom.series import DicomSeries, input_of
from napari_ssn.io.sidecar import sidecar_path
from tests.support.dicoms import SECRETS, make_series
from tests.support.helpers import oblique_affine
from tests.support.killing import killed
from tests.support.records import MODEL, RUN

SPACE = (5, 4, 3)
LABELS = ["background", "nodule", "vessel"]


def hypothesis(seed: int = 0) -> Hypothesis:
    labels = np.random.default_rng(seed).integers(0, 3, SPACE).astype(np.uint8)
    return Hypothesis(labels, oblique_affine(), np.full(2, float(seed)), 3, 0.25)


def record(seed: int = 0) -> Provenance:
    one = hypothesis(seed)
    assert one.z is not None
    choice = Choice(kind="sample", seed=0, sample=seed + 1, z=one.z.tolist())
    return describe(one, model=MODEL, run=RUN, choice=choice, labels=LABELS, extent="volume")


def probability(labels: int = 2) -> ProbabilityMap:
    values = np.random.default_rng(3).random((labels, *SPACE), np.float32)
    return ProbabilityMap(values, oblique_affine())


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_several_hypotheses_lie_along_a_fourth_axis(tmp_path: Path, suffix: str) -> None:
    found = [hypothesis(seed) for seed in range(3)]
    ssn.write(found, tmp_path / f"a{suffix}")
    image = nib.load(tmp_path / f"a{suffix}")
    assert image.shape == (*SPACE, 3) and image.get_data_dtype() == np.uint8
    for k, one in enumerate(found):
        np.testing.assert_array_equal(np.asarray(image.dataobj)[..., k], one.label_map)
    np.testing.assert_allclose(image.affine, oblique_affine(), atol=1e-6)


@pytest.mark.parametrize("labels", [1, 2])
def test_probabilities_are_float(tmp_path: Path, labels: int) -> None:
    ssn.write(probability(labels), tmp_path / "a.nii.gz")
    image = nib.load(tmp_path / "a.nii.gz")
    values = np.asarray(image.dataobj)
    assert values.dtype == np.float32 and image.shape == (SPACE if labels == 1 else (*SPACE, 2))
    expected = np.moveaxis(probability(labels).values, 0, -1)
    np.testing.assert_array_equal(values, expected[..., 0] if labels == 1 else expected)


def test_planes_get_a_third_axis_before_the_fourth(tmp_path: Path) -> None:
    plane = Hypothesis(np.eye(4, 3, dtype=np.uint8), np.eye(4), None)
    ssn.write([plane, plane], tmp_path / "a.nii")
    assert nib.load(tmp_path / "a.nii").shape == (4, 3, 1, 2)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii", "a.seg.nrrd"])
def test_the_sidecar_names_every_z(tmp_path: Path, name: str) -> None:
    records = [record(seed) for seed in range(3)]
    whole = describe_several(records, ["first", "second", "third"], [0.5, 0.3, None])
    ssn.write([hypothesis(seed) for seed in range(3)], tmp_path / name, provenance=whole)
    read = read_sidecar(sidecar_path(tmp_path / name))
    assert read == whole and read.hypotheses is not None
    assert [one.name for one in read.hypotheses] == ["first", "second", "third"]
    assert [one.share for one in read.hypotheses] == [0.5, 0.3, None]
    assert [one.choice.z for one in read.hypotheses] == [[0, 0], [1, 1], [2, 2]]
    assert read.choice == read.hypotheses[0].choice
    with pytest.raises(ValueError, match="another label map"):
        ssn.write(hypothesis(), tmp_path / "b.nii", provenance=whole)
    assert describe_several(records[:1], ["one"], [None]) == records[0]


def test_the_sidecar_of_a_probability_map_has_no_z(tmp_path: Path) -> None:
    likely = probability()
    about = describe_probability(likely, model=MODEL, run=RUN)
    ssn.write(likely, tmp_path / "a.nii.gz", provenance=about)
    read = read_sidecar(tmp_path / "a.json")
    assert read.choice.kind == "probability" and read.choice.z is None and not read.volumes
    assert read.grid.shape == list(SPACE)
    with pytest.raises(ValueError, match="another label map"):
        ssn.write(probability(1), tmp_path / "b.nii.gz", provenance=about)


def test_one_hypothesis_lies_in_a_folder_in_every_format(tmp_path: Path) -> None:
    names = ["a.nii.gz", "a.seg.nrrd"]
    for name in names:
        ssn.write(hypothesis(), tmp_path / name, provenance=record())
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "a.json",
        "a.nii.gz",
        "a.seg.nrrd",
        "a.seg.nrrd.json",
    ]


def test_the_sidecar_names_a_series_by_codes_of_its_uids(tmp_path: Path) -> None:
    paths = make_series(tmp_path / "scan", np.zeros(SPACE), oblique_affine())
    source = DicomSeries(tuple(pydicom.dcmread(p, stop_before_pixels=True) for p in paths))
    run = RUN.model_copy(update={"dicom": input_of(source, RUN.image_sha256)})
    about = describe_probability(probability(), model=MODEL, run=run)
    ssn.write(probability(), tmp_path / "a.dcm", source=source, provenance=about)
    text = (tmp_path / "a.dcm.json").read_text()
    assert not any(secret in text for secret in SECRETS)
    found = read_sidecar(tmp_path / "a.dcm.json").run.dicom
    uids = [str(header.SOPInstanceUID) for header in source.headers]
    series = str(source.headers[0].SeriesInstanceUID)
    assert series not in text and not any(uid in text for uid in uids)
    key = RUN.image_sha256
    assert found is not None and found.is_series(series, key) and found.slices_of(uids, key)
    # Of another image, of another series, of fewer slices, in another order.
    assert not found.is_series(series, "f" * 64) and not found.is_series(uids[0], key)
    assert found.slices_of(uids[1:], key) is False and found.slices_of(uids[::-1], key) is None
    expected = hmac.new(bytes.fromhex(key), series.encode(), hashlib.sha256).hexdigest()
    assert found.series_hmac == expected
    assert input_of(None, key) is None and input_of("scan", key) is None


def test_sidecars_of_before_name_a_series_by_its_uids() -> None:
    before = DicomInput(series_instance_uid="1.2", sop_instance_uids=["1.2.3", "1.2.4"])
    assert before.is_series("1.2", "0" * 64) and not before.is_series("1.2.3", "0" * 64)
    assert before.slices_of(["1.2.3", "1.2.4"], "0" * 64) is True
    assert before.slices_of(["1.2.4", "1.2.3"], "0" * 64) is None
    assert before.slices_of(["1.2.3"], "0" * 64) is False
    with pytest.raises(ValidationError, match="codes or by their UIDs"):
        DicomInput(series_instance_uid="1.2", slices_hmac=["0" * 64])


def test_content_is_one_grid_and_one_kind() -> None:
    other = Hypothesis(hypothesis().label_map, np.eye(4), None, 3)
    with pytest.raises(ValueError, match="one grid"):
        Content.of([hypothesis(), other])
    with pytest.raises(ValueError, match="either hypotheses or"):
        Content.of([])
    with pytest.raises(ValueError, match="names: expected 2"):
        Content.of([hypothesis(), hypothesis(1)], names=["one"])
    with pytest.raises(ValueError, match="from 0 to 1"):
        ProbabilityMap(np.full((1, 2, 2), np.nan, np.float32), np.eye(4))
    with pytest.raises(TypeError, match="float32"):
        ProbabilityMap(np.zeros((1, 2, 2)), np.eye(4))


def test_probabilities_of_a_region_lie_in_the_image() -> None:
    rng = np.random.default_rng(0)
    dist = ssn.LogitDistribution(
        rng.normal(size=(2, 3, 2)).astype(np.float32),
        rng.normal(size=(1, 2, 3, 2)).astype(np.float32),
        np.ones((2, 3, 2), np.float32),
        start=(1, 2),
        image_space=(5, 6),
    )
    likely = ProbabilityMap.of(dist)
    assert likely.values.shape == (1, 5, 6)
    np.testing.assert_array_equal(likely.values[0, 1:4, 2:4], dist.probabilities()[1])
    assert np.count_nonzero(likely.values) == 6


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("name", ["out.nii.gz", "out.seg.nrrd", "out.dcm"])
def test_a_kill_at_any_moment_leaves_the_old_file_or_the_new(tmp_path: Path, name: str) -> None:
    """Exports over and over; killed after a random while, every file is whole and its own."""
    affine, space = oblique_affine(), (64, 64, 6)
    scan = make_series(tmp_path / "scan", np.zeros(space), affine)
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in scan]
    headers.sort(key=lambda header: float(header.ImagePositionPatient[2]))
    source = DicomSeries(tuple(headers))
    labels = np.random.default_rng(0).integers(0, 2, space).astype(np.uint8)
    one = Hypothesis(labels, affine, np.zeros(2))
    about = describe(
        one, model=MODEL, run=RUN, choice=Choice(kind="mean", z=[0.0, 0.0]),
        labels=["background", "nodule"], extent="volume",
    )  # fmt: skip

    def export(to: Path) -> None:
        ssn.write(one, to, provenance=about, overwrite=True, source=source)

    # What is imported for the first time is not what is timed.
    (tmp_path / "before").mkdir()
    export(tmp_path / "before" / name)
    rng = random.Random(name)
    target, beside = tmp_path / name, sidecar_path(tmp_path / name)
    whole: set[bytes] = set()
    for attempt in range(3):
        assert killed(partial(export, target), rng.uniform(0, 0.6), after_one=attempt > 0)
        if target.exists():
            whole.add(_readable(target))
        if beside.exists():
            read_sidecar(beside)
    # All that was ever seen under that name was the one label map, whole.
    assert len(whole) == 1


def _readable(path: Path) -> bytes:
    """Pixels of a file, read by somebody else's reader, which refuses a partial one."""
    if path.suffix == ".dcm":
        return pydicom.dcmread(path).pixel_array.tobytes()
    if path.suffix == ".nrrd":
        import nrrd

        return nrrd.read(str(path))[0].tobytes()
    return np.asarray(nib.load(path).dataobj).tobytes()


def test_a_loaded_model_names_the_labels_as_its_card_does(tmp_path: Path) -> None:
    from napari_ssn.network.models import load_model
    from tests.support.helpers import tiny_model

    model = load_model(tiny_model(tmp_path / "tiny", classes=3), "cpu")
    one = Hypothesis(np.zeros((6, 5, 4), np.uint8), np.eye(4), None, 3)
    for name, given in (("a.seg.nrrd", model), ("b.seg.nrrd", model.card)):
        ssn.write(one, tmp_path / name, model=given)
    first, second = ((tmp_path / name).read_bytes() for name in ("a.seg.nrrd", "b.seg.nrrd"))
    assert first == second and model.card.labels[1].name.encode() in first
