"""The terms of the loss of one batch.

The Monte Carlo likelihood of one rater, drawn anew for each image and step, plus energy scores
against all of them, and presence by itself (``docs/training.md`` explains them).
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from napari_ssn.network import loss as losses
from napari_ssn.network.ssn import PresentParameters
from napari_ssn.training.batch import Batch
from napari_ssn.training.recipe import Recipe


def loss_terms(
    recipe: Recipe,
    parameters: losses.Parameters,
    batch: Batch,
    *,
    warm: bool,
    draws: torch.Generator | None = None,
) -> dict[str, Tensor]:
    """Terms of the loss of one batch, each a scalar; ``total`` is what is minimised.

    Args:
        recipe: says which terms, and how much each weighs.
        parameters: what the network made of the batch.
        batch: what it saw.
        warm: whether the mean alone is trained as yet.
        draws: source of randomness, on the batch's device.
    """
    flat = batch.raters.flatten(2)
    valid = None if batch.valid is None else batch.valid.flatten(1)
    drew = batch.drew
    terms: dict[str, Tensor] = {}
    total = torch.zeros((), device=flat.device)
    if isinstance(parameters, PresentParameters) and batch.presence is not None:
        terms["presence"] = losses.presence_loss(parameters.presence, batch.presence)
        total = total + recipe.presence * terms["presence"]
    if warm or recipe.architecture.covariance == "none":
        terms["cross_entropy"] = losses.cross_entropy(parameters, flat, valid, drew)
        return {"total": total + terms["cross_entropy"], **terms}
    # Of two labels it is the margin alone that counts.
    draw = losses.draw_margins if parameters.mean.shape[1] == 2 else losses.draw_logits
    logits = draw(parameters, recipe.samples, draws)
    one = flat[torch.arange(len(flat), device=flat.device), _one_rater(flat, drew, draws)]
    if recipe.likelihood:
        weight = None if drew is None else drew.any(1).to(logits.dtype)
        terms["likelihood"] = losses.monte_carlo_nll(logits, one, valid, weight)
        total = total + recipe.likelihood * terms["likelihood"]
    if not (recipe.energy or recipe.local_energy or recipe.size_energy or recipe.shape_energy):
        return {"total": total, **terms}
    soft = losses.probabilities(logits)
    if recipe.energy:
        terms["energy"] = losses.energy_score(soft, flat, valid=valid, drew=drew)
        total = total + recipe.energy * terms["energy"]
    if recipe.local_energy:
        terms["local_energy"] = _local_energy(soft, batch, recipe.local_side)
        total = total + recipe.local_energy * terms["local_energy"]
    if recipe.size_energy:
        terms["size_energy"] = losses.energy_score(soft, flat, losses.size_distance, valid, drew)
        total = total + recipe.size_energy * terms["size_energy"]
    if recipe.shape_energy:
        space = tuple(batch.image.shape[2:])
        distance = partial(losses.shape_distance, space=space, unit=_unit(recipe, space))
        terms["shape_energy"] = losses.energy_score(soft, flat, distance, valid, drew)
        total = total + recipe.shape_energy * terms["shape_energy"]
    return {"total": total, **terms}


def _one_rater(flat: Tensor, drew: Tensor | None, draws: torch.Generator | None) -> Tensor:
    """A rater of each view, drawn from those who count, (B,)."""
    if drew is None:
        return torch.randint(flat.shape[1], (len(flat),), generator=draws, device=flat.device)
    # Where no one counts the view has no weight, and anyone will do.
    weight = torch.where(drew.any(1, keepdim=True), drew, torch.ones_like(drew)).float()
    return torch.multinomial(weight, 1, generator=draws).squeeze(1)


def _unit(recipe: Recipe, space: tuple[int, ...]) -> list[float]:
    """Voxels that count as a distance of 1, of a model around a point those of "around"."""
    radius = recipe.architecture.centre_radius
    if radius is None:
        return [size / 4 for size in space]
    return [radius] * len(space) if isinstance(radius, int | float) else list(radius)


def _local_energy(soft: Tensor, batch: Batch, side: int | list[int]) -> Tensor:
    space = tuple(batch.image.shape[2:])
    cut = losses.blocks(soft, space, side)
    valid, drew = batch.valid, batch.drew
    if valid is not None:
        valid = losses.blocks(valid.flatten(1), space, side)
    if drew is not None:
        # Whoever outlined something says of every block whether it is in it.
        drew = drew.repeat_interleave(len(cut) // len(drew), 0)
    raters = losses.blocks(batch.raters.flatten(2), space, side)
    return losses.energy_score(cut, raters, valid=valid, drew=drew)
