"""The command that makes the table of baselines: what it needs is looked for before it trains."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from benchmarks import baselines


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What is asked of the product; what it measures is written as `evaluate` does."""
    found: list[tuple[str, ...]] = []

    def command(*arguments: str) -> None:
        found.append(arguments)
        if arguments[0] == "evaluate":
            content = {"n_cases": 2, "ece": {"mean": 1.0}, "groups": {"solid": {}}}
            Path(arguments[arguments.index("--json") + 1]).write_text(json.dumps(content))

    monkeypatch.setattr(baselines, "_command", command)
    return found


def run(data: Path, out: Path, runs: Path) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(baselines.main)
    arguments = ["--data", data, "--out", out, "--runs", runs, "--steps", 3]
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    return result.exit_code, result.output


def test_a_set_that_is_missing_is_said_before_anything_is_trained(
    tmp_path: Path, asked: list[tuple[str, ...]]
) -> None:
    for name in ("train", "val"):
        (tmp_path / f"{name}.zip").touch()
    code, said = run(tmp_path, tmp_path / "out", tmp_path / "runs")
    assert code == 2 and "test.zip is missing" in said and asked == []


def test_the_folder_is_made_and_every_baseline_measured(
    tmp_path: Path, asked: list[tuple[str, ...]]
) -> None:
    for name in ("train", "val", "test"):
        (tmp_path / f"{name}.zip").touch()
    out = tmp_path / "not" / "there"
    code, said = run(tmp_path, out, tmp_path / "runs")
    assert code == 0, said
    assert [one[0] for one in asked] == ["train", "evaluate"] * len(baselines.KINDS)
    kept = {path.name: json.loads(path.read_text()) for path in out.iterdir()}
    assert set(kept) == {f"nodule-3d-{kind}.json" for kind in baselines.KINDS}
    assert all(one == {"n_cases": 2, "ece": {"mean": 1.0}, "steps": 3} for one in kept.values())
