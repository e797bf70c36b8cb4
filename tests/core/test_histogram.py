from __future__ import annotations

import numpy as np
import pytest

from napari_ssn.core.summaries.histogram import BARS, Histogram, histogram


def test_bars_hold_every_size_once_and_are_equally_wide() -> None:
    assert histogram([3, 3, 5, 8], bars=3) == Histogram(3, 2, (2, 1, 1))
    assert histogram([3, 3, 5, 8], bars=3).end == 9
    # As many bars as there are sizes: a bar of less than one voxel would always be empty.
    assert histogram([0, 2]) == Histogram(0, 1, (1, 0, 1))
    assert histogram([7, 7, 7]) == Histogram(7, 1, (3,))


@pytest.mark.parametrize("largest", [39, 40, 41, 1000, 12_345])
def test_every_size_falls_where_its_bar_says(largest: int) -> None:
    sizes = np.random.default_rng(largest).integers(0, largest + 1, 500)
    found = histogram(sizes)
    assert len(found.counts) <= BARS and sum(found.counts) == 500
    for i, count in enumerate(found.counts):
        low = found.first + i * found.width
        assert count == sum(low <= size < low + found.width for size in sizes)


def test_a_smooth_distribution_is_no_comb() -> None:
    found = histogram(np.arange(50))
    assert set(found.counts[:-1]) == {found.width}


def test_what_cannot_be_counted_is_refused() -> None:
    for wrong in ([], [[1]], [0.5]):
        with pytest.raises(ValueError, match="sizes"):
            histogram(wrong)
    with pytest.raises(ValueError, match="bars"):
        histogram([1], bars=0)
