"""The figures of changes that are known, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.follow_up import enlarged, row_of
from napari_ssn.core.change import Change
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.volume import Volume


@pytest.mark.parametrize("factor", [1.0, 1.25, 2.0])
def test_an_enlarged_scan_holds_the_same_voxels_in_so_much_more(factor: float) -> None:
    affine = np.array([[0, -0.7, 0, 5], [0.6, 0, 0.1, -3], [0, 0, 2.5, 8], [0, 0, 0, 1.0]])
    volume = Volume(np.zeros((1, 3, 4, 5), np.float32), affine)
    made = enlarged(volume, factor)
    assert made.data is volume.data
    np.testing.assert_allclose(Affine(made.affine).voxel_ml, factor * Affine(affine).voxel_ml)
    np.testing.assert_allclose(made.affine[:3, 3], affine[:3, 3])


def test_what_two_readers_drew_is_held_or_not() -> None:
    # Of readers who drew 10 and 13 the ratio is 1.3 or 1 / 1.3, times the true one.
    found = Change(np.array([1.0]), np.array([1.5, 2.0, 2.2, 2.4]))
    row = row_of(found, np.array([10, 13]), 2.0)
    assert row["coverage"] == pytest.approx(0.5)  # 1.54 lies within 1.5–2.4, and 2.6 does not
    assert row["width"] == pytest.approx(2.4 / 1.5)
    assert row["median_ratio"] == pytest.approx(2.0 / 2)
    assert row["growth"] == 1 and row["growth_readers"] == 1
    assert row["growth_without"] == 0  # 2.4 / 2 is a growth of 20 %
    row = row_of(found, np.array([10, 13]), 1.0)
    assert row["growth_readers"] == 0.5


def test_pairs_with_something_in_common_have_figures_of_their_own() -> None:
    sizes = np.array([1.0, 2.0, 4.0])
    row = row_of(Change(sizes, 2 * sizes, shared=1.0), np.array([10, 13]), 2.0)
    assert row["width_as_readers"] == pytest.approx(1) and row["width"] == pytest.approx(16)
    assert row["coverage_as_readers"] == 0 and row["coverage"] == 1
    assert row["growth_as_readers"] == 1 and row["growth_without_as_readers"] == 0
