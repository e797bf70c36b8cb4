"""From a sample to its first outline, in a napari that has just been started.

    python -m benchmarks.first --before CHECKOUT

Seconds from the moment the sample is asked for until its outline is on the screen: the dock opens,
torch is imported, the model loaded, the point placed, and *Run* pressed at once. Each in a process
of its own; with another checkout both take turns. It needs a screen or a virtual one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from benchmarks.starting import HERE
from napari_ssn.samples import sample

_SAMPLES = (1, 4)
# In whichever checkout: by what both have.
_RUN = """
import sys, time
import napari
from qtpy.QtWidgets import QApplication
from napari_ssn.gui import demo
from napari_ssn.samples import sample
about = sample(int(sys.argv[1]))
viewer = napari.Viewer()
QApplication.processEvents()
began = time.perf_counter()
viewer.open_sample("napari-ssn", about.name)
_, dock = viewer.window.add_plugin_dock_widget("napari-ssn", "SSN hypotheses")
demo.wait_until(dock, lambda: dock.session.setup.survey is not None)
if about.centre is not None:
    demo.point_at(viewer, dock, about.centre)
demo.wait_until(dock, lambda: dock.session.setup.obstacle is None)
dock.run.button.click()
demo.wait_until(dock, lambda: dock.session.result is not None)
demo.wait_until(dock, lambda: "SSN · hypothesis" in viewer.layers)
QApplication.processEvents()
print(time.perf_counter() - began, flush=True)
viewer.close()
"""


def first(before: Path | None = None, times: int = 5) -> list[str]:
    """A line for each sample: medians, and of another checkout the ratio to it."""
    places = {"now": HERE} | ({} if before is None else {"before": before.resolve()})
    lines = []
    for number in _SAMPLES:
        taken: dict[str, list[float]] = {place: [] for place in places}
        for turn in range(times + 1):
            for place, checkout in places.items():
                seconds = _one(number, checkout)
                # The first turn compiles and fills caches.
                if turn:
                    taken[place].append(seconds)
        now = median(taken["now"])
        words = f"a fresh napari, from {sample(number).name} to its first outline: {now:.2f} s"
        if before is not None:
            then = median(taken["before"])
            words += f"; before {then:.2f} s: {now / then:.2f} of that"
        lines.append(words)
    return lines


def _one(number: int, checkout: Path) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(number)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        cwd=checkout,
    )
    return float(done.stdout.split()[-1])


def main(
    before: Annotated[Path | None, typer.Option(help="Another checkout, as it was.")] = None,
    times: Annotated[int, typer.Option(min=1, help="How often each is done.")] = 5,
) -> None:
    """Print the medians and, with another checkout, their ratios."""
    typer.echo("\n".join(first(before, times)))


if __name__ == "__main__":
    typer.run(main)
