"""One slice is measured as a slice, and diameters stand beside every size: at all doors."""

from __future__ import annotations

import csv
import json
import re
import shutil
from itertools import count
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import napari_ssn as ssn
from napari_ssn.cli.segmenting import segment_image
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.documents.sidecar import read_sidecar
from napari_ssn.geometry.size import Size
from napari_ssn.prediction.reporting import report_of
from napari_ssn.prediction.shown import Shown
from napari_ssn.prediction.source import Source
from napari_ssn.text.sizes import (
    headline,
    sizes_line,
)
from tests.support.fewer import DRAWS
from tests.support.helpers import command, noise_image, oblique_affine, page_of, tiny_model
from tests.support.sessions import Inline, start

pytestmark = pytest.mark.usefixtures("few_draws")

# A slice of 3 mm, as a volume of one slice; a pixel is 0.7 × 0.8 mm.
SLICE, PIXEL_MM2, SLAB_ML = (40, 36, 1), 0.56, 0.56 * 3 / 1000
_AREA = r"[\d,]+ mm² in this slice"
_ACROSS = r"[\d.]+ × [\d.]+ mm"
_CUT = "( · reaches the image's edge: it may be larger)?"
_tokens = count(1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "flat")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images") / "slice.nii.gz"
    values = noise_image(SLICE[:2])[..., None]
    nib.save(nib.Nifti1Image(values, np.diag([-0.7, -0.8, 3.0, 1.0])), path)
    return path


@pytest.fixture(scope="module")
def out(image: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patch:
        told: list[str] = []
        patch.setattr("typer.echo", lambda text, err=False: None if err else told.append(text))
        segment_image(image, folder / "made", str(model), count=1, device="cpu", report=True)
    (folder / "told").write_text("\n".join(told), encoding="utf-8")
    return folder


def test_one_slice_has_an_area_however_thick_it_is() -> None:
    grid = oblique_affine((0.7, 0.8, 3.0))
    for space, extent, expected in [
        ((9, 8), "volume", ("plane", 0.56, True)),
        ((9, 8, 1), "plane", ("plane", 0.56, True)),
        ((1, 8, 9), "volume", ("plane", 2.4, True)),
        ((9, 8, 2), "volume", ("volume", 1.68, False)),
    ]:
        size = Size.of(space, grid, extent)
        assert (size.extent, size.voxel_mm, size.flat) == pytest.approx(expected)
    unknown = Size.of((9, 8), grid, "unknown")
    assert (unknown.extent, unknown.flat) == ("unknown", True)
    assert unknown.ml(5) is None and unknown.mm2(5) is None


def test_the_command_says_area_and_diameters_of_the_slice(out: Path) -> None:
    told = (out / "told").read_text(encoding="utf-8")
    assert re.fullmatch(
        rf"Label 1: median {_AREA} · model range [\d,–]+ mm² \(90 % of {2 * DRAWS} hypotheses\)"
        rf".* · mean outline {_ACROSS}{_CUT}",
        told,
    ), told


def test_the_table_has_areas_and_diameters(out: Path) -> None:
    rows = list(csv.DictReader((out / "made" / "volumes.csv").read_text().splitlines()))
    for row in rows:
        assert row["ml"] == ""
        assert float(row["mm2"]) == pytest.approx(float(row["voxels"]) * PIXEL_MM2, rel=1e-6)
    made = {row["hypothesis"]: row for row in rows}
    written = nib.load(out / "made" / "mean.nii.gz")
    labels = np.asarray(written.dataobj).astype(np.uint8)
    longest, perpendicular = ssn.diameters(Hypothesis(labels, written.affine, None))[1]
    assert float(made["mean"]["longest_mm"]) == pytest.approx(longest)
    assert float(made["mean"]["perpendicular_mm"]) == pytest.approx(perpendicular)
    assert made["range low"]["longest_mm"] == ""


def test_the_report_and_the_sidecar_say_no_millilitres(out: Path) -> None:
    page = page_of(out / "made" / "report.html")
    assert re.search(rf"{_AREA} · {_ACROSS}", page)
    assert not re.search(r"\d mL", page)
    record = read_sidecar(out / "made" / "mean.json").volumes["label 1"]
    assert (record.ml, record.unit) == (None, "mm2")
    assert record.mm2 == pytest.approx(record.voxels * PIXEL_MM2) and record.across is not None


def test_the_window_says_area_and_diameters(
    image: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume, session = ssn.read(image), start(Inline(), model, monkeypatch)
    session.set_image(
        Source(next(_tokens), volume.space, 1, volume.affine, volume.extent, True, lambda: volume)
    )
    session.run()
    result, counts = session.result, session.walk.counts
    assert result is not None and counts is not None and session.cards is not None
    (found,) = session.summary.diameters or ()
    line = headline(result.labels[1], result.measure, int(counts[1]), found)
    assert re.fullmatch(rf"Label 1: {_AREA} · {_ACROSS}", line), line
    for card in session.cards.cards:
        tip = sizes_line(result.labels[1:], result.measure, card.counts, card.across)
        assert re.fullmatch(rf"{_AREA} · {_ACROSS}{_CUT}|nothing outlined", tip), tip
    shown = Shown(result, session.walk.choice, None, session.cards, session.ranges)
    (size,) = report_of(shown).sizes
    assert f"Label 1: {size.amount}" == line
    # While the slider is held nothing is measured, and it is said that it is not.
    before = session.summary.diameters
    session.walk.hold()
    session.walk.set_sigma(1.5)
    assert session.summary.diameters is None
    session.walk.let_go()
    assert session.summary.diameters not in (None, before)
    session.close()


def test_one_slice_of_a_volume_is_one_too(model: Path, tmp_path: Path, capsys) -> None:
    centred = tiny_model(tmp_path / "centred", region=(16, 16), centred=True)
    path = tmp_path / "stack.nii.gz"
    nib.save(nib.Nifti1Image(noise_image((18, 20, 5)), np.diag([0.7, 0.8, 3.0, 1.0])), path)
    place = {"centre": (9, 9, 2), "count": 0, "device": "cpu"}
    segment_image(path, tmp_path / "one", str(centred), depth_mm=0.0, **place)
    assert re.search(_AREA, capsys.readouterr().out)
    one = read_sidecar(tmp_path / "one" / "mean.json").volumes["label 1"]
    assert one.ml is None and one.mm2 == pytest.approx(one.voxels * PIXEL_MM2)
    segment_image(path, tmp_path / "all", str(centred), **place)
    assert "slice" not in capsys.readouterr().out
    three = read_sidecar(tmp_path / "all" / "mean.json").volumes["label 1"]
    assert three.mm2 is None and three.ml == pytest.approx(three.voxels * SLAB_ML)


def changed(out: Path, to: Path, **fields: object) -> Path:
    """A copy of the mean and its sidecar that states other sizes; None leaves a field out."""
    to.mkdir()
    shutil.copy(out / "made" / "mean.nii.gz", to)
    record = json.loads((out / "made" / "mean.json").read_text(encoding="utf-8"))
    size = record["volumes"]["label 1"] | fields
    record["volumes"]["label 1"] = {k: v for k, v in size.items() if v != "left out"}
    (to / "mean.json").write_text(json.dumps(record), encoding="utf-8")
    return to / "mean.json"


def test_sidecars_of_before_still_verify_and_wrong_sizes_do_not(
    out: Path, image: Path, model: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    voxels = read_sidecar(out / "made" / "mean.json").volumes["label 1"].voxels
    slab_ml = abs(np.linalg.det(ssn.read(image).affine[:3, :3])) / 1000
    before = {
        "ml": voxels * slab_ml,
        "mm2": None,
        "unit": "mL",
        "longest_mm": "left out",
        "perpendicular_mm": "left out",
    }
    cases = (
        (0, {}),
        (0, before),
        (0, before | {"cut_off_by": "left out"}),
        (1, {"cut_off_by": ["region"]}),
        (1, before | {"ml": voxels * slab_ml * 1.01}),
        (1, {"longest_mm": 1.0}),
        (1, {"perpendicular_mm": 1.0}),
        (1, {"mm2": 1.0}),
    )
    for number, (expected, fields) in enumerate(cases):
        path = changed(out, tmp_path / str(number), **fields)
        status, told, _ = command(
            monkeypatch, capsys, "verify", path, "--image", image, "--model", model
        )
        assert status == expected, (fields, told)
        assert expected == 0 or "states other sizes" in told


def test_outlines_of_people_on_one_slice_are_said_of_it(
    out: Path, image: Path, model: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    drawn = out / "made" / "mean.nii.gz"
    status, told, err = command(
        monkeypatch, capsys, "readers", image, drawn, drawn, "--names", "Anna,Ben", "--model", model
    )
    assert status == 0, err
    areas = [line for line in told.splitlines() if "mm²" in line]
    assert len(areas) >= 2 and all("in this slice" in line for line in areas), told
    status, told, err = command(
        monkeypatch,
        capsys,
        *("segment", image, "--model", model, "--fit", drawn, "--out", tmp_path / "fit"),
        *("--samples", 0, "--device", "cpu"),
    )
    assert status == 0, err
    areas = [line for line in told.splitlines() if "mm²" in line]
    assert any("Nearest hypothesis" in line for line in areas), told
    assert all("in this slice" in line for line in areas), told
