"""``napari-ssn change``: two sidecars, and a sentence on each thing that a reader has to know."""

from __future__ import annotations

import csv
import html
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from napari_ssn.cli.segmenting import segment_image
from napari_ssn.documents.sidecar import Provenance, read_sidecar
from napari_ssn.errors import DataError
from napari_ssn.io.registration import Motion
from napari_ssn.prediction import registered
from napari_ssn.prediction.growth import figures_of, growth
from tests.support.choices import SPACE
from tests.support.dicoms import check_leaves_out, make_series, told
from tests.support.helpers import command, noise_image, oblique_affine, page_of
from tests.support.segmentations import complaints


@pytest.fixture(scope="module")
def larger(models, tmp_path_factory) -> Path:
    """The same voxels of a scan of which each is half as large again."""
    folder, affine = tmp_path_factory.mktemp("larger"), oblique_affine()
    affine[:3, :3] *= 1.5 ** (1 / 3)
    nib.save(nib.Nifti1Image(noise_image(SPACE), affine), folder / "scan.nii.gz")
    segment_image(folder / "scan.nii.gz", folder, str(models["3d"]), count=0, device="cpu")
    return folder / "mean.json"


@pytest.fixture
def change(monkeypatch, capsys, results, larger):
    def call(*args: object, before: Path | None = None, after: Path | None = None):
        pair = (before or results / "mean.json", after or larger)
        return command(monkeypatch, capsys, "change", *pair, *args)

    return call


def test_half_as_large_again(change, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    status, said, _ = change("--days", 365, "--json", out)
    found = json.loads(out.read_text())
    # The network sees another grid, so that it is not quite the same outline.
    assert status == 0 and found["ratio"]["0.5"] == pytest.approx(1.5, rel=0.2)
    assert found["label"] == "all labels" and found["calibrated_on_readers"] == 0
    lines = said.splitlines()
    assert lines[0].startswith("All labels before: ") and "model range" in lines[0]
    assert any(line.startswith("Growth of 25 % or more: ") for line in lines)
    assert any(line.startswith("In 365 days: ×") for line in lines)
    half = found["rate_per_day"]["0.5"] * 365
    assert np.exp(half) == pytest.approx(found["ratio"]["0.5"], rel=1e-6)
    before = out.read_bytes()
    status, _, said = change("--json", out)
    assert status == 2 and "There already is a file" in said and out.read_bytes() == before


def test_one_label_and_no_days(change) -> None:
    status, said, _ = change("--label", "label 1", "--growth", "-0.2")
    assert status == 0 and said.startswith("Label 1 before: ")
    assert "Shrinking of 20 % or more" in said and "no rate of growth" in said


def test_dates_are_days(change, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    assert change("--dates", "2024-02-28", "2024-03-01", "--json", out)[0] == 0
    assert json.loads(out.read_text())["days"] == 2
    for dates, words in [
        (("2024-02-28", "2024-02-27"), "is the earlier one, by these dates"),
        (("2024-02-30", "2024-03-01"), "2025-03-01"),
    ]:
        status, _, said = change("--dates", *dates)
        assert status == 2 and words in said
    # A scan that was repeated at once, or dates that were made the same: no rate, and all else.
    status, said, _ = change("--dates", "2024-02-28", "2024-02-28", "--json", out, "--overwrite")
    assert status == 0 and "Both scans are of one day: no rate of growth." in said
    figures = json.loads(out.read_text())
    assert figures["days"] == 0 and figures["rate_per_day"] is None


def test_one_image_has_no_growth(change, results) -> None:
    status, said, error = change(after=results / "mean.json")
    assert status == 2 and said == "" and "one and the same image" in error


def test_a_result_is_named_by_its_sidecar(change, results) -> None:
    status, _, error = change(after=results / "mean.nii.gz")
    assert status == 2 and "the .json that lies beside it" in error


def test_what_a_sidecar_does_not_know_is_said(change) -> None:
    assert (
        "Caution: whether both were acquired and reconstructed alike is not known here."
        in (change()[1])
    )


def test_diameters_of_a_label_grow_too(change, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    status, said, _ = change("--label", "label 1", "--json", out)
    found = json.loads(out.read_text())["longest_diameter"]
    assert status == 0 and found["ratio"]["0.5"] == pytest.approx(1.5 ** (1 / 3), rel=0.1)
    assert f"Longest diameter {found['before_mm']['0.5']:.1f} mm (" in said
    assert "Longer by 2 mm or more: " in said
    # Of several labels together none is measured.
    assert change("--json", tmp_path / "all.json")[0] == 0
    assert json.loads((tmp_path / "all.json").read_text())["longest_diameter"] is None


def test_a_page_and_a_row_of_a_table(change, tmp_path: Path) -> None:
    page, table = tmp_path / "change.html", tmp_path / "changes.csv"
    for number in (1, 2):
        dates = ("2024-02-28", f"2024-03-0{number}")
        args = ("--dates", *dates, "--report", page, "--table", table, "--overwrite")
        status, said, error = change(*args)
        assert status == 0, error
    headline = next(one for one in said.splitlines() if one.startswith("Growth of 25 %"))
    text = page_of(page)
    assert headline in text and "2024-03-02 · voxels of" in text and "data:image" not in text
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["days"] for row in rows] == ["2", "3"] and rows[0]["label"] == "all labels"
    assert rows[0]["ratio_median"] == rows[1]["ratio_median"] != ""
    nowhere = tmp_path / "none" / "changes.csv"
    status, _, error = change("--report", page, "--table", nowhere, "--overwrite")
    assert status == 2 and "folder does not exist" in error
    assert "changes.csv was not written." in error
    before = page.read_bytes()
    status, _, error = change("--report", page, "--table", table)
    assert status == 2 and "There already is a file" in error and page.read_bytes() == before


def test_both_scans_are_shown_on_the_page_and_what_links_them_is_said(
    change, results, larger, scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, images = tmp_path / "change.html", ("--images", scan, larger.parent / "scan.nii.gz")
    status, said, error = change("--report", page, *images)
    assert status == 0, error
    told = said.splitlines()[-1]
    assert told.startswith("Linked by a shift, nothing is turned: the ")
    text = page_of(page)
    assert text.count("data:image/png") == 2 and html.escape(told) in text
    asked = []

    def register(images, affines, places, cancel):
        asked.append(len(images))
        return Motion(np.eye(4), 0.75)

    monkeypatch.setattr(registered, "register", register)
    status, said, error = change("--report", page, *images, "--align", "--overwrite")
    assert status == 0 and asked == [2], error
    assert "by a rigid registration (SimpleITK): turned by 0.0°, correlation 0.75" in said
    assert "rigid registration" in page_of(page)
    for args, words in (
        (images, "name one"),
        (("--align", "--report", page), "lays two images"),
        (("--report", tmp_path / "b.html", "--images", scan, scan), "not the image"),
    ):
        status, _, error = change(*args)
        assert status == 2 and words in error, error
    assert not (tmp_path / "b.html").exists()


def edited(path: Path, **changes: object) -> Provenance:
    whole = json.loads(path.read_text())
    for name, value in changes.items():
        *place, last = name.split("__")
        part = whole
        for key in place:
            part = part[key]
        part[last] = value
    return Provenance.model_validate(whole)


def later(path: Path, **changes: object) -> Provenance:
    """As if it were of another image."""
    return edited(path, run__image_sha256="c" * 64, **changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model__weights_sha256": "b" * 64}, "different models"),
        ({"choice__spread": {"overall": 2.0, "per_label": [1.0] * 3}}, "spread differently"),
        ({"sizes": None, "together": None}, "later scan says nothing of the range"),
    ],
)
def test_what_cannot_be_compared_is_refused(results, changes, words: str) -> None:
    before = read_sidecar(results / "mean.json")
    with pytest.raises(DataError, match=words):
        growth(before, later(results / "mean.json", **changes))


def test_how_both_were_acquired_is_in_their_sidecars(results) -> None:
    def of(thick: float | None, kernel: str | None) -> dict[str, object]:
        uids = {"series_instance_uid": "1.2", "sop_instance_uids": ["1.2.3"]}
        return uids | {"slice_thickness_mm": thick, "kernel_sha256": kernel and kernel * 64}

    path = results / "mean.json"

    def cautions(one: dict[str, object], two: dict[str, object]) -> str:
        pair = edited(path, run__dicom=one), later(path, run__dicom=two)
        return " | ".join(growth(*pair).cautions)

    said = cautions(of(1.0, "a"), of(5.0, "b"))
    assert "1 and 5 mm thick" in said and "different kernels, which alone changes sizes" in said
    assert "acquired" not in (alike := cautions(of(1.0, "a"), of(1.05, "a")))
    assert "thick" not in alike and "kernel" not in alike
    # Of before; and where one of the two is known alone.
    for unknown in (of(None, None), of(None, "a"), of(1.0, None)):
        assert "is not known here" in cautions(of(1.0, "a"), unknown)
    # Of one series two images are pieces of it, as where a folder lacks some slices.
    other = of(1.0, "a") | {"series_instance_uid": "1.3"}
    assert "pieces of one and the same series" in alike
    assert "one and the same series" not in cautions(of(1.0, "a"), other)


def test_slices_and_voxels_are_no_volumes(results) -> None:
    record = read_sidecar(results / "mean.json")
    flat = record.model_copy(
        update={
            "volumes": {
                name: one.model_copy(update={"unit": "mm2", "ml": None, "mm2": 1.0})
                for name, one in record.volumes.items()
            }
        }
    )
    second = later(results / "mean.json")
    with pytest.raises(DataError, match="earlier scan is not known in mL"):
        growth(flat, second)
    with pytest.raises(DataError, match="one of label 1, label 2"):
        growth(record, second, "nodule")


def test_thicker_slices_are_a_caution(results) -> None:
    record = read_sidecar(results / "mean.json")
    affine = (np.array(record.grid.affine) * 2).tolist()
    found = growth(record, later(results / "mean.json", grid__affine=affine))
    assert any("which alone changes sizes" in caution for caution in found.cautions)
    assert found.change.alike.median == pytest.approx(8)


def test_what_readers_have_in_common_is_that_of_both(results) -> None:
    def known(path: Path, shared: float):
        record = later(path) if shared == 0.5 else read_sidecar(path)
        sizes = {
            name: one.model_copy(update={"readers": 4, "shared": shared})
            for name, one in record.sizes.items()
        }
        return record.model_copy(update={"sizes": sizes})

    first, second = known(results / "mean.json", 0.7), known(results / "mean.json", 0.5)
    found = growth(first, second, "label 1")
    assert found.change.shared == 0.5
    said = figures_of(found, 0.25)["as_two_readers_of_one_scan"]
    assert said["shared"] == 0.5
    whole = figures_of(found, 0.25)["ratio"]
    assert whole["0.05"] < said["ratio"]["0.05"] < said["ratio"]["0.95"] < whole["0.95"]
    # Nothing was learnt of all labels together.
    assert figures_of(growth(first, second), 0.25)["as_two_readers_of_one_scan"] is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"run__unlike": True}, "unlike those that the model was trained on"),
        ({"run__insisted": True}, "taken for Hounsfield units"),
        ({"choice__conditions": [{"kind": "at least", "label": 1, "voxels": 9.0}]}, "conditions"),
    ],
)
def test_what_one_of_them_is_doubted_for_is_a_caution(results, changes, words: str) -> None:
    second = later(results / "mean.json", **changes)
    found = growth(read_sidecar(results / "mean.json"), second)
    assert [one for one in found.cautions if words in one]


@pytest.mark.parametrize("deidentified", [False, True])
def test_the_page_becomes_part_of_the_later_study(
    change, models, scan, tmp_path: Path, deidentified: bool
) -> None:
    image = np.clip(np.round(noise_image(SPACE)), -1024, 2000)
    paths = make_series(tmp_path / "later", image, oblique_affine(), change=told)
    segment_image(tmp_path / "later", tmp_path, str(models["3d"]), count=0, device="cpu")
    after, page = tmp_path / "mean.json", tmp_path / "change.sc.dcm"
    images = ("--images", scan, tmp_path / "later")
    dates = ("--dates", "2024-02-28", "2024-03-01")
    options = ("--deidentified",) if deidentified else ()
    status, said, error = change("--report", page, *images, *dates, *options, after=after)
    assert status == 0, error
    assert complaints(page, "SCImage") == []
    check_leaves_out(page.read_bytes(), deidentified)
    made, first = pydicom.dcmread(page), pydicom.dcmread(paths[0])
    assert made.StudyInstanceUID == first.StudyInstanceUID
    assert made.SeriesInstanceUID != first.SeriesInstanceUID
    assert ("name nobody" in said) == deidentified
    assert ("name the patient as their source does" in said) != deidentified
    assert "In 2 days: " in said
    seen = made.pixel_array
    assert seen.shape[1:] == (1240, 3) and (seen[:, :60] == 255).all()
    # Both scans are on it, in grey, and the research notice in its colour.
    assert (seen == (138, 83, 0)).all(-1).any()
    grey = (seen[..., 0] == seen[..., 1]) & (seen[..., 1] == seen[..., 2])
    assert len(np.unique(seen[..., 0][grey])) > 100
    status, _, error = change("--report", page, *images, after=after)
    assert status == 2 and "There already is a file" in error
    status, _, error = change("--report", tmp_path / "b.sc.dcm", after=after)
    assert status == 2 and "that scan is not at hand as a DICOM series" in error
    assert not (tmp_path / "b.sc.dcm").exists()


def test_dates_are_those_of_the_images_where_nobody_gives_others(
    change, models, tmp_path: Path
) -> None:
    def scanned(name: str, day: str, seed: int) -> tuple[Path, Path]:
        def on(_: int, header: pydicom.Dataset) -> None:
            header.AcquisitionDate = day

        image = np.clip(np.round(noise_image(SPACE)), -1024, 2000) + seed
        make_series(tmp_path / name, image, oblique_affine(), seed=seed, change=on)
        out = tmp_path / f"{name}-out"
        segment_image(tmp_path / name, out, str(models["3d"]), count=0, device="cpu")
        return out / "mean.json", tmp_path / name

    (one, first), (two, second) = (
        scanned("a", "20250301", 1),
        scanned("b", "20250901", 2),
    )
    page = tmp_path / "page.html"
    asked = ("--report", page, "--images", first, second)
    status, said, error = change(*asked, before=one, after=two)
    assert status == 0 and "In 184 days: " in said, error
    assert "2025-03-01" in page_of(page) and "2025-09-01" in page_of(page)
    status, said, _ = change(*asked, "--days", 30, "--overwrite", before=one, after=two)
    assert status == 0 and "In 30 days: " in said
    # The page has the dates of the headers, and says that they tell of other days.
    assert "by the headers of both scans 184 days lie between them" in said
    assert "2025-03-01" in page_of(page) and "2025-09-01" in page_of(page)
    backwards = ("--report", page, "--images", second, first, "--days", 30, "--overwrite")
    status, said, _ = change(*backwards, before=two, after=one)
    assert status == 0 and "184 days lie the other way round" in said
    status, said, _ = change(*asked, "--days", 184, "--overwrite", before=one, after=two)
    assert status == 0 and "by the headers" not in said
    out = tmp_path / "out.json"
    asked = ("--report", tmp_path / "c.html", "--json", out, "--images", second, first)
    status, _, error = change(*asked, before=two, after=one)
    assert status == 2 and "is the earlier one, by these dates" in error
    assert not out.exists() and not (tmp_path / "c.html").exists()


def test_of_two_patients_no_change_is_told_as_one_of_one(change, models, tmp_path: Path) -> None:
    def scanned(number: str, seed: int) -> tuple[Path, Path]:
        def of(_: int, header: pydicom.Dataset) -> None:
            header.PatientID = number

        image = np.clip(np.round(noise_image(SPACE)), -1024, 2000) + seed
        folder, out = tmp_path / str(seed), tmp_path / f"{seed}-out"
        make_series(folder, image, oblique_affine(), seed=seed, change=of)
        segment_image(folder, out, str(models["3d"]), count=0, device="cpu")
        return out / "mean.json", folder

    (one, first), (two, second), (three, third) = (
        scanned("PID-1", 1),
        scanned("PID-2", 2),
        scanned("pid-1", 3),
    )
    page, picture, out = (tmp_path / name for name in ("c.html", "c.sc.dcm", "c.json"))
    asked = ("--report", page, "--json", out, "--images", first)
    status, said, error = change(*asked, second, before=one, after=two)
    assert status == 0, error
    assert "Caution: the two scans are of different patients" in said and "PID" not in said
    assert "of different patients" in page_of(page) and "different patients" in out.read_text()
    # Nobody's picture comes into another's study.
    pictured = ("--report", picture, "--images", first)
    status, _, error = change(*pictured, second, before=one, after=two)
    assert status == 2 and "belongs into the study of neither" in error and not picture.exists()
    status, said, error = change(*pictured, third, before=one, after=three)
    assert status == 0 and "different patients" not in said and picture.exists(), error
