"""Fit to my drawing in the session: what it shows, what stays, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_ssn.core.given.drawing import fit_drawing
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.core.overlap import dice
from napari_ssn.core.spread import Spread
from napari_ssn.documents.sidecar import Provenance
from napari_ssn.io.describing import edited
from napari_ssn.io.hashes import label_map_hash
from napari_ssn.prediction.choice import BEYOND, LEFT_OUT
from napari_ssn.session import Decoded, Session
from tests.support.people import NAMES, adjudicated, fit_to_people
from tests.support.segmented import opened, result_of, source
from tests.support.sessions import Held, Inline, undealt

pytestmark = pytest.mark.usefixtures("few_draws")

SPACE = (40, 48)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fitted")


def session_of(folder: Path, runner: Inline | None = None) -> Session:
    return opened(folder, runner or undealt(), source(SPACE, (0.7, 0.7)))


def drawn(session: Session) -> np.ndarray:
    """An outline that the model nearly has, and a few pixels that no hypothesis has."""
    dist = result_of(session).dist
    values = dist.label_map([1.0, -1.5, 0.5]).copy()
    values[fit_drawing(dist, np.ones_like(values)).unlikely] = 1
    return values


def test_the_nearest_hypothesis_is_shown_and_the_slider_goes_on_from_there(folder: Path) -> None:
    session = session_of(folder)
    dist, walk, values = result_of(session).dist, session.walk, drawn(session)
    session.fitting.fit(values)
    fit = fit_drawing(dist, values)
    np.testing.assert_array_equal(walk.label_map(()), dist.label_map(fit.z))
    assert walk.choice.kind == "drawing" and not walk.here.from_mean
    found = session.fitting.found
    assert found is not None and found.percentile == fit.percentile
    marks = np.where(fit.unlikely, np.where(values > 0, BEYOND, LEFT_OUT), 0)
    np.testing.assert_array_equal(found.marks, marks)
    assert found.beyond > 0
    assert session.fitting.words[0][0].startswith("Nearest hypothesis")
    walk.set_sigma(0.9)
    directions = result_of(session).bases.known(walk.choice.basis)
    np.testing.assert_array_equal(
        walk.label_map(()), dist.label_map(directions.z(walk.choice.direction, 0.9, fit.z))
    )
    assert session.fitting.found is found
    # The mean is nearest to no drawing; undo comes back to it without looking for it again.
    walk.show_sample(None)
    assert session.fitting.found is None and session.fitting.words == ([], False)
    session.fitting._runner = None  # type: ignore[assignment]
    walk.undo()
    assert session.fitting.found is found and walk.choice.sigma == 0.9


def test_points_correct_it_and_leave_it_what_it_is(folder: Path) -> None:
    session = session_of(folder)
    session.fitting.fit(drawn(session))
    before = session.walk.label_map(())
    assert before is not None
    session.pointing.add((30, 30), 1 - int(before[30, 30]))
    after = session.walk.label_map(())
    assert after is not None and after[30, 30] != before[30, 30]
    assert session.fitting.found is not None
    # It gives way near the point alone.
    changed = np.argwhere(after != before)
    assert np.abs(changed - [30, 30]).max() < 15
    # Conditions are asked of other hypotheses.
    assert session.walk.choice.only == ()


def test_an_outline_of_people_carries_their_shares_through_all_that_is_done_to_it(
    folder: Path, tmp_path: Path
) -> None:
    """Fitted, corrected by points, walked, undone, kept, exported, painted on and saved."""
    session = session_of(folder)
    kept: list[Decoded] = []
    session.copies.made.connect(kept.append)
    made = fit_to_people(session)
    painted = made.label_map.copy()
    painted.reshape(-1)[:2] ^= 1
    session.walk.set_direction(1)
    before = session.walk.label_map(())
    assert before is not None
    session.pointing.add((30, 30), 1 - int(before[30, 30]))
    session.walk.set_sigma(0.6)
    session.walk.undo()
    session.walk.undo()
    session.walk.redo()
    session.walk.set_sigma(-0.4)
    session.copies.keep()
    session.files.export(tmp_path / "one.nii.gz")
    hand = (kept[0].label_map ^ 1).astype(np.uint8)
    by_hand = edited(
        Provenance.model_validate(kept[0].provenance), Hypothesis(hand, np.eye(4), None, 2)
    )
    exported = json.loads((tmp_path / "one.json").read_text())
    wanted = {
        "how": "blend",
        "readers": [
            {
                "name": name,
                "sha256": label_map_hash(one),
                "share": 1 / 3,
                "dice": dice(painted, one, 2).tolist(),
            }
            for name, one in zip(NAMES, made.readers.maps, strict=True)
        ],
        "corrected_voxels": 2,
        "outline_sha256": label_map_hash(painted),
    }
    assert kept[0].provenance["adjudicated"] == wanted
    assert exported["adjudicated"] == wanted
    assert exported["choice"]["drawing"]["sha256"] == wanted["outline_sha256"]
    # What was painted on it by hand has no z, and still the people.
    assert by_hand.choice.kind == "edited"
    assert by_hand.model_dump(mode="json")["adjudicated"] == wanted
    assert "an outline of 3 people" in session.fitting.words[0][-1]
    # The mean is nobody's, and neither is what somebody draws himself.
    session.walk.show_sample(None)
    session.files.export(tmp_path / "mean.nii.gz")
    session.fitting.fit(drawn(session))
    session.files.export(tmp_path / "own.nii.gz")
    for name in ("mean", "own"):
        assert json.loads((tmp_path / f"{name}.json").read_text())["adjudicated"] is None
    assert "people" not in " ".join(session.fitting.words[0])


def test_an_outline_of_people_that_was_saved_and_opened_again_has_them_still(
    folder: Path, tmp_path: Path
) -> None:
    session = session_of(folder)
    made = adjudicated(session)
    session.readers.export(tmp_path / "outline.nii.gz")
    told = json.loads((tmp_path / "outline.json").read_text())
    # Another window, where nobody has compared them.
    again = session_of(folder)
    again.fitting.fit(made.label_map, told=told)
    assert "an outline of 3 people" in again.fitting.words[0][-1]
    again.files.export(tmp_path / "fitted.nii.gz")
    fitted = json.loads((tmp_path / "fitted.json").read_text())["adjudicated"]
    assert fitted == {**told["adjudicated"], "outline_sha256": label_map_hash(made.label_map)}
    # Painted on since: shares are of what was made, and nobody can say how far each agrees now.
    painted = made.label_map.copy()
    painted.reshape(-1)[:2] ^= 1
    again.fitting.fit(painted, told=told)
    again.files.export(tmp_path / "painted.nii.gz")
    known = json.loads((tmp_path / "painted.json").read_text())["adjudicated"]
    readers = [{**one, "dice": None} for one in told["adjudicated"]["readers"]]
    assert known["readers"] == readers and known["corrected_voxels"] is None
    assert known["outline_sha256"] == label_map_hash(painted)
    by_hand = edited(Provenance.model_validate(told), Hypothesis(painted, np.eye(4), None, 2))
    assert by_hand.model_dump(mode="json")["adjudicated"] == {**known, "outline_sha256": None}
    # Nobody's, of another image.
    told["run"]["image_sha256"] = 64 * "0"
    again.fitting.fit(made.label_map, told=told)
    drawing = again.walk.choice.drawing
    assert drawing is not None and drawing.made_of is None


def test_people_of_another_image_are_nobody_here(folder: Path) -> None:
    session = session_of(folder)
    made = replace(adjudicated(session), image_sha256="0" * 64)
    session.fitting.fit(made.label_map, made)
    drawing = session.walk.choice.drawing
    assert drawing is not None and drawing.made_of is None


def test_with_another_spread_nothing_is_fitted_any_more(folder: Path) -> None:
    session = session_of(folder)
    session.fitting.fit(drawn(session))
    session.set_spread(Spread(1.5))
    assert session.walk.choice.drawing is None and session.fitting.found is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros(SPACE, np.uint8), "Nothing is drawn yet."),
        (np.ones((40, 40), np.uint8), "The drawing has 40 × 40 voxels and the image 40 × 48"),
        (np.arange(1920).reshape(SPACE), "tells one thing apart"),
    ],
)
def test_what_is_no_drawing_leaves_all_as_it_was(folder: Path, values, words: str) -> None:
    session = session_of(folder)
    choice = session.walk.choice
    session.fitting.fit(values)
    note = session.note
    assert note is not None and note.error and words in note.text
    assert session.walk.choice == choice and not session.fitting.busy


def test_while_it_is_looked_for_that_is_said_and_a_new_run_drops_it(folder: Path) -> None:
    held = Held({"fit"})
    session = session_of(folder, held)
    session.fitting.fit(drawn(session))
    assert session.fitting.busy and session.walk.choice.drawing is None
    session.run()
    held.go()
    assert not session.fitting.busy and session.walk.choice.drawing is None
