"""Expectation propagation by itself: known integrals, hard cases, and many problems at once."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import log_ndtr

from napari_ssn.core.given.expectation import HalfSpaces, infer, infer_means


def random_spaces(seed: int, count: int, size: int, noise: float = 1e-3) -> HalfSpaces:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, size))
    # Offsets of one point's margins, so that some u has them all positive.
    offset = rng.normal(size=count) - rows @ rng.normal(size=size)
    return HalfSpaces(rows, offset, np.full(count, noise))


@pytest.mark.parametrize("offset", [3.0, 0.0, -3.0, -40.0, -1e4])
@pytest.mark.parametrize("noise", [1e-3, 1.0])
def test_one_factor_is_exact_however_far_out(offset: float, noise: float) -> None:
    spaces = HalfSpaces(np.array([[2.0]]), np.array([offset]), np.array([noise]))
    belief = infer(spaces)
    # P(offset + 2u + τe > 0), and Newton's identities of its logarithm in the offset.
    total = math.hypot(2.0, noise)
    t = offset / total
    assert belief.log_evidence == pytest.approx(float(log_ndtr(t)), rel=1e-9, abs=1e-9)
    step = 1e-4 * max(1.0, abs(t))
    near = [float(log_ndtr(t + k * step)) for k in (-1, 0, 1)]
    hazard = (near[2] - near[0]) / (2 * step)
    assert belief.mean[0] == pytest.approx(2 / total * hazard, rel=1e-4)
    assert belief.settled and 0 < belief.cov[0, 0] <= 1


def test_half_lines_that_meet_in_a_wedge() -> None:
    # P(u₁ > 0, ρ u₁ + √(1 − ρ²) u₂ > 0) = 1/4 + asin(ρ)/2π: Sheppard's formula.
    for rho in (-0.9, -0.3, 0.0, 0.5, 0.95):
        rows = np.array([[1.0, 0.0], [rho, math.sqrt(1 - rho * rho)]])
        belief = infer(HalfSpaces(rows, np.zeros(2), np.full(2, 1e-3)))
        wanted = 0.25 + math.asin(rho) / (2 * math.pi)
        assert math.exp(belief.log_evidence) == pytest.approx(wanted, rel=0.05)


def test_independent_factors_are_exact_together() -> None:
    offset = np.array([-1.0, 0.0, 2.0])
    belief = infer(HalfSpaces(np.eye(3), offset, np.full(3, 0.5)))
    t = offset / math.hypot(1, 0.5)
    assert belief.log_evidence == pytest.approx(float(log_ndtr(t).sum()), rel=1e-9)
    assert np.abs(belief.cov - np.diag(np.diag(belief.cov))).max() < 1e-12


def test_no_factor_leaves_the_prior() -> None:
    belief = infer(HalfSpaces(np.zeros((0, 3)), np.zeros(0), np.zeros(0)))
    assert belief.log_evidence == 0 and belief.settled
    np.testing.assert_array_equal(belief.mean, 0)
    np.testing.assert_array_equal(belief.cov, np.eye(3))


@pytest.mark.parametrize(("count", "size"), [(1, 1), (4, 3), (30, 5), (12, 20)])
def test_many_at_once_are_each_by_itself(count: int, size: int) -> None:
    spaces = random_spaces(1, count, size, noise=0.05)
    offsets = spaces.offset + np.random.default_rng(2).normal(size=(40, count))
    means = infer_means(spaces.rows, offsets, spaces.noise)
    for offset, mean in zip(offsets, means, strict=True):
        alone = infer(HalfSpaces(spaces.rows, offset, spaces.noise))
        assert alone.settled
        # Both stop within 5e-4 of a standard deviation of where they would come to rest.
        np.testing.assert_allclose(mean, alone.mean, atol=0.01)
    np.testing.assert_allclose(
        infer_means(spaces.rows, offsets[7:8], spaces.noise)[0], means[7], atol=1e-12
    )


def test_what_contradicts_itself_comes_to_rest() -> None:
    rows = np.array([[1.0, 0.0], [-1.0, 1e-3], [0.3, 1.0], [0.0, 0.0]])
    belief = infer(HalfSpaces(rows, np.array([-5.0, -5.0, -20.0, -1.0]), np.full(4, 1e-3)))
    assert belief.settled and math.isfinite(belief.log_evidence) and belief.log_evidence < -1e5
    assert np.isfinite(belief.mean).all() and np.linalg.eigvalsh(belief.cov).min() > 0
