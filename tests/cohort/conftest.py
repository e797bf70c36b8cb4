"""Two workers that the tests of a file share: starting them takes seconds, and they are not left
running beside other tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from napari_ssn.cohort import run as run_module
from tests.support.helpers import command, tiny_model
from tests.support.warm import LINUX, METHOD, server


@pytest.fixture(scope="module")
def crew() -> Iterator[Any]:
    import dask.config

    from napari_ssn.cohort.crew import local_crew

    # Those of test_work.py begin as anybody's do: they are what is tested there.
    method = {"distributed.worker.multiprocessing-method": METHOD} if LINUX else {}
    if method:
        server()
    with dask.config.set(method), local_crew(2, 0) as made:
        yield made


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "tiny", dims=3, region=(16, 16, 16))


@pytest.fixture
def cohort(crew: Any, model: Path, tmp_path: Path, monkeypatch: Any, capsys: Any) -> Any:
    """Function that runs the command with the workers of all tests: status, output, started."""
    started: list[int] = []

    @contextmanager
    def shared(count: int | None, gpus: int) -> Any:
        started.append(1)
        yield crew

    monkeypatch.setattr(run_module, "local_crew", shared)
    # What it says of its progress is not what this is about.
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object, source: Path | str | None = None) -> tuple[int, str, str, bool]:
        before = len(started)
        status, out, err = command(
            monkeypatch,
            capsys,
            "cohort",
            *([tmp_path / "in" if source is None else source] if source != "" else ()),
            *("--model", model, "--device", "cpu"),
            *("--out", tmp_path / "out", *arguments),
        )
        return status, out, err, len(started) > before

    return run
