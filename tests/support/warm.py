"""Processes that begin with torch and all that is imported with it, which takes seconds otherwise.

They come from a server that has imported it once and divides for each: as separate as any other
process, and killed as one. On Linux; elsewhere, and where how a process begins is what is tested,
it begins as for anybody.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.reduction import DupFd
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

#: How dask and `multiprocessing` call it.
METHOD = "forkserver"
LINUX = sys.platform == "linux"
_IMPORTED = ["distributed", "safetensors.torch", "napari_ssn.cohort.task"]


def server() -> Any:
    """Where such processes come from; it begins when it is first asked for one."""
    context = multiprocessing.get_context(METHOD)
    context.set_forkserver_preload(_IMPORTED)
    return context


def read_weights_warm(patch: pytest.MonkeyPatch) -> None:
    """Have the process that reads pickles begin warm."""
    from napari_ssn.network.others import weights

    if LINUX:
        names = {name: getattr(subprocess, name) for name in ("PIPE", "DEVNULL")}
        patch.setattr(weights, "subprocess", SimpleNamespace(Popen=Warm, **names))


class Warm:
    """Stands for `subprocess.Popen` of ``python -m MODULE`` that is told lines and says nothing.

    Args:
        command: of Python, ``-m`` and a module.
        streams: a pipe to write to, and nothing to read from.
    """

    def __init__(self, command: Sequence[str], **streams: Any) -> None:
        python, option, module = command
        silent = subprocess.DEVNULL
        assert (python, option) == (sys.executable, "-m")
        assert streams == {"stdin": subprocess.PIPE, "stdout": silent, "stderr": silent}
        read, write = os.pipe()
        self._process = server().Process(target=_run, args=(module, _End(read)))
        self._process.start()
        os.close(read)
        self.stdin = os.fdopen(write, "wb")

    def poll(self) -> int | None:
        """How it ended, if it did."""
        found: int | None = self._process.exitcode
        return found

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()

    def communicate(self) -> None:
        """Say no more, and wait until it has ended."""
        self.stdin.close()
        self._process.join()
        self._process.close()


def run(
    command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None,
    timeout: float | None = None, **streams: Any,
) -> subprocess.CompletedProcess[str]:  # fmt: skip
    """Stands for `subprocess.run` of ``python -m MODULE …`` whose words are captured.

    Args:
        command: of Python, ``-m``, a module and what it is given.
        cwd, env, timeout: as there.
        streams: that they are captured, as text, and that a failure raises nothing.

    Raises:
        subprocess.TimeoutExpired: it took longer; it was killed.
    """
    if not LINUX:
        return subprocess.run(command, cwd=cwd, env=env, timeout=timeout, **streams)
    python, option, module, *arguments = command
    assert (python, option) == (sys.executable, "-m")
    assert streams == {"capture_output": True, "text": True, "check": False}
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as wrong:
        ends = [_End(one.fileno()) for one in (said, wrong)]
        place = str(cwd or Path.cwd()), dict(env or os.environ)
        process = server().Process(target=_answer, args=(module, arguments, *place, ends))
        process.start()
        process.join(timeout)
        if late := process.is_alive():
            process.kill()
            process.join()
        status = process.exitcode
        process.close()
        texts = [(one.seek(0), one.read())[1] for one in (said, wrong)]
    if late:
        raise subprocess.TimeoutExpired(command, timeout or 0.0, *texts)
    return subprocess.CompletedProcess(command, status, *texts)


class Command:
    """Stands for `subprocess.Popen` of ``napari-ssn`` with its output in pipes, as text.

    Args:
        arguments: of the command.
        background: whether SIGINT is ignored, as in what a script starts in the background.
    """

    def __init__(self, arguments: Sequence[str], background: bool = False) -> None:
        (read_out, out), (read_errors, errors) = os.pipe(), os.pipe()
        told = list(arguments), background, _End(out), _End(errors)
        self._process = server().Process(target=_command, args=told)
        self._process.start()
        for number in (out, errors):
            os.close(number)
        self.stdout, self.stderr = os.fdopen(read_out), os.fdopen(read_errors)

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *_: object) -> None:
        self.stdout.close()
        self.stderr.close()
        # It has ended, unless the test failed.
        self._process.kill()
        self._process.join()

    @property
    def returncode(self) -> int | None:
        """How it ended, if it did; the signal that ended it, negative."""
        found: int | None = self._process.exitcode
        return found

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()

    def communicate(self, timeout: float) -> tuple[str, str]:
        """What it has yet to say, little enough for the pipes, when it has ended.

        Args:
            timeout: seconds that it has for it.
        """
        self._process.join(timeout)
        assert self.returncode is not None
        return self.stdout.read(), self.stderr.read()


class _End:
    """An end of a pipe or an open file, which a process is given when it begins."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __getstate__(self) -> Any:
        return DupFd(self.number)

    def __setstate__(self, state: Any) -> None:
        self.number = state.detach()


def _command(arguments: list[str], background: bool, out: _End, errors: _End) -> None:
    silent = os.open(os.devnull, os.O_RDONLY)
    _have(silent, out.number, errors.number)
    # As Python begins.
    signal.signal(signal.SIGINT, signal.SIG_IGN if background else signal.default_int_handler)
    sys.argv = ["napari-ssn", *arguments]
    runpy.run_module("napari_ssn", run_name="__main__", alter_sys=True)


def _have(*streams: int) -> None:
    """Standard input, output and errors are these from now on."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        # Whoever reads it waits for the end of all who have it.
        os.close(stream)


def _run(module: str, told: _End) -> None:
    silent = os.open(os.devnull, os.O_WRONLY)
    _have(told.number, silent, os.dup(silent))
    sys.stdin, sys.argv = os.fdopen(0, closefd=False), [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _answer(
    module: str, arguments: list[str], cwd: str, env: dict[str, str], streams: list[_End]
) -> None:
    for number, stream in enumerate(streams, start=1):
        os.dup2(stream.number, number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
