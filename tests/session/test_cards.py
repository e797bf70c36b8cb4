"""Cards: which hypotheses they show, what they say of them, and their thumbnails."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.core.summaries.representatives import representatives
from napari_ssn.errors import Cancel, Cancelled
from napari_ssn.geometry.orientation import Reorientation
from napari_ssn.network.models import load_model
from napari_ssn.prediction.cards import deal_cards, where_they_differ
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.source import Source
from napari_ssn.prediction.wish import (
    CARDS,
    DRAWS,
    SEED,
    SIDE,
)
from tests.support.segmented import opened, result_of, source
from tests.support.sessions import Held, Inline


def representatives_of(image: Source, folder: Path) -> list[Hypothesis]:
    dist = load_model(folder / "tiny", "cpu").segment(image.load())
    return representatives(dist, CARDS, DRAWS, SEED)


def test_the_cards_are_the_representatives(tmp_path: Path) -> None:
    session = opened(tmp_path, Inline(), source((40, 48), (0.7, 0.7)))
    result = result_of(session)
    cards = session.cards
    assert cards is not None and 1 <= len(cards.cards) <= CARDS and cards.draws == DRAWS
    assert sum(card.share for card in cards.cards) == pytest.approx(1)
    expected = representatives(result.dist, CARDS, DRAWS, SEED)
    for card, one in zip(cards.cards, expected, strict=True):
        # A click on the card shows exactly what it stands for.
        session.walk.show(card.choice)
        shown = session.walk.label_map(())
        assert shown is not None
        np.testing.assert_array_equal(result.dist.placed(shown), one.label_map)
        np.testing.assert_array_equal(card.counts, one.counts)
        assert (card.share, card.error) == (one.probability, one.probability_error)
        assert card.picture.shape == (SIDE, SIDE, 3) and card.picture.dtype == np.uint8
    assert len({card.picture.tobytes() for card in cards.cards}) == len(cards.cards)
    # Where nothing is outlined, the little room below the picture has a word that can be read.
    none = replace(cards.cards[0], counts=np.array([1920, 0]))
    assert cards.lines(result.measure, none)[1] == "nothing outlined"
    assert cards.short(result.measure, none)[1] == "nothing"


def test_a_card_is_undone_like_any_step(tmp_path: Path) -> None:
    session = opened(tmp_path, Inline(), source((40, 48)))
    assert session.cards is not None
    session.walk.show(session.cards.cards[0].choice)
    session.walk.undo()
    assert session.walk.choice == Choice()


def test_thumbnails_show_the_slice_where_hypotheses_differ_as_the_window_turns_it(
    tmp_path: Path,
) -> None:
    image = source((20, 24, 28), (2.0, 1.0, 1.0))
    session = opened(tmp_path, Inline(), image, dims=3, classes=3)
    cards, result = session.cards, result_of(session)
    assert cards is not None
    found = representatives(result.dist, CARDS, DRAWS, SEED)
    apart = [
        sum(int((a.label_map[k] != found[0].label_map[k]).any()) for a in found) for k in range(20)
    ]
    assert cards.voxel[0] == where_they_differ(np.stack([one.label_map for one in found]))
    assert apart[cards.voxel[0]] > 0


def test_a_grid_is_turned_as_the_window_turns_it(tmp_path: Path) -> None:
    back = Reorientation((0, 1, 2), (True, False, False))
    image = replace(source((20, 24, 28)), shown=back)
    assert image.turn is back
    cards = opened(tmp_path, Inline(), image, dims=3).cards
    assert cards is not None
    maps = np.stack([one.label_map for one in representatives_of(image, tmp_path)])
    # Counted from the other end of the first axis.
    assert cards.voxel[0] == 19 - where_they_differ(maps[:, ::-1])


def test_where_they_differ_by_hand() -> None:
    maps = np.zeros((3, 4, 5, 5), np.uint8)
    assert where_they_differ(maps) == 2
    maps[:, 1] = 1
    assert where_they_differ(maps) == 1  # all alike: where most is labelled
    maps[2, 3, :2] = 1
    assert where_they_differ(maps) == 3
    # Rather where each of them has something, if any such slice tells them apart.
    maps[0, 1, 0] = 0
    assert where_they_differ(maps) == 1
    maps[0] = 0  # nothing anywhere: of the others both slices
    assert where_they_differ(maps[[0, 1, 2]]) == 1 and where_they_differ(maps[1:]) == 3


def test_cards_of_an_earlier_run_are_dropped(tmp_path: Path) -> None:
    runner = Held({"cards"})
    session = opened(tmp_path, runner, source((40, 48)))
    assert session.cards is None
    waiting = runner.waiting[0][1]
    session.run()
    waiting()
    assert session.cards is None
    runner.go()
    assert session.cards is not None and session.cards.run == result_of(session).run


def test_dealing_can_be_stopped(tmp_path: Path) -> None:
    session = opened(tmp_path, Inline(), source((40, 48)))
    with pytest.raises(Cancelled):
        deal_cards(result_of(session), cancel=Cancel(lambda: True))


def test_a_star_keeps_that_hypothesis_whatever_is_on_show(tmp_path: Path) -> None:
    session = opened(tmp_path, Inline(), source((40, 48)))
    made = []
    session.copies.made.connect(made.append)
    assert session.cards is not None
    card = session.cards.cards[-1]
    session.copies.keep_choice(card.choice)
    assert session.walk.choice == Choice()
    assert made[0].kept and made[0].choice == card.choice
    np.testing.assert_array_equal(made[0].counts, card.counts)


def test_where_all_hypotheses_are_one_there_is_one_card(tmp_path: Path) -> None:
    from napari_ssn.core.distribution import LogitDistribution

    session = opened(tmp_path, Inline(), source((40, 48)))
    result = result_of(session)
    for label in (0, 1):
        mean = np.full((2, 40, 48), -9.0)
        mean[label] = 9.0
        still = LogitDistribution(mean, np.zeros((3, 2, 40, 48)), np.ones((2, 40, 48)))
        (card,) = deal_cards(replace(result, dist=still)).cards
        assert (card.share, card.error, card.empty) == (1.0, 0.0, label == 0)
        assert card.picture.shape == (SIDE, SIDE, 3)
