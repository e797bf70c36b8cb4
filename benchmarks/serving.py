"""Many clients at one server: errors, memory, waits; and what goes over the line.

    python -m benchmarks.serving --minutes 10 --clients 16

Each client segments an image of its own again and again by `napari-ssn serve` on this computer, and
compares every number that comes back with its own run; every tenth run it stops instead, as soon as
it has begun. Printed are: how many of each; how long a run took with all that waited before it; the
memory of the server's process; how long it took until the next run began after one was stopped; and
the bytes up and back, of the clients' question and of what a network might say of a region of 128³.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import psutil
import typer

from benchmarks.phantom import network_output
from napari_ssn import samples
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.packed.distribution import compact
from napari_ssn.errors import Cancel, Cancelled, SSNError
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.inference import Asked, Inference, Watch
from napari_ssn.network.models import Model, load_model
from napari_ssn.network.question import Question
from napari_ssn.remote.distant import Distant
from napari_ssn.remote.elsewhere import Elsewhere
from napari_ssn.remote.messages import asked, begun, key_of

_MODEL = "lidc-2d"
# Every so many runs one is stopped.
_STOPPED = 10


@dataclass
class Told:
    """What became of the clients' runs, and when."""

    ended: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    stops: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


def client(
    number: int, model: Model, server: Elsewhere, end: float, pause: float, told: Told
) -> None:
    """Segment an image of one's own until it is time."""
    rng, chance = np.random.default_rng(number), random.Random(number)
    plain = samples.volume(1 + number % 3)
    data = plain.data + rng.normal(0, 5, plain.data.shape).astype(np.float32)
    volume = Volume(data, plain.affine, plain.extent, plain.oriented)
    expected = model.infer(volume).dist.numbers()
    runs = 0
    while time.monotonic() < end:
        time.sleep(chance.uniform(0, 2 * pause))
        runs += 1
        began, asked_at = time.monotonic(), time.monotonic() + 0.05
        stopping = runs % _STOPPED == 0

        def stopped(stopping: bool = stopping, at: float = asked_at) -> bool:
            return stopping and time.monotonic() > at

        try:
            found = Distant.of(model.card, server).infer(
                volume, watch=Watch(cancel=Cancel(stopped))
            )
        except Cancelled:
            with told.lock:
                told.ended["stopped"] += 1
                told.stops.append(time.monotonic() - asked_at)
        except SSNError as error:
            with told.lock:
                told.ended["failed"] += 1
                told.errors[str(error)] += 1
        else:
            numbers = found.dist.numbers()
            same = all(np.array_equal(expected[name], numbers[name]) for name in expected)
            with told.lock:
                told.ended["the same as here" if same else "another than here"] += 1
                told.seconds.append(time.monotonic() - began)


def load(model: Model, clients: int, minutes: float, pause: float) -> list[str]:
    """Lines of what many clients at once do to a server."""
    with tempfile.TemporaryDirectory() as folder:
        token = Path(folder) / "token"
        command = [sys.executable, "-m", "napari_ssn", "serve", "--model", _MODEL]
        command += ["--device", "cpu", "--port", "0", "--token-file", str(token)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            server = Elsewhere(process.stdout.readline().split()[-1], token)
            told, end = Told(), time.monotonic() + 60 * minutes
            threads = [
                threading.Thread(target=client, args=(n, model, server, end, pause, told))
                for n in range(clients)
            ]
            for thread in threads:
                thread.start()
            memory, watched = [], psutil.Process(process.pid)
            while any(thread.is_alive() for thread in threads):
                memory.append(watched.memory_info().rss / 1e6)
                time.sleep(1)
            process.terminate()
    tenth = max(1, len(memory) // 10)
    runs = ", ".join(f"{n:,} {what}" for what, n in told.ended.items())
    lines = [
        f"{clients} clients at one server, {minutes:g} minutes, {_MODEL} on the processor: {runs}",
        *(f"of which {n} × {words}" for words, n in told.errors.items()),
        (
            f"a run of one of them took {statistics.median(told.seconds):.2f} s as a rule and "
            f"{max(told.seconds):.2f} s at most, with all that waited before it"
        ),
    ]
    if told.stops:
        lines.append(f"who stopped was free after {max(told.stops):.2f} s at most")
    return [
        *lines,
        (
            f"memory of that server: {statistics.median(memory[tenth : 2 * tenth]):.0f} MB in the "
            f"second tenth of the time, {statistics.median(memory[-tenth:]):.0f} MB in the last, "
            f"{max(memory):.0f} MB at most"
        ),
    ]


class _Listening(Asked):
    """A model that keeps what it is asked."""

    def __init__(self, model: Model) -> None:
        self.card, self._model = model.card, model
        self.question: Question | None = None

    def room(self) -> int:
        return self._model.room()

    def answer(self, question: Question, watch: Watch) -> Inference:
        self.question = question
        return self._model.answer(question, watch)


def wire(model: Model) -> list[str]:
    """Lines of what goes over the line."""
    listening = _Listening(model)
    found = listening.infer(samples.volume(1))
    up, back = asked(listening.question, key_of(model.card)), begun(found)[0]
    lines = [
        (
            f"over the line, {_MODEL}, {_shown(found)}: {len(up) / 1e3:,.0f} kB up, "
            f"{len(back) / 1e3:,.0f} kB back, {len(back) / found.dist.nbytes:.0%} of the dense "
            "parameters"
        ),
    ]
    whole = network_output((128,) * 3)
    for classes in (4, 2):
        few = (whole.mean[:classes], whole.cov_factor[:, :classes], whole.cov_diag[:classes])
        dense = LogitDistribution(*(part.contiguous() for part in few))
        kept = Inference(compact(dense), model.device, (128,) * 3, None)
        began = time.perf_counter()
        first, rest = begun(kept)
        took = time.perf_counter() - began
        later = f", {len(rest()) / 1e6:,.1f} MB more when they are needed" if rest else ""
        lines.append(
            f"over the line, {_shown(kept)}, {classes} labels, rank {dense.rank}, "
            f"{kept.dist.form}: {len(first) / 1e6:,.1f} MB back, {len(first) / dense.nbytes:.1%} "
            f"of the dense {dense.nbytes / 1e6:,.0f} MB{later}; written in {took:.1f} s"
        )
    return lines


def serving(minutes: float = 10, clients: int = 16, pause: float = 0.5) -> list[str]:
    """All of it; no load where it lasts no time."""
    model = load_model(_MODEL, "cpu")
    return [*wire(model), *(load(model, clients, minutes, pause) if minutes > 0 else [])]


def _shown(found: Inference) -> str:
    return " × ".join(map(str, found.dist.space))


def main(
    minutes: Annotated[float, typer.Option(help="Of load.")] = 10,
    clients: Annotated[int, typer.Option(help="At once.")] = 16,
    pause: Annotated[float, typer.Option(help="Seconds of a client between runs.")] = 0.5,
) -> None:
    """Print what a server does under load, and what goes over the line."""
    print("\n".join(serving(minutes, clients, pause)))


if __name__ == "__main__":
    typer.run(main)
