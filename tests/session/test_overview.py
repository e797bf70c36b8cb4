"""Contours, probability and boxplot: what the session makes of them, and when."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_ssn.core.distribution import draw_z
from napari_ssn.core.packed import distribution as activation
from napari_ssn.core.summaries.boxplot import boxplot
from napari_ssn.core.summaries.contours import contours
from napari_ssn.core.summaries.lines import MEDIAN_BIT
from napari_ssn.errors import Cancel, Cancelled
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.overview import (
    Overview,
    make_overview,
)
from napari_ssn.prediction.wish import (
    IN_BOXPLOT,
    KINDS,
    SEED,
    Wish,
)
from napari_ssn.session import Session
from tests.support.fewer import DRAWS
from tests.support.helpers import tiny_model
from tests.support.segmented import opened, result_of, source
from tests.support.sessions import Held, undealt

pytestmark = pytest.mark.usefixtures("few_draws")


def picture(session: Session, kind: str) -> Overview:
    found = session.overviews.of(kind)  # type: ignore[arg-type]
    assert found is not None and session.overviews.current(found.wish.kind)
    return found


@pytest.mark.parametrize("large", [False, True])
def test_each_is_that_of_the_label_maps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    if large:
        monkeypatch.setattr(activation, "LARGE", 0)
    session = opened(tmp_path, undealt(), source((18, 22, 20)), dims=3, classes=3)
    result, overviews = result_of(session), session.overviews
    assert [overviews.of(kind) for kind in KINDS] == [None, None, None]
    maps = result.dist.label_maps(draw_z(DRAWS, result.dist.rank, SEED))
    all_labels = result.dist.probabilities(1024)
    for kind in KINDS:
        overviews.show(kind, True)
    for label in (1, None):
        overviews.set_label(label)
        sets = (maps > 0 if label is None else maps == label).astype(np.uint8)
        expected = contours(sets, 2)
        levels = np.sum([expected.outer[1], expected.median[1], expected.inner[1]], 0)
        found = picture(session, "contours")
        assert found.draws == DRAWS and found.values.dtype == np.uint8
        np.testing.assert_array_equal(found.values, result.dist.placed(levels.astype(np.uint8)))

        found = picture(session, "probability")
        exact = 1 - all_labels[0] if label is None else all_labels[label]
        assert found.draws is None and found.values.dtype == np.float32
        np.testing.assert_allclose(found.values, result.dist.placed(exact), atol=5e-3)

        found = picture(session, "boxplot")
        plot = boxplot(result.dist, draw_z(IN_BOXPLOT, result.dist.rank, SEED), label)
        assert found.median == Choice(plot.median)
        assert found.outliers == tuple(Choice(number) for number in plot.outliers)
        np.testing.assert_array_equal(found.values % MEDIAN_BIT == 2, result.dist.placed(plot.box))
        band = np.asarray(found.values % MEDIAN_BIT > 0)
        np.testing.assert_array_equal(band, result.dist.placed(plot.whole | plot.box))
        # A click shows the very hypothesis.
        session.walk.show(found.median)
        shown = session.walk.label_map(())
        assert shown is not None
        inside = shown > 0 if label is None else shown == label
        np.testing.assert_array_equal(found.values >= MEDIAN_BIT, result.dist.placed(inside))


def test_it_follows_the_points(tmp_path: Path) -> None:
    session = opened(tmp_path, undealt(), source((40, 48)))
    result, overviews = result_of(session), session.overviews
    for kind in KINDS:
        overviews.show(kind, True)
    before = {kind: picture(session, kind) for kind in KINDS}
    voxel = tuple(int(i) for i in np.argwhere(np.asarray(before["contours"].values) == 1)[0])
    session.pointing.add(voxel, 1)
    for kind in KINDS:
        assert picture(session, kind).wish.points == session.pointing.points
    draws = result.given.draws(session.pointing.points, DRAWS, SEED)
    maps = result.given.source(session.pointing.points).label_maps(draws)
    found = picture(session, "probability")
    assert found.draws == DRAWS and found.values[voxel] == 1
    np.testing.assert_allclose(found.values, result.dist.placed((maps == 1).mean(0)), atol=1e-6)
    assert picture(session, "contours").values[voxel] == 3
    assert picture(session, "boxplot").median is not None
    session.pointing.clear()
    for kind in KINDS:
        np.testing.assert_array_equal(picture(session, kind).values, before[kind].values)


def test_only_what_is_wanted_is_made_and_only_the_newest_is_shown(tmp_path: Path) -> None:
    runner = Held({"contours", "boxplot"})
    session = opened(tmp_path, runner, source((40, 48)))
    overviews = session.overviews
    assert not runner.waiting
    overviews.show("contours", True)
    session.walk.set_sigma(1.0)
    assert [channel for channel, _ in runner.waiting] == ["contours"]
    assert overviews.of("contours") is None
    session.pointing.add((20, 20), 1)
    session.pointing.add((20, 24), 0)
    assert len(runner.waiting) == 1
    runner.go()
    assert picture(session, "contours").wish.points == session.pointing.points
    # While the next is made the former one stays, and is known to be of other points.
    session.pointing.clear()
    assert overviews.of("contours") is not None and not overviews.current("contours")
    overviews.show("contours", False)
    assert not runner.waiting and overviews.of("contours") is None
    # The numbers of a boxplot are those of the draws that one steps through.
    session.walk.set_seed(7)
    overviews.show("boxplot", True)
    runner.go()
    assert picture(session, "boxplot").wish.seed == 7


def test_it_is_made_anew_for_the_next_result(tmp_path: Path) -> None:
    session = opened(tmp_path, undealt(), source((40, 48)))
    session.overviews.show("contours", True)
    first = picture(session, "contours")
    session.set_image(source((30, 34)))
    session.run()
    again = picture(session, "contours")
    assert again.wish.run != first.wish.run and again.values.shape == (30, 34)
    session.close()
    assert session.overviews.of("contours") is None


def test_what_fails_is_said_once_and_no_longer_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened(tmp_path, undealt(), source((40, 48)))

    def fail(*arguments: object) -> None:
        raise OSError

    monkeypatch.setattr("napari_ssn.prediction.overview.make_overview", fail)
    session.overviews.show("contours", True)
    assert session.note is not None and session.note.error
    assert not session.overviews.wanted
    session.tell("")
    session.walk.set_sigma(0.5)
    assert session.note is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_stops_when_it_is_told_to(tmp_path: Path, kind: str) -> None:
    session = opened(tmp_path, undealt(), source((40, 48)))
    wish = Wish(kind, 1, None, (), (), 0)  # type: ignore[arg-type]
    with pytest.raises(Cancelled):
        make_overview(result_of(session), wish, Cancel(lambda: True))


def test_a_label_of_another_model_is_not_taken_over(tmp_path: Path) -> None:
    session = opened(tmp_path, undealt(), source((40, 48)), classes=3)
    session.overviews.set_label(2)
    session.run()
    assert session.overviews.label == 2
    session.catalogue.add_folder(tiny_model(tmp_path / "other", classes=2))
    session.run()
    assert session.overviews.label is None
