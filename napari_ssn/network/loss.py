"""Losses for stochastic segmentation: the paper's likelihood and the energy score.

Neither needs a Cholesky factor: sampling ``μ + P z + √D ε`` is a sum.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from napari_ssn.network.ssn import LogitParameters, PresentParameters

Parameters = LogitParameters | PresentParameters


def draw_logits(
    parameters: Parameters, samples: int, generator: torch.Generator | None = None
) -> Tensor:
    """Draw logit maps in antithetic pairs, ``μ ± (P z + √D ε)``.

    Args:
        parameters: a batch, see `LogitParameters`.
        samples: number M of draws, even; the second half mirrors the first.
        generator: source of randomness, on the parameters' device.

    Returns:
        (B, M, C, V) float32, space flattened to V voxels.
    """
    mean = parameters.mean.flatten(2)
    batch, classes, voxels = mean.shape
    z, noise = _random(parameters, samples, generator)
    rank = z.shape[2]
    factor = parameters.cov_factor.reshape(batch, rank, classes * voxels)
    deviation = torch.bmm(z, factor).reshape(batch, -1, classes, voxels)
    scale = parameters.cov_diag.flatten(2).sqrt().unsqueeze(1)
    deviation = torch.addcmul(deviation, scale, noise)
    centre = mean.unsqueeze(1)
    return torch.cat([centre + deviation, centre - deviation], dim=1)


def draw_margins(
    parameters: Parameters, samples: int, generator: torch.Generator | None = None
) -> Tensor:
    """By how much the second of two labels leads in the draws of `draw_logits`, (B, M, 1, V).

    All that a loss of two labels asks of them, with half as many numbers to go through.
    """
    if parameters.mean.shape[1] != 2:
        raise ValueError(f"parameters: expected two labels, got {parameters.mean.shape[1]}")
    z, noise = _random(parameters, samples, generator)
    mean, factor = parameters.mean.flatten(2), parameters.cov_factor.flatten(3)
    scale = parameters.cov_diag.flatten(2).sqrt().unsqueeze(1)
    deviation = torch.bmm(z, factor[:, :, 1] - factor[:, :, 0])
    deviation = torch.addcmul(deviation, scale[:, :, 1], noise[:, :, 1])
    deviation = torch.addcmul(deviation, scale[:, :, 0], noise[:, :, 0], value=-1)
    centre = (mean[:, 1] - mean[:, 0]).unsqueeze(1)
    return torch.cat([centre + deviation, centre - deviation], dim=1).unsqueeze(2)


def _random(
    parameters: Parameters, samples: int, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """z (B, half, R) and ε (B, half, C, V) of half as many draws."""
    if samples < 2 or samples % 2:
        raise ValueError(f"samples: expected an even number of at least 2, got {samples}")
    mean = parameters.mean.flatten(2)
    half, (batch, classes, voxels) = samples // 2, mean.shape
    like = {"device": mean.device, "dtype": mean.dtype, "generator": generator}
    z = torch.randn(batch, half, parameters.cov_factor.shape[1], **like)  # type: ignore[call-overload]
    noise = torch.randn(batch, half, classes, voxels, **like)  # type: ignore[call-overload]
    return z, noise


def _margin(logits: Tensor) -> Tensor:
    """(B, M, V) of two labels' logits, or of `draw_margins`."""
    return logits[:, :, 0] if logits.shape[2] == 1 else logits[:, :, 1] - logits[:, :, 0]


def probabilities(logits: Tensor) -> Tensor:
    """Of each label but the background, (B, M, C − 1, V), of `draw_logits` or `draw_margins`."""
    if logits.shape[2] <= 2:
        return torch.sigmoid(_margin(logits)).unsqueeze(2)
    return logits.softmax(2)[:, :, 1:]


def monte_carlo_nll(
    logits: Tensor, target: Tensor, valid: Tensor | None = None, weight: Tensor | None = None
) -> Tensor:
    """Negative log-likelihood of a label map, by Monte Carlo, per voxel.

    ``−mean_b [logsumexp_m Σ_v log softmax(η_m)_{v, y_v} − log M] / V``
    (Monteiro et al. 2020, eq. 6; divided by V so that the step size does not depend on
    the patch).

    Args:
        logits: (B, M, C, V) draws of `draw_logits`, or (B, M, 1, V) of `draw_margins`.
        target: (B, V) integer labels.
        valid: (B, V) bool, voxels that count; None for all.
        weight: (B,) of each label map in the mean; None for 1.
    """
    _, samples, classes, voxels = logits.shape
    if classes <= 2:
        # −log softmax of two classes is a softplus of the margin: half the memory traffic.
        sign = 1.0 - 2.0 * target.unsqueeze(1).to(logits.dtype)
        log_likelihood = -functional.softplus(_margin(logits) * sign)
    else:
        index = target.long()[:, None, None].expand(-1, samples, 1, -1)
        log_likelihood = logits.log_softmax(2).gather(2, index).squeeze(2)
    if valid is not None:
        log_likelihood = log_likelihood * valid.unsqueeze(1)
    per_map = log_likelihood.sum(-1)  # (B, M)
    loss = -(torch.logsumexp(per_map, dim=1) - math.log(samples)) / voxels
    return _mean(loss, weight)


def _mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """Mean of (B,), weighted; 0 if every weight is."""
    if weight is None:
        return values.mean()
    return (values * weight).sum() / weight.sum().clamp(min=1e-6)


def presence_loss(logit: Tensor, share: Tensor) -> Tensor:
    """Binary cross-entropy of presence against the share of raters who outlined something.

    Args:
        logit: (B,).
        share: (B,) from 0 to 1.
    """
    return functional.binary_cross_entropy_with_logits(logit, share)


def cross_entropy(
    parameters: Parameters,
    raters: Tensor,
    valid: Tensor | None = None,
    drew: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of the mean logits against every rater: the warm-up of the mean.

    Args:
        parameters: a batch; only the mean is used.
        raters: (B, K, V) integer labels.
        valid: (B, V) bool, voxels that count; None for all.
        drew: (B, K) bool, raters that count; None for all.
    """
    log_softmax = parameters.mean.flatten(2).log_softmax(1)  # (B, C, V)
    frequency = functional.one_hot(raters.long(), log_softmax.shape[1]).to(log_softmax.dtype)
    if drew is None:
        shares = frequency.mean(1)
    else:
        count = drew.sum(1).clamp(min=1)
        shares = (frequency * drew[:, :, None, None]).sum(1) / count[:, None, None]
    loss = -(log_softmax * shares.transpose(1, 2)).sum(1)  # (B, V)
    if valid is not None:
        loss = loss * valid
    return _mean(loss.mean(1), None if drew is None else drew.any(1).to(loss.dtype))


def soft_distance(a: Tensor, b: Tensor) -> Tensor:
    """One minus the soft IoU of every pair, averaged over classes.

    ``1 − (Σ a b + 1) / (Σ a + Σ b − Σ a b + 1)``: the ones make empty against empty 0.

    Args:
        a: (B, M, C', V) foreground probabilities.
        b: (B, K, C', V) likewise.

    Returns:
        (B, M, K).
    """
    a = a.transpose(1, 2)
    b = b.transpose(1, 2)
    shared = a @ b.transpose(-1, -2)  # (B, C', M, K)
    total = a.sum(-1).unsqueeze(-1) + b.sum(-1).unsqueeze(-2)
    return 1 - ((shared + 1) / (total - shared + 1)).mean(1)


def blocks(flat: Tensor, space: tuple[int, ...], side: int | Sequence[int]) -> Tensor:
    """Cut every map of a batch into blocks, which become batch entries of their own.

    Args:
        flat: (B, ..., V) with V the voxels of ``space``.
        space: shape of the grid.
        side: voxels of a block along each axis or along all; what is left over at an end is
            left out.

    Returns:
        (B · n, ..., side^d) for n blocks.
    """
    lead = flat.shape[1:-1]
    maps = flat.reshape(flat.shape[0], -1, *space)
    sides = [side] * len(space) if isinstance(side, int) else side
    for axis, (size, asked) in enumerate(zip(space, sides, strict=True)):
        # Each cut moves the voxels within a block to the end.
        maps = maps.unfold(2 + axis, min(asked, size), min(asked, size))
    counts = maps.shape[2 : 2 + len(space)]
    maps = maps.flatten(2 + len(space)).flatten(2, 1 + len(space))  # (B, lead, n, voxels)
    maps = maps.transpose(1, 2)
    return maps.reshape(flat.shape[0] * math.prod(counts), *lead, -1)


def size_distance(a: Tensor, b: Tensor) -> Tensor:
    """Distance of the soft sizes of every pair, averaged over classes.

    ``|log (Σ a + k) − log (Σ b + k)|``, close to the relative error of a size; k, a thousandth
    of the voxels, makes empty against empty 0 and a few voxels nearly nothing.

    Args:
        a: (B, M, C', V) foreground probabilities.
        b: (B, K, C', V) likewise.

    Returns:
        (B, M, K).
    """
    least = a.shape[-1] / 1000
    one, other = ((x.sum(-1) + least).log() for x in (a, b))
    return (one.unsqueeze(2) - other.unsqueeze(1)).abs().mean(-1)


def shape_distance(a: Tensor, b: Tensor, space: Sequence[int], unit: Sequence[float]) -> Tensor:
    """Distance of the place and the proportions of every pair, averaged over classes.

    The Euclidean distance of the centres of mass, of one and the other, and of the logarithms of
    their standard deviations along each axis, less the mean of these: what is left of an outline
    when its size is not looked at. A five-thousandth of the voxels is taken to lie at the middle,
    and a tenth of a unit is added to each deviation (squared), so that little is nearly nothing.

    Args:
        a: (B, M, C', V) foreground probabilities.
        b: (B, K, C', V) likewise.
        space: shape of the grid, V voxels.
        unit: voxels that are a distance of 1, along each axis.

    Returns:
        (B, M, K).
    """
    axes = [
        (torch.arange(n, device=a.device, dtype=a.dtype) - n // 2) / u
        for n, u in zip(space, unit, strict=True)
    ]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij")).flatten(1)  # (D, V)
    moments = torch.cat([torch.ones_like(places[:1]), places, places.square()]).T

    def features(soft: Tensor) -> Tensor:
        sums = soft @ moments  # (B, M, C', 1 + 2 D)
        weight = sums[..., :1] + soft.shape[-1] / 5000
        first, second = (sums[..., 1:] / weight).chunk(2, -1)
        long = 0.5 * ((second - first.square()).clamp(min=0) + 0.01).log()
        return torch.cat([first, long - long.mean(-1, keepdim=True)], -1)

    one, other = (features(x).transpose(1, 2) for x in (a, b))  # (B, C', M, 2 D)
    apart = one.unsqueeze(3) - other.unsqueeze(2)
    # The root has no slope at 0, where a draw meets itself.
    return (apart.square().sum(-1) + 1e-8).sqrt().mean(1)


def energy_score(
    soft: Tensor,
    raters: Tensor,
    distance: Callable[[Tensor, Tensor], Tensor] = soft_distance,
    valid: Tensor | None = None,
    drew: Tensor | None = None,
) -> Tensor:
    """Energy score of the predicted distribution against all raters, averaged over the batch.

    ``2 E d(s, y) − E d(s, s')``, a proper score (Gneiting and Raftery 2007, section 5.1). With
    `soft_distance` it is what the squared generalised energy distance estimates; with
    `size_distance` the continuous ranked probability score of the logarithm of sizes, with
    `shape_distance` the energy score of place and proportions.

    Args:
        soft: (B, M, C − 1, V) `probabilities` of M draws, at least 4.
        raters: (B, K, V) integer labels.
        distance: of (B, M, C', V) and (B, K, C', V) probabilities, (B, M, K).
        valid: (B, V) bool, voxels that count; None for all.
        drew: (B, K) bool, raters that count; None for all.

    Only independent pairs enter the second term: a draw and its mirror image are farther
    apart than two draws are.
    """
    samples = soft.shape[1]
    if samples < 4:
        raise ValueError(f"samples: the energy score needs at least 4, got {samples}")
    labels = torch.arange(1, soft.shape[2] + 1, device=raters.device).reshape(1, 1, -1, 1)
    truth = (raters.unsqueeze(2) == labels).to(soft.dtype)
    if valid is not None:
        soft, truth = (part * valid[:, None, None] for part in (soft, truth))
    to_each = distance(soft, truth).mean(1)  # (B, K)
    if drew is None:
        to_raters = to_each.mean(1)
    else:
        to_raters = (to_each * drew).sum(1) / drew.sum(1).clamp(min=1)
    among = distance(soft, soft)
    half = samples // 2
    with_itself = among.diagonal(dim1=1, dim2=2).sum(-1)
    with_mirror = 2 * among.diagonal(offset=half, dim1=1, dim2=2).sum(-1)
    independent = among.sum((1, 2)) - with_itself - with_mirror
    score = 2 * to_raters - independent / (samples * (samples - 2))
    return _mean(score, None if drew is None else drew.any(1).to(score.dtype))
