"""What is said of a change between two scans, where it is known what changed.

    python -m benchmarks.follow_up DATA --model nodule-3d --json docs/measured/follow-up.json

No patient was scanned twice in the data at hand. So each nodule is its own second scan, made larger
to a known multiple of its volume by larger voxels, and two of its readers are the readers of the
two scans. That tests what the model says of sizes and of readers, and not how much a second scan
of an unchanged nodule differs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

import napari_ssn as ssn
from napari_ssn.core.change import GROWTH, Change, change_of
from napari_ssn.core.distribution import draw_z
from napari_ssn.core.measures import label_counts
from napari_ssn.core.metrics import bootstrap_interval
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.models import Model
from napari_ssn.prediction.ranges import DRAWS, state_ranges
from napari_ssn.training.cases import Case, Cases
from napari_ssn.training.reading import some_cases

FACTORS = (1.0, 1.1, 1.25, 1.5, 2.0)


@dataclass(frozen=True)
class Sized:
    """Sizes in mL over hypotheses given that something is outlined, and how likely it is."""

    millilitres: NDArray[np.float64]
    outlined: float
    shared: float


def main(
    data: Annotated[Path, typer.Argument(help="Zip or folder of nodules with their readers.")],
    model: Annotated[str, typer.Option(help="Name or folder of a model.")] = "nodule-3d",
    cases: Annotated[int | None, typer.Option(min=1, help="So many, evenly spread.")] = None,
    device: Annotated[str, typer.Option(help="Such as cpu or cuda.")] = "auto",
    json_out: Annotated[Path | None, typer.Option("--json", help="File for the figures.")] = None,
) -> None:
    """Print how often the range of a change holds what two readers drew."""
    network = ssn.load_model(model, device)
    chosen = some_cases(data, count=cases, dims=3)
    figures: dict[str, Any] = {"model": network.card.name, "data_sha256": chosen.sha256}
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("Comparing", total=len(chosen))
        report = lambda done, _: bar.update(task, completed=done)  # noqa: E731
        figures |= measured(network, chosen, report=report)
    typer.echo(json.dumps(figures, indent=2))
    if json_out is not None:
        json_out.write_text(json.dumps(figures, indent=2) + "\n")


def enlarged(volume: Volume, factor: float) -> Volume:
    """The same voxels, so much larger that everything has ``factor`` times its volume."""
    affine = volume.affine.copy()
    affine[:3, :3] *= factor ** (1 / 3)
    return replace(volume, affine=affine)


def sizes_of(model: Model, case: Case, factor: float, seed: int) -> Sized:
    """What a sidecar of the case would state of its sizes, as `napari-ssn change` reads it."""
    volume = enlarged(case.volume, factor)
    dist = model.segment(volume, case.centre)
    counts = label_counts(dist, draw_z(DRAWS, dist.rank, seed))
    stated = state_ranges(model.card, counts, dist.space, dist.presence, own=False).sizes[0]
    sizes = np.array(stated.voxels) * Affine(volume.affine).voxel_ml
    return Sized(sizes, stated.outlined, stated.shared)


def measured(
    model: Model,
    cases: Cases,
    factors: tuple[float, ...] = FACTORS,
    report: Callable[[int, int], object] = lambda done, total: None,
) -> dict[str, Any]:
    """Figures of each factor, with 95 % intervals over patients.

    ``median_ratio``: the median ratio over the true factor. ``coverage``: share of the pairs of two
    readers, one of each scan, whose ratio lies in the range of 90 %; of a patient all pairs count
    as one. ``width``: upper over lower end. ``growth``: P(growth of 25 % and more) as said, and as
    the pairs of readers have it; ``growth_without``: what is said beside it, of no change. And the
    same ``…_as_readers`` where two readers of one scan have as much in common as the card says.

    Args:
        model: of nodules in three dimensions.
        cases: those of which two readers outlined something count.
        factors: of the second scan's volume.
        report: called with (cases done, cases in all).
    """
    rows: dict[float, list[dict[str, float]]] = {factor: [] for factor in factors}
    patients = []
    for i in range(len(cases)):
        case = cases[i]
        drawn = (case.raters > 0).sum(tuple(range(1, case.raters.ndim)))
        drawn = drawn[drawn > 0]
        if len(drawn) >= 2:
            patients.append(cases.patients[i])
            before = sizes_of(model, case, 1.0, 2 * i)
            for factor in factors:
                after = sizes_of(model, case, factor, 2 * i + 1)
                found = change_of(
                    before.millilitres,
                    after.millilitres,
                    (before.outlined, after.outlined),
                    shared=min(before.shared, after.shared),
                )
                rows[factor].append(row_of(found, drawn, factor))
        report(i + 1, len(cases))
    whose = np.array(patients)
    return {
        "nodules": len(patients),
        "patients": len(np.unique(whose)),
        "by_factor": {f"{factor:g}": _figures(rows[factor], whose) for factor in factors},
    }


def row_of(found: Change, drawn: NDArray[np.int64], factor: float) -> dict[str, float]:
    """What is said of one pair of scans, beside what every pair of readers drew of them."""
    true = np.array([factor * b / a for a, b in permutations(drawn.astype(float), 2)])
    row = {
        "median_ratio": found.ratio.median / factor,
        "growth_readers": float((true >= 1 + GROWTH).mean()),
    }
    for suffix, as_readers in (("", False), ("_as_readers", True)):
        ratio = found.as_readers if as_readers else found.ratio
        low, high = (ratio.quantile(q) for q in (0.05, 0.95))
        row |= {
            f"coverage{suffix}": float(((low <= true) & (true <= high)).mean()),
            f"width{suffix}": high / low,
            f"growth{suffix}": found.probability(GROWTH, as_readers=as_readers),
            f"growth_without{suffix}": found.without_change(GROWTH, as_readers=as_readers),
        }
    return row


def _figures(rows: list[dict[str, float]], patients: NDArray[Any]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        interval = bootstrap_interval(values, patients)
        figures[name] = {"mean": interval.mean, "low": interval.low, "high": interval.high}
        if name == "median_ratio" or name.startswith("width"):
            figures[name]["median"] = float(np.median(values))
    return figures


if __name__ == "__main__":
    typer.run(main)
