"""The losses against loops over their formulas."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import LowRankMultivariateNormal

from benchmarks.training import mirrored_logits, rsample_logits
from napari_ssn.network.loss import (
    blocks,
    cross_entropy,
    draw_logits,
    draw_margins,
    energy_score,
    monte_carlo_nll,
    presence_loss,
    probabilities,
    shape_distance,
    size_distance,
    soft_distance,
)
from napari_ssn.network.ssn import LogitParameters


def score_of(logits: torch.Tensor, *args: Any, **given: Any) -> torch.Tensor:
    return energy_score(probabilities(logits), *args, **given)


def parameters(classes: int = 2, rank: int = 3, seed: int = 0) -> LogitParameters:
    g = torch.Generator().manual_seed(seed)
    return LogitParameters(
        torch.randn(2, classes, 2, 3, generator=g),
        torch.randn(2, rank, classes, 2, 3, generator=g),
        torch.rand(2, classes, 2, 3, generator=g) + 0.1,
    )


def test_draws_are_antithetic_and_have_the_models_moments() -> None:
    p = parameters()
    draws = draw_logits(p, 40_000, torch.Generator().manual_seed(1))
    half = 20_000
    mean = p.mean.flatten(2).unsqueeze(1)
    torch.testing.assert_close(
        draws[:, :half] + draws[:, half:], 2 * mean.expand(-1, half, -1, -1), atol=1e-4, rtol=0
    )
    for image in range(2):
        reference = LowRankMultivariateNormal(
            p.mean[image].flatten(),
            p.cov_factor[image].reshape(3, -1).T,
            p.cov_diag[image].flatten(),
        )
        flat = draws[image, :half].reshape(half, -1)
        torch.testing.assert_close(
            torch.cov(flat.T), reference.covariance_matrix, atol=0.15, rtol=0.05
        )


@pytest.mark.parametrize("theirs", [rsample_logits, mirrored_logits])
def test_the_benchmark_draws_from_the_same_distribution(
    theirs: Callable[[LogitParameters, int], torch.Tensor],
) -> None:
    # Three classes and a rank of two, so that no transposed axis can pass for another.
    p, n = parameters(classes=3, rank=2), 40_000
    torch.manual_seed(0)
    ours, other = draw_logits(p, n), theirs(p, n)
    assert ours.shape == other.shape == (2, n, 3, 6)
    for image in range(2):
        # The first halves are independent draws, mirrored or not.
        a, b = (draws[image, : n // 2].flatten(1).double() for draws in (ours, other))
        covariance = torch.cov(a.T)
        variance = covariance.diagonal()
        # With k = n/2 draws each, squared: of a mean σ²/k, of a covariance (σᵢ² σⱼ² + σᵢⱼ²)/k,
        # and twice that of a difference.
        error = (4 * variance / n).sqrt()
        assert ((a.mean(0) - b.mean(0)).abs() < 5 * error).all()
        error = (4 * (torch.outer(variance, variance) + covariance.square()) / n).sqrt()
        assert ((covariance - torch.cov(b.T)).abs() < 5 * error).all()


@pytest.mark.parametrize("classes", [2, 3])
def test_likelihood_equals_the_loop(classes: int) -> None:
    p = parameters(classes)
    logits = draw_logits(p, 6, torch.Generator().manual_seed(0))
    target = torch.randint(classes, (2, 6), generator=torch.Generator().manual_seed(2))
    total = 0.0
    for b in range(2):
        terms = []
        for m in range(6):
            log_likelihood = 0.0
            for v in range(6):
                column = logits[b, m, :, v].double()
                log_likelihood += float(column[target[b, v]] - column.exp().sum().log())
            terms.append(math.exp(log_likelihood))
        total += math.log(sum(terms) / 6)
    assert float(monte_carlo_nll(logits, target)) == pytest.approx(-total / 2 / 6, rel=1e-5)


def test_likelihood_survives_logits_that_overflow_exp() -> None:
    logits = torch.tensor([[[[500.0], [-500.0]], [[-500.0], [500.0]]]])
    # One of two draws explains the label: −log(1/2).
    assert float(monte_carlo_nll(logits, torch.tensor([[0]]))) == pytest.approx(math.log(2))


def test_cross_entropy_by_hand() -> None:
    mean = torch.tensor([[[[0.0]], [[math.log(3)]]]])  # probabilities 1/4 and 3/4
    p = LogitParameters(mean, torch.zeros(1, 1, 2, 1, 1), torch.ones(1, 2, 1, 1))
    raters = torch.tensor([[[1], [1], [0], [1]]])
    expected = -(3 * math.log(0.75) + math.log(0.25)) / 4
    assert float(cross_entropy(p, raters)) == pytest.approx(expected)


def test_soft_distance_by_hand() -> None:
    a = torch.tensor([[[[0.5, 1.0, 0.0]], [[0.0, 0.0, 0.0]]]])  # (1, M=2, 1, V=3)
    b = torch.tensor([[[[1.0, 1.0, 0.0]], [[0.0, 0.0, 0.0]]]])
    # Σab 1.5, Σa + Σb − Σab = 1.5 + 2 − 1.5 = 2 → 1 − 2.5/3; against empty 1 − 1/2.5;
    # empty against b 1 − 1/3; empty against empty 0.
    expected = torch.tensor([[[1 - 2.5 / 3, 0.6], [2 / 3, 0.0]]])
    torch.testing.assert_close(soft_distance(a, b), expected)


def test_size_distance_by_hand() -> None:
    # 1,000 voxels, so that k is 1. Sizes 4 and 0 against 9, 0 and two labels of one draw.
    a, b = torch.zeros(1, 2, 2, 1000), torch.zeros(1, 2, 2, 1000)
    a[0, 0, 0, :8] = 0.5
    b[0, 0, :, :9] = 1.0
    # Label 0: |log 5 − log 10|, |log 5 − log 1|, log 10, 0. Label 1, always empty in a: log 10, 0.
    first = torch.tensor([[2.0, 5.0], [10.0, 1.0]]).log()
    second = torch.tensor([[10.0, 1.0], [10.0, 1.0]]).log()
    torch.testing.assert_close(size_distance(a, b), ((first + second) / 2)[None])


def test_the_energy_score_of_sizes_is_least_for_the_sizes_that_raters_drew() -> None:
    """A proper score: a model that says 40 for sure is worse than one that says 20 or 60."""
    raters = torch.zeros(1, 2, 100, dtype=torch.long)
    raters[0, 0, :20], raters[0, 1, :60] = 1, 1

    def score(sizes: list[int]) -> float:
        margin = torch.full((1, len(sizes), 1, 100), -20.0)
        for row, size in zip(margin[0, :, 0], sizes, strict=True):
            row[:size] = 20.0
        logits = torch.cat([torch.zeros_like(margin), margin], 2)
        return float(score_of(logits, raters, size_distance))

    true = score([20, 20, 60, 60, 20, 60, 20, 60])
    assert true < score([40] * 8)
    assert true < score([10, 10, 90, 90, 10, 90, 10, 90])


def boxes(*corners: tuple[slice, slice]) -> torch.Tensor:
    """Boxes of a grid of 16 × 16 voxels, (1, M, 1, V)."""
    maps = torch.zeros(len(corners), 16, 16)
    for one, corner in zip(maps, corners, strict=True):
        one[corner] = 1
    return maps.reshape(1, len(corners), 1, 256)


def test_shape_distance_by_hand() -> None:
    a = boxes((slice(4, 8), slice(4, 8)), (slice(0, 0), slice(0, 0)))
    b = boxes((slice(6, 10), slice(2, 10)))
    k = 256 / 5000

    def features(box: list[tuple[int, int]], unit: tuple[float, float]) -> list[float]:
        size = math.prod(high - low for low, high in box)
        centre, long = [], []
        for (low, high), u in zip(box, unit, strict=True):
            at = [(i - 8) / u for i in range(low, high)]
            share = size / (size + k)
            mean = share * sum(at) / len(at)
            centre.append(mean)
            square = share * sum(x * x for x in at) / len(at)
            long.append(math.log(math.sqrt(square - mean**2 + 0.01)))
        middle = sum(long) / 2
        return [*centre, *(x - middle for x in long)]

    unit = (2.0, 4.0)
    there = features([(6, 10), (2, 10)], unit)
    expected = [
        math.dist(features([(4, 8), (4, 8)], unit), there),
        math.dist([0.0] * 4, there),  # nothing lies at the middle and has no proportions
    ]
    found = shape_distance(a, b, (16, 16), unit)
    torch.testing.assert_close(found, torch.tensor(expected)[None, :, None], rtol=1e-4, atol=1e-4)


def test_shape_does_not_look_at_size_and_sees_one_end() -> None:
    small, large = (slice(7, 10), slice(7, 10)), (slice(5, 12), slice(5, 12))
    longer = (slice(7, 12), slice(7, 10))
    found = shape_distance(boxes(small), boxes(large, longer), (16, 16), (4.0, 4.0))[0, 0]
    assert found[1] > 5 * found[0]


def test_shape_has_a_slope_where_a_draw_meets_itself() -> None:
    soft = boxes((slice(4, 8), slice(4, 8))).requires_grad_()
    shape_distance(soft, soft, (16, 16), (4.0, 4.0)).sum().backward()
    assert soft.grad is not None and bool(torch.isfinite(soft.grad).all())


@pytest.mark.parametrize("classes", [2, 3])
def test_energy_score_equals_the_loop(classes: int) -> None:
    p = parameters(classes)
    logits = draw_logits(p, 6, torch.Generator().manual_seed(0))
    raters = torch.randint(classes, (2, 4, 6), generator=torch.Generator().manual_seed(3))
    total = 0.0
    for b in range(2):
        soft = logits[b].double().softmax(1)[:, 1:]
        truth = torch.stack([raters[b] == c for c in range(1, classes)], 1).double()

        def d(x: torch.Tensor, y: torch.Tensor) -> float:
            shared = (x * y).sum(1)
            return float(1 - ((shared + 1) / (x.sum(1) + y.sum(1) - shared + 1)).mean())

        to_raters = sum(d(s, y) for s in soft for y in truth) / 24
        # Draw m + 3 mirrors draw m: they are not independent.
        pairs = [(i, j) for i in range(6) for j in range(6) if (i - j) % 3]
        among = sum(d(soft[i], soft[j]) for i, j in pairs) / len(pairs)
        total += 2 * to_raters - among
    assert float(score_of(logits, raters)) == pytest.approx(total / 2, rel=1e-5)


def test_energy_score_prefers_the_distribution_the_raters_come_from() -> None:
    """Two raters see all, two nothing: certainty either way scores worse than the coin."""
    raters = torch.tensor([[[1] * 50, [1] * 50, [0] * 50, [0] * 50]])
    on, off = 20.0, -20.0

    def score(margins: list[float]) -> float:
        margin = torch.tensor(margins).reshape(1, -1, 1, 1).expand(1, -1, 1, 50)
        return float(score_of(torch.cat([torch.zeros_like(margin), margin], 2), raters))

    # Draws m and m + 4 are a mirrored pair.
    coin = score([on, on, on, on, off, off, off, off])
    assert coin < score([on] * 8) and coin < score([off] * 8)


def test_odd_or_too_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="even"):
        draw_logits(parameters(), 5)
    with pytest.raises(ValueError, match="at least 4"):
        score_of(draw_logits(parameters(), 2), torch.zeros(2, 4, 6, dtype=torch.long))


@pytest.mark.parametrize("space", [(6, 8), (4, 6, 4)])
def test_blocks_hold_the_voxels_of_their_part_of_the_grid(space: tuple[int, ...]) -> None:
    values = torch.arange(2 * 3 * math.prod(space)).reshape(2, 3, -1)
    cut = blocks(values, space, 2)
    count = math.prod(n // 2 for n in space)
    assert cut.shape == (2 * count, 3, 2 ** len(space))
    grid = values.reshape(2, 3, *space)
    for batch in range(2):
        for number, corner in enumerate(np.ndindex(*(n // 2 for n in space))):
            part = grid[(batch, slice(None), *(slice(2 * i, 2 * i + 2) for i in corner))]
            assert torch.equal(cut[batch * count + number], part.reshape(3, -1))
    # What is left over at an end is left out, and a block no larger than the grid is the grid.
    assert blocks(values, space, 100).shape == values.shape
    assert blocks(values, space, 4).shape[0] == 2 * math.prod(n // 4 for n in space)


def test_what_no_rater_saw_and_who_drew_nothing_do_not_count() -> None:
    """Masks give what leaving out by hand gives."""
    torch.manual_seed(4)
    logits = torch.randn(2, 6, 2, 10)
    raters = (torch.rand(2, 3, 10) > 0.5).long()
    valid = torch.ones(2, 10, dtype=torch.bool)
    valid[:, 7:] = False
    raters[:, :, 7:] = 0
    drew = torch.tensor([[True, False, True], [False, False, False]])
    few, theirs = logits[:1, ..., :7], raters[:1, [0, 2], :7]
    torch.testing.assert_close(
        score_of(logits, raters, valid=valid, drew=drew), score_of(few, theirs)
    )
    weight = drew.any(1).float()
    torch.testing.assert_close(
        monte_carlo_nll(logits, raters[:, 0], valid, weight),
        monte_carlo_nll(few, raters[:1, 0, :7]) * 7 / 10,
    )
    p = LogitParameters(logits[:, 0], torch.zeros(2, 1, 2, 10), torch.ones(2, 2, 10))
    part = LogitParameters(few[:, 0], torch.zeros(1, 1, 2, 7), torch.ones(1, 2, 7))
    torch.testing.assert_close(
        cross_entropy(p, raters, valid, drew), cross_entropy(part, theirs) * 7 / 10
    )
    nobody = torch.zeros(2, 3, dtype=torch.bool)
    assert float(score_of(logits, raters, drew=nobody)) == 0


def test_presence_loss_by_hand() -> None:
    logit = torch.tensor([0.0, math.log(3)])  # one half and three quarters
    expected = -(math.log(0.5) + 0.25 * math.log(0.75) + 0.75 * math.log(0.25)) / 2
    assert float(presence_loss(logit, torch.tensor([1.0, 0.25]))) == pytest.approx(expected)


def test_margins_of_two_labels_say_what_their_logits_say_with_the_same_slopes() -> None:
    g = torch.Generator().manual_seed(5)
    raters = torch.randint(2, (2, 3, 6), generator=g)
    valid = torch.rand(2, 6, generator=g) < 0.8
    found = []
    for draw in (draw_logits, draw_margins):
        own = LogitParameters(*(p.double().requires_grad_() for p in parameters()))
        logits = draw(own, 8, torch.Generator().manual_seed(2))
        soft = probabilities(logits)
        losses = [
            monte_carlo_nll(logits, raters[:, 0], valid),
            score_of(logits, raters, valid=valid),
            energy_score(soft, raters, size_distance, valid),
        ]
        sum(losses).backward()  # type: ignore[union-attr]
        found.append((*losses, *(p.grad for p in own)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)
    with pytest.raises(ValueError, match="expected two labels, got 3"):
        draw_margins(parameters(3), 8)
    with pytest.raises(ValueError, match="even number"):
        draw_margins(parameters(), 7)
