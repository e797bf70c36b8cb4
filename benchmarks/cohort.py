"""A cohort beside a loop, on one worker and on two, with workers that are killed, and on 64.

    python -m benchmarks.cohort VAL.zip --scans 200

VAL.zip holds nodules of LIDC-IDRI, which become as many scans in Hounsfield units, each pointed at.
Printed are: what the cohort takes, as the command does it by itself, beside a loop of
`Model.segment` in one process, and beside one of all the work; how much faster two workers of a
thread each are than one; what became of the scans while workers were killed at random moments; and
the efficiency of 64 workers at tasks of a second that do nothing, which is what dask and the
manifest cost.
"""

from __future__ import annotations

import csv
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import dask.config
import nibabel as nib
import numpy as np
import psutil
import torch
import typer
from distributed import Client, LocalCluster

from napari_ssn.cohort import crew as crewing
from napari_ssn.cohort import run as cohorts
from napari_ssn.cohort.crew import Crew
from napari_ssn.cohort.folders import folder_of
from napari_ssn.cohort.manifest import Manifest
from napari_ssn.cohort.reading import read_scan
from napari_ssn.cohort.run import Options, run_cohort, wanted_of
from napari_ssn.cohort.task import Job, segment_scan
from napari_ssn.cohort.work import Shift
from napari_ssn.network.models import load_model
from napari_ssn.training.reading import load_cases
from tests.support import crews

_MODEL = "nodule-3d"
# What a worker watches of its own computer many times a second is no work of one that has 64 of
# them in it: fifty beats of the loop, two looks at processor, memory and disk, and its profile.
_APART = {
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "60s",
    "distributed.worker.profile.enabled": False,
}


def make_scans(data: Path, count: int, folder: Path) -> Path:
    """Write nodules as NIfTI with a table of their middles; the table."""
    cases = load_cases(data, dims=3)
    rows = []
    for number in np.linspace(0, len(cases) - 1, count).round().astype(int):
        case = cases[int(number)]
        name = f"{number:04d}.nii.gz"
        image = nib.Nifti1Image(np.rint(case.volume.data[0]).astype(np.int16), case.volume.affine)
        image.header.set_xyzt_units("mm")
        nib.save(image, folder / name)
        rows.append((name, " ".join(map(str, case.centre))))
    table = folder / "scans.csv"
    with table.open("w", newline="") as stream:
        csv.writer(stream).writerows([("image", "centre"), *rows])
    return table


def cohort(table: Path, out: Path, workers: int | None = None) -> tuple[float, Counter[Any]]:
    """Seconds of a cohort with all that belongs to it, the start of its workers too."""
    folder, card, wanted = wanted_of(_MODEL)
    began = time.perf_counter()
    counts = run_cohort(table, out, folder, card, wanted, Options("cpu", workers))
    return time.perf_counter() - began, counts


@contextmanager
def _one_core() -> Iterator[None]:
    """As on a computer with one."""
    before = crewing._cores
    crewing._cores = lambda: 1
    try:
        yield
    finally:
        crewing._cores = before


def loops(out: Path) -> tuple[float, float]:
    """Seconds of the same work in a loop in this process, and of `Model.segment` alone.

    With as many threads as torch takes by itself.
    """
    threads = torch.get_num_threads()
    folder, _, wanted = wanted_of(_MODEL)
    with Manifest(out) as manifest:
        records = list(manifest.records())
    model = load_model(_MODEL, "cpu")
    began = time.perf_counter()
    for one in records:
        model.segment(read_scan(one.scan), one.scan.centre)
    alone = time.perf_counter() - began
    with tempfile.TemporaryDirectory() as place:
        began = time.perf_counter()
        for one in records:
            target = str(folder_of(Path(place), one.id))
            segment_scan(Job(one.scan, wanted, str(folder), "cpu", threads, target))
        return time.perf_counter() - began, alone


def killed(table: Path, out: Path, kills: int) -> str:
    """What became of the scans while workers were killed, and once more without."""
    chance, ended = random.Random(0), threading.Event()
    done = 0

    def kill() -> None:
        nonlocal done
        while done < kills and not ended.wait(chance.uniform(2.0, 8.0)):
            if workers := _at_work(out):
                os.kill(chance.choice(workers), signal.SIGKILL)
                done += 1

    killer, before = threading.Thread(target=kill), cohorts.segment_scan
    cohorts.segment_scan = crews.segment_and_note
    killer.start()
    try:
        _, counts = cohort(table, out, 2)
    finally:
        ended.set()
        killer.join()
        cohorts.segment_scan = before
    folder, card, wanted = wanted_of(_MODEL)
    after = run_cohort(table, out, folder, card, wanted, Options("cpu", 2, again=True))
    with Manifest(out) as manifest:
        records = list(manifest.records())
    missing = [
        one.id
        for one in records
        if one.state == "done"
        and not all((folder_of(out, one.id) / n).is_file() for n in one.found.files)
    ]
    hidden = list(out.rglob(".napari-ssn-*"))
    return (
        f"{done} workers killed: {dict(counts)}; the same command with --again: {dict(after)}; "
        f"{len(records)} scans, {len({one.scan.key for one in records})} of them different, "
        f"{len(missing)} with a file missing, {len(hidden)} hidden folders left"
    )


def _at_work(out: Path) -> list[int]:
    """Workers that have begun a scan: one that is killed before is none yet."""
    pids = [int(one.name) for one in (out / "pids").glob("*")]
    return [pid for pid in pids if _alive(pid)]


def _alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


class _Count:
    """Takes in what comes to an end, as the manifest does."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest, self.ends = manifest, 0

    def together(self) -> Any:
        return self.manifest.together()

    def ended(self, key: int, outcome: float) -> bool:
        self.ends += 1
        self.manifest.died(key)
        return False

    def died(self, key: int) -> bool:
        raise AssertionError(key)

    def failed(self, key: int, kind: str) -> None:
        raise AssertionError((key, kind))


@contextmanager
def _many(workers: int) -> Any:
    with (
        dask.config.set(_APART),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=False,
            # They share a process: each would hold all its memory for its own, and pause.
            memory_limit=0,
            dashboard_address=None,
            silence_logs=50,
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(workers, timeout=60)
        yield Crew(client)


def sleeping(tasks: int, workers: int) -> float:
    """Share of the workers' time that went into tasks of a second."""
    from napari_ssn.documents.cohort import Scan, Wanted

    wanted = Wanted(model="none", weights_sha256="0" * 64, card_sha256="0" * 64)
    with tempfile.TemporaryDirectory() as place, Manifest(Path(place), write=True) as manifest:
        scans = [(Scan(paths=(str(i),), image=str(i)), "") for i in range(tasks)]
        manifest.meet(scans, wanted)
        with _many(workers) as crew:
            ends = _Count(manifest)
            began = time.perf_counter()
            Shift(crew, _sleep, lambda key, worker: 1.0, ends).run(range(1, tasks + 1))
            taken = time.perf_counter() - began
    assert ends.ends == tasks
    return tasks / workers / taken


def main(
    data: Annotated[Path, typer.Argument(help="Nodules of LIDC-IDRI.")],
    scans: Annotated[int, typer.Option(min=2, help="How many of them.")] = 200,
    kills: Annotated[int, typer.Option(min=0, help="Workers to kill.")] = 50,
    tasks: Annotated[int, typer.Option(min=0, help="Tasks of a second on 64 workers.")] = 10_000,
    timed: Annotated[bool, typer.Option(help="Whether to time it on one worker and two.")] = True,
) -> None:
    """Print it all."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "in").mkdir()
        table = make_scans(data, scans, folder / "in")
        typer.echo(f"{scans} scans of {data.name}, {_MODEL}, CPU")
        if timed:
            together, counts = cohort(table, folder / "all")
            typer.echo(f"{dict(counts)}")
            bare, alone = loops(folder / "all")
            typer.echo(
                f"the command {together:.1f} s; a loop of Model.segment {alone:.1f} s: "
                f"{together / alone:.3f}×; a loop of all the work {bare:.1f} s: "
                f"{together / bare:.3f}×"
            )
            with _one_core():
                one, _ = cohort(table, folder / "one")
            two, _ = cohort(table, folder / "two", 2)
            typer.echo(
                f"one worker of one thread {one:.1f} s, two {two:.1f} s: {one / two:.2f}× as fast"
            )
        if kills:
            typer.echo(killed(table, folder / "killed", kills))
    if tasks:
        typer.echo(f"{tasks:,} tasks of 1 s on 64 workers: {sleeping(tasks, 64):.1%} efficiency")


if __name__ == "__main__":
    typer.run(main)
