"""Weights of other people's networks: numbers, and nothing that runs.

A ``.safetensors`` file cannot hold anything else. A ``.pth`` or ``.pt`` is a pickle, which may name
any function of Python to be called. It is read by `reading`, with torch's ``weights_only``, which
builds tensors and plain values and calls nothing, and in a process of its own: what breaks that
reader, or fills the memory, ends that process and leaves the window and its results as they are.
What it hands over is a safetensors file.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from napari_ssn.documents.regular import open_regular
from napari_ssn.errors import NEVER, Cancel, ModelError

_FOLD = re.compile(r"fold_?\w{1,8}", re.IGNORECASE)
SAFE = ".safetensors"
PICKLED = (".pth", ".pt")
# Seconds between two looks at whether somebody has stopped the run.
_LOOK_S = 0.02
_PIECE = 1 << 20

_WORDS = {
    "code": "It is TorchScript, which is code and is not run: export the state dict, best as "
    "safetensors.",
    "objects": "It holds objects of Python beside numbers ({what}), which are not unpickled: save "
    "the state dict alone, best as safetensors.",
    "damaged": "It is damaged or cut off: copy it again.",
    "memory": "There is not memory enough to read it.",
    "ended": "the process that reads it came to an end on the way: is there memory enough?",
    "none": "It holds no weights: tensors by their names are looked for.",
}


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights of one network.

    Attributes:
        tensors: by their names.
        told: what nnU-Net's checkpoint says beside them: ``configuration``, ``trainer``,
            ``mirrored``; empty where it says nothing.
    """

    tensors: dict[str, torch.Tensor]
    told: dict[str, Any]


def sum_of_file(path: Path, cancel: Cancel = NEVER) -> str:
    """sha256 of a file; ModelError if it cannot be read."""
    digest = hashlib.sha256()
    try:
        with open_regular(path) as stream:
            while piece := stream.read(_PIECE):
                cancel.check()
                digest.update(piece)
    except OSError:
        raise ModelError("The weights of a network cannot be read.") from None
    return digest.hexdigest()


class Reader:
    """Reads weights, those of a pickle by a process of its own that ends with the reader.

    Args:
        cancel: looked at while that process reads.
    """

    def __init__(self, cancel: Cancel = NEVER) -> None:
        self._cancel = cancel
        self._place = tempfile.TemporaryDirectory()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *what: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self._place.cleanup()

    def read(self, path: Path) -> Weights:
        """Weights in a file; ModelError, one sentence, if they cannot be read or are none."""
        if path.suffix.lower() == SAFE:
            return _opened(path, _called(path))
        target = Path(self._place.name) / f"weights{SAFE}"
        try:
            self._convert(path, target)
            return _opened(target, _called(path))
        finally:
            target.unlink(missing_ok=True)

    def _convert(self, path: Path, target: Path) -> None:
        answer = target.with_suffix(".said")
        answer.unlink(missing_ok=True)
        process = self._process
        if process is None:
            # One for all folds: torch takes seconds to import.
            command = [sys.executable, "-m", "napari_ssn.network.others.reading"]
            process = self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        assert process.stdin is not None
        asked = json.dumps([str(path.resolve()), str(target), str(answer)])
        try:
            process.stdin.write(f"{asked}\n".encode())
            process.stdin.flush()
        except OSError:
            raise ModelError(f"{_called(path)}: {_WORDS['ended']}") from None
        while not answer.exists():
            if process.poll() is not None and not answer.exists():
                raise ModelError(f"{_called(path)}: {_WORDS['ended']}")
            self._cancel.check()
            time.sleep(_LOOK_S)
        kind, _, what = answer.read_text(encoding="utf-8").partition(" ")
        if kind != "ok":
            raise ModelError(f"{_called(path)}: {_WORDS[kind].format(what=what[:80])}")


def _called(path: Path) -> str:
    """What a file is called: of folds all have the same name, and no other folder is named."""
    fold = path.parent.name
    return f"{fold}/{path.name}" if _FOLD.fullmatch(fold) else path.name


def _opened(path: Path, name: str) -> Weights:
    """Tensors of a safetensors file; those that were listed twice under both names."""
    try:
        with safe_open(path, framework="pt") as held:
            tensors = {key: held.get_tensor(key) for key in held.keys()}  # noqa: SIM118
            told = held.metadata() or {}
    except (SafetensorError, OSError):
        raise ModelError(f"{name}: {_WORDS['damaged']}") from None
    if "napari_ssn" not in told:
        return Weights(tensors, _stated(told))
    known = json.loads(told["napari_ssn"])
    tensors |= {key: tensors[first] for key, first in known.pop("same").items()}
    return Weights(tensors, known)


def _stated(told: dict[str, str]) -> dict[str, Any]:
    """What somebody who wrote nnU-Net's weights as safetensors kept beside them, by its names."""
    out: dict[str, Any] = {}
    if "configuration" in told:
        out["configuration"] = told["configuration"]
    try:
        axes = json.loads(told.get("inference_allowed_mirroring_axes", "null"))
    except ValueError:
        axes = None
    if isinstance(axes, list) and all(type(axis) is int for axis in axes):
        out["mirrored"] = axes
    return out
