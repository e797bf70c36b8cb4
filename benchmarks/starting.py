"""What a command takes of the processor before it does its own work.

    python -m benchmarks.starting --before CHECKOUT

Seconds of processor time, in all threads, of ``napari-ssn models`` and of ``napari-ssn segment`` on
a sample; beside them those of ``import torch`` alone, and of the same commands of another checkout
where one is named. All take turns, so that what else the machine does meets all alike.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

HERE = Path(__file__).parents[1]
_SEGMENT = ("segment", "nodule-1", "--model", "lidc-2d", "--samples", "8", "--overwrite", "--out")


def spent(arguments: list[str], checkout: Path) -> float:
    """Processor seconds of a Python process that sees a checkout first."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *arguments],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        cwd=checkout,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def starting(before: Path | None = None, times: int = 7) -> list[str]:
    """A line for each command: medians, and of another checkout the ratios to it."""
    places = {"now": HERE} | ({} if before is None else {"before": before.resolve()})
    with tempfile.TemporaryDirectory() as out:
        what = {
            "napari-ssn models": ["-m", "napari_ssn", "models"],
            "napari-ssn segment of a sample": ["-m", "napari_ssn", *_SEGMENT, out],
        }
        taken: dict[tuple[str, str], list[float]] = {}
        for turn in range(times + 1):
            for place, checkout in places.items():
                for name, arguments in what.items():
                    seconds = spent(arguments, checkout)
                    # The first turn compiles and fills caches.
                    if turn:
                        taken.setdefault((name, place), []).append(seconds)
            alone = spent(["-c", "import torch"], HERE)
            if turn:
                taken.setdefault(("import torch alone", "now"), []).append(alone)
    lines = []
    for (name, place), seconds in taken.items():
        if place == "now":
            words = f"{name}: {median(seconds):.2f} s of processor time"
            if earlier := taken.get((name, "before")):
                ratio = median(seconds) / median(earlier)
                words += f"; before {median(earlier):.2f} s: {ratio:.2f} of that"
            lines.append(words)
    return lines


def main(
    before: Annotated[Path | None, typer.Option(help="Another checkout, as it was.")] = None,
    times: Annotated[int, typer.Option(min=1, help="How often each is done.")] = 7,
) -> None:
    """Print the medians and, with another checkout, their ratios."""
    typer.echo("\n".join(starting(before, times)))


if __name__ == "__main__":
    typer.run(main)
