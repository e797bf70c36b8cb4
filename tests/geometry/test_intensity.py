from __future__ import annotations

import numpy as np
import pytest

from napari_ssn.geometry.intensity import CT_WINDOWS, looks_like_ct, percentile_limits, some_values


def test_windows_are_those_of_the_field() -> None:
    limits = {window.name: window.limits for window in CT_WINDOWS}
    assert limits == {
        "Lung": (-1350, 150),
        "Bone": (-500, 1300),
        "Soft tissue": (-160, 240),
        "Brain": (0, 80),
    }


def ct() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(-850, 60, 500), rng.normal(40, 20, 500)])


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        (ct(), True),
        (np.append(ct(), [-3024] * 100), True),
        (np.append(ct(), np.nan), True),
        # Air and nothing in it; values moved up by 1024; a picture; MR; noise about zero.
        (np.full(100, -1000), False),
        (ct() + 1024, False),
        (np.arange(256), False),
        (np.random.default_rng(1).gamma(2, 300, 1000), False),
        (np.random.default_rng(2).normal(0, 100, 1000), False),
        (np.random.default_rng(2).normal(0, 400, 1000), False),
        (np.append(ct(), 1e6), False),
        (np.array([np.nan]), False),
        (np.array([]), False),
    ],
)
def test_ct_numbers_are_told_from_others(values: np.ndarray, answer: bool) -> None:
    assert looks_like_ct(values) is answer


def test_percentiles_leave_the_brightest_and_darkest_out() -> None:
    values = np.append(np.arange(1001.0), [np.nan, np.inf])
    assert percentile_limits(values) == pytest.approx((5, 995))
    assert percentile_limits(np.ones(9)) is None and percentile_limits(np.full(3, np.nan)) is None


def test_few_slices_are_read_of_a_lazy_image() -> None:
    class Lazy:
        shape = (40, 8, 9)
        asked: list[int] = []  # noqa: RUF012

        def __getitem__(self, key: tuple[int, ...]) -> np.ndarray:
            self.asked.append(key[-1])
            return np.full((8, 9), key[-1])

    found = some_values(Lazy())
    assert len(Lazy.asked) <= 5 and set(found) == set(Lazy.asked)
    assert 0 not in Lazy.asked and 39 not in Lazy.asked
    # One slice only, and a plane, are read as they are.
    assert some_values(np.ones((1, 4, 5))).size == 20
    assert some_values(np.ones((4, 5))).size == 20
    large = some_values(np.zeros((3, 500, 500)))
    assert large.size <= 3 * 2 * 40_000
