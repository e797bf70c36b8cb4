"""Simulated clicks: where they fall, what they are measured by, and the command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_ssn.core import metrics
from napari_ssn.core.given.clicks import Click
from napari_ssn.core.given.conditioning import condition
from napari_ssn.core.given.residual import Residual
from napari_ssn.errors import DataError
from napari_ssn.network.models import load_model
from napari_ssn.training.clicking import CLICKS, holes, next_click, simulate
from napari_ssn.training.reading import load_cases
from napari_ssn.training.slices import load_slices
from tests.support.helpers import tiny_model
from tests.support.sets import nnunet_folder, nodule_files, png, put, slice_files, write


def test_the_click_is_in_the_middle_of_the_largest_error() -> None:
    wanted = np.zeros((11, 12), np.uint8)
    wanted[0:3, 0:3] = 1
    wanted[5:10, 4:9] = 1
    shown = np.zeros_like(wanted)
    clicked = np.zeros(wanted.shape, bool)
    assert next_click(shown, wanted, clicked) == Click((7, 6), 1)
    # What is too much is an error as well, and the border of the image is its border.
    shown[5:10, 4:9] = 1
    shown[0:3, 6:12] = 1
    found = next_click(shown, wanted, clicked)
    assert found is not None and found.label == 0
    assert found.index[0] == 1 and 7 <= found.index[1] <= 10
    assert next_click(wanted, wanted, clicked) is None
    clicked[7, 6] = True
    beside = next_click(np.zeros_like(wanted), wanted, clicked)
    assert beside is not None and beside.index != (7, 6) and wanted[beside.index] == 1


def test_an_error_of_one_label_is_one_error() -> None:
    wanted = np.zeros((5, 9), np.uint8)
    wanted[:, 1:4], wanted[:, 5:8] = 1, 2
    shown = np.zeros_like(wanted)
    shown[:, 5:7] = 1  # two kinds of wrong where label 2 is wanted, and it is one error
    shown[:, 1] = 1
    found = next_click(shown, wanted, np.zeros(wanted.shape, bool))
    assert found is not None and found.label == 2
    assert found.index in ((1, 6), (2, 6), (3, 6))  # equally deep


def test_figures_are_those_of_clicking_by_hand(tmp_path: Path) -> None:
    model = load_model(tiny_model(tmp_path / "tiny", centred=True), "cpu")
    data = load_slices(write(tmp_path / "data.zip", slice_files(3)))
    figures = simulate(model, data, Residual(length_mm=3.0), edge=0.2, tolerance=0.2, seed=5)
    assert figures["n_pairs"] == 11 and figures["n_patients"] == 3  # one mask is empty
    sums: dict[str, list[float]] = {}
    for i in range(3):
        dist = model.segment(data[i].volume)
        dist = replace(dist, affine=np.diag([0.7, 0.7, 1.0, 1.0]))  # one slice lacks its own
        local = Residual(length_mm=3.0).along(data[i].volume.data[0], 0.2)
        for rater in data[i].raters:
            if not rater.any():
                continue
            best = max(
                1 - metrics.SetDistances.between(s[None], rater[None], 2).samples_raters[0, 0]
                for s in dist.sample(16, 5 + i)
            )
            sums.setdefault("best_of_16", []).append(best)
            for name, residual in (("residual", local), ("z", None)):
                clicks: list[Click] = []
                for count in range(6):
                    shown = condition(dist, clicks, 0.2, residual).label_map()
                    if count in CLICKS:
                        both, either = (shown & rater).sum(), (shown | rater).sum()
                        sums.setdefault(f"iou_{name}_{count}", []).append(both / either)
                    done = np.zeros(shown.shape, bool)
                    for click in clicks:
                        done[click.index] = True
                    following = next_click(shown, rater, done)
                    clicks += [following] if following is not None else []
    for name, values in sums.items():
        assert figures[name]["mean"] == pytest.approx(np.mean(values), abs=1e-12), name
        assert figures[name]["low"] <= figures[name]["mean"] <= figures[name]["high"]
    assert figures["iou_residual_5"]["mean"] > figures["iou_residual_0"]["mean"] + 0.2
    for name in ("residual", "z"):
        assert 0 < figures["milliseconds"][name]["median"] <= figures["milliseconds"][name]["p95"]


def test_a_hole_is_a_click_that_stands_alone_or_is_not_followed() -> None:
    maps = np.zeros((3, 5, 5), np.uint8)
    maps[0, 2, 2] = maps[0, 2, 3] = 1  # followed
    maps[1, 2, 2] = maps[1, 3, 3] = 1  # alone: a corner is no face
    on, off = Click((2, 2), 1), Click((0, 0), 0)
    assert holes(maps, [on]) == pytest.approx(2 / 3)
    assert holes(maps, [on, off]) == pytest.approx(1 / 3)
    maps[2] = 1
    maps[2, 0, 0] = 0  # a hole in what is larger
    assert holes(maps[2:], [off]) == 1 and holes(maps[2:], [on]) == 0
    volume = np.zeros((1, 2, 2, 2), np.uint8)
    volume[0, :, 1, 1] = 1
    assert holes(volume, [Click((0, 1, 1), 1)]) == 0


def test_draws_given_clicks_are_measured(tmp_path: Path) -> None:
    model = load_model(tiny_model(tmp_path / "tiny", centred=True), "cpu")
    data = load_slices(write(tmp_path / "data.zip", slice_files(2)))
    residual = Residual(chance=0.5)
    figures = simulate(model, data, residual, slip=0.01, seed=5)
    assert (figures["chance"], figures["slip"]) == (0.5, 0.01)
    for count in CLICKS[1:]:
        assert 0 <= figures[f"holes_{count}"]["mean"] <= 1
    assert figures["draws_iou_5"]["mean"] > figures["draws_iou_1"]["mean"]
    again = simulate(model, data, replace(residual, chance=1.0), seed=5)
    for count in CLICKS:
        # The outline on show is that of before.
        assert again[f"iou_residual_{count}"] == figures[f"iou_residual_{count}"]


def test_volumes_with_several_labels_are_clicked_too(tmp_path: Path) -> None:
    cases = load_cases(nnunet_folder(tmp_path / "set", count=2))
    model = load_model(tiny_model(tmp_path / "deep", dims=3, classes=3, region=(16, 16, 16)), "cpu")
    figures = simulate(model, cases, Residual())
    assert figures["n_pairs"] == 2
    assert figures["iou_residual_5"]["mean"] > figures["iou_residual_0"]["mean"]


def test_nodules_are_clicked_as_volumes_around_their_point(tmp_path: Path) -> None:
    from napari_ssn.cli.app import app
    from napari_ssn.training.nodules import load_nodules

    folder = tiny_model(tmp_path / "deep", dims=3, centred=True, region=(16, 16, 16))
    path = put(tmp_path, nodule_files(1))
    result = CliRunner().invoke(
        app, ["simulate-clicks", "--model", str(folder), "--data", str(path)]
    )
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    # Three of four readers outlined the nodule; the model sees a part of the volume around it.
    assert (figures["n_cases"], figures["n_pairs"]) == (1, 3)
    model, case = load_model(folder, "cpu"), load_nodules(path)[0]
    dist = model.segment(case.volume, case.centre)
    assert dist.space != dist.image_space
    shown = dist.placed(dist.label_map())
    wanted = [metrics.pairwise_iou(shown[None], r[None], 2)[0, 0] for r in case.raters[:3]]
    assert figures["iou_residual_0"]["mean"] == pytest.approx(np.mean(wanted), abs=1e-12)
    assert figures["iou_residual_5"]["mean"] > figures["iou_residual_0"]["mean"]


def test_the_middle_of_an_error_is_in_millimetres() -> None:
    # Four slices of 5 mm are deeper than six rows of 1 mm, and there the middle is another one.
    wanted = np.zeros((8, 20, 20), np.uint8)
    wanted[2:6, 2:8, 2:18] = 1
    shown, clicked = np.zeros_like(wanted), np.zeros(wanted.shape, bool)
    wanted[3, 8:15, 9:12] = 1
    found = next_click(shown, wanted, clicked, (5.0, 1.0, 1.0))
    plain = next_click(shown, wanted, clicked)
    assert found is not None and plain is not None
    # Beside the strip, 3.6 mm from every border; counted in voxels two slices are the most.
    assert found.index == (3, 5, 10) and plain.index == (3, 3, 3)
    clicked[:, 3:, :] = True
    beyond = next_click(shown, wanted, clicked)
    assert beyond is not None and beyond.index[1] == 2


def test_draws_hold_a_size_and_are_scored() -> None:
    from napari_ssn.training.clicking import _note_draws, _Tally

    wanted = np.zeros((2, 3), np.uint8)
    wanted[0] = 1
    maps = np.zeros((2, 2, 3), np.uint8)
    maps[0, 0, :2] = 1
    maps[1] = 1
    tally = _Tally()
    _note_draws(tally, 1, maps, wanted, 2)
    _note_draws(tally, 2, maps[[0, 0]], wanted, 2)
    # Overlaps of 2/3 and 1/2 with the outline, 1/3 with each other.
    assert tally.overlap["draws_iou_1"] == [pytest.approx(7 / 12)]
    assert tally.overlap["score_1"] == [pytest.approx(2 * 5 / 12 - 2 / 3)]
    assert tally.overlap["held_1"] == [1.0] and tally.overlap["held_2"] == [0.0]


def test_without_any_mask_there_is_nothing_to_click_towards(tmp_path: Path) -> None:
    files = slice_files(2)
    for name in files:
        if name.startswith("raters/"):
            files[name] = png(np.zeros((32, 32), np.uint8))
    model = load_model(tiny_model(tmp_path / "tiny", centred=True), "cpu")
    with pytest.raises(DataError, match="no mask to click towards"):
        simulate(model, load_slices(write(tmp_path / "data.zip", files)), Residual())


def test_the_command_prints_and_writes(tmp_path: Path) -> None:
    from napari_ssn.cli.app import app

    folder = tiny_model(tmp_path / "tiny", centred=True)
    archive = write(tmp_path / "val.zip", slice_files(5))
    out = tmp_path / "figures.json"
    arguments = ["simulate-clicks", "--model", str(folder), "--data", str(archive)]
    result = CliRunner().invoke(app, [*arguments, "--json", str(out), "--limit", "1"])
    assert result.exit_code == 0, result.output
    figures = json.loads(out.read_text())
    assert json.loads(result.stdout) == figures
    assert figures["n_cases"] == 1 and figures["length_mm"] == 2.0 and figures["amplitude"] == 1.5
    other = CliRunner().invoke(
        app, [*arguments, "--limit", "1", "--length", "3", "--amplitude", "1", "--edge", "0"]
    )
    figures = json.loads(other.stdout)
    assert (figures["length_mm"], figures["amplitude"], figures["edge"]) == (3.0, 1.0, 0.0)
    lost = CliRunner().invoke(app, [*arguments, "--json", str(tmp_path / "no" / "a.json")])
    assert "its folder does not exist" in str(lost.exception)
