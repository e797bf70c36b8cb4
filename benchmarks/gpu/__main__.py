"""``make gpu``: on a machine with a GPU, its tests, its times, and training for what is left.

Whatever happens, what was found until then is in the folder OUT: ``gpu.json``, ``log.txt`` and a
model folder with the weights, each written anew every minute.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.column import HYPOTHESES, SPACE, TILED, column
from napari_ssn.errors import SSNError
from napari_ssn.network.device import choose_device, device_title
from napari_ssn.network.models import make_folder, replace_file

ROOT = Path(__file__).parents[2]
#: Of the minutes, what tests and times may take at most, and what measuring the end may.
_TESTS_S, _COLUMN_S, _END_S = 120.0, 90.0, 45.0
# And what learning has at least.
_LEAST_S = 2.0
_REFRESH_S = 55.0
_TESTS = "tests/whole/test_gpu.py"
# A file of weights must pass where files are collected.
_LARGEST = 16_000_000


class Notes:
    """What was found, kept in a folder as it grows."""

    def __init__(self, out: Path) -> None:
        make_folder(out)
        self.out, self.began = out, time.monotonic()
        self.found: dict[str, Any] = {}
        self._lines: list[str] = []

    @property
    def spent_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began

    def say(self, sentence: str) -> None:
        """A line of the log."""
        line = f"{self.spent_s:7.1f} s  {sentence}"
        print(line, flush=True)
        self._lines.append(line)
        self.write()

    def write(self) -> None:
        """Put both files in the place of the last ones."""
        replace_file(self.out / "log.txt", "".join(f"{one}\n" for one in self._lines).encode())
        replace_file(self.out / "gpu.json", f"{json.dumps(self.found, indent=2)}\n".encode())


def run_tests(notes: Notes, device: torch.device) -> None:
    """The tests marked ``gpu``, in a process of their own: a fault of one ends nothing here."""
    # Without what else is installed for pytest, which would bring napari and Qt.
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pytest", "-p", "pytest_timeout", "-q", "-m", "gpu", _TESTS]
    env = {**os.environ, **alone, "NAPARI_SSN_TEST_DEVICE": str(device)}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, check=False,
            timeout=_TESTS_S,
        )  # fmt: skip
        text, passed = done.stdout + done.stderr, done.returncode == 0
    except subprocess.TimeoutExpired:
        text, passed = f"not done after {_TESTS_S:.0f} s", False
    lines = text.strip().splitlines()
    last = re.sub(r"=+", "", lines[-1]).strip() if lines else "pytest said nothing"
    notes.found["tests"] = {"passed": passed, "summary": last}
    if not passed:
        notes.found["tests"]["output"] = text[-6000:]
    notes.say(f"Tests: {last}")


def run_column(notes: Notes, device: torch.device, scale: float) -> None:
    """The device's column of the benchmarks, row by row while there is time."""
    until = notes.spent_s + _COLUMN_S
    rows = notes.found.setdefault("times", [])
    space, tiled = (tuple(max(16, int(n * scale)) for n in size) for size in (SPACE, TILED))
    try:
        for row in column(device, space, tiled, max(16, int(HYPOTHESES * scale))):
            rows.append(row)
            what = row["what"]
            if "ms" in row:
                notes.say(f"{what}: {row['ms']:.2f} ms, {row['times_floor']:.1f} × its floor")
            else:
                notes.say(f"{what}: {row['gigabytes_per_s']:.0f} GB/s")
            if notes.spent_s > until:
                notes.say("The rest of the times is left out: there is no more time for them.")
                break
    except (RuntimeError, SSNError) as error:
        # Training is worth more than the row that is missing.
        notes.found["times_stopped"] = f"{type(error).__name__}: {error}"
        notes.say(f"The times stopped: {error}")
    if device.type == "cuda":
        torch.cuda.empty_cache()


def train(notes: Notes, asked: argparse.Namespace, device: torch.device) -> None:
    """Train for the minutes that are left; the model folder is renewed every minute."""
    from napari_ssn.cli.train import changes_of
    from napari_ssn.training.background import background_of
    from napari_ssn.training.checkpoint import read_checkpoint
    from napari_ssn.training.fit import fit
    from napari_ssn.training.lineage import gone_on_from
    from napari_ssn.training.reading import load_cases
    from napari_ssn.training.recipes import find_recipe, read_recipe

    notes.say("Reading the data.")
    learn, watch = (load_cases(asked.data / f"{name}.zip", dims=3) for name in ("train", "val"))
    # A GPU that is fed one small batch after the other waits for the processor that starts its
    # kernels; and whoever has minutes has none for looking at cases on the way.
    changes: dict[str, Any] = {"batch": 32, "validate_every": 10**9}
    changes |= changes_of(asked.set, None, None, None)
    source = find_recipe(asked.recipe)
    name = source.parent.name if source.name == "recipe.toml" else source.stem
    recipe, card = read_recipe(source, learn, name, changes)
    card = gone_on_from(card, asked.start or None)
    left = max(asked.minutes * 60 - notes.spent_s - _END_S, _LEAST_S)
    # Minutes are those in all, and a run that was cut off may have spent some.
    before = read_checkpoint(asked.checkpoints)
    minutes = (left + (before.spent_s if before is not None else 0.0)) / 60
    notes.found["training"] = about = {
        "recipe": name, "start": asked.start, "changes": changes,
        "minutes": left / 60, "precision": asked.precision, "workers": asked.workers,
    }  # fmt: skip
    notes.say(f"Learning for {left / 60:.1f} minutes, {asked.workers} processes make views.")
    folder, state = notes.out / name, {"saved": time.monotonic(), "step": 0}

    def report(step: int, share: float, values: dict[str, float]) -> None:
        now = time.monotonic()
        if now - state["saved"] < _REFRESH_S and share < 1:
            return
        views = recipe.batch * (step - state["step"]) / max(1e-9, now - state["saved"])
        state.update(saved=now, step=step)
        means = {name: round(value, 4) for name, value in values.items()}
        about.setdefault("curve", []).append({"step": step, "views_per_s": views, **means})
        notes.say(f"Step {step}, {share:.0%}, {views:.0f} views/s at most: {means}")

    trainer = fit(
        learn, watch, folder, recipe, card, device=str(device), precision=asked.precision,
        workers=asked.workers, start=asked.start or None, minutes=minutes,
        backgrounds=[background_of(text) for text in asked.background],
        save_every_s=_REFRESH_S, checkpoints=asked.checkpoints, report=report, say=notes.say,
    )  # fmt: skip
    about |= {"steps": trainer.step, "history": trainer.history}
    for file in sorted(folder.iterdir()):
        if file.stat().st_size > _LARGEST:
            notes.say(f"{file.name} has {file.stat().st_size / 1e6:.0f} MB, more than 16.")
    notes.say(f"{trainer.step} steps; in the end {trainer.history[-1]}")


def workers_here(bytes_each: int = 64_000_000) -> int:
    """Processes that make views: one a core but one, and no more than shared memory holds."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    most = max(1, (cores or 2) - 1)
    if hasattr(os, "statvfs") and Path("/dev/shm").is_dir():
        room = os.statvfs("/dev/shm")
        # Views wait there for the network, four batches of each process.
        most = min(most, max(1, room.f_bavail * room.f_frsize // bytes_each))
    return most


def main(arguments: list[str] | None = None) -> int:
    """Do it all; 1 where tests failed or a user's error ended it, and then it is said which."""
    parser = argparse.ArgumentParser(prog="make gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="holds train.zip and val.zip")
    parser.add_argument("--checkpoints", type=Path, help="left out: beside the folder OUT")
    parser.add_argument("--minutes", type=float, default=12.0, help="in all")
    parser.add_argument("--start", default="lidc-2d", help="model to start from; '' for none")
    parser.add_argument("--recipe", default="nodule-3d")
    parser.add_argument("--set", action="append", default=[], help="FIELD=VALUE of the recipe")
    parser.add_argument("--background", action="append", default=[], help="as `train` has it")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--precision", default="bf16-mixed")
    parser.add_argument("--workers", type=int, default=workers_here())
    parser.add_argument("--scale", type=float, default=1.0, help="of what is timed")
    asked = parser.parse_args(arguments)
    if asked.checkpoints is None:
        asked.checkpoints = asked.out.with_name(f"{asked.out.name}-checkpoint")
    notes = Notes(asked.out)
    try:
        device = choose_device(asked.device)
        notes.found["machine"] = {
            "device": device_title(device), "python": platform.python_version(),
            "torch": torch.__version__, "processor_threads": os.cpu_count(),
        }  # fmt: skip
        notes.say(f"{device_title(device)}, torch {torch.__version__}")
        run_tests(notes, device)
        run_column(notes, device, asked.scale)
        train(notes, asked, device)
    except SSNError as error:
        notes.found["stopped"] = str(error)
        notes.say(f"Stopped: {error}")
        return 1
    return 0 if notes.found["tests"]["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
