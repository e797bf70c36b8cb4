"""Print every figure of speed the project claims: ``make bench``.

    python -m benchmarks.run [--long]

The figures of minutes are kept in docs/benchmarks.md; with ``--long`` those of a server under load
and of the largest volumes, which take most of an hour, in docs/long-benchmarks.md. Nothing else
should run on the machine meanwhile. The slider needs a screen or a virtual one.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from benchmarks.cards import cards
from benchmarks.clicks import clicks, volume_clicks
from benchmarks.ensembles import ensembles
from benchmarks.inference import inference
from benchmarks.overview import overview
from benchmarks.reading import reading
from benchmarks.serving import serving
from benchmarks.starting import starting
from benchmarks.timing import Pair, compare, median
from benchmarks.training import energy_distance, training_step
from benchmarks.volumes import shipped, volumes
from benchmarks.whole import ct, whole
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.models import Model, load_model
from napari_ssn.samples import volume as sample_volume

SAMPLES = 100
# Of load at a server: its memory is flat or not within as much.
_MINUTES = 10.0

_HEAD = """# Benchmarks

Written by `make bench`. Times are medians of one run on the machine named; ratios are medians of
pairs taken in turn, so they hold where absolute times do not.
"""

_LONG = """# Long benchmarks

Written by `make bench ARGS=--long`, which takes most of an hour.
"""


def importing() -> list[str]:
    """Seconds of ``import napari_ssn`` in a fresh interpreter, and whether it loads torch."""
    code = (
        "import sys, time; t = time.perf_counter(); import napari_ssn; "
        "print(time.perf_counter() - t, 'torch' in sys.modules)"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(5)
    ]
    pairs = [run.stdout.split() for run in runs]
    spent = statistics.median(float(seconds) for seconds, _ in pairs)
    loaded = any(flag == "True" for _, flag in pairs)
    return [f"import napari_ssn: {spent * 1000:.1f} ms, torch loaded: {'yes' if loaded else 'no'}"]


def first_outline(model: Model, volume: Volume) -> list[str]:
    """Seconds from a loaded model to the first label map of a 128 × 128 region."""
    spent = median(lambda: model.segment(volume).label_map())
    return [f"first outline on {' × '.join(map(str, volume.space))}: {spent * 1000:.0f} ms"]


def sampling(dist: LogitDistribution) -> list[str]:
    """100 hypotheses against torch's own low-rank normal on the same tensors."""
    space = dist.space

    def theirs() -> np.ndarray:
        normal = torch.distributions.LowRankMultivariateNormal(
            dist.mean.reshape(-1),
            dist.cov_factor.reshape(dist.rank, -1).T,
            dist.cov_diag.reshape(-1),
        )
        logits = normal.sample((SAMPLES,)).reshape(SAMPLES, dist.classes, *space)
        return logits.argmax(1).to(torch.uint8).numpy()

    def line(name: str, pair: Pair) -> str:
        return (
            f"{SAMPLES} hypotheses, {name}: {pair.ours * 1000:.1f} ms; LowRankMultivariateNormal "
            f"and argmax: {pair.other * 1000:.0f} ms; {1 / pair.ratio:.0f}× faster"
        )

    plain = compare(lambda: dist.sample(SAMPLES), theirs)
    noisy = compare(lambda: dist.sample(SAMPLES, pixel_noise=True), theirs)
    return [line("as shown in the window", plain), line("with pixel noise, as torch", noisy)]


def long() -> list[str]:
    """What takes most of an hour."""
    return [*serving(_MINUTES), *whole(), *ct()]


def short() -> list[str]:
    """What takes minutes."""
    model = load_model("lidc-2d", "cpu")
    volume = sample_volume(1)
    dist = model.segment(volume)
    lines = [
        *importing(),
        *starting(),
        *first_outline(model, volume),
        *inference(),
        *sampling(dist),
        *clicks(dist),
        *cards(dist, model.card, volume, " × ".join(map(str, dist.space))),
        *energy_distance(dist),
        *training_step(model),
        *shipped(model),
        *reading(),
    ]
    screen = sys.platform != "linux" or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    large, packed = volumes()
    # Any image does: of it, thumbnails show a slice.
    image = Volume(packed.mean_map[None].astype(np.float32), packed.affine)
    lines += [
        *large,
        *volume_clicks(packed),
        *cards(packed, model.card, image, f"the volume of {packed.classes} labels"),
        *overview(dist),
        *overview(packed),
        *ensembles(screen),
    ]
    if screen:
        from benchmarks.first import first
        from benchmarks.slider import slider, volume_slider
        from benchmarks.window import window

        lines += [*slider(), *volume_slider(packed)]
        lines += first()
        # Divided processes: only where they can.
        lines += window() if hasattr(os, "fork") else []
    else:
        lines.append("slider frame: not measured, there is no screen")
    return lines


def main(
    which: Annotated[bool, typer.Option("--long", help="What takes most of an hour.")] = False,
) -> None:
    """Print the machine and every figure, and keep them in a page of docs/."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    machine = (
        f"{platform.system()} {platform.machine()}, {cores} cores, Python "
        f"{platform.python_version()}, torch {torch.__version__} with "
        f"{torch.get_num_threads()} threads"
    )
    text = "\n".join([machine, "", *(f"* {line}" for line in (long() if which else short()))])
    print(text)
    head, name = (_LONG, "long-benchmarks.md") if which else (_HEAD, "benchmarks.md")
    (Path(__file__).parents[1] / "docs" / name).write_text(f"{head}\n{text}\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
