"""Commands that go on until they are told to stop, started as a script starts them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from napari_ssn.cli.ending import ENDING, ended_by, interrupted
from napari_ssn.cohort.manifest import Manifest
from napari_ssn.documents.cohort import Scan, Wanted

WANTED = Wanted(model="flat", weights_sha256="0" * 64, card_sha256="1" * 64)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = [signal.getsignal(one) for one in ENDING]
    yield
    assert [signal.getsignal(one) for one in ENDING] == before


def ignored() -> None:
    """As a shell without job control starts what ends in ``&``."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.mark.skipif(os.name == "nt", reason="no such signals")
@pytest.mark.parametrize("told_by", ENDING)
def test_a_review_in_the_background_ends(tmp_path: Path, told_by: signal.Signals) -> None:
    with Manifest(tmp_path, write=True) as manifest:
        manifest.meet([(Scan(paths=("/d/one",), image="one"), "s")], WANTED)
    command = [sys.executable, "-m", "napari_ssn", "review", str(tmp_path), "--no-browser"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, preexec_fn=ignored
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("http://127.0.0.1:")
        assert process.stderr.readline() == "Ctrl+C ends it.\n"
        process.send_signal(told_by)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0 and errors == ""


@pytest.mark.parametrize("told_by", ENDING)
def test_once_is_a_call_and_twice_is_the_end(told_by: signal.Signals) -> None:
    called: list[int] = []
    with ended_by(lambda: called.append(1)):
        signal.raise_signal(told_by)
        assert called == [1]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(told_by)
    assert called == [1]


def test_what_is_interrupted_is_left() -> None:
    done = []
    with interrupted():
        done.append(1)
        signal.raise_signal(signal.SIGTERM)
        done.append(2)
    assert done == [1]
