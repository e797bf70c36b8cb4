"""What a model of one object says at points of a scan that are on none.

    python -m benchmarks.points SCAN --model nodule-3d --nodules "316,366,90" --json OUT

Points are drawn from five kinds of tissue alike, by their own value: air, lung, its borders and
vessels, soft tissue, bone; 30 mm and more from every nodule that is named.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from scipy import ndimage

import napari_ssn as ssn
from napari_ssn.core.statistics import exact_interval
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.models import Model

KINDS = ("air", "lung", "borders and vessels", "soft tissue", "bone")
_ENDS = (-950.0, -600.0, -100.0, 150.0)


def main(
    scan: Annotated[Path, typer.Argument(help="Chest CT in HU.")],
    model: Annotated[str, typer.Option(help="Name or folder of a model.")] = "nodule-3d",
    nodules: Annotated[str, typer.Option(help="Voxels of the scan's nodules, i,j,k;i,j,k.")] = "",
    count: Annotated[int, typer.Option(min=5, help="Points in all.")] = 200,
    json_out: Annotated[Path | None, typer.Option("--json", help="File for the figures.")] = None,
    seed: int = 0,
) -> None:
    """Print the share of points at which the model offers a nodule."""
    places = [tuple(map(int, one.split(","))) for one in filter(None, nodules.split(";"))]
    network = ssn.load_model(model)
    figures = {"model": network.card.name, **offered(ssn.read(scan), network, places, count, seed)}
    typer.echo(json.dumps(figures, indent=2))
    if json_out is not None:
        json_out.write_text(json.dumps(figures, indent=2) + "\n")


def offered(
    volume: Volume, network: Model, nodules: Sequence[tuple[int, ...]], count: int, seed: int = 0
) -> dict[str, Any]:
    """Share of points on no nodule at which a model offers one, in all and by kind of tissue."""
    data = volume.data[0]
    clear = np.ones(data.shape, np.bool_)
    for place in nodules:
        clear[place] = False
    if not clear.all():
        clear = ndimage.distance_transform_edt(clear, volume.spacing_mm) > 30
    kinds = np.digitize(data, _ENDS)
    random = np.random.default_rng(seed)
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    seconds = []
    for number in range(count):
        kind = number % len(KINDS)
        there = np.flatnonzero((kinds == kind) & clear)
        if len(there) == 0:
            continue
        point = np.unravel_index(random.choice(there), data.shape)
        began = time.perf_counter()
        dist = network.segment(volume, tuple(int(i) for i in point))
        seconds.append(time.perf_counter() - began)
        found[KINDS[kind]].append(dist.presence)
    every = np.concatenate([np.array(one) for one in found.values()])
    share = exact_interval(int((every >= 0.5).sum()), len(every))
    return {
        "points": len(every),
        "offered": share.mean,
        "offered_95": [share.low, share.high],
        "mean_presence": float(every.mean()),
        "seconds_median": float(np.median(seconds)),
        **{
            f"offered/{kind}": float((np.array(one) >= 0.5).mean())
            for kind, one in found.items()
            if one
        },
    }


if __name__ == "__main__":
    typer.run(main)
