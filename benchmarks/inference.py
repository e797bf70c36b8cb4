"""Segmenting a volume against the bare network on the same tiles."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.timing import compare
from napari_ssn import samples
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.inference import prepare
from napari_ssn.network.models import load_model
from napari_ssn.network.plan import plan_for
from napari_ssn.network.threads import threads

RUNS = 5


def inference() -> list[str]:
    """Each shipped model: tiles of the 3D one and slices of the 2D one, of noise; a real nodule."""
    return [
        _pointed(),
        _line("hippocampus-3d", (60, 84, 60), None),
        _line("lidc-2d", (160, 160, 31), (80, 80, 15)),
    ]


def _pointed() -> str:
    """From a point on the sample nodule to its outline, looking again until the middle stays.

    Processor time in one thread: what else the machine does hardly changes it.
    """
    model, number = load_model("nodule-3d", "cpu"), samples.COUNT
    volume, centre = samples.volume(number), samples.sample(number).centre
    looks = model.infer(volume, centre).looks or 1
    region = torch.zeros(1, len(model.card.channels), *model.card.region)

    def bare() -> None:
        with torch.inference_mode():
            for _ in range(looks):
                model.network(region)

    with threads(1):
        ours = _processor_s(lambda: model.segment(volume, centre))
        other = _processor_s(bare)
    return (
        f"nodule-3d from the point on nodule-{number} to its outline, {looks} looks: "
        f"{ours:.2f} s of processor time in one thread; the bare network as often: {other:.2f} s; "
        f"ratio {ours / other:.2f}"
    )


def _processor_s(do: Callable[[], object]) -> float:
    do()
    taken = []
    for _ in range(RUNS):
        before = time.process_time()
        do()
        taken.append(time.process_time() - before)
    return statistics.median(taken)


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
