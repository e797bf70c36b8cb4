"""What a click may mean: that the model errs nearby, and now and then nothing at all.

Given clicks there are several explanations. Either the hypotheses of the model alone are meant,
and the clicks say which of them; or the model lacks something nearby, and the residual has it. And
each click is a slip of the hand with probability ε: its factor is ``(1 − ε) 1[m > 0] + ε 1[m ≤ 0] =
ε + (1 − 2 ε) 1[m > 0]``, a sum over clicks that are meant and clicks that say nothing. So the
posterior is a mixture, of weights ::

    w(model, A) ∝ π_model E_model(A) (1 − 2 ε)^|A| Π_{i ∉ A} ε E({i})

over the sets A of clicks that are meant, E the evidence. What is drawn is one of these first, and
then z and the residual given it.

The evidence E({i}) of a click by itself stands beside ε because people click where the model is
wrong: that a click surprises the model is no sign of a slip, that clicks contradict each other is.
A single click is a slip with probability ε, whatever it says.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import logsumexp

from napari_ssn.core.given.clicks import EDGE, SHARP_EDGE, Margins
from napari_ssn.core.given.expectation import Belief, HalfSpaces, infer
from napari_ssn.core.given.residual import Field
from napari_ssn.core.given.truncated import draw
from napari_ssn.geometry.arrays import Floats, Mask

# Where all slips together weigh less than this, there is none.
_NEVER = 1e-3
# Clicks up to which any one may be a slip, and up to which any two.
_SINGLES, _PAIRS = 24, 6
# Explanations of less weight than this are left out.
_LEAST = 1e-4


@dataclass(frozen=True, eq=False)
class Part:
    """One explanation of the clicks.

    Attributes:
        weight: its probability.
        meant: (n,) which clicks are no slips.
        local: whether the residual has a share in it.
        spaces: what it asks of z, or of z and what holds the residual.
        belief: of these.
    """

    weight: float
    meant: Mask
    local: bool
    spaces: HalfSpaces
    belief: Belief

    def share(self, rank: int) -> float:
        """How much of the correction z has, see `share_of`."""
        return share_of(self.belief, rank)


def share_of(belief: Belief, rank: int) -> float:
    """How much of a correction z has, ``‖E z‖² / (‖E z‖² + ‖E w‖²)``; 1 where there is none."""
    moved = np.square(belief.mean)
    total = float(moved.sum())
    return float(moved[:rank].sum()) / total if total > 0 else 1.0


def half_spaces(
    margins: Margins, tolerance: float, held: Field | None = None, edge: float = EDGE
) -> HalfSpaces:
    """Half-spaces of (z, w), or of z alone."""
    noise = margins.noise(tolerance, edge)
    if held is None:
        return HalfSpaces(margins.factor, margins.mean, noise)
    rows, left = held.rows()
    rows = np.concatenate([margins.factor, rows], 1)
    return HalfSpaces(rows, margins.mean, np.hypot(noise, left))


def explanations(
    margins: Margins, held: Field | None, chance: float, slip: float
) -> tuple[Part, ...]:
    """The explanations of some clicks that weigh anything, the likeliest first.

    Of more than 6 clicks at most one is taken for a slip, of more than 24 none.

    Args:
        margins: of n clicks.
        held: the residual around them; None for the model alone.
        chance: π, that the model lacks something there.
        slip: ε, that a click is a slip of the hand.
    """
    n = len(margins.clicks)
    models = [(False, math.log1p(-chance))] if chance < 1 else []
    models += [(True, math.log(chance))] if held is not None else []
    if held is None:
        models = [(False, 0.0)]
    fields = {local: held if local else None for local, _ in models}
    soft = {local: half_spaces(margins, 0.0, of) for local, of in fields.items()}
    sharp = {local: half_spaces(margins, 0.0, of, SHARP_EDGE) for local, of in fields.items()}

    def parts(meant: Mask) -> list[tuple[float, Part]]:
        of = meant[margins.click]
        made = []
        for local, log_model in models:
            belief = infer(soft[local].some(of))
            part = Part(0.0, meant, local, sharp[local].some(of), belief)
            made.append((log_model + belief.log_evidence, part))
        return made

    found = parts(np.ones(n, np.bool_))
    if slip > 0 and 1 < n <= _SINGLES:
        alone = [parts(np.arange(n) == i) for i in range(n)]
        # What it costs to call a click a slip instead of meant.
        cost = [
            math.log(slip) - math.log1p(-2 * slip) + float(logsumexp([log for log, _ in one]))
            for one in alone
        ]
        # A set of clicks has an evidence of at most one.
        most = float(logsumexp(cost)) - float(logsumexp([log for log, _ in found]))
        if most > math.log(_NEVER):
            for slips in _sets(n):
                meant = np.ones(n, np.bool_)
                meant[list(slips)] = False
                price = sum(cost[i] for i in slips)
                found += [(log + price, part) for log, part in parts(meant)]
    weights = np.exp(np.array([one for one, _ in found]) - logsumexp([one for one, _ in found]))
    kept = [i for i in np.argsort(-weights, kind="stable") if weights[i] >= _LEAST]
    total = float(weights[kept].sum())
    return tuple(
        Part(float(weights[i]) / total, one.meant, one.local, one.spaces, one.belief)
        for i in kept
        for one in (found[i][1],)
    )


def _sets(n: int) -> Iterator[tuple[int, ...]]:
    yield from combinations(range(n), 1)
    if n <= _PAIRS:
        yield from combinations(range(n), 2)


def draw_parts(
    parts: tuple[Part, ...], rank: int, size: int, n: int, seed: int
) -> tuple[Floats, Floats, Mask]:
    """Draw n times: z (n, R), what holds the residual (n, size), and which clicks are slips.

    How often each explanation is drawn is off its weight by less than one.
    """
    generator = np.random.default_rng([seed, 9])
    edges = np.cumsum([part.weight for part in parts])
    places = (np.arange(n) + generator.random()) / max(1, n) * edges[-1]
    chosen = np.minimum(np.searchsorted(edges, places, side="right"), len(parts) - 1)
    generator.shuffle(chosen)
    z, w = np.empty((n, rank)), np.zeros((n, size))
    slips = np.zeros((n, len(parts[0].meant)), np.bool_)
    for k, part in enumerate(parts):
        at = np.flatnonzero(chosen == k)
        if not len(at):
            continue
        # Seeds of a person are small numbers: no two explanations share one.
        drawn = draw(part.spaces, part.belief, len(at), seed + (k << 128))
        z[at], slips[at] = drawn[:, :rank], ~part.meant
        if part.local:
            w[at] = drawn[:, rank:]
    return z, w, slips
