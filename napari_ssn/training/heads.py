"""Fitting a few numbers of a trained head on data that its weights were not trained on.

A network knows its training images better than any others: the ways in which readers differ there
least come out smaller than they are elsewhere. How far each column of P reaches, and how high the
logits of each label lie, are few numbers, and the outlines of other patients settle them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from napari_ssn.core import metrics
from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.measures import label_counts
from napari_ssn.documents.trained import FittedHead
from napari_ssn.errors import DataError, ModelError
from napari_ssn.geometry.arrays import Labels, Mask
from napari_ssn.network.building import unique_state
from napari_ssn.network.models import Model
from napari_ssn.network.ssn import SSN
from napari_ssn.training.cases import Case, Cases

# What is fitted, of the readers who outlined and the hypotheses that are not empty: the energy
# distance of the outlines, and the CRPS of the logarithm of their sizes. Both are proper; shares of
# the readers' own size, as `volume_crps` has them, would be smallest for sizes that are too small.
FIGURES = ("energy", "size_crps")
# The size is but a part of what an outline says, and readers' sizes of doubtful objects differ by
# factors: it settles the height of a label, and leaves the directions to the outlines.
_WEIGHTS = {"energy": 1.0, "size_crps": 0.3}
# Steps of a search along one number after another: factors of a column, logits of a label.
_STEPS = ((1.5, 0.4), (1.25, 0.2), (1.25, 0.2), (1.12, 0.1))
_ENOUGH = 1e-4
SAMPLES, HYPOTHESES = 50, 500
_FEWEST = 20


@dataclass(frozen=True)
class _Held:
    """What a model found in a case, which is looked at again with other numbers."""

    case: Case
    dist: LogitDistribution
    seed: int


@dataclass(frozen=True)
class Search:
    """What `fit_head` found.

    Attributes:
        head: the numbers.
        before, after: means over the cases of `FIGURES`, as the head was and as it is now.
        tried: how many heads were looked at.
    """

    head: FittedHead
    before: dict[str, float]
    after: dict[str, float]
    tried: int


def fit_head(
    model: Model,
    cases: Cases,
    data: str,
    *,
    seed: int = 0,
    report: Callable[[int, int], None] = lambda *_: None,
) -> Search:
    """Fit the reach of each column of P and the height of each label's logits.

    One number after another goes a step up or down, for as long as the sum of `FIGURES`, the second
    with three tenths of its weight, becomes smaller, with the same draws every time; then with
    smaller steps. What the network found in the
    cases is kept in memory, of a region of ``n`` voxels ``4 n C (R + 2)`` bytes.

    Args:
        model: whose head it is; it stays as it is.
        cases: with the outlines of their raters, none of them seen in training.
        data: what the card calls them.
        seed: of all draws.
        report: called with (done, in all), of the network's cases; the search comes after.

    Raises:
        ModelError: the model has no columns.
        DataError: too few of the cases are outlined by anybody.
    """
    if model.network.covariance != "low-rank":
        raise ModelError(f"{model.card.title} has no directions whose reach could be fitted.")
    held = []
    for i in range(len(cases)):
        case = cases[i]
        if case.raters.any():
            found = model.segment(case.volume, case.centre)
            held.append(_Held(case, found, seed + i))
        report(i + 1, len(cases))
    if len(held) < _FEWEST:
        raise DataError(
            f"A head cannot be fitted on {len(held)} images that somebody outlined: take at least "
            f"{_FEWEST}."
        )
    columns, shifts = [1.0] * model.network.rank, [0.0] * (model.network.classes - 1)
    best = before = _figures(held, columns, shifts)
    tried = 1
    for factor, step in _STEPS:
        for place in range(len(columns) + len(shifts)):
            for up in (True, False):
                trial = [*columns], [*shifts]
                if place < len(columns):
                    trial[0][place] *= factor if up else 1 / factor
                else:
                    trial[1][place - len(columns)] += step if up else -step
                got = _figures(held, *trial)
                tried += 1
                if _loss(got) < _loss(best) - _ENOUGH:
                    best, (columns, shifts) = got, trial
                    break
    head = FittedHead(
        columns=[round(one, 4) for one in columns],
        shifts=[round(one, 4) for one in shifts],
        data=data,
        cases=len(held),
    )
    return Search(head, before, best, tried)


def _loss(figures: dict[str, float]) -> float:
    return sum(weight * figures[name] for name, weight in _WEIGHTS.items())


def _figures(
    held: Sequence[_Held], columns: Sequence[float], shifts: Sequence[float]
) -> dict[str, float]:
    """Means of `FIGURES` over the cases, with other numbers of the head."""
    rows = []
    for one in held:
        dist = with_head(one.dist, columns, shifts)
        rows.append((_energy(dist, one), _size_crps(dist, one)))
    return dict(zip(FIGURES, np.mean(rows, axis=0).tolist(), strict=True))


def _energy(dist: LogitDistribution, one: _Held) -> float:
    """Energy distance of drawn outlines from the readers'; 1 where none is drawn."""
    drawn = dist.given_presence().sample(SAMPLES, one.seed, pixel_noise=True)
    there = drawn[_outlined(drawn)]
    if not len(there):
        return 1.0
    placed = dist.placed(there)
    theirs = one.case.raters[_outlined(one.case.raters)]
    return metrics.SetDistances.between(placed, theirs, classes=dist.classes).energy_distance()


def _size_crps(dist: LogitDistribution, one: _Held) -> float:
    """CRPS of the logarithm of sizes; 1 where not two hypotheses have any."""
    counts = label_counts(dist, draw_z(HYPOTHESES, dist.rank, one.seed))[:, 1:].sum(1)
    sizes = np.count_nonzero(one.case.raters.reshape(len(one.case.raters), -1), axis=1)
    found = counts[counts > 0]
    return metrics.fair_crps(np.log(found), np.log(sizes[sizes > 0])) if len(found) > 1 else 1.0


def _outlined(label_maps: Labels) -> Mask:
    return np.array([one.any() for one in label_maps], dtype=bool)


def with_head(
    dist: LogitDistribution, columns: Sequence[float], shifts: Sequence[float]
) -> LogitDistribution:
    """A distribution as a fitted head would have given it.

    Args:
        dist: as the head was.
        columns: R factors of the columns of P.
        shifts: for each of the labels after background, what is added to its logits.
    """
    axes = (1,) * len(dist.space)
    reach = torch.tensor(columns).to(dist.cov_factor).view(-1, 1, *axes)
    height = torch.tensor([0.0, *shifts]).to(dist.mean).view(-1, *axes)
    place = (dist.affine, dist.start, dist.image_space)
    return LogitDistribution(
        dist.mean + height, dist.cov_factor * reach, dist.cov_diag, *place, dist.presence
    )


def fitted_tensors(
    network: SSN, columns: Sequence[float], shifts: Sequence[float]
) -> dict[str, torch.Tensor]:
    """Weights of a network whose head has the numbers in it; the network stays as it is.

    Args:
        network: with a low-rank covariance.
        columns, shifts: as `with_head` takes them.
    """
    fitted = copy.deepcopy(network)
    # Channel r·C + c of the convolution is column r, class c.
    reach = torch.tensor(columns).repeat_interleave(network.classes)
    with torch.no_grad():
        for part in fitted.factor.parameters():
            part.mul_(reach.to(part).view(-1, *(1,) * (part.ndim - 1)))
        assert fitted.mean.bias is not None
        fitted.mean.bias.add_(torch.tensor([0.0, *shifts]).to(fitted.mean.bias))
    return unique_state(fitted)
