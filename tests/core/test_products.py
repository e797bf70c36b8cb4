"""Products taken in pieces against the whole product."""

from __future__ import annotations

import numpy as np
import pytest

from napari_ssn.core.products import product


@pytest.mark.parametrize(
    ("n", "k", "m"), [(0, 3, 2), (1, 1, 1), (7, 0, 3), (500, 70, 90), (3, 4, 0)]
)
def test_a_product_in_pieces_is_the_product(n: int, k: int, m: int) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(n, k)), rng.normal(size=(k, m))
    np.testing.assert_allclose(product(a, b), a @ b, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(product(b.T, a.T), b.T @ a.T, rtol=1e-12, atol=1e-12)


def test_a_long_matrix_meets_a_vector() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(9000, 5)), rng.normal(size=5)
    assert product(a, b).shape == (9000,)
    np.testing.assert_allclose(product(a, b), a @ b, rtol=1e-12, atol=1e-12)
