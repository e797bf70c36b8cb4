"""How fast clicks bring a model's outline to the one that a rater had in mind.

The rater is simulated: he looks at the label map shown, finds the largest connected error, and
clicks in its middle, the voxel farthest from its border, with the label it should have.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import ndimage

from napari_ssn.core import metrics
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.given.clicks import Click
from napari_ssn.core.given.conditioning import condition
from napari_ssn.core.given.residual import Residual
from napari_ssn.errors import DataError
from napari_ssn.geometry.arrays import Labels, Mask
from napari_ssn.network.models import Model
from napari_ssn.training.cases import Cases
from napari_ssn.training.measuring import check_fits

#: Numbers of clicks after which the overlap is reported.
CLICKS = (0, 1, 2, 3, 5)
#: Samples of which the best is what one gets by choosing instead of clicking; so many are drawn
#: given clicks, too, and looked at.
SAMPLES = 16


def next_click(
    shown: Labels,
    wanted: Labels,
    clicked: Mask,
    spacing_mm: tuple[float, ...] | None = None,
) -> Click | None:
    """The middle of the largest error, where nobody has clicked yet; None if nothing is wrong.

    Args:
        shown, wanted: (*S).
        clicked: (*S), or where nobody can click.
        spacing_mm: of the axes; None where all are alike.
    """
    best: tuple[int, Mask] | None = None
    # Voxels that lack the same label make up one error, whatever they show instead.
    wrong = (shown != wanted) & ~clicked
    for label in np.unique(wanted[wrong]):
        parts, _ = ndimage.label(wrong & (wanted == label))
        sizes = np.bincount(parts.ravel())[1:]
        if best is None or sizes.max() > best[0]:
            best = int(sizes.max()), parts == 1 + sizes.argmax()
    if best is None:
        return None
    # Outside the grid is outside the error too.
    size = np.ones(shown.ndim) if spacing_mm is None else np.array(spacing_mm) / min(spacing_mm)
    depth = ndimage.distance_transform_edt(np.pad(best[1], 1), sampling=size.tolist())
    index = np.unravel_index(int(np.argmax(depth)), depth.shape)
    place = tuple(int(i) - 1 for i in index)
    return Click(place, int(wanted[place]))


@dataclass
class _Tally:
    """What is gathered over the pairs of a case and a rater."""

    overlap: dict[str, list[float]] = field(default_factory=dict)
    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    patients: list[Any] = field(default_factory=list)

    def add(self, name: str, value: float) -> None:
        self.overlap.setdefault(name, []).append(value)

    def known(self) -> list[str]:
        return [name for name, values in self.overlap.items() if np.isfinite(values).any()]

    def interval(self, name: str, seed: int) -> dict[str, float]:
        values, patients = np.array(self.overlap[name]), np.array(self.patients)
        there = np.isfinite(values)
        share = name.startswith(("holes", "held"))
        of = metrics.share_interval if share else metrics.bootstrap_interval
        return of(values[there], patients[there], seed=seed)._asdict()


def simulate(
    model: Model,
    cases: Cases,
    residual: Residual,
    *,
    edge: float = 0.15,
    tolerance: float = 0.1,
    slip: float = 0.0,
    seed: int = 0,
    report: Callable[[int, int], None] = lambda *_: None,
) -> dict[str, Any]:
    """Click towards every rater whose mask is not empty, with the residual and by z alone.

    A model of one object looks around the point of its case, and clicks fall into what it sees;
    what it says is taken as given that there is one.

    Args:
        model: of the cases' channels, labels and dimensions.
        cases: what to click on.
        residual: its length and amplitude.
        edge: see `Residual.along`, on the first channel; 0 leaves edges out.
        tolerance: of every click.
        slip: see `condition`.
        seed: of the samples; case i draws with ``seed + i``.
        report: called with (cases done, cases in all).

    Returns:
        ``iou_residual_N``, ``iou_z_N`` after N clicks and ``best_of_16`` as ``{"mean", "low",
        "high"}``, bootstrapped over patients; of draws given N clicks, with the residual,
        ``draws_iou_N``, their mean IoU, and ``holes_N``, how often a click has a hole in one
        (`holes`), ``score_N``, the energy score ``2 E d(s, y) − E d(s, s')`` of distinct draws with
        d one minus IoU, and ``held_N``, how often the outline's size is from the smallest to the
        largest of theirs, 15 in 17 if it were a draw itself; ``milliseconds`` a click takes from
        the voxel to the label map, median and 95th percentile; and what was measured on what.

    Raises:
        DataError: the model and the data do not fit, or every mask is empty.
    """
    check_fits(model.card, cases)
    sizes = np.array([cases.spacing_mm(i) for i in range(len(cases))])
    known = sizes[np.isfinite(sizes).all(1)]
    usual = np.median(known, axis=0) if len(known) else np.ones(sizes.shape[1])
    tally = _Tally()
    for i in range(len(cases)):
        case = cases[i]
        raters = [rater for rater in case.raters if rater.any()]
        if raters:
            size = sizes[i] if np.isfinite(sizes[i]).all() else usual
            dist = model.segment(case.volume, case.centre).given_presence()
            matrix = np.diag([*size, *np.ones(4 - len(size))])
            dist = replace(dist, affine=matrix)
            image = case.volume.data[0]
            local = residual.within(dist, image, edge) if edge > 0 else residual
            samples = dist.placed(dist.sample(SAMPLES, seed + i))
            for rater in raters:
                tally.patients.append(cases.patients[i])
                found = metrics.pairwise_iou(samples, rater[None], dist.classes)
                tally.add("best_of_16", float(found.max()))
                setting = _Setting(tolerance, slip, seed + i, tuple(map(float, size)))
                _click_along(tally, "residual", dist, rater, setting, local)
                _click_along(tally, "z", dist, rater, setting, None)
        report(i + 1, len(cases))
    if not tally.patients:
        raise DataError(f"{cases.name!r} has no mask to click towards: every one is empty.")
    return {
        "model": model.card.name,
        "weights_sha256": model.card.weights_sha256,
        "data_sha256": cases.sha256,
        "n_cases": len(cases),
        "n_pairs": len(tally.patients),
        "n_patients": len(np.unique(tally.patients)),
        "seed": seed,
        "tolerance": tolerance,
        "slip": slip,
        "chance": residual.chance,
        "length_mm": residual.length_mm,
        "amplitude": residual.amplitude,
        "edge": edge,
        **{name: tally.interval(name, seed) for name in tally.known()},
        "milliseconds": {
            name: {"median": float(np.median(spent)), "p95": float(np.quantile(spent, 0.95))}
            for name, spent in tally.milliseconds.items()
        },
    }


def holes(maps: Labels, clicks: list[Click]) -> float:
    """How often, over label maps and clicks, a click is not followed, or by itself alone.

    A hole is where the clicked voxel has another label, or all that it shares a face with have:
    what a correction leaves that has nothing to do with the rest.

    Args:
        maps: (n, *S).
        clicks: in that grid.
    """
    bad = 0
    for click in clicks:
        here = _at(maps, click.index) == click.label
        beside = np.zeros(len(maps), np.bool_)
        for axis, size in enumerate(maps.shape[1:]):
            for step in (-1, 1):
                place = list(click.index)
                place[axis] += step
                if 0 <= place[axis] < size:
                    beside |= _at(maps, tuple(place)) == click.label
        bad += int((~(here & beside)).sum())
    return bad / (len(maps) * len(clicks))


def _at(maps: Labels, place: tuple[int, ...]) -> Labels:
    """Labels of a voxel in every map, (n,)."""
    found: Labels = maps.reshape(len(maps), -1)[:, np.ravel_multi_index(place, maps.shape[1:])]
    return found


@dataclass(frozen=True)
class _Setting:
    """How clicks are taken: see `condition`; the seed of draws given them; and the voxel size."""

    tolerance: float
    slip: float
    seed: int
    spacing_mm: tuple[float, ...]


def _click_along(
    tally: _Tally,
    name: str,
    dist: LogitDistribution,
    wanted: Labels,
    setting: _Setting,
    residual: Residual | None,
) -> None:
    """Click towards one rater and note the overlap after each number of clicks."""
    shown = dist.placed(dist.label_map())
    clicks: list[Click] = []
    # Beyond what the model sees nobody can click.
    clicked = ~dist.placed(np.ones(dist.space, np.bool_))
    for count in range(max(CLICKS) + 1):
        if count > 0:
            click = next_click(shown, wanted, clicked, setting.spacing_mm)
            # A map without error stays as it is for the clicks that are left.
            if click is not None:
                clicks.append(click)
                clicked[click.index] = True
                began = time.perf_counter()
                given = condition(dist, clicks, setting.tolerance, residual, setting.slip)
                label_map = given.label_map()
                spent = 1000 * (time.perf_counter() - began)
                tally.milliseconds.setdefault(name, []).append(spent)
                shown = dist.placed(label_map)
        if count in CLICKS:
            iou = metrics.pairwise_iou(shown[None], wanted[None], dist.classes)
            tally.add(f"iou_{name}_{count}", float(iou[0, 0]))
            if residual is not None and count > 0:
                if not clicks:
                    # The outline was right from the beginning: nobody clicks.
                    for what in ("draws_iou", "score", "holes", "held"):
                        tally.add(f"{what}_{count}", math.nan)
                    continue
                maps = dist.placed(given.label_maps(given.draw(SAMPLES, setting.seed)))
                _note_draws(tally, count, maps, wanted, dist.classes)
                tally.add(f"holes_{count}", holes(maps, clicks))


def _note_draws(tally: _Tally, count: int, maps: Labels, wanted: Labels, classes: int) -> None:
    """Note how draws given some clicks lie about the outline, and whether they hold its size."""
    drawn = metrics.pairwise_iou(maps, wanted[None], classes)
    among = metrics.pairwise_iou(maps, maps, classes)[~np.eye(len(maps), dtype=np.bool_)]
    tally.add(f"draws_iou_{count}", float(drawn.mean()))
    tally.add(f"score_{count}", float(2 * (1 - drawn.mean()) - (1 - among.mean())))
    sizes = (maps > 0).reshape(len(maps), -1).sum(1)
    tally.add(f"held_{count}", float(sizes.min() <= (wanted > 0).sum() <= sizes.max()))


def residual_of(length_mm: float | None, amplitude: float | None, chance: float) -> Residual:
    """A residual; what is None is the usual."""
    usual = Residual()
    return Residual(
        usual.length_mm if length_mm is None else length_mm,
        usual.amplitude if amplitude is None else amplitude,
        chance=chance,
    )
