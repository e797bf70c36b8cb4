"""What is measured of an object given that there is one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_ssn.core import metrics
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.geometry.volume import Volume
from napari_ssn.training.cases import Case
from napari_ssn.training.outlined import outlined_figures

SPACE = (2, 6, 6)


def found(presence: float = 1.0) -> LogitDistribution:
    """A block of 2 × 4 × 4 voxels whose outermost column comes and goes with z."""
    mean = torch.zeros(2, *SPACE)
    mean[1] = -4.0
    mean[1, :, :4, :3] = 4.0
    mean[1, :, :4, 3] = 0.0
    factor = torch.zeros(1, 2, *SPACE)
    factor[0, 1, :, :4, 3] = 1.0
    return LogitDistribution(
        mean, factor, torch.full((2, *SPACE), 1e-6), np.diag([2.0, 1.0, 1.0, 1.0]),
        presence=presence,
    )  # fmt: skip


def case(*widths: int) -> Case:
    """Four radiologists' blocks, so many columns wide; of none, nothing is outlined."""
    raters = np.zeros((len(widths), *SPACE), np.uint8)
    for rater, width in zip(raters, widths, strict=True):
        rater[:, :4, :width] = 1
    volume = Volume(np.zeros((1, *SPACE), np.float32), np.diag([2.0, 1.0, 1.0, 1.0]))
    return Case("1", volume, raters)


def test_sizes_are_scored_in_millilitres_and_as_shares() -> None:
    counts = np.array([24, 24, 32, 32, 32, 0])
    row = outlined_figures(found(), case(3, 4, 4, 0), counts, 50, 0)
    # Empty hypotheses and readers who outlined nothing have no say in a size given presence.
    sizes, drawn = [24.0, 32.0, 32.0], [24.0, 24.0, 32.0, 32.0, 32.0]
    expected = metrics.fair_crps(drawn, sizes)
    assert row["volume_crps_ml"] == pytest.approx(expected * 0.002)
    assert row["volume_crps"] == pytest.approx(expected / np.mean(sizes))
    assert row["volume_error"] == pytest.approx((8 / 24) / 3)
    assert "missed" not in row and "nothing" not in row


def test_where_all_drew_what_is_empty_counts_presence_too() -> None:
    row = outlined_figures(found(0.8), case(3, 4, 4, 4), np.array([24, 32, 32, 0]), 50, 0)
    assert row["nothing"] == pytest.approx(1 - 0.8 * 0.75) and row["missed"] == 0


def test_of_a_case_that_nobody_outlined_nothing_is_said() -> None:
    assert outlined_figures(found(), case(0, 0), np.array([24, 32]), 50, 0) == {}


def test_one_hypothesis_alone_has_no_spread() -> None:
    row = outlined_figures(found(), case(3, 4), np.array([24, 0, 0]), 50, 0)
    assert "volume_crps" not in row and "volume_error" not in row
