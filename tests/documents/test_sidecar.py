import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import napari_ssn as ssn
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.core.latent import FARTHEST
from napari_ssn.documents.chosen import Choice
from napari_ssn.documents.ran import ModelIdentity, Run
from napari_ssn.documents.sidecar import Provenance, read_sidecar, sidecar_schema
from napari_ssn.errors import DataError, ExportError
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.describing import describe, edited
from napari_ssn.io.hashes import image_hash, label_map_hash
from napari_ssn.io.sidecar import sidecar_path, write_pair
from napari_ssn.text.problems import RESEARCH_ONLY
from tests.support.helpers import noise_image, oblique_affine

SPACE = (5, 4, 3)
LABELS = ["background", "nodule", "vessel"]


def volume(**kwargs) -> Volume:
    return Volume(noise_image(SPACE)[None], oblique_affine(), **kwargs)


def hypothesis(z=(0.1, -1 / 3)) -> Hypothesis:
    labels = (np.arange(np.prod(SPACE)) % 3).astype(np.uint8).reshape(SPACE)
    return Hypothesis(labels, oblique_affine(), None if z is None else np.array(z), classes=3)


def provenance(what: Hypothesis | None = None, extent="volume", **choice) -> Provenance:
    what = what or hypothesis()
    z = None if what.z is None else what.z.tolist()
    return describe(
        what,
        model=ModelIdentity(name="tiny", version="0.1", weights_sha256="a" * 64),
        run=Run(
            device="cpu", device_title="CPU", centre=[2, 2, 1], image_sha256=image_hash(volume())
        ),
        choice=Choice(**{"kind": "sample", "seed": 3, "sample": 5, "z": z} | choice),
        labels=LABELS,
        extent=extent,
    )


def test_holds_all_that_is_needed_to_make_it_again() -> None:
    record = json.loads(provenance().to_json())
    assert record["schema_version"] == 1 and record["notice"] == RESEARCH_ONLY
    assert record["model"] == {"name": "tiny", "version": "0.1", "weights_sha256": "a" * 64}
    assert record["run"]["centre"] == [2, 2, 1] and record["run"]["device"] == "cpu"
    assert record["run"]["image_sha256"] == image_hash(volume())
    assert record["choice"]["z"] == [0.1, -1 / 3] and record["choice"]["sample"] == 5
    assert record["grid"]["shape"] == list(SPACE)
    np.testing.assert_array_equal(record["grid"]["affine"], oblique_affine())
    assert record["label_map_sha256"] == label_map_hash(hypothesis().label_map)
    assert set(record["software"]) >= {"napari_ssn", "torch", "monai", "numpy", "python"}
    assert record["created"].endswith("+00:00")


def test_names_no_file_and_no_folder(tmp_path: Path) -> None:
    write_pair(hypothesis(), tmp_path / "DOE_JANE.nii.gz", provenance())
    text = (tmp_path / "DOE_JANE.json").read_text()
    assert "DOE" not in text and str(tmp_path) not in text and str(Path.home()) not in text


# About bits, not about time.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.floats(-FARTHEST, FARTHEST), min_size=1))
def test_every_number_comes_back_with_the_same_bits(z: list[float]) -> None:
    record = provenance(hypothesis(z))
    again = Provenance.model_validate_json(record.to_json())
    assert again == record
    assert np.array(again.choice.z).tobytes() == np.array(z).tobytes()


@pytest.mark.parametrize(
    ("extent", "unit", "ml", "mm2"),
    [
        ("volume", "mL", 20 * 0.7 * 1.3 * 2.5 / 1000, None),
        ("plane", "mm2", None, 20 * 0.7 * 1.3),
        ("unknown", "voxels", None, None),
    ],
)
def test_volumes_say_what_the_voxel_size_tells(extent: str, unit: str, ml, mm2) -> None:
    volumes = provenance(extent=extent).volumes
    assert list(volumes) == ["nodule", "vessel"]
    for size in volumes.values():
        assert size.voxels == 20 and size.unit == unit
        for value, expected in ((size.ml, ml), (size.mm2, mm2)):
            assert (value is None) == (expected is None)
            assert expected is None or value == pytest.approx(expected, rel=1e-12)


def test_the_images_hash_knows_values_shape_and_place() -> None:
    image = volume()
    same = Volume(np.asfortranarray(image.data), image.affine, "unknown", oriented=False)
    assert image_hash(same) == image_hash(image)
    moved = np.array(image.affine)
    moved[0, 3] += 1e-9
    other = image.data.copy()
    other[0, 0, 0, 0] = np.nextafter(other[0, 0, 0, 0], np.float32(np.inf))
    for changed in (
        Volume(image.data, moved),
        Volume(other, image.affine),
        Volume(image.data.reshape(1, 4, 5, 3), image.affine),
    ):
        assert image_hash(changed) != image_hash(image)


def test_the_hash_takes_minus_zero_for_zero_in_the_affine() -> None:
    minus = np.diag([1.0, 1, 1, 1])
    minus[0, 1] = -0.0
    data = noise_image(SPACE)[None]
    assert image_hash(Volume(data, minus)) == image_hash(Volume(data, np.eye(4)))


def test_the_hash_is_the_same_for_ever() -> None:
    """Sidecars written years ago must still find their image."""
    image = Volume(np.arange(12, dtype=np.float32).reshape(1, 3, 4), np.eye(4))
    assert image_hash(image) == "d925b728b604e949511ed98d7dd26362ac3b7209d51703cb0ef17856d34f3800"


def test_a_label_maps_hash_is_that_of_its_bytes() -> None:
    labels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert label_map_hash(np.asfortranarray(labels)) == label_map_hash(labels)
    assert label_map_hash(labels).startswith("17e88db187afd62c16e5debf3e6527cd")


def test_the_pair_is_written_and_read(tmp_path: Path) -> None:
    record = provenance()
    paths = ssn.write(hypothesis(), tmp_path / "out.nii.gz", provenance=record)
    assert paths == [tmp_path / "out.nii.gz", tmp_path / "out.json"]
    assert read_sidecar(tmp_path / "out.json") == record
    with pytest.raises(ExportError, match="already is a file"):
        ssn.write(hypothesis(), tmp_path / "out.nii.gz", provenance=record)
    ssn.write(hypothesis(), tmp_path / "out.nii.gz", provenance=record, overwrite=True)


@pytest.mark.parametrize("existing", ["out.nii.gz", "out.json"])
def test_neither_is_written_when_one_exists(tmp_path: Path, existing: str) -> None:
    (tmp_path / existing).write_bytes(b"old")
    with pytest.raises(ExportError, match=r"already is a file|of another program"):
        write_pair(hypothesis(), tmp_path / "out.nii.gz", provenance())
    assert [p.name for p in tmp_path.iterdir()] == [existing]


def test_json_of_another_program_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "out.json").write_bytes(b'{"PatientPosition": "HFS"}')
    with pytest.raises(ExportError, match="of another program"):
        write_pair(hypothesis(), tmp_path / "out.nii.gz", provenance(), overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


def test_nii_and_nii_gz_do_not_share_a_sidecar(tmp_path: Path) -> None:
    ssn.write(hypothesis(), tmp_path / "out.nii.gz", provenance=provenance())
    before = (tmp_path / "out.json").read_bytes()
    for overwrite in (False, True):
        with pytest.raises(ExportError, match=r"already is a file|a \.nii\.gz of the same name"):
            ssn.write(
                hypothesis(), tmp_path / "out.nii", provenance=provenance(), overwrite=overwrite
            )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.json", "out.nii.gz"]
    assert (tmp_path / "out.json").read_bytes() == before


def test_a_sidecar_belongs_to_its_label_map(tmp_path: Path) -> None:
    other = Hypothesis(np.zeros(SPACE, np.uint8), oblique_affine(), np.zeros(2), classes=3)
    with pytest.raises(ValueError, match="another label map"):
        write_pair(other, tmp_path / "out.nii.gz", provenance())
    with pytest.raises(ValueError, match="its z is not"):
        provenance(z=[0.0, 0.0])
    with pytest.raises(ValueError, match="labels: expected 3"):
        describe(
            hypothesis(),
            model=provenance().model,
            run=provenance().run,
            choice=provenance().choice,
            labels=["background"],
            extent="volume",
        )


@pytest.mark.parametrize(
    ("name", "sidecar"),
    [("a.nii.gz", "a.json"), ("a.nii", "a.json"), ("A.NII.GZ", "A.json"), ("a.b.nii", "a.b.json")],
)
def test_the_sidecar_lies_beside_it(name: str, sidecar: str) -> None:
    assert sidecar_path(Path("folder") / name) == Path("folder") / sidecar


def test_an_edited_map_loses_its_z() -> None:
    painted = hypothesis(z=None).label_map.copy()
    painted[0, 0, 0] = 2
    record = edited(provenance(), Hypothesis(painted, oblique_affine(), None, classes=3))
    assert record.choice == Choice(kind="edited", z=None)
    assert record.label_map_sha256 == label_map_hash(painted)
    assert record.volumes["vessel"].voxels == 21 and record.volumes["vessel"].unit == "mL"
    painted[0, 0, 0] = 4
    more = edited(provenance(), Hypothesis(painted, oblique_affine(), None, classes=5))
    assert list(more.volumes) == ["nodule", "vessel", "label 3", "label 4"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r.pop("model"), "not valid at model"),
        (lambda r: r.update(patient="DOE"), "not valid at patient"),
        (lambda r: r.update(schema_version=0), "not valid at schema_version"),
        (lambda r: r.update(schema_version=2, more="x"), "newer napari-ssn .version 2 of its form"),
        (lambda r: r["choice"].update(z=["1"]), r"not valid at choice\.z\.0"),
        (lambda r: r["choice"].update(z=[float("nan")]), "not valid"),
        (lambda r: r["model"].update(weights_sha256="123"), "weights_sha256"),
        (lambda r: r.update(created="2024-01-01T00:00:00"), "no time zone"),
        (lambda r: r["grid"].update(affine=[[1, 0, 0]]), "not valid at grid"),
        (lambda r: r["run"].update(centre=[-1, 2]), r"run\.centre"),
    ],
)
def test_a_damaged_sidecar_is_one_sentence(tmp_path: Path, change, words: str) -> None:
    record = json.loads(provenance().to_json())
    change(record)
    path = tmp_path / "DOE_JANE.json"
    path.write_text(json.dumps(record))
    with pytest.raises(DataError, match=words) as caught:
        read_sidecar(path)
    text = str(caught.value)
    assert "DOE" not in text and "\n" not in text and caught.value.__cause__ is None


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[]", b"null"])
def test_what_is_no_sidecar_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DataError, match="sidecar"):
        read_sidecar(tmp_path / "a.json")
    with pytest.raises(DataError, match="does not exist"):
        read_sidecar(tmp_path / "b.json")
    with pytest.raises(DataError, match="cannot be read"):
        read_sidecar(tmp_path)


def test_a_provenance_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        provenance().created = "now"


def test_the_published_schema_is_current() -> None:
    path = Path(__file__).parents[2] / "docs" / "sidecar.schema.json"
    # After a change: write sidecar_schema() there, and think of those who read old sidecars.
    assert path.read_text(encoding="utf-8") == sidecar_schema()


def test_a_sidecar_follows_the_published_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(json.loads(provenance().to_json()), json.loads(sidecar_schema()))


def test_a_sidecar_from_before_tiles_and_depth_is_still_read(tmp_path: Path) -> None:
    record = json.loads(provenance().to_json())
    del record["run"]["tile"], record["run"]["depth_mm"]
    (tmp_path / "old.json").write_text(json.dumps(record))
    run = read_sidecar(tmp_path / "old.json").run
    assert run.tile is None and run.depth_mm is None


def test_a_time_that_is_none_is_said_in_plain_words(tmp_path: Path) -> None:
    record = json.loads(provenance().to_json())
    record["created"] = "2026-11-28T05:" + "[" * 20_000
    (tmp_path / "a.json").write_text(json.dumps(record))
    with pytest.raises(DataError) as caught:
        read_sidecar(tmp_path / "a.json")
    assert str(caught.value) == (
        "The sidecar is not valid at created: the time of creation is no date and time."
    )


def test_what_is_longer_than_any_sidecar_is_not_taken_apart(tmp_path: Path) -> None:
    """JSON of brackets takes twenty times its length in memory."""
    path = tmp_path / "a.json"
    path.write_bytes(b'{"created":[' + b"[]," * (6 << 20) + b"[]]}")
    tracemalloc.start()
    with pytest.raises(DataError, match="cannot be read"):
        read_sidecar(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2 * path.stat().st_size
