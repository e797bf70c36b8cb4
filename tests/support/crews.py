"""What workers do in tests of cohorts (they import it from here, by name), and what came of it."""

from __future__ import annotations

import csv
import os
import signal
import time
from pathlib import Path
from typing import Any


def double(number: int) -> int:
    return 2 * number


def deadly(number: int) -> int:
    """Whoever gets 3 dies of it; the others take so long that both workers are at something."""
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return double(number)


def unforeseen(number: int) -> int:
    return 1 // (number - 3)


def who(number: int) -> int:
    time.sleep(0.02)
    return os.getpid()


def pid_and_wait(folder: str) -> str:
    """Leave a note of who is at it, and be killed by whoever reads it."""
    note = Path(folder)
    note.with_name(f"{note.name}.pid").write_text(str(os.getpid()))
    deadline = time.monotonic() + 0.3
    while time.monotonic() < deadline:
        time.sleep(0.01)
    return note.name


def segment_or_die(job: Any) -> Any:
    """As `segment_scan`; of a scan that is called so its worker dies."""
    # Here, so that workers which only count do not wait for torch.
    from napari_ssn.cohort.task import segment_scan

    if "deadly" in job.scan.image:
        os.kill(os.getpid(), signal.SIGKILL)
    return segment_scan(job)


def full(job: Any) -> Any:
    """As `segment_scan`, with a scan that there is not memory enough for."""
    from napari_ssn.cohort import task
    from napari_ssn.errors import DeviceError

    path = Path(job.scan.paths[0])
    if path.name != "full.nii.gz":
        return task.segment_scan(job)

    def fail(*anything: Any, **more: Any) -> Any:
        tried = len(list(path.parent.glob("full-*.tried"))) + 1
        (path.parent / f"full-{tried}.tried").touch()
        raise DeviceError("There is not memory enough.")

    before, task.read_scan = task.read_scan, fail
    try:
        return task.segment_scan(job)
    finally:
        task.read_scan = before


def segment_and_note(job: Any) -> Any:
    """As `segment_scan`, and leave a note of who does it in ``pids``, beside the scans' folder."""
    from napari_ssn.cohort.task import segment_scan

    notes = Path(job.folder).parents[1] / "pids"
    notes.mkdir(exist_ok=True)
    (notes / str(os.getpid())).touch()
    return segment_scan(job)


def first_is_unfit(note: Path) -> Any:
    """As `check_worker`, of which the first worker that is asked is told that it is unfit."""

    def check(folder: str, version: str) -> str:
        first = not note.exists()
        note.touch()
        return "it is unfit" if first else ""

    return check


def rows(out: Path) -> list[dict[str, str]]:
    """Of a cohort's table."""
    with (out / "cohort.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def know(variable: str, secret: str) -> None:
    """Have a worker know what proves to an archive who asks."""
    os.environ[variable] = secret
