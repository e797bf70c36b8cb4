"""A training step and a score, each against the plain way of doing the same."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.distributions import LowRankMultivariateNormal

from benchmarks.timing import Pair, compare
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.metrics import SetDistances
from napari_ssn.network.building import build_network
from napari_ssn.network.loss import draw_logits, monte_carlo_nll
from napari_ssn.network.models import Model
from napari_ssn.network.ssn import SSN, LogitParameters
from napari_ssn.samples import SLICES, raters
from napari_ssn.samples import volume as sample_volume

BATCH = 4
SPACE = (128, 128)
DRAWS = 20
SAMPLES = 100
RUNS = 9


def low_rank_normal(parameters: LogitParameters) -> LowRankMultivariateNormal:
    """torch's distribution of the flattened logits, batch (B,), event (C·V,).

    It wants the factor as (B, C·V, R) and factorises the capacitance matrix when made.
    """
    return LowRankMultivariateNormal(
        parameters.mean.flatten(1),
        parameters.cov_factor.flatten(2).transpose(1, 2),
        parameters.cov_diag.flatten(1),
    )


def rsample_logits(parameters: LogitParameters, samples: int) -> Tensor:
    """As `draw_logits`, (B, M, C, V), but from torch's distribution and without mirrored pairs."""
    batch, classes = parameters.mean.shape[:2]
    drawn = low_rank_normal(parameters).rsample((samples,))  # (M, B, C·V)
    return drawn.transpose(0, 1).reshape(batch, samples, classes, -1)


def mirrored_logits(parameters: LogitParameters, samples: int) -> Tensor:
    """As `rsample_logits`, in mirrored pairs."""
    half = rsample_logits(parameters, samples // 2)
    return torch.cat([half, 2 * parameters.mean.flatten(2).unsqueeze(1) - half], dim=1)


def factorises(parameters: LogitParameters) -> bool:
    """Whether torch's distribution can be made of these at all."""
    try:
        low_rank_normal(parameters)
    # ValueError: its own check of the arguments.
    except (torch.linalg.LinAlgError, ValueError):  # type: ignore[attr-defined]
        return False
    return True


def training_step(model: Model) -> list[str]:
    """One step of Adam on the model's architecture, freshly initialised, in float32."""
    card = model.card
    torch.manual_seed(0)
    channels = len(card.channels)
    network = build_network(card.architecture, channels, card.classes, card.spatial_dims)
    image = torch.rand(BATCH, channels, *SPACE)
    target = torch.randint(card.classes, (BATCH, *SPACE)).flatten(1)
    outputs = LogitParameters(*(p.detach().requires_grad_() for p in network(image)))
    dists = [model.segment(sample_volume(number)) for number in range(1, SLICES + 1)]
    trained = [
        factorises(LogitParameters(d.mean[None], d.cov_factor[None], d.cov_diag[None]))
        for d in dists
    ]
    noted = f"it could be made of the shipped weights' output on {sum(trained)} of {SLICES} samples"
    if not factorises(outputs):
        return [f"training step: LowRankMultivariateNormal fails at the start; {noted}"]

    def step(draw: Callable[[LogitParameters, int], Tensor]) -> Callable[[], None]:
        own: SSN = copy.deepcopy(network).train()
        optimizer = torch.optim.Adam(own.parameters(), 1e-3)

        def run() -> None:
            loss = monte_carlo_nll(draw(own(image), DRAWS), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        return run

    def loss_alone(draw: Callable[[LogitParameters, int], Tensor]) -> Callable[[], None]:
        def run() -> None:
            for parameter in outputs:
                parameter.grad = None
            monte_carlo_nll(draw(outputs, DRAWS), target).backward()

        return run

    def times(pair: Pair, how: str = "") -> str:
        return (
            f"{pair.ours * 1000:.0f} ms; LowRankMultivariateNormal{how}: "
            f"{pair.other * 1000:.0f} ms; ratio {pair.ratio:.2f}"
        )

    whole = compare(step(draw_logits), step(rsample_logits), RUNS)
    alone = compare(loss_alone(draw_logits), loss_alone(rsample_logits), RUNS)
    mirrored = compare(loss_alone(draw_logits), loss_alone(mirrored_logits), RUNS)
    size = f"{BATCH} images of {' × '.join(map(str, SPACE))}, {DRAWS} draws in mirrored pairs"
    return [
        f"training step, {size}: {times(whole, ', draws not mirrored')}; {noted}",
        f"of which draws and loss, with their gradients: {times(alone, ', draws not mirrored')}",
        f"the same: {times(mirrored, ', draws mirrored')}",
    ]


def energy_distance(dist: LogitDistribution, number: int = 1) -> list[str]:
    """GED² of 100 label maps and the four raters of a sample."""
    samples, masks = dist.sample(SAMPLES, pixel_noise=True), raters(number)

    def ours() -> float:
        return SetDistances.between(samples, masks, 2).energy_distance()

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        union = np.count_nonzero(a | b)
        return 1 - np.count_nonzero(a & b) / union if union else 0.0

    def theirs() -> float:
        a, b = samples > 0, masks > 0
        across, within, among = (
            np.mean([[distance(x, y) for y in right] for x in left])
            for left, right in ((a, b), (a, a), (b, b))
        )
        return float(2 * across - within - among)

    np.testing.assert_allclose(ours(), theirs(), rtol=1e-9)
    pair = compare(ours, theirs, RUNS)
    pairs = (SAMPLES + len(masks)) ** 2 - SAMPLES * len(masks)
    line = (
        f"GED² of {SAMPLES} label maps and {len(masks)} raters: {pair.ours * 1000:.1f} ms; "
        f"{pairs:,} pairs one by one: {pair.other * 1000:.0f} ms; {1 / pair.ratio:.0f}× faster"
    )
    return [line]
