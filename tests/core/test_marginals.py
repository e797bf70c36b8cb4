"""The marginal of one label: against those of all, and where its bounds meet."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from napari_ssn.core import marginals
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.errors import Cancelled
from tests.support.packed import distributions


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_one_label_is_that_of_all_labels(classes: int) -> None:
    for dist in distributions(classes):
        expected = dist.probabilities(4096)
        for label in range(classes):
            found = dist.probability(label)
            assert found.dtype == np.float32 and found.shape == dist.space
            np.testing.assert_allclose(found, expected[label], atol=5e-3 if classes > 2 else 1e-6)
        np.testing.assert_allclose(dist.probability(), 1 - expected[0], atol=5e-3)


def test_blocks_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    _, dense = distributions(3)
    whole = dense.probability(1)
    monkeypatch.setattr(marginals, "_BLOCK", 7)
    np.testing.assert_array_equal(dense.probability(1), whole)


def test_a_single_contender_is_exact_and_needs_no_integral(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The third class never contends: p = Φ(0.3 / √(0.8² + 0.1 + 0.2)).
    mean = torch.tensor([0.0, 0.3, -50.0]).reshape(3, 1, 1)
    factor = torch.tensor([0.3, 1.1, 0.0]).reshape(1, 3, 1, 1)
    dist = LogitDistribution(mean, factor, torch.tensor([0.1, 0.2, 0.1]).reshape(3, 1, 1))
    monkeypatch.setattr(marginals, "_integrated", None)
    expected = 0.5 * math.erfc(-0.3 / math.sqrt(0.64 + 0.3) / math.sqrt(2))
    assert dist.probability(1)[0, 0] == pytest.approx(expected, abs=1e-6)
    assert dist.probability(2)[0, 0] == 0
    assert dist.probability()[0, 0] == pytest.approx(expected, abs=1e-6)


def test_a_tie_without_variance_is_the_lowest_label() -> None:
    zero = torch.zeros(3, 1, 1)
    tie = LogitDistribution(zero, zero[None], zero)
    assert [float(tie.probability(label)[0, 0]) for label in range(3)] == [1, 0, 0]


def test_it_can_be_cancelled() -> None:
    def stop() -> None:
        raise Cancelled("The run was cancelled.")

    for dist in distributions(2):
        with pytest.raises(Cancelled):
            dist.probability(between=stop)
