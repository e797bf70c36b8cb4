"""Evaluation against a slow twin, and calibration by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import special
from typer.testing import CliRunner

from napari_ssn.core import metrics
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.measures import central_range, label_counts, volume_distribution
from napari_ssn.documents.card import Calibration, Factors, read_card
from napari_ssn.errors import DataError
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.models import Model, load_model
from napari_ssn.training.calibrating import calibrate, calibrate_presence, held_by, shared_doubt
from napari_ssn.training.cases import Case
from napari_ssn.training.evaluate import evaluate, summarise
from napari_ssn.training.lengths import diameter_errors, reader_diameters
from napari_ssn.training.measuring import Measurement, _nothing, _reliability, measure
from napari_ssn.training.reading import load_cases
from napari_ssn.training.slices import SliceSet, load_slices
from tests.support.helpers import tiny_model
from tests.support.sets import nnunet_folder, slice_files, write


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return load_model(tiny_model(tmp_path / "tiny", centred=True), "cpu")


@pytest.fixture
def data(tmp_path: Path) -> SliceSet:
    return load_slices(write(tmp_path / "data.zip", slice_files(20)))


def test_figures_are_those_of_the_plain_functions(model: Model, data: SliceSet) -> None:
    found = measure(model, data, seed=5)
    for i in range(len(data)):
        raters = data[i].raters
        dist = model.segment(Volume(data.images[i].astype(np.float32)[None], np.eye(4)))
        maps = dist.sample(100, seed=5 + i, pixel_noise=True)
        for name, expected in {
            "ged2_v_16": metrics.generalized_energy_distance(maps[:16], raters),
            "ged2_u_100": metrics.generalized_energy_distance(maps, raters, unbiased=True),
            "diversity_100": metrics.sample_diversity(maps),
            "rater_diversity": metrics.sample_diversity(raters),
            "hungarian_iou_16": metrics.hungarian_iou(maps[:16], raters),
            "dice_each": metrics.dice_each(dist.label_map(), raters)[0],
            "dice_majority": metrics.dice_majority(dist.label_map(), raters)[0],
        }.items():
            assert found.values[name][i] == pytest.approx(expected, abs=1e-12), name
        areas = volume_distribution(dist, 1000, seed=5 + i)[:, 1] * 1000
        r = central_range(areas)
        np.testing.assert_allclose(found.ranges[i, 0], [r.low, r.median, r.high])
        r_given = central_range(areas[areas > 0])
        np.testing.assert_allclose(found.given[i, 0], [r_given.low, r_given.median, r_given.high])
        np.testing.assert_array_equal(found.sizes[i, :, 0], raters.sum((1, 2)))
        drawn = areas[areas > 0]
        below = [((drawn < a).mean() + (drawn <= a).mean()) / 2 if a else math.nan
                 for a in raters.sum((1, 2))]  # fmt: skip
        np.testing.assert_allclose(found.places[i, :, 0], below)
        empty = float((areas == 0).mean())
        share = float((raters.sum((1, 2)) == 0).mean())
        assert share == (0.25 if i == 1 else 0)
        np.testing.assert_allclose(found.outlined[i], [1 - empty, 1 - share])
        assert found.values["ged2_v_100_perfect"][i] == pytest.approx(
            metrics.sample_diversity(raters) * (1 / 100 + 1 / 4)
        )
        assert found.values["nothing_agreement"][i] == (empty <= 0.5)
        error = np.mean([abs(r.median - a) / a for a in raters.sum((1, 2)) if a])
        assert found.values["volume_error"][i] == pytest.approx(error)


def invented(areas: list[list[float]], ranges: list[list[float]]) -> Measurement:
    n = len(areas)
    sums = np.zeros((n, 1, 3, 15))
    return Measurement(
        ("nodule",), {}, np.array(areas, float)[..., None], np.array(ranges, float)[:, None],
        np.array(ranges, float)[:, None], sums, sums, np.zeros((n, 2)), np.arange(n), np.ones(n),
        np.full((n, len(areas[0]), 1), math.nan), np.full((n, len(areas[0]), 1), 0.5),
    )  # fmt: skip


def test_calibration_by_hand() -> None:
    # Range 80–100–140. Larger scores: 90 → 0.5, 80 → 1, 120 → 0.5, 160 → 1.5, each of weight
    # 1 / (26 · 4): up to 1 they weigh 75/104, so that 0.9 is reached at 1.5.
    found = calibrate(invented([[90, 80, 120, 160]] * 25, [[80, 100, 140]] * 25), "d")
    assert found.factors(1) == (pytest.approx(1.5), pytest.approx(1.5))
    assert (found.level, found.data, found.readers, found.patients) == (0.9, "d", 4, 25)
    tight = invented([[100, 100, 101, 99]] * 25, [[80, 100, 140]] * 25)
    assert calibrate(tight, "d").factors(1) == (pytest.approx(1 / 20), pytest.approx(1 / 20))
    for ranges in ([[0, 0, 0]] * 25, [[math.nan] * 3] * 25):
        with pytest.raises(DataError, match="cannot be calibrated on this data"):
            calibrate(invented([[1, 2, 3, 4]] * 25, ranges), "d")
    with pytest.raises(DataError, match="on 5 patients with an outline"):
        calibrate(invented([[90, 80, 120, 160]] * 5, [[80, 100, 140]] * 5), "d")
    with pytest.raises(DataError, match="on 0 patients with an outline"):
        calibrate(invented([[0, 0, 0, 0]] * 25, [[80, 100, 140]] * 25), "d")


@pytest.mark.parametrize("shared", [0.0, 0.4, 0.8])
def test_what_readers_have_in_common_is_found_again(shared: float) -> None:
    random = np.random.default_rng(3)
    n, raters = 4000, 4
    common = random.standard_normal((n, 1))
    z = math.sqrt(shared) * common + math.sqrt(1 - shared) * random.standard_normal((n, raters))
    places = special.ndtr(z)
    # Some outline nothing; of the patients some have many cases.
    places[random.random((n, raters)) < 0.4] = math.nan
    patients = np.minimum(np.arange(n), 3000)
    assert shared_doubt(places, patients) == pytest.approx(shared, abs=0.04)


def test_of_one_reader_each_nothing_is_known_to_be_in_common() -> None:
    places = np.full((5, 3), math.nan)
    places[:, 0] = [0.1, 0.5, 0.9, 0.4, 0.2]
    assert shared_doubt(places, np.arange(5)) == 0
    assert calibrate(invented([[90, 80, 120, 160]] * 25, [[80, 100, 140]] * 25), "d").shared(1) == 0


def test_raters_who_see_nothing_do_not_fill_the_share_of_those_who_do() -> None:
    # Half of the raters mark nothing, the others 60–139 in a range of 80–100–120. Counted as
    # readings, all of them are held by a range that begins at 0 and leaves out 1 outline in 5.
    areas = [[0, 0, 60 + i % 80, 139 - i % 80] for i in range(160)]
    found = calibrate(invented(areas, [[80, 100, 120]] * 160), "d")
    below, above = found.factors(1) or (0.0, 0.0)
    low, high = 100 - below * 20, 100 + above * 20
    outlines = np.array([a for row in areas for a in row if a])
    assert 0.9 <= ((outlines >= low) & (outlines <= high)).mean() < 0.93


def test_labels_are_calibrated_each_by_itself() -> None:
    # The first label's outlines are 10 % off, the second's 50 %, the third is too rare.
    n = 30
    sizes = np.full((n, 1, 3), math.nan)
    sizes[:, 0, 0], sizes[:, 0, 1] = 110, 150
    sizes[:3, 0, 2] = 100
    ranges = np.tile([80.0, 100.0, 120.0], (n, 3, 1))
    sums = np.zeros((n, 3, 3, 15))
    measured = Measurement(
        ("a", "b", "c"), {}, sizes, ranges, ranges, sums, sums, np.zeros((n, 2)), np.arange(n),
        np.ones(n), np.full((n, 1, 3), math.nan), np.full((n, 1, 3), 0.5),
    )  # fmt: skip
    found = calibrate(measured, "d")
    assert found.factors(1) == (pytest.approx(0.5), pytest.approx(0.5))
    assert found.factors(2) == (pytest.approx(2.5), pytest.approx(2.5))
    assert found.factors(3) is None and found.patients == 30
    assert (found.below, found.above) == (pytest.approx(2.5), pytest.approx(2.5))


def test_what_the_calibrated_range_holds_where_it_was_learnt() -> None:
    rng = np.random.default_rng(0)
    # 120 patients of 1 to 6 slices; those of the last 20 have three times the deviation.
    patients = np.repeat(np.arange(120), rng.integers(1, 7, 120))
    n = len(patients)
    median = rng.uniform(50, 100, n)
    ranges = np.stack([median - 30, median, median + 50], 1)
    areas = (
        median[:, None] + rng.normal(0, 12, (n, 4)) * np.where(patients < 100, 0.6, 1.6)[:, None]
    )
    areas[:, 0] = 0
    sums = np.tile(np.array([[[[1.0], [0.4], [0.6]]]]), (n, 1, 1, 1))
    measured = Measurement(
        ("nodule",), {"dice_each": np.full(n, 0.5)}, areas[..., None], ranges[:, None],
        ranges[:, None], sums, sums, np.zeros((n, 2)), patients, np.ones(n),
        np.full((n, 4, 1), math.nan), np.full((n, 4, 1), 0.5),
    )  # fmt: skip
    calibration = calibrate(measured, "d")
    summary = summarise(measured, calibration)
    below, above = calibration.factors(1) or (0.0, 0.0)
    low, high = median - below * 30, median + above * 50
    inside = ((areas >= low[:, None]) & (areas <= high[:, None]))[:, 1:]
    by_patient = np.mean([inside[patients == k].mean() for k in range(120)])
    assert summary["outline_coverage_90"]["mean"] == pytest.approx(by_patient)
    assert 0.9 <= by_patient <= 0.93
    assert summary["outline_coverage_90_uncalibrated"]["mean"] > 0.95
    assert summary["outline_width_90"]["mean"] == pytest.approx(30 * below + 50 * above)
    relative = np.mean((30 * below + 50 * above) / areas[:, 1:].mean(1))
    assert summary["outline_relative_width_90"]["mean"] == pytest.approx(relative)
    assert summary["outline_width_90_uncalibrated"]["mean"] == pytest.approx(80)
    assert summary["ece"]["mean"] == pytest.approx(0.2)
    bare = summarise(measured, None)
    assert "outline_coverage_90" not in bare and "outline_coverage_90_uncalibrated" in bare


def test_a_calibration_of_readings_is_measured_on_the_range_that_it_states() -> None:
    measured = invented([[0, 90, 110, 125]] * 30, [[0, 100, 120]] * 30)
    given = replace(measured, given=np.tile([95.0, 100.0, 105.0], (30, 1, 1)))
    old = Calibration(level=0.9, below=1.0, above=1.0, data="d", readers=4)
    assert held_by(given, old).inside.sum() == 60
    assert held_by(given, None).inside.sum() == 0
    new = old.model_copy(update={"patients": 30, "labels": [Factors(below=2, above=2)]})
    assert held_by(given, new).inside.sum() == 60 and held_by(given, new).outlines.sum() == 90


def test_evaluate_names_everything_it_promises(model: Model, data: SliceSet) -> None:
    found = evaluate(model, data, seed=1, calibrate_on="these slices")
    figures, calibration = found.figures, found.calibration
    for name in (
        "ged2_v_16", "ged2_v_100", "ged2_u_16", "ged2_u_100", "diversity_100",
        "rater_diversity", "hungarian_iou_16", "dice_each", "dice_majority", "ece", "ece_doubtful",
        "outline_coverage_90", "outline_width_90", "outline_relative_width_90",
        "outline_coverage_90_uncalibrated", "outline_width_90_uncalibrated",
        "effective_rank", "nothing_agreement", "presence_brier", "presence_brier_base",
        "volume_error", "ged2_v_16_perfect", "ged2_v_100_perfect",
    ):  # fmt: skip
        interval = figures[name]
        assert interval["low"] <= interval["mean"] <= interval["high"], name
        assert math.isfinite(interval["mean"])
    assert figures["n_cases"] == 20 and figures["model"] == "tiny" and figures["seed"] == 1
    assert figures["weights_sha256"] == model.card.weights_sha256
    assert figures["data_sha256"] == data.sha256
    assert calibration is not None and calibration.data == "these slices"
    assert (calibration.readers, calibration.patients) == (4, 20)
    again = evaluate(model, data, seed=1, calibrate_on="these slices")
    assert again.figures == figures
    measured = measure(model, data, seed=1).values["ged2_v_100"]
    assert sorted(found.worst) == list(range(20))
    assert (np.diff(measured[found.worst]) <= 0).all()
    json.dumps(figures, allow_nan=False)


def test_a_model_of_another_kind_is_refused(tmp_path: Path, data: SliceSet) -> None:
    three = load_model(tiny_model(tmp_path / "three", classes=3), "cpu")
    with pytest.raises(DataError, match="has 3 labels, and the data has 2"):
        evaluate(three, data)
    deep = load_model(tiny_model(tmp_path / "deep", dims=3), "cpu")
    with pytest.raises(DataError, match="has 3 dimensions, and the data has 2"):
        evaluate(deep, data)


def test_nothing_there_by_hand() -> None:
    # The model says "something" in one of four hypotheses.
    for share, agree in ((0.25, 1.0), (0.5, 1.0), (0.75, 0.0)):  # split raters agree with either
        assert _nothing(0.25, share) == {"nothing_agreement": agree}


def test_presence_is_scored_against_its_base_rate() -> None:
    outlined = np.array([[0.9, 1.0], [0.2, 0.5], [0.1, 0.0], [0.4, 0.5]])
    measured = invented([[1, 1]] * 4, [[0, 1, 2]] * 4)
    measured = replace(measured, outlined=outlined, values={"nothing_agreement": np.ones(4)})
    summary = summarise(measured, None)
    # 0.01; 0.5 · 0.64 + 0.5 · 0.04; 0.01; 0.5 · 0.36 + 0.5 · 0.16.
    assert summary["presence_brier"]["mean"] == pytest.approx((0.01 + 0.34 + 0.01 + 0.26) / 4)
    assert summary["presence_brier_base"]["mean"] == pytest.approx(0.25)
    curve = summary["presence_reliability"]
    assert curve["cases"] == [1, 1, 1, 1] and curve["share_of_raters"] == [0.0, 0.5, 0.5, 1.0]
    # All four agree, and four patients are not everybody.
    assert summary["nothing_agreement"] == metrics.exact_interval(4, 4)._asdict()
    assert "presence_brier" not in summarise(replace(measured, values={}), None)


def test_all_outlines_inside_are_not_a_hundred_percent_for_certain() -> None:
    summary = summarise(invented([[90, 110]] * 35, [[80, 100, 140]] * 35), None)
    assert summary["outline_coverage_90_uncalibrated"] == metrics.exact_interval(35, 35)._asdict()


def test_probabilities_that_are_right_have_no_error_in_doubt() -> None:
    # Four raters each mark every voxel with the very probability that the model states.
    rng = np.random.default_rng(0)
    p = rng.beta(0.3, 3, 400_000).astype(np.float32)
    raters = (rng.random((4, len(p))) < p).astype(np.uint8)
    whole, doubtful = _reliability(np.stack([1 - p, p]), raters)
    assert metrics.calibration_error(whole[0]) < 0.002
    assert metrics.calibration_error(doubtful[0]) < 0.002


def test_several_labels_in_volumes_with_one_rater(tmp_path: Path) -> None:
    cases = load_cases(nnunet_folder(tmp_path / "set", count=3))
    model = load_model(tiny_model(tmp_path / "deep", dims=3, classes=3, region=(16, 16, 16)), "cpu")
    measured = measure(model, cases, seed=2)
    summary = evaluate(model, cases, seed=2).figures
    for name in (
        "dice_each",
        "volume_error",
        "outline_width_90_uncalibrated",
        "diameter_error_mm",
    ):
        parts = [summary[f"{name}/{label}"]["mean"] for label in ("head", "tail")]
        assert summary[name]["mean"] == pytest.approx(np.mean(parts)), name
    assert {"ece/head", "ece/tail", "ece_doubtful/head"} <= summary.keys()
    assert "diameter_error_mm_median/tail" in summary
    # Two raters are needed to see how they differ.
    assert not {"presence_brier", "rater_diversity", "outline_coverage_90"} & summary.keys()
    assert {"outline_coverage_90_uncalibrated/head"} <= summary.keys()
    for i in range(3):
        case = cases[i]
        dist = model.segment(case.volume)
        maps = dist.sample(100, seed=2 + i, pixel_noise=True)
        expected = metrics.generalized_energy_distance(maps, case.raters, classes=3)
        assert measured.values["ged2_v_100"][i] == pytest.approx(expected)
        unbiased = 2 * (1 - metrics.pairwise_iou(maps, case.raters, 3)).mean()
        unbiased -= metrics.sample_diversity(maps, 3)
        assert measured.values["ged2_u_100"][i] == pytest.approx(unbiased)
        dice = metrics.dice(dist.label_map(), case.raters[0], 3)
        assert measured.values["dice_each/tail"][i] == pytest.approx(dice[1])
        counts = volume_distribution(dist, 1000, seed=2 + i) / np.linalg.det(dist.affine) * 1000
        both, drawn = np.median(counts[:, 1:].sum(1)), int((case.raters[0] > 0).sum())
        error = abs(both - drawn) / drawn
        assert measured.values["volume_error_whole"][i] == pytest.approx(error)
        for label in (1, 2):
            r = central_range(counts[:, label])
            np.testing.assert_allclose(measured.ranges[i, label - 1], [r.low, r.median, r.high])
            size = (case.raters == label).sum()
            assert measured.sizes[i, 0, label - 1] == size
            drawn = [count for count in counts[:, label].round() if count > 0]
            place = np.mean([(count < size) + (count == size) / 2 for count in drawn])
            name = f"size_place/{'head' if label == 1 else 'tail'}"
            assert measured.values[name][i] == pytest.approx(place)


def test_the_diameter_is_that_of_the_hypothesis_of_median_size() -> None:
    # A strip that is as long as z says: 2 voxels at z = 0, growing by one from 1 to 2, 2 to 3 …
    row = np.arange(12)
    mean = np.stack([np.zeros((3, 12)), np.tile(1.5 - row, (3, 1))])
    factor = np.stack([np.zeros((3, 12)), np.ones((3, 12))])[None]
    grid = np.diag([0.5, 2.0, 3.0, 1.0])
    dist = LogitDistribution(mean, factor, np.full_like(mean, 1e-6), grid)
    readers = np.zeros((3, 3, 12), np.uint8)
    readers[0, :, :4] = readers[1, 1, :7] = 1  # the third outlines nothing
    case = Case("one", Volume(np.zeros((1, 3, 12), np.float32), grid, "plane"), readers)
    draws = np.array([[-2.0], [0.0], [3.0], [4.0], [9.0]])  # 0, 2, 5, 6, 11 columns
    counts = label_counts(dist, draws)[:, 1:]
    assert counts[:, 0].tolist() == [0, 6, 15, 18, 33]
    # The empty one aside the median is 16.5, and the first of the two nearest has 5 columns.
    longest = math.hypot(5 * 2.0, 2 * 0.5)
    theirs = [math.hypot(4 * 2.0, 2 * 0.5), 14.0]
    drawn = reader_diameters(case, 2)
    assert drawn[:2, 0] == pytest.approx(theirs, rel=1e-6) and np.isnan(drawn[2, 0])
    errors = diameter_errors(dist, case, draws, counts, drawn)
    assert errors[:2, 0] == pytest.approx([abs(longest - one) for one in theirs], rel=1e-6)
    assert np.isnan(errors[2, 0])
    unknown = replace(case, volume=replace(case.volume, extent="unknown"))
    assert np.isnan(reader_diameters(unknown, 2)).all()
    assert np.isnan(diameter_errors(dist, unknown, draws, counts, drawn)).all()
    assert np.isnan(diameter_errors(dist, case, draws[:1], counts[:1], drawn)).all()


def test_errors_of_diameters_are_summed_up_by_patient() -> None:
    measured = invented([[90, 110]] * 4, [[80, 100, 140]] * 4)
    errors = np.array([[1.0, 3.0], [2.0, math.nan], [0.5, 40.0], [math.nan, math.nan]])[..., None]
    patients = np.array([0, 1, 1, 2])
    mean = {"diameter_error_mm": np.array([2.0, 2.0, 20.25, math.nan])}
    measured = replace(measured, values=mean, diameters=errors, patients=patients)
    summary = summarise(measured, None)
    assert summary["diameter_error_mm"]["mean"] == pytest.approx((2 + 2 + 20.25) / 3)
    middle = summary["diameter_error_mm_median"]
    assert middle == metrics.bootstrap_median([1, 3, 2, 0.5, 40], [0, 0, 1, 1, 1])._asdict()
    # By hand: alone either patient gives 1 or 2, and both together 2.
    assert (middle["mean"], middle["low"], middle["high"]) == (2.0, 1.0, 2.0)


def test_temperature_zero_leaves_one_map(model: Model, data: SliceSet) -> None:
    cold = measure(model, data, temperature=0.0).values
    assert (cold["diversity_100"] == 0).all() and np.allclose(cold["ged2_v_16"], cold["ged2_v_100"])
    with pytest.raises(ValueError, match="temperature"):
        measure(model, data, temperature=-1.0)


def test_where_the_figures_cannot_go_is_said_before_measuring(tmp_path: Path) -> None:
    from napari_ssn.cli.app import app

    result = CliRunner().invoke(
        app,
        [
            "evaluate",
            "--model",
            "none",
            "--data",
            "none",
            "--json",
            str(tmp_path / "no" / "a.json"),
        ],
    )
    assert "its folder does not exist" in str(result.exception)


def test_the_command_prints_writes_and_records(tmp_path: Path) -> None:
    from napari_ssn.cli.app import app

    folder = tiny_model(tmp_path / "tiny", centred=True)
    archive = write(tmp_path / "val.zip", slice_files(20))
    out = tmp_path / "figures.json"
    arguments = ["evaluate", "--model", str(folder), "--data", str(archive), "--json", str(out)]
    result = CliRunner().invoke(app, [*arguments, "--calibrate", "val", "--record", "val"])
    assert result.exit_code == 0, result.output
    figures = json.loads(out.read_text())
    assert json.loads(result.stdout) == figures
    card = read_card(folder)
    assert card.metrics == {"val": figures}
    assert card.calibration is not None and card.calibration.data == "val"
    assert not list(tmp_path.rglob(".*.part"))


def test_presence_is_calibrated_by_patient() -> None:
    rng = np.random.default_rng(1)
    n = 4000
    logit = rng.normal(0, 2, n)
    true = 1 / (1 + np.exp(-(0.5 * logit - 1)))
    share = rng.binomial(4, true) / 4
    # One patient of many cases who goes against all others counts as one.
    patients = np.append(np.arange(n), np.full(2000, n))
    said = 1 / (1 + np.exp(-np.append(logit, np.full(2000, 3.0))))
    outlined = np.stack([said, np.append(share, np.zeros(2000))], 1)
    base = invented([[1.0, 1.0, 1.0, 1.0]] * len(said), [[1.0, 1.0, 1.0]] * len(said))
    measured = replace(base, outlined=outlined, patients=patients, presence=said)
    found = calibrate_presence(measured, "val")
    assert found is not None and found.data == "val"
    assert found.scale == pytest.approx(0.5, abs=0.04) and found.shift == pytest.approx(-1, abs=0.1)
    assert found.base_rate == pytest.approx(share.mean(), abs=0.01)
    # Learnt again from what was calibrated before it is the same.
    again = 1 / (1 + np.exp(-(found.scale * np.append(logit, np.full(2000, 3.0)) + found.shift)))
    second = calibrate_presence(replace(measured, presence=again), "val", found)
    assert second is not None and second.scale == pytest.approx(found.scale, rel=1e-3)
    # Points on no nodule count a third.
    asked = replace(measured, values={"elsewhere_presence": np.full(len(said), 0.5)})
    lower = calibrate_presence(asked, "val")
    assert lower is not None and lower.base_rate == pytest.approx(found.base_rate * 0.75, abs=0.01)
    assert calibrate_presence(base, "val") is None


@pytest.mark.parametrize("name", ["missed", "elsewhere_offered", "nothing", "apart_reader"])
def test_what_no_case_seen_had_is_not_said_of_all(name: str) -> None:
    measured = replace(
        invented([[90, 110]] * 35, [[80, 100, 140]] * 35), values={name: np.zeros(35)}
    )
    assert summarise(measured, None)[name] == metrics.exact_interval(0, 35)._asdict()
