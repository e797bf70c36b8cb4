"""Memory of a run over a whole image: packed piece by piece, and packed in the end.

    python -m benchmarks.whole
    python -m benchmarks.whole --ct

A network with random weights, four labels and ten columns, looks at pieces of 64³ of an image of
240 × 240 × 155 voxels; each way in a process of its own. What counts is what the network's numbers
take, so the image and the process before the run are subtracted.

``--ct``: the same over 512 × 512 × 400 voxels, as a command and as the window has it, which wants
to see a slice first. Dense it needs 20 GB, so that parts of it are compared: all voxels that some
tiles cover alone. The mean is scaled until about as many voxels can change as of a trained model.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.timing import median
from benchmarks.volumes import reach, resident, unit_walk
from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.packed.distribution import PackedDistribution, compact
from napari_ssn.core.packed.flips import Flips
from napari_ssn.core.tensors import tensor_of
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.blend import Blender
from napari_ssn.network.forward import Forward
from napari_ssn.network.inference import Watch, prepare
from napari_ssn.network.models import Model, load_model, save_model
from napari_ssn.network.plan import needed_bytes, plan_for
from tests.support.helpers import tiny_model

_SPACE, _REGION, _CLASSES, _RANK = (240, 240, 155), (64, 64, 64), 4, 10
_CT = (512, 512, 400)
# By what the random network's mean is multiplied for the CT.
_DECIDED = 4.0
# Draws that are compared, and parts of the CT.
_DRAWS, _PARTS = 5, 3


def whole() -> list[str]:
    """The lines of it."""
    if not Path("/proc/self/statm").exists():
        return ["memory of a run: not measured, it is read from Linux's /proc"]
    with _model() as folder:
        found = {how: _in_process(folder, how) for how in ("packed", "dense")}
    packed, dense = found["packed"], found["dense"]
    if packed["digest"] != dense["digest"]:
        raise AssertionError("both ways give the same distribution")
    words = (
        f"a run over {_shown(_SPACE)} voxels, {_CLASSES} labels, rank {_RANK}, packed piece by "
        f"piece: {packed['peak']:.2f} GB at most beyond the image, {packed['after']:.2f} GB when "
        f"it is done (estimated before {packed['estimate']:.2f} GB), {packed['seconds']:.0f} s; "
        f"packed in the end {dense['peak']:.2f} GB at most, {dense['seconds']:.0f} s"
    )
    return [words]


def ct() -> Iterator[str]:
    """The lines of a whole CT, as they come."""
    if not Path("/proc/self/statm").exists():
        yield "memory of a whole CT: not measured, it is read from Linux's /proc"
        return
    with _model(_DECIDED) as folder:
        for how in ("ct", "ct-window"):
            found = _in_process(folder, how)
            if how == "ct":
                yield (
                    f"a run over a CT of {_shown(_CT)} voxels, {_CLASSES} labels, rank {_RANK}, "
                    f"of which {found['reach']} can change: {found['seen']}"
                )
            first = "" if how == "ct" else ", a slice in its middle first"
            yield (
                f"the CT{first}: {found['peak']:.2f} GB at most beyond the image of "
                f"{found['image']:.2f} GB (estimated before {found['estimate']:.2f} GB), and "
                f"{found['disk']:.1f} GB on the disk; {found['seconds']:.0f} s, of which sorting "
                f"{found['sorting']:.0f} s; dense it is {found['dense']:.1f} GB"
            )


@contextmanager
def _model(decided: float = 1.0) -> Iterator[Path]:
    """A network with random weights, its mean multiplied by a number."""
    with tempfile.TemporaryDirectory() as place:
        folder = tiny_model(
            Path(place) / "wide", dims=3, classes=_CLASSES, region=_REGION, rank=_RANK, sparse=True
        )
        if decided != 1:
            model = load_model(folder, "cpu")
            state = model.network.state_dict()
            state["mean.weight"] *= decided
            state["mean.bias"] *= decided
            shutil.rmtree(folder)
            save_model(folder, model.card, state)
        yield folder


def _shown(space: tuple[int, ...]) -> str:
    return " × ".join(map(str, space))


def _in_process(folder: Path, how: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.whole", "--folder", str(folder), "--how", how]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _measure(folder: Path, how: str) -> dict[str, Any]:
    model, large = load_model(folder, "cpu"), how.startswith("ct")
    space = _CT if large else _SPACE
    values = np.random.default_rng(0).standard_normal((1, *space), dtype=np.float32)
    volume = Volume(values, np.eye(4))
    small = Volume(np.ascontiguousarray(values[:, :80, :80, :80]), np.eye(4))
    # What torch keeps for its first run is none of the second's.
    model.infer(small)
    before, peak, done, last = resident(), [0.0], threading.Event(), [0.0]

    def watch() -> None:
        while not done.wait(0.005):
            peak[0] = max(peak[0], resident())

    def progress(number: int, count: int) -> None:
        if number == count:
            last[0] = time.perf_counter()

    plane = (None, None, space[2] // 2) if how == "ct-window" else None
    previews: list[Any] = []
    # Where the run fails nobody ends it.
    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    began = time.perf_counter()
    told = Watch(look_at=plane, preview=previews.append if plane else None, progress=progress)
    dist = compact(model.infer(volume, watch=told, packed=how != "dense").dist)
    ended = time.perf_counter()
    done.set()
    watching.join()
    after = resident() - before
    plan = plan_for(model.card, volume)
    found: dict[str, Any] = {
        "peak": peak[0] - before,
        "after": after,
        "seconds": ended - began,
        "sorting": ended - last[0],
        "image": values.nbytes / 1e9,
        "disk": dist.nbytes / 1e9 - 10 * np.prod(space) / 1e9,
        "estimate": needed_bytes(model.card, plan, packed=True, aside=True) / 1e9,
        "dense": 4 * _CLASSES * (_RANK + 2) * np.prod(space) / 1e9,
    }
    if large:
        assert isinstance(dist, PackedDistribution)
        _compare(model, volume, dist)
        found |= {"reach": reach(dist), "seen": _seen(dist)}
        assert len(previews) == (plane is not None)
    else:
        z = np.linspace(-1, 1, _RANK)
        found["digest"] = float(dist.label_map(z).astype(np.float64).cumsum()[:: 1 << 10].sum())
    return found


def _compare(model: Model, volume: Volume, dist: PackedDistribution) -> None:
    """AssertionError unless parts of a distribution are what their tiles give densely."""
    plan, rng = plan_for(model.card, volume), np.random.default_rng(0)
    data, draws = prepare(model.card, plan, volume), draw_z(_DRAWS, _RANK, 0)
    for _ in range(_PARTS):
        corner = [int(rng.integers(0, n - 40)) for n in plan.nodes]
        held = tuple(range(c, c + 40) for c in corner)
        blender = Blender(plan, model.device, single=False, held=held)
        forward = Forward(model, model.device, None)
        for tile in plan.tiles():
            if tile.meets(held):
                cut = data[(slice(None), *tile.window.inside)]
                blender.add(tile, forward(tensor_of(np.ascontiguousarray(cut))))
        voxels = plan.of_image(held)
        twin = PackedDistribution.of(LogitDistribution(*blender.slab(held)))
        part = tuple(slice(r.start, r.stop) for r in voxels)
        for z in draws:
            if not np.array_equal(dist.label_map(z, part), twin.label_map(z)):
                raise AssertionError("a part of the CT is what its tiles give")
        there = np.ravel_multi_index(np.ix_(*voxels), dist.space).reshape(-1)
        own = np.arange(there.size)
        for one, other in zip(dist.logits_at(there), twin.logits_at(own), strict=True):
            if not np.array_equal(one, other):
                raise AssertionError("a part of the CT has the numbers that its tiles give")


def _seen(dist: PackedDistribution) -> str:
    """Times of what somebody sees."""
    z = draw_z(_DRAWS, _RANK, 1)
    turn = iter(np.concatenate([z] * 4))
    whole = median(lambda: dist.label_map(next(turn)), 5)
    began = time.perf_counter()
    flips = Flips.along(dist, unit_walk(_RANK))
    walked, count = time.perf_counter() - began, len(flips.z)
    frames = []
    for axis, n in enumerate(dist.space):
        where = (slice(None),) * axis + (n // 2,)
        flips.label_map(0, where)
        stops = iter(np.arange(400) % count)
        frames.append(median(lambda w=where, s=stops: flips.label_map(int(next(s)), w), 100))
    ms = ", ".join(f"{1000 * frame:.2f}" for frame in frames)
    return (
        f"full label map of a new z {whole:.2f} s; a walk decoded at {count} stops {walked:.1f} s; "
        f"a slider frame of ours across each axis {ms} ms"
    )


def main(
    large: Annotated[bool, typer.Option("--ct", help="A whole CT.")] = False,
    folder: Annotated[Path | None, typer.Option(hidden=True)] = None,
    how: Annotated[str, typer.Option(hidden=True)] = "packed",
) -> None:
    """Print what a run takes at most."""
    if folder is not None:
        typer.echo(json.dumps(_measure(folder, how)))
        return
    for line in ct() if large else whole():
        typer.echo(line)


if __name__ == "__main__":
    typer.run(main)
