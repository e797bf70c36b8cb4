"""Varimax from moments against varimax of the loadings themselves."""

from __future__ import annotations

import numpy as np
import pytest

from napari_ssn.core.directions.varimax import criterion, fourth_moments, pairs, varimax


def moments(loadings: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    first, second = pairs(loadings.shape[1])
    products = loadings[:, first] * loadings[:, second]
    return fourth_moments(products.T @ products), loadings.T @ loadings, len(loadings)


def slow_criterion(loadings: np.ndarray) -> float:
    """Sum of the variances of the squared loadings."""
    return float(np.square(loadings).var(0).sum())


def slow_varimax(loadings: np.ndarray) -> np.ndarray:
    """By singular values of the gradient, from the loadings: another algorithm, the same goal."""
    rotation = np.eye(loadings.shape[1])
    for _ in range(2000):
        turned = loadings @ rotation
        gradient = loadings.T @ (turned**3 - turned * np.square(turned).mean(0))
        left, _, right = np.linalg.svd(gradient)
        rotation = left @ right
    return rotation


def some(seed: int, columns: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    # Few large numbers, so that there is a structure to find, then mixed.
    sparse = rng.normal(size=(300, columns)) * (rng.random((300, columns)) < 0.2)
    mixing, _ = np.linalg.qr(rng.normal(size=(columns, columns)))
    return sparse @ mixing + 0.05 * rng.normal(size=(300, columns))


@pytest.mark.parametrize("seed", range(5))
def test_it_is_a_rotation_that_reaches_what_the_slow_one_reaches(seed: int) -> None:
    loadings = some(seed)
    rotation = varimax(*moments(loadings))
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(4), atol=1e-12)
    reached = slow_criterion(loadings @ rotation)
    assert reached > slow_criterion(loadings)
    assert reached == pytest.approx(slow_criterion(loadings @ slow_varimax(loadings)), rel=1e-6)
    assert criterion(*moments(loadings), rotation) == pytest.approx(reached, rel=1e-9)


def test_no_turn_of_two_columns_is_better() -> None:
    loadings = some(7)
    turned = loadings @ varimax(*moments(loadings))
    best = slow_criterion(turned)
    for p, q in [(0, 1), (1, 3), (2, 3)]:
        for angle in np.linspace(-np.pi / 4, np.pi / 4, 41):
            other = turned.copy()
            other[:, p] = np.cos(angle) * turned[:, p] + np.sin(angle) * turned[:, q]
            other[:, q] = np.cos(angle) * turned[:, q] - np.sin(angle) * turned[:, p]
            assert slow_criterion(other) <= best + 1e-12


def test_columns_that_load_on_different_rows_are_found_again() -> None:
    apart = np.zeros((60, 3))
    apart[:10, 0], apart[20:30, 1], apart[40:50, 2] = 1.0, 2.0, -1.5
    mixing, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    loadings = apart @ mixing
    found = loadings @ varimax(*moments(loadings))
    order = [int(np.abs(found[row]).argmax()) for row in (0, 20, 40)]
    assert sorted(order) == [0, 1, 2]
    np.testing.assert_allclose(np.abs(found[:, order]), np.abs(apart), atol=1e-7)


def test_where_nothing_is_better_everything_stays() -> None:
    # On a circle every rotation is as good.
    angle = np.arange(360) * np.pi / 180
    loadings = np.stack([np.cos(angle), np.sin(angle)], 1)
    np.testing.assert_array_equal(varimax(*moments(loadings)), np.eye(2))
    np.testing.assert_array_equal(varimax(*moments(np.zeros((5, 3)))), np.eye(3))


def test_fourth_moments_are_those_of_the_rows() -> None:
    loadings = some(1, 3)
    expected = np.einsum("vi,vj,vk,vl->ijkl", *(loadings,) * 4)
    np.testing.assert_allclose(moments(loadings)[0], expected, atol=1e-9)
