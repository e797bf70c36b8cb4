"""Times on a device beside what moving the bytes alone would take there."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import numpy as np
import torch

from benchmarks.phantom import network_output
from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.measures import volume_distribution
from napari_ssn.core.packed.distribution import PackedDistribution
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.inference import prepare
from napari_ssn.network.models import Model, load_model
from napari_ssn.network.plan import plan_for

#: Voxels of the volume that is decoded and packed, and of the one that is segmented in tiles.
SPACE, TILED = (240, 240, 155), (128, 160, 128)
HYPOTHESES = 1000

Row = dict[str, Any]


class Stopwatch:
    """Medians on a device, which computes on while nobody asks; a second or so for each.

    Args:
        device: what is waited for.
        budget_s: no run begins later than this.
    """

    def __init__(self, device: torch.device, budget_s: float = 1.5) -> None:
        self.device, self.budget_s = device, budget_s

    def median(self, function: Callable[[], object]) -> float:
        """Seconds of one call, the first of which does not count unless there is no time."""
        first, spent = self._once(function), []
        began = time.perf_counter()
        while len(spent) < 15 and time.perf_counter() - began + first < self.budget_s:
            spent.append(self._once(function))
        return statistics.median(spent or [first])

    def _once(self, function: Callable[[], object]) -> float:
        self._wait()
        began = time.perf_counter()
        function()
        self._wait()
        return time.perf_counter() - began

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def column(
    device: torch.device,
    space: tuple[int, ...] = SPACE,
    tiled: tuple[int, ...] = TILED,
    hypotheses: int = HYPOTHESES,
) -> Iterator[Row]:
    """Rows of the column: what, milliseconds, floor in milliseconds and their ratio.

    The floor is the time in which the bytes that must be read and written pass through the
    device's memory, or from it to the computer's, at the rates that are measured first; of
    tiles, the bare network on the same ones.
    """
    watch = Stopwatch(device)
    # Small where the volume is, so that a dry run stays one.
    large = torch.empty(max(1 << 20, min(1 << 28, 8 * int(np.prod(space)))), device=device)
    memory = 8 * large.numel() / watch.median(large.clone)
    some = large[: max(1, large.numel() // 8)]
    bus = memory if device.type == "cpu" else 4 * some.numel() / watch.median(some.cpu)
    yield {"what": "memory, read and written", "gigabytes_per_s": memory / 1e9}
    yield {"what": "from the device to the computer", "gigabytes_per_s": bus / 1e9}
    del large, some

    yield from _volume(watch, space, hypotheses, memory, bus)
    yield _tiles(load_model("hippocampus-3d", str(device)), tiled, watch)


def _row(what: str, spent: float, floor: float) -> Row:
    return {
        "what": what,
        "ms": 1000 * spent,
        "floor_ms": 1000 * floor,
        "times_floor": spent / floor,
    }


def _volume(
    watch: Stopwatch, space: tuple[int, ...], hypotheses: int, memory: float, bus: float
) -> Iterator[Row]:
    """Decoding and packing of a volume whose numbers lie on the device."""
    made = network_output(space)
    dist = LogitDistribution(
        *(t.to(watch.device) for t in (made.mean, made.cov_factor, made.cov_diag))
    )
    voxels, size = int(np.prod(space)), " × ".join(map(str, space))
    logits = sum(4 * t.numel() for t in (dist.mean, dist.cov_factor))
    z = cycle(draw_z(64, dist.rank, 0))
    # A frame is one slice; its labels go to the computer.
    plane = (slice(None), slice(None), slice(space[2] // 2, space[2] // 2 + 1))
    part = 1 / space[2]
    yield _row(
        f"slider frame of {size}, {dist.classes} labels",
        watch.median(lambda: dist.label_map(next(z), plane)),
        part * (logits / memory + voxels / bus),
    )
    yield _row(
        f"label map of {size}, {dist.classes} labels",
        watch.median(lambda: dist.label_map(next(z))),
        logits / memory + voxels / bus,
    )
    two = LogitDistribution(dist.mean[:2], dist.cov_factor[:, :2], dist.cov_diag[:2])
    yield _row(
        f"sizes of {hypotheses:,} hypotheses of {size}, 2 labels",
        watch.median(lambda: volume_distribution(two, hypotheses)),
        4 * (two.rank + 1) * voxels / memory,
    )
    yield _row(
        f"packing of {size}, {dist.classes} labels",
        watch.median(lambda: PackedDistribution.of(dist)),
        (dist.rank + 2) * dist.classes * 4 * voxels / bus,
    )


def _tiles(
    model: Model,
    space: tuple[int, ...],
    watch: Stopwatch,
) -> Row:
    values = np.random.default_rng(0).normal(size=space).astype(np.float32)
    volume = Volume(values[None], np.eye(4), "unknown")
    plan = plan_for(model.card, volume, None)
    data = prepare(model.card, plan, volume)
    tiles = plan.tiles()

    def bare() -> None:
        with torch.inference_mode():
            for tile in tiles:
                cut = np.ascontiguousarray(data[(slice(None), *tile.window.inside)])
                model.network(torch.from_numpy(cut)[None].to(model.device))

    size = " × ".join(map(str, space))
    return _row(
        f"{model.card.name} on {size}, {len(tiles)} tiles, against the bare network",
        watch.median(lambda: model.segment(volume)),
        watch.median(bare),
    )
