"""A click against drawing from the model until enough of what is drawn agrees with it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from benchmarks.timing import Pair, compare, median
from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.given.clicks import Click, margins_of
from napari_ssn.core.given.conditioning import condition
from napari_ssn.core.given.residual import Residual
from napari_ssn.core.given.suggestion import suggest_click
from napari_ssn.core.packed.distribution import PackedDistribution

DRAWS = 10_000
REFERENCE = 2_000_000
KEPT = 400
STROKE = 200


def clicks(dist: LogitDistribution) -> list[str]:
    """Posterior of z by expectation propagation against rejection of the prior's draws."""
    probability = dist.probabilities()[1]
    # A voxel outside the mean outline that a tenth of the hypotheses reaches.
    one = [_click(np.abs(probability - 0.1))]
    # And a broad stroke that few of them agree with.
    doubtful = np.where(probability < 0.05, probability, 0)
    places = np.argsort(-doubtful, axis=None)[:STROKE]
    stroke = [Click(tuple(map(int, np.unravel_index(p, dist.space))), 1) for p in places]
    lines = []
    for name, made in (("one click", one), (f"a stroke of {STROKE} voxels", stroke)):
        exact, share = _rejected(dist, made, REFERENCE, 1)
        ours = condition(dist, made).mean
        error = float(np.abs(ours - exact).max())
        theirs = _rejected(dist, made, DRAWS, 2)[0]
        # A mean of k draws that agree errs by about a standard deviation of z over √k.
        needed = float(np.square(1 / error)) / share
        pair = compare(_posterior(dist, made), _rejection(dist, made))
        lines.append(
            f"posterior after {name} (probability {share:.2g}): {_times(pair)}; largest error of "
            f"the mean of z {error:.3f} against {np.abs(theirs - exact).max():.3f}; "
            f"rejection needs about {needed:,.0f} draws to err as little"
        )
    residual = Residual()
    for name, made in (("one click", one), (f"a stroke of {STROKE} voxels", stroke)):
        spent = median(_posterior(dist, made, residual))
        shown = median(lambda made=made: condition(dist, made, 0.1, residual).label_map())
        lines.append(
            f"the same with the residual, {name}: {spent * 1000:.1f} ms, "
            f"to the label map {shown * 1000:.1f} ms"
        )
    posterior = condition(dist, one, 0.1, residual)
    z = posterior.sample(KEPT)
    lines.append(
        f"{KEPT} hypotheses after a click: draws "
        f"{median(lambda: posterior.sample(KEPT)) * 1000:.0f} ms, label maps "
        f"{median(lambda: posterior.label_maps(z)) * 1000:.0f} ms; suggested click "
        f"{median(lambda: suggest_click(dist, posterior), 5) * 1000:.0f} ms"
    )
    return lines


def volume_clicks(dist: PackedDistribution) -> list[str]:
    """Points on the boundary of a packed volume, as the window places them."""
    border = np.argwhere((dist.mean_map[:, 1:] > 0) != (dist.mean_map[:, :-1] > 0))
    chosen = np.random.default_rng(0).choice(len(border), 10, replace=False)
    made = [Click(tuple(map(int, border[i])), 0) for i in chosen]
    residual = Residual().along(dist.mean_map.astype(np.float32))
    lines = []
    for some in (made[:1], made[:10], _stroke(dist)):
        plane = (slice(some[0].index[0], some[0].index[0] + 1), slice(None), slice(None))

        def shown(some: list[Click] = some, plane: tuple[slice, ...] = plane) -> object:
            return condition(dist, some, 0.1, residual).label_map(None, plane)

        spent = median(lambda some=some: condition(dist, some, 0.1, residual))
        posterior = condition(dist, some, 0.1, residual)
        frame = median(lambda p=posterior, plane=plane: p.label_map(None, plane))
        name = f"{len(some)} point{'s' if len(some) > 1 else ''}"
        lines.append(
            f"{name} on the packed volume: posterior "
            f"{spent * 1000:.1f} ms, to the outline on the slice {median(shown) * 1000:.1f} ms; "
            f"a slider frame thereafter {frame * 1000:.1f} ms"
        )
    return lines


def _stroke(dist: PackedDistribution) -> list[Click]:
    """A broad stroke along the boundary in one slice."""
    axial = dist.mean_map[:, :, dist.space[2] // 2] > 0
    rim = np.argwhere(ndimage.binary_dilation(axial, iterations=2) & ~axial)
    around = np.argsort(np.arctan2(*(rim - rim.mean(0)).T), kind="stable")[:STROKE]
    return [Click((*map(int, rim[i]), dist.space[2] // 2), 1) for i in around]


def _click(distance: np.ndarray) -> Click:
    place = np.unravel_index(int(distance.argmin()), distance.shape)
    return Click(tuple(map(int, place)), 1)


def _posterior(
    dist: LogitDistribution, made: list[Click], residual: Residual | None = None
) -> Callable[[], object]:
    return lambda: condition(dist, made, 0.1 if residual else 0.0, residual)


def _rejection(dist: LogitDistribution, made: list[Click]) -> Callable[[], object]:
    return lambda: _rejected(dist, made, DRAWS, 3)


def _rejected(
    dist: LogitDistribution, made: list[Click], n: int, seed: int
) -> tuple[np.ndarray, float]:
    """Mean of the prior's draws that agree with all clicks, and their share."""
    margins = margins_of(dist, made)
    kept, count = np.zeros(dist.rank), 0
    for part in range(max(1, n // DRAWS)):
        z = draw_z(DRAWS, dist.rank, seed * 1000 + part)
        agree = (z @ margins.factor.T + margins.mean > 0).all(1)
        kept += z[agree].sum(0)
        count += int(agree.sum())
    return kept / max(1, count), count / n


def _times(pair: Pair) -> str:
    return (
        f"{pair.ours * 1000:.2f} ms; {DRAWS:,} draws and rejection: {pair.other * 1000:.1f} ms; "
        f"{1 / pair.ratio:.1f}× faster"
    )
