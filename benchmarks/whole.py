"""Memory of a run over a whole image: packed layer by layer, and packed in the end.

    python -m benchmarks.whole

A network with random weights, four labels and ten columns, looks at pieces of 64³ of an image of
240 × 240 × 155 voxels; each way in a process of its own. What counts is what the network's numbers
take, so the image and the process before the run are subtracted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.volumes import resident
from napari_ssn.core.packed.distribution import compact
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.models import load_model
from napari_ssn.network.plan import needed_bytes, plan_for
from tests.support.helpers import tiny_model

_SPACE, _REGION, _CLASSES, _RANK = (240, 240, 155), (64, 64, 64), 4, 10


def whole() -> list[str]:
    """The lines of it."""
    if not Path("/proc/self/statm").exists():
        return ["memory of a run: not measured, it is read from Linux's /proc"]
    with tempfile.TemporaryDirectory() as place:
        folder = tiny_model(
            Path(place) / "wide", dims=3, classes=_CLASSES, region=_REGION, rank=_RANK, sparse=True
        )
        found = {how: _in_process(folder, how) for how in ("packed", "dense")}
    packed, dense = found["packed"], found["dense"]
    if packed["digest"] != dense["digest"]:
        raise AssertionError("both ways give the same distribution")
    size = " × ".join(map(str, _SPACE))
    words = (
        f"a run over {size} voxels, {_CLASSES} labels, rank {_RANK}, packed layer by layer: "
        f"{packed['peak']:.2f} GB at most beyond the image, {packed['after']:.2f} GB when it is "
        f"done (estimated before {packed['estimate']:.2f} GB), {packed['seconds']:.0f} s; packed "
        f"in the end {dense['peak']:.2f} GB at most, {dense['seconds']:.0f} s"
    )
    return [words]


def _in_process(folder: Path, how: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.whole", "--folder", str(folder), "--how", how]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _measure(folder: Path, how: str) -> dict[str, float | str]:
    model = load_model(folder, "cpu")
    values = np.random.default_rng(0).standard_normal((1, *_SPACE), dtype=np.float32)
    volume = Volume(values, np.eye(4))
    small = Volume(np.ascontiguousarray(values[:, :80, :80, :80]), np.eye(4))
    # What torch keeps for its first run is none of the second's.
    model.infer(small)
    before, peak, done = resident(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            peak[0] = max(peak[0], resident())

    watching = threading.Thread(target=watch)
    watching.start()
    began = time.perf_counter()
    dist = compact(model.infer(volume, packed=how == "packed").dist)
    taken = time.perf_counter() - began
    done.set()
    watching.join()
    after = resident() - before
    z = np.linspace(-1, 1, _RANK)
    return {
        "peak": peak[0] - before,
        "after": after,
        "seconds": taken,
        "estimate": needed_bytes(model.card, plan_for(model.card, volume), packed=True) / 1e9,
        "digest": float(dist.label_map(z).astype(np.float64).cumsum()[:: 1 << 10].sum()),
    }


def main(
    folder: Annotated[Path | None, typer.Option(hidden=True)] = None,
    how: Annotated[str, typer.Option(hidden=True)] = "packed",
) -> None:
    """Print what a run takes at most."""
    if folder is not None:
        typer.echo(json.dumps(_measure(folder, how)))
        return
    typer.echo("\n".join(whole()))


if __name__ == "__main__":
    typer.run(main)
