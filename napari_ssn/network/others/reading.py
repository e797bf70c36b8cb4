"""Reads a checkpoint of torch in a process of its own, and writes safetensors; see `weights`.

``python -m napari_ssn.network.others.reading`` is told line by line from where to where, and says
in a file of its own one word: ``ok``, or what is wrong.
"""

from __future__ import annotations

import json
import pickle
import re
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

# Keys under which programs keep a state dict in a checkpoint.
_INSIDE = ("network_weights", "state_dict", "model_state_dict", "model", "network", "net")
# What wrappers of torch write before each name.
_WRAPPED = ("module.", "_orig_mod.")
_NAMED = re.compile(r"GLOBAL ([\w.]+)|class ([\w.]+)")


class _Nothing:
    """Stands for numbers of numpy, of which a checkpoint's log is made, and which are not used.

    So nothing of numpy is called: torch would have to be told that these of its functions are safe.
    """

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, _: object) -> None: ...


_STANDINS: list[Any] = [
    *(
        (_Nothing, f"{module}.{name}")
        for module in ("numpy._core.multiarray", "numpy.core.multiarray")
        for name in ("scalar", "_reconstruct")
    ),
    (_Nothing, "numpy.dtype"),
    (_Nothing, "numpy.ndarray"),
    *((_Nothing, f"numpy.dtypes.{kind}DType") for kind in ("Float64", "Float32", "Int64", "Bool")),
    (_Nothing, "napari_ssn.network.others.reading._Nothing"),
]


def convert(source: Path, target: Path) -> str:
    """Write the tensors of a checkpoint; ``ok``, or what is wrong and what with."""
    try:
        with zipfile.ZipFile(source) as archive:
            if any("/code/" in name for name in archive.namelist()):
                return "code"
    except (OSError, zipfile.BadZipFile):
        # Of before torch 1.6, which are no archives; torch knows.
        pass
    try:
        with torch.serialization.safe_globals(_STANDINS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = _NAMED.search(str(error))
        return "damaged" if named is None else f"objects {named[1] or named[2]}"
    except MemoryError:
        return "memory"
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError, AttributeError):
        return "damaged"
    tensors = _tensors(found)
    if tensors is None:
        return "none"
    unique, same = _once(tensors)
    told = {**_told(found), "same": same}
    save_file(unique, target, metadata={"napari_ssn": json.dumps(told)})
    return "ok"


def _tensors(found: Any) -> dict[str, torch.Tensor] | None:
    """The state dict that a checkpoint is or holds; None where there is none."""
    places = [found, *(found.get(key) for key in _INSIDE)] if isinstance(found, dict) else []
    for one in places:
        if isinstance(one, dict) and one and all(isinstance(t, torch.Tensor) for t in one.values()):
            names = [str(name) for name in one]
            for lead in _WRAPPED:
                if all(name.startswith(lead) for name in names):
                    names = [name.removeprefix(lead) for name in names]
            return dict(zip(names, one.values(), strict=True))
    return None


def _once(tensors: dict[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Each tensor once, and under which name a second one is found."""
    unique: dict[str, torch.Tensor] = {}
    same: dict[str, str] = {}
    seen: dict[tuple[object, ...], str] = {}
    for name, tensor in tensors.items():
        what = (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype)
        if tensor.numel() and what in seen:
            same[name] = seen[what]
            continue
        seen[what] = name
        unique[name] = tensor.detach().clone(memory_format=torch.contiguous_format)
    return unique, same


def _told(found: dict[str, Any]) -> dict[str, Any]:
    """What nnU-Net says beside the weights."""
    out: dict[str, Any] = {}
    start, trainer = found.get("init_args"), found.get("trainer_name")
    if isinstance(start, dict) and isinstance(start.get("configuration"), str):
        out["configuration"] = start["configuration"]
    if isinstance(trainer, str):
        out["trainer"] = trainer
    axes = found.get("inference_allowed_mirroring_axes")
    if isinstance(axes, list | tuple) and all(type(axis) is int for axis in axes):
        out["mirrored"] = list(axes)
    return out


if __name__ == "__main__":
    for line in sys.stdin:
        asked, target, answer = map(Path, json.loads(line))
        said = convert(asked, target)
        # There at once, and whole.
        beside = answer.with_suffix(".part")
        beside.write_text(said, encoding="utf-8")
        beside.replace(answer)
