"""Lesions that move alone, from the session to the command that makes their label map again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from napari_ssn.cli.app import app
from napari_ssn.core.summaries.lesions import composed
from napari_ssn.errors import ImageError
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.lesions import middle_of
from napari_ssn.session import Session
from tests.support.helpers import noise_image, tiny_model
from tests.support.sessions import Held, ran, source, start, undealt

pytestmark = pytest.mark.usefixtures("few_draws")

SPACE = (20, 24, 22)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_model(tmp_path / "spots", dims=3, region=(16, 16, 16), sparse=True)


@pytest.fixture
def session(model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    made = ran(start(undealt(), model, monkeypatch), SPACE)
    assert made.walk.lesions is not None and made.walk.lesions.several
    yield made
    made.close()


def number_of(labels: np.ndarray) -> list[int]:
    return np.bincount(labels.reshape(-1), minlength=2).tolist()


def test_lesions_are_told_apart_and_their_sizes_add_up(session: Session) -> None:
    walk, dist = session.walk, session.result.dist
    found = walk.lesions.found
    assert [lesion.number for lesion in found] == list(range(1, len(found) + 1))
    assert [f.size.median for f in found] == sorted((f.size.median for f in found), reverse=True)
    for sigma in (0.0, 1.5, -2.0):
        walk.set_sigma(sigma)
        labels = dist.label_map(walk.z)
        for lesion in found:
            expected = number_of(labels[walk.lesions.parts == lesion.number])
            assert walk.here.lesion_counts[lesion.number].tolist() == expected
        assert walk.here.lesion_counts.sum(0).tolist() == number_of(labels) == walk.counts.tolist()


def test_the_slider_moves_a_lesion_alone_and_then_the_others(session: Session) -> None:
    walk, result = session.walk, session.result
    walk.set_sigma(0.5)
    walk.select(2)
    assert walk.alone is None and walk.position == 0.5
    walk.set_alone(2, True)
    # It begins where it was: nothing has moved yet.
    np.testing.assert_array_equal(walk.label_map(()), result.dist.label_map(walk.z))
    assert walk.alone == 2 and walk.choice.own == ((2, 0.5),)
    walk.set_sigma(-1.0)
    assert walk.choice.sigma == 0.5 and walk.position == -1.0
    walk.nudge(-0.5)
    walk.select(None)
    walk.set_sigma(2.0)
    assert walk.choice == Choice(sigma=2.0, own=((2, -1.5),))
    direction = result.directions.basis[:, 0]
    expected = composed(result.dist, 2.0 * direction, {2: -1.5 * direction}, walk.lesions.parts)
    assert (expected != result.dist.label_map(walk.z)).any()
    np.testing.assert_array_equal(walk.label_map(()), expected)
    where = (slice(3, 9), slice(None), slice(4, 5))
    np.testing.assert_array_equal(walk.label_map(where), expected[where])
    assert walk.counts.tolist() == number_of(expected)
    assert walk.choice.title == "mean, direction 1 at +2.00 σ, lesion 2 at −1.50 σ"
    walk.set_alone(2, False)
    np.testing.assert_array_equal(walk.label_map(()), result.dist.label_map(walk.z))


def test_undo_takes_back_what_a_lesion_did_alone(session: Session) -> None:
    walk = session.walk
    walk.select(1)
    walk.set_alone(1, True)
    walk.set_sigma(1.0)
    walk.set_sigma(1.5, same_gesture=True)
    moved = walk.label_map(())
    walk.set_direction(1)
    assert walk.choice.own == ()
    walk.undo()
    np.testing.assert_array_equal(walk.label_map(()), moved)
    walk.undo()
    assert walk.choice.own == ((1, 0.0),)
    walk.undo()
    assert walk.choice == Choice() and not walk.history.can_undo


def test_another_sample_begins_with_all_lesions_together(session: Session) -> None:
    walk = session.walk
    walk.set_alone(1, True)
    walk.step(1)
    assert walk.choice == Choice(sample=0)
    # From there lesions start at the sample, not at the mean.
    walk.select(1)
    walk.set_alone(1, True)
    walk.set_sigma(1.0)
    dist, basis = session.result.dist, session.result.directions.basis
    z = walk.z + basis[:, 0]
    expected = composed(dist, walk.z, {1: z}, walk.lesions.parts)
    np.testing.assert_array_equal(walk.label_map(()), expected)
    walk.set_seed(3)
    assert walk.choice.own == ()


def test_a_shorter_slider_brings_lesions_back(session: Session) -> None:
    from napari_ssn.session import Settings

    walk = session.walk
    for number, sigma in ((1, 2.5), (2, 1.0)):
        walk.select(number)
        walk.set_alone(number, True)
        walk.set_sigma(sigma)
    session.configure(Settings(device="cpu", hypotheses=50, samples=4, reach=2.0))
    assert walk.choice.own == ((2, 1.0),)
    assert walk.counts.tolist() == number_of(walk.label_map(()))
    for _ in range(10):
        walk.undo()
        assert all(abs(at) <= 2 for _, at in walk.choice.own)


def test_only_lesions_that_were_found_move_alone(session: Session) -> None:
    for number in (0, len(session.walk.lesions.found) + 1):
        with pytest.raises(ValueError, match="number"):
            session.walk.set_alone(number, True)


def test_one_lesion_is_as_if_there_was_no_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = ran(start(undealt(), tiny_model(tmp_path / "flat"), monkeypatch))
    walk = session.walk
    if walk.lesions.several:
        pytest.fail("the tiny model's noise should hang together")
    assert walk.here.lesion_counts is None and walk.counts is not None
    with pytest.raises(ValueError, match="number"):
        walk.set_alone(1, True)
    session.close()


def test_lesions_of_an_earlier_run_are_dropped(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = Held({"lesions"})
    session = ran(start(runner, model, monkeypatch), SPACE)
    # Sizes do not wait for them.
    assert session.walk.counts is not None and session.walk.lesions is None
    late = runner.waiting[0][1]
    session.run()
    late()
    assert session.walk.lesions is None
    runner.go()
    assert session.walk.lesions.several and session.walk.counts is not None
    session.close()


def test_the_place_to_look_at_is_where_the_hypothesis_is_largest(session: Session) -> None:
    seen: list[tuple[int, ...]] = []
    session.places.looked.connect(lambda place, centred: seen.append(place))
    session.look()
    labels = session.result.dist.placed(session.walk.label_map(()))
    assert seen == [middle_of(labels)]
    for axis in range(3):
        areas = [(part > 0).sum() for part in np.moveaxis(labels, axis, 0)]
        assert areas[seen[0][axis]] == max(areas)
    # Of a result that is about another place nothing is shown, but the place that was chosen.
    session.place_centre((4, 5, 6))
    session.look()
    assert seen[1:] == [(4, 5, 6)]
    session.set_around_point(False)
    session.set_image(source(noise_image(SPACE)))
    session.look()
    assert len(seen) == 2


def test_the_middle_of_several_largest_slices_and_of_nothing() -> None:
    labels = np.zeros((9, 9), np.uint8)
    assert middle_of(labels) is None
    labels[2:7, 3:6] = 2
    labels[0, 8] = 1
    assert middle_of(labels) == (4, 4)


@pytest.mark.parametrize(("classes", "seed"), [(2, 0), (3, 3)])
def test_the_command_makes_a_composed_label_map_again_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, classes: int, seed: int
) -> None:
    from napari_ssn.io.nifti import read_nifti
    from napari_ssn.prediction.source import Source

    deep = {"dims": 3, "region": (16, 16, 16), "classes": classes}
    folder = tiny_model(tmp_path / "spots", sparse=True, seed=seed, **deep)
    scan = tmp_path / "scan.nii.gz"
    affine = np.diag([-0.8, 0.7, 1.5, 1.0])
    nib.save(nib.Nifti1Image(noise_image(SPACE), affine), scan)
    volume = read_nifti(scan)
    session = start(undealt(), folder, monkeypatch)
    session.set_image(
        Source(1, volume.space, 1, volume.affine, "volume", True, lambda: read_nifti(scan))
    )
    session.run()
    walk = session.walk
    for number, sigma in ((1, 2.0), (2, -1.0)):
        walk.select(number)
        walk.set_alone(number, True)
        walk.set_sigma(sigma)
    shown = session.result.dist.placed(walk.label_map(()))
    target = tmp_path / "moved.nii.gz"
    session.files.export(target)
    assert session.files.exported is not None, session.note
    np.testing.assert_array_equal(np.asarray(nib.load(target).dataobj), shown)
    record = json.loads((tmp_path / "moved.json").read_text())
    said = record["choice"]
    assert said["kind"] == "walk" and said["sigma"] == 0
    assert [(m["lesion"], m["sigma"]) for m in said["lesions"]["own"]] == [(1, 2.0), (2, -1.0)]
    assert said["lesions"]["found"] == len(walk.lesions.found)
    assert record["volumes"]["label 1"]["voxels"] == (shown == 1).sum()

    def again(*more: str) -> str:
        arguments = ["--from-sidecar", str(tmp_path / "moved.json"), "--image", str(scan)]
        arguments += ["--model", str(folder), "--out", str(tmp_path / "again.nii.gz")]
        done = CliRunner().invoke(app, ["segment", *arguments, *more])
        return done.output

    assert "identical" in again()
    assert (tmp_path / "again.nii.gz").read_bytes() == target.read_bytes()
    # Without the lesions it is another label map, and the command would say so.
    said["lesions"] = None
    (tmp_path / "moved.json").write_text(json.dumps(record))
    assert "not identical" in again("--overwrite")
    session.close()


def test_kept_hypotheses_carry_their_lesions(session: Session) -> None:
    made = []
    session.copies.made.connect(made.append)
    walk = session.walk
    walk.select(1)
    walk.set_alone(1, True)
    walk.set_sigma(3.0)
    shown = walk.label_map(())
    session.copies.keep()
    np.testing.assert_array_equal(made[0].label_map, session.result.dist.placed(shown))
    assert made[0].provenance["choice"]["lesions"]["own"][0]["lesion"] == 1
    # Samples do not.
    session.copies.add_samples(1, 0)
    assert made[1].provenance["choice"]["lesions"] is None


def test_a_slider_that_moves_on_does_not_begin_counting_anew(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = Held(set())
    session = ran(start(runner, model, monkeypatch), SPACE)
    walk = session.walk
    runner.channels.add("curve")
    walk.set_direction(1)
    first = runner.waiting
    for sigma in (0.1, 0.2, 0.3):
        walk.set_sigma(sigma)
    assert runner.waiting == first and len(first) == 1 and walk.counts is None
    # Another direction is counted instead.
    walk.set_direction(2)
    assert runner.waiting != first
    runner.go()
    assert walk.counts is not None and walk.here.lesion_counts is not None
    session.close()


def test_counting_that_failed_is_said_once_and_tried_again_on_another_way(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = Held(set())
    session = ran(start(runner, model, monkeypatch), SPACE)
    walk = session.walk
    runner.channels.add("curve")

    def full(*args: Any) -> None:
        raise ImageError("No memory.")

    with monkeypatch.context() as patch:
        patch.setattr("napari_ssn.prediction.counting.curve_along", full)
        walk.set_direction(1)
        runner.go()
        assert session.note.text == "No memory." and walk.counts is None
        walk.set_sigma(0.1)
        assert not runner.waiting and session.note is None and walk.counts is None
    for direction in (2, 1):
        walk.set_direction(direction)
        runner.go()
        assert walk.counts is not None
    session.close()
