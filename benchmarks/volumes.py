"""A whole volume: label maps, a thousand hypotheses, packing, memory, against the plain way.

``python -m benchmarks.volumes MODEL FILE…`` prints how far a z reaches in a model's own output;
``python -m benchmarks.volumes --handed-in`` what dense tensors from Python take, packed by nobody.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from benchmarks.phantom import network_output
from benchmarks.timing import compare, median, seconds
from napari_ssn.core.directions.principal import principal_directions
from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.kinds import DirectionKind
from napari_ssn.core.measures import label_counts, volume_distribution
from napari_ssn.core.packed.distribution import PackedDistribution
from napari_ssn.core.packed.flips import Flips
from napari_ssn.io import read
from napari_ssn.network.models import Model, load_model
from napari_ssn.prediction.curve import stops
from napari_ssn.samples import SLICES
from napari_ssn.samples import volume as sample_volume

RADII = (1.0, 2.0, 3.0, 4.0, 5.0, 7.0)
HYPOTHESES = 1000
# Dense draws that are timed; the rest is extrapolated.
_FEW = 3
_RUNS = 5
# Memory given to torch's own low-rank normal.
_LIMIT_GB = 8


def reach(dist: PackedDistribution) -> str:
    """Share of the voxels that a z of each norm can change, and that random draws can."""
    count = len(dist.order)
    shares = [f"{dist.touched(r) / count:.1%}" for r in RADII]
    norms = np.linalg.norm(draw_z(HYPOTHESES, dist.rank, 0), axis=1)
    drawn = np.mean([dist.touched(float(norm)) for norm in norms]) / count
    radii = ", ".join(f"{r:g}" for r in RADII)
    return f"‖z‖ ≤ {radii}: {', '.join(shares)}; a random draw: {drawn:.1%}"


def shipped(model: Model) -> list[str]:
    """How far a z reaches in the nodule model's output on the samples of the package."""
    return [
        f"voxels that can change, {model.card.name}, sample {number}: "
        + reach(PackedDistribution.of(model.segment(sample_volume(number))))
        for number in range(1, SLICES + 1)
    ]


def dense_map(dist: LogitDistribution, z: np.ndarray) -> np.ndarray:
    """``argmax(μ + P z)`` as one would write it."""
    vector = torch.from_numpy(z.astype(np.float32))
    logits = torch.tensordot(vector, dist.cov_factor, 1).add_(dist.mean)
    return logits.argmax(0).to(torch.uint8).numpy()


def volumes() -> tuple[list[str], PackedDistribution]:
    """Every figure that needs no window, and the packed distribution."""
    lines, packed, per_draw = _against_dense()
    # The dense tensors are gone by now.
    counted = median(lambda: volume_distribution(packed, HYPOTHESES), 3)
    directions = ", ".join(
        f"{kind} {median(partial(principal_directions, packed, kind), 3):.2f} s"
        for kind in get_args(DirectionKind)
    )
    wider = median(lambda: packed.spread(1.5, (1.0, 1.0, 0.5, 1.0)), 1)
    walk = unit_walk(packed.rank)
    walked = median(lambda: Flips.along(packed, walk), 3)
    slow = per_draw * HYPOTHESES
    return [
        *lines,
        *memory(),
        (
            f"{HYPOTHESES:,} hypotheses with the volume of each label: {counted:.2f} s; dense, "
            f"extrapolated from {_FEW} draws: {slow:.0f} s; {slow / counted:.0f}× faster"
        ),
        *low_rank_normal(),
        f"directions of the slider, with their effects: {directions}",
        f"another spread of every label, packed anew: {wider:.2f} s",
        (
            f"a walk decoded at {len(walk)} stops, with the sizes: {walked:.2f} s; with the "
            f"dense argmax, extrapolated: {per_draw * len(walk):.0f} s"
        ),
    ], packed


def _against_dense() -> tuple[list[str], PackedDistribution, float]:
    """Packing and a label map against the dense tensors, and seconds of one dense draw."""
    dist = network_output()
    tensors = (dist.mean, dist.cov_factor, dist.cov_diag)
    packing = compare(
        lambda: PackedDistribution.of(dist), lambda: [float(t.sum()) for t in tensors], 3
    )
    began = time.process_time()
    packed = PackedDistribution.of(dist)
    processor = time.process_time() - began
    z = draw_z(HYPOTHESES, dist.rank, 0)
    ours, dense = cycle(z), cycle(z)
    one = compare(lambda: packed.label_map(next(ours)), lambda: dense_map(dist, next(dense)), _RUNS)

    def counted() -> None:
        for vector in z[:_FEW]:
            np.bincount(dense_map(dist, vector).reshape(-1), minlength=dist.classes)

    shares = ", ".join(f"{n / len(packed.order):.2%}" for n in packed.mean_counts[1:])
    size, gigabytes = " × ".join(map(str, dist.space)), sum(t.numel() for t in tensors) * 4 / 1e9
    lines = [
        (
            f"volume: {size}, {packed.classes} labels, rank {packed.rank}, {gigabytes:.2f} GB of "
            f"synthetic network output in which the labels fill {shares}"
        ),
        f"voxels that can change, synthetic volume: {reach(packed)}",
        (
            f"packing by activation radius: {packing.ours:.2f} s ({processor:.1f} s of "
            f"processor time); one pass over the tensors: {packing.other:.2f} s; "
            f"ratio {packing.ratio:.1f}"
        ),
        (
            f"full label map of a new z: {one.ours * 1000:.1f} ms; dense argmax(μ + P z): "
            f"{one.other * 1000:.0f} ms; {1 / one.ratio:.0f}× faster"
        ),
    ]
    return [*lines, *_handed_in(dist)], packed, seconds(counted) / _FEW


def _handed_in(dist: LogitDistribution) -> list[str]:
    """What a large dense distribution takes as it is, against the dense argmax."""
    z = draw_z(HYPOTHESES, dist.rank, 0)
    ours, dense = cycle(z), cycle(z)
    dist.label_map(z[0])
    made = seconds(lambda: dist.label_map(z[1]))
    one = compare(lambda: dist.label_map(next(ours)), lambda: dense_map(dist, next(dense)), _RUNS)
    counted = median(lambda: volume_distribution(dist, HYPOTHESES), 3)
    sizes = label_counts(dist, z)
    slow, off, moved = 0.0, 0, 0
    for vector, found in zip(z[:_FEW], sizes, strict=False):
        began = time.perf_counter()
        plain = dense_map(dist, vector)
        own = np.bincount(plain.reshape(-1), minlength=dist.classes)
        slow += (time.perf_counter() - began) * HYPOTHESES / _FEW
        moved += int((plain != dist.label_map(vector)).sum())
        off += int(np.abs(own - found).sum())
    return [
        (
            f"dense tensors handed in: full label map {one.ours * 1000:.1f} ms, "
            f"{1 / one.ratio:.0f}× faster than the dense argmax, from the second on, which takes "
            f"{made:.2f} s; {HYPOTHESES:,} hypotheses with the volume of each label "
            f"{counted:.2f} s, {slow / counted:.0f}× faster; of {_FEW} label maps {moved} voxels "
            f"differ, and their sizes by {off}"
        )
    ]


def unit_walk(rank: int) -> np.ndarray:
    """The slider's stops along some direction, (stops, R)."""
    direction = draw_z(1, rank, 1)[0]
    return stops(3.0)[:, None] * direction / np.linalg.norm(direction)


def memory() -> list[str]:
    """Resident memory of a process that packs the volume and then drops the dense tensors."""
    if not Path("/proc/self/status").exists():
        return ["memory: not measured, it is read from Linux's /proc"]
    found = _in_process("memory")
    return [
        "memory above that of the process before: {dense:.2f} GB with the dense tensors, "
        "{peak:.2f} GB at most while packing, {packed:.2f} GB when they are dropped, "
        "{walked:.2f} GB with a walk".format(**json.loads(found))
    ]


def _measure_memory() -> None:
    from torch.distributions import LowRankMultivariateNormal  # noqa: F401  as large as the rest

    before = resident()
    dist: LogitDistribution | None = network_output()
    assert dist is not None
    dense, peak, done = resident(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            peak[0] = max(peak[0], resident())

    watching = threading.Thread(target=watch)
    watching.start()
    packed = PackedDistribution.of(dist)
    done.set()
    watching.join()
    del dist
    held = resident()
    flips = Flips.along(packed, unit_walk(packed.rank))
    walked = resident()
    assert flips.words.size
    found = {"dense": dense, "peak": peak[0], "packed": held, "walked": walked}
    print(json.dumps({name: value - before for name, value in found.items()}))


def resident() -> float:
    """Gigabytes of this process that are in memory."""
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e9


def low_rank_normal() -> list[str]:
    """What torch's own distribution does at this size, with a laptop's memory."""
    what = f"LowRankMultivariateNormal of the same size with {_LIMIT_GB} GB of memory"
    if sys.platform != "linux":
        return [f"{what}: not measured, the limit is Linux's"]
    return [f"{what}: {_in_process('low-rank normal')}"]


def _try_low_rank_normal() -> None:
    import resource

    limit = _LIMIT_GB << 30
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    try:
        dist = network_output()
        began = time.perf_counter()
        normal = torch.distributions.LowRankMultivariateNormal(
            dist.mean.reshape(-1),
            dist.cov_factor.reshape(dist.rank, -1).T,
            dist.cov_diag.reshape(-1),
        )
        made = time.perf_counter() - began
        logits: Tensor = normal.sample()
        drawn = time.perf_counter() - began - made
    except (RuntimeError, ValueError) as error:
        # Out of memory is a RuntimeError; a matrix that is not positive definite is as well.
        reason = "out of memory" if "alloc" in str(error) else str(error).splitlines()[0][:90]
        print(f"fails ({reason})")
        return
    print(f"made in {made:.1f} s, {drawn:.1f} s a draw of {logits.numel():,} logits, no label map")


def _in_process(task: str) -> str:
    """Last line that a task of this module prints in a process of its own, or how it ended."""
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.volumes", f"--{task}"], capture_output=True, text=True
    )
    lines = run.stdout.splitlines()
    return lines[-1] if run.returncode == 0 and lines else f"ended with {run.returncode}"


def main(arguments: list[str]) -> None:
    """Print shares of a model's own output, or do one of the tasks of `_in_process`."""
    tasks: dict[str, Callable[[], None]] = {
        "--memory": _measure_memory,
        "--low-rank normal": _try_low_rank_normal,
        "--handed-in": lambda: print(*_handed_in(network_output()), sep="\n"),
    }
    if arguments[0] in tasks:
        tasks[arguments[0]]()
        return
    model = load_model(arguments[0], "cpu")
    for path in arguments[1:]:
        dist = model.segment(read(Path(path)))
        print(f"{model.card.name}, {dist.space}: {reach(PackedDistribution.of(dist))}")


if __name__ == "__main__":
    main(sys.argv[1:])
