"""Segmenting a volume against the bare network on the same tiles."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.timing import compare
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.inference import prepare
from napari_ssn.network.models import load_model
from napari_ssn.network.plan import plan_for

RUNS = 5


def inference() -> list[str]:
    """Each shipped model on a volume of noise: tiles of the 3D one, slices of the 2D one."""
    return [
        _line("hippocampus-3d", (60, 84, 60), None),
        _line("lidc-2d", (160, 160, 31), (80, 80, 15)),
    ]


def _line(name: str, space: tuple[int, ...], centre: tuple[int, ...] | None) -> str:
    model = load_model(name, "cpu")
    values = np.random.default_rng(0).normal(size=space).astype(np.float32)
    volume = Volume(values[None], np.diag([0.7, 0.7, 1.0, 1.0]), "unknown")
    plan = plan_for(model.card, volume, centre)
    data = prepare(model.card, plan, volume)
    cuts = []
    for tile in plan.tiles():
        cut = torch.from_numpy(data[(slice(None), *tile.window.inside)].copy())
        cuts.append((cut[:, 0] if plan.frame.sliced else cut)[None])

    def bare() -> None:
        with torch.inference_mode():
            for cut in cuts:
                model.network(cut)

    pair = compare(lambda: model.segment(volume, centre), bare, RUNS)
    return (
        f"{name} on {' × '.join(map(str, plan.space))} voxels, {len(cuts)} pieces: "
        f"{pair.ours:.2f} s; the bare network on the same pieces: {pair.other:.2f} s; "
        f"ratio {pair.ratio:.2f}"
    )
