"""``make gpu``, dry: all of it on the CPU, with a small set and a small network."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks.gpu import __main__ as run
from benchmarks.gpu import column
from benchmarks.gpu.column import Stopwatch
from benchmarks.gpu.pack import join, split
from napari_ssn.network.models import load_model
from napari_ssn.training.checkpoint import read_checkpoint
from tests.support import warm
from tests.support.sets import nodule_files, put

ROOT = Path(__file__).parents[2]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two sets as they arrive on such a machine: in parts."""
    sent = tmp_path / "data"
    for name in ("train", "val"):
        made = put(tmp_path, nodule_files(3))
        for path in (made, *(tmp_path / f"set-{table}.csv" for table in ("nodules", "hu"))):
            path.rename(path.with_name(path.name.replace("set", name)))
        split(tmp_path / f"{name}.zip", sent, side=40, most=10_000)
    join(sent)
    return sent


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_tests_times_trains_and_leaves_everything(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # How long it takes is not what this is about: each is timed once, and little is learnt.
    monkeypatch.setattr(column, "Stopwatch", partial(Stopwatch, budget_s=0.0))
    monkeypatch.setattr(run, "_LEAST_S", 0.3)
    late = subprocess.TimeoutExpired
    monkeypatch.setattr(run, "subprocess", SimpleNamespace(run=warm.run, TimeoutExpired=late))
    out = tmp_path / "out"
    command = [
        "--out", str(out), "--data", str(data), "--device", "cpu", "--minutes", "0.1",
        "--start", "", "--workers", "1", "--scale", "0.1",
        "--set", "batch=2", "--set", "crop=[8,32,32]", "--set", "validation_cases=1",
        "--set", "warmup=1", "--set", "whole_share=0", "--set", "architecture.features=8",
        "--set", 'architecture.arguments={features=[8,8,8,8,8,8],norm="batch"}',
    ]  # fmt: skip
    assert run.main(command) == 0
    found = json.loads((out / "gpu.json").read_text())
    assert found["machine"]["device"] == "CPU" and found["machine"]["torch"] == torch.__version__
    # None was skipped: they ran on the device that was named.
    assert found["tests"]["passed"] and "skipped" not in found["tests"]["summary"]
    assert "times_stopped" not in found
    whats = [row["what"] for row in found["times"]]
    for word in ("memory", "computer", "slider", "hypotheses", "packing", "tiles"):
        assert any(word in what for what in whats), word
    assert all(row["times_floor"] > 0 for row in found["times"] if "ms" in row)
    training = found["training"]
    assert training["steps"] >= 1 and training["curve"][-1]["step"] == training["steps"]
    assert training["precision"] == "bf16-mixed"
    log = (out / "log.txt").read_text()
    assert "Tests: " in log and "Learning for" in log
    # The folder is a model, and no file of OUT is too large to come home.
    model = load_model(out / "nodule-3d", "cpu")
    assert model.card.training.steps == training["steps"]
    assert model.card.training.recipe["minutes"] > 0
    assert all(f.stat().st_size < 16e6 for f in out.rglob("*") if f.is_file())
    assert not list(out.rglob("*.part"))
    kept = read_checkpoint(tmp_path / "out-checkpoint")
    assert kept is not None and kept.step == training["steps"]


def test_without_the_device_it_says_so_and_leaves_that(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("here is one")
    out = tmp_path / "out"
    assert run.main(["--out", str(out), "--data", str(tmp_path)]) == 1
    found = json.loads((out / "gpu.json").read_text())
    assert found["stopped"] == "This computer has no CUDA device; choose auto or cpu."
    assert found["stopped"] in (out / "log.txt").read_text()


def test_views_are_made_by_as_many_processes_as_memory_is_shared_for() -> None:
    assert run.workers_here(bytes_each=10**15) == 1
    assert run.workers_here(bytes_each=1) >= 1


def test_packing_needs_nothing_of_the_product() -> None:
    code = (
        "import runpy, sys; runpy.run_path('benchmarks/gpu/pack.py', run_name='x'); "
        "print(sorted(n for n in sys.modules if n.split('.')[0] in ('torch', 'napari_ssn')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
