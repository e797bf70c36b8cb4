"""What the readers of a case are to each other."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from napari_ssn.core import metrics
from napari_ssn.geometry.apart import share_apart
from napari_ssn.geometry.volume import Volume
from napari_ssn.training.between import least_error, reader_figures
from napari_ssn.training.cases import Case

SPACE = (2, 4, 9)


def case(*widths: int) -> Case:
    """Blocks so many columns wide; of none, nothing is outlined."""
    raters = np.zeros((len(widths), *SPACE), np.uint8)
    for rater, width in zip(raters, widths, strict=True):
        rater[:, :, :width] = 1
    return Case("1", Volume(np.zeros((1, *SPACE), np.float32), np.eye(4)), raters)


def test_each_reader_is_asked_about_each_other() -> None:
    widths = (2, 4, 8)
    row = reader_figures(case(*widths, 0), 2, np.array([2.0, 4.0, 8.0, np.nan]))
    pairs = list(itertools.permutations(widths, 2))
    # The blocks lie one in the other: what two share is the smaller one.
    dice = np.mean([2 * min(a, b) / (a + b) for a, b in pairs])
    assert row["dice_drawn_reader"] == pytest.approx(dice)
    off = np.mean([abs(a - b) / b for a, b in pairs])
    assert row["volume_error_reader"] == pytest.approx(off)
    assert row["diameter_error_mm_reader"] == pytest.approx(np.mean([abs(a - b) for a, b in pairs]))
    assert row["volume_width_readers"] == pytest.approx(6 / np.mean(widths))
    # Two of three outline four columns.
    vote = [2 * min(4, w) / (4 + w) for w in widths]
    assert row["dice_drawn_majority"] == pytest.approx(np.mean(vote))


def test_the_others_together_are_asked_about_each() -> None:
    row = reader_figures(case(2, 4, 8), 2, np.full(3, np.nan))
    # Two vote for what both outlined, and the median of two is their mean.
    votes = [(4, 2), (2, 4), (2, 8)]
    assert row["dice_drawn_others"] == pytest.approx(
        np.mean([2 * min(a, b) / (a + b) for a, b in votes])
    )
    medians = [(6, 2), (5, 4), (3, 8)]
    assert row["volume_error_others"] == pytest.approx(
        np.mean([abs(a - b) / b for a, b in medians])
    )


def test_of_one_reader_nothing_is_known_of_others() -> None:
    assert reader_figures(case(3, 0, 0, 0), 2, np.array([3.0, np.nan, np.nan, np.nan])) == {}
    assert reader_figures(case(0, 0), 2, np.full(2, np.nan)) == {}


def test_diameters_that_are_not_known_are_left_out() -> None:
    assert "diameter_error_mm_reader" not in reader_figures(case(3, 5), 2, np.full(2, np.nan))


@pytest.mark.parametrize("seed", range(20))
def test_no_size_is_off_by_less_than_the_least(seed: int) -> None:
    random = np.random.default_rng(seed)
    sizes = random.lognormal(4, 1, size=int(random.integers(1, 8)))
    tried = np.concatenate([sizes, np.linspace(sizes.min() / 2, sizes.max() * 2, 4001)])
    errors = (np.abs(tried[:, None] - sizes) / sizes).mean(1)
    assert least_error(sizes) == pytest.approx(errors.min(), abs=1e-12)


def test_readers_of_the_lidc_kind_are_as_far_apart_as_their_distances_say() -> None:
    # The overlap of two readers, once as Dice and once as the distance that GED² is made of.
    two = case(3, 5)
    row = reader_figures(two, 2, np.full(2, np.nan))
    iou = 1 - metrics.SetDistances.between(two.raters, two.raters, classes=2).rater_diversity()
    assert row["dice_drawn_reader"] == pytest.approx(2 * iou / (1 + iou))


def test_what_touches_at_a_corner_is_one_piece() -> None:
    maps = np.zeros((4, 1, 6, 6), np.uint8)
    maps[0, 0, :2, :2] = maps[0, 0, 2, 2] = 1
    maps[1, 0, :3, 0] = maps[1, 0, 5, 5] = 1
    maps[2, 0, 4, :4] = 1
    # The last is empty, and has no say.
    assert share_apart(maps) == pytest.approx((0 + 1 / 4 + 0) / 3)
    assert np.isnan(share_apart(maps[3:]))
