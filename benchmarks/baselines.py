"""The same network on the same data for the same number of steps, with less and less of an SSN.

    python -m benchmarks.baselines --data LIDC-IDRI --out docs/measured

trains four models of the recipe `nodule-3d` from the weights of `lidc-2d` and measures each on the
test cases; `make models` then shows the table. A folder that holds a finished run is not trained
again, and one that was cut off goes on.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from napari_ssn.errors import DataError

# What the recipe is changed by. Columns that look at the point's place are ours, and the energies.
_NO_COLUMNS = ("architecture.offset_columns=[]",)
_LIKELIHOOD = ("energy=0", "local_energy=0", "samples=20")
KINDS = {
    "deterministic": ("--covariance", "none", *_NO_COLUMNS),
    "diagonal": ("--covariance", "diagonal", *_NO_COLUMNS, *_LIKELIHOOD),
    "paper": (*_NO_COLUMNS, *_LIKELIHOOD),
    "ours": (),
}


def switches(kind: str) -> list[str]:
    """The arguments of `napari-ssn train` that make a baseline of the recipe."""
    given: list[str] = []
    for word in KINDS[kind]:
        given += ["--set", word] if "=" in word else [word]
    return given


def main(
    data: Annotated[Path, typer.Option(help="Folder of train.zip, val.zip and test.zip.")],
    out: Annotated[Path, typer.Option(help="Folder for the figures.")],
    runs: Annotated[Path, typer.Option(help="Folder for the models.")] = Path("build/baselines"),
    recipe: Annotated[str, typer.Option(help="Recipe that all have in common.")] = "nodule-3d",
    start: Annotated[str, typer.Option(help="Model that all start from.")] = "lidc-2d",
    steps: Annotated[int, typer.Option(min=1, help="Steps of each.")] = 250,
    cases: Annotated[int, typer.Option(min=1, help="Test cases, evenly spread.")] = 124,
    device: Annotated[str, typer.Option(help="Such as cpu or cuda.")] = "auto",
) -> None:
    """Train and measure the baselines."""
    # Hours of training come between, and are lost on nobody who is told now.
    for name in ("train", "val", "test"):
        if not (data / f"{name}.zip").is_file():
            raise typer.BadParameter(f"{name}.zip is missing there.", param_hint="--data")
    out.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        model = runs / kind
        _command(
            "train", "--recipe", recipe, "--start", start, "--device", device,
            "--data", str(data / "train.zip"), "--val", str(data / "val.zip"),
            "--out", str(model), "--steps", str(steps), *switches(kind),
        )  # fmt: skip
        figures = out / f"{recipe}-{kind}.json"
        _command(
            "evaluate", "--model", str(model), "--data", str(data / "test.zip"),
            "--cases", str(cases), "--device", device, "--json", str(figures),
        )  # fmt: skip
        found = json.loads(figures.read_text())
        # By subgroup and by step they would be of too few steps to be read.
        found = {k: v for k, v in found.items() if not isinstance(v, dict) or "mean" in v}
        found["steps"] = steps
        figures.write_text(json.dumps(found, indent=2) + "\n")


def _command(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "napari_ssn", *arguments])
    if done.returncode:
        raise DataError(f"napari-ssn {arguments[0]} ended with {done.returncode}.")


if __name__ == "__main__":
    typer.run(main)
