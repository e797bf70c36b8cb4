"""Tensors that say they lie on a GPU, where there is none.

torch's own fake tensors have no values, so that whatever looks at one cannot be walked. These are
tensors of the CPU that carry a note where they are said to lie: every operation of torch passes
through here, which refuses what a GPU would refuse. Values are those of the CPU, so that a whole
run can be compared with one there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

#: With its number: torch says it of every tensor.
GPU = torch.device("cuda:0")
_CPU = torch.device("cpu")

# What may take tensors of both: that is what they are for.
_BETWEEN = {Tensor.to, Tensor.cpu, Tensor.copy_, Tensor.data.__set__, torch.as_tensor, torch.tensor}
# A GPU takes places from the CPU, and no others from it.
_INDEXED = {Tensor.__getitem__}
# These want numbers of one place even if they are single.
_STRICT = {torch.cat, torch.stack, torch.concat, torch.index_select, Tensor.index_select}


class WrongDeviceError(RuntimeError):
    """Tensors of two devices met, or numpy was given one of a GPU."""


def where(tensor: Tensor) -> torch.device:
    """The device that a tensor is said to lie on."""
    return GPU if getattr(tensor, "_on_gpu", False) else _CPU


def on_gpu(what: Any) -> Any:
    """A tensor, or all numbers of a module, said to lie there."""
    if isinstance(what, nn.Module):
        for part in (*what.parameters(), *what.buffers()):
            part._on_gpu = True
    else:
        what._on_gpu = True
    return what


class FakeGPU(TorchFunctionMode):
    """While it is entered, ``cuda:0`` is a device that tensors can be made on and moved to."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        given = list(_tensors((args, kwargs)))
        special = _ANSWERS.get(func)
        if special is not None:
            return special(*args, **kwargs)
        target = _target(func, args, kwargs)
        if func not in _BETWEEN:
            self._check(func, args, given)
        if target is not None:
            args, kwargs = _here(args), _here(kwargs)
        out = func(*args, **kwargs)
        if func is Tensor.data.__set__:
            args[0]._on_gpu = where(args[1]) == GPU
            return out
        place = target or (where(given[0]) if func in _BETWEEN and given else None)
        place = place or (GPU if any(where(one) == GPU for one in given) else _CPU)
        if place == _CPU and not any(where(one) == GPU for one in given):
            return out
        if isinstance(out, Tensor) and where(out) != place and any(out is one for one in given):
            # torch gives back the same tensor where there is nothing to move.
            out = out.clone()
        for one in _tensors(out):
            one._on_gpu = place == GPU
        return out

    def _check(self, func: Any, args: tuple[Any, ...], given: list[Tensor]) -> None:
        there = [where(one) == GPU for one in given]
        if not any(there) or all(there):
            return
        if func in _INDEXED and where(args[0]) == GPU:
            return
        if func not in _STRICT and all(
            on or one.ndim == 0 for on, one in zip(there, given, strict=True)
        ):
            return
        name = getattr(func, "__name__", str(func))
        shapes = ", ".join(f"{tuple(one.shape)} on {where(one)}" for one in given)
        raise WrongDeviceError(f"{name}: tensors of two devices: {shapes}")


def _numpy(tensor: Tensor, *rest: Any, **more: Any) -> Any:
    if where(tensor) == GPU:
        raise WrongDeviceError("numpy was given a tensor of the GPU")
    return _PLAIN["numpy"](tensor, *rest, **more)


def _array(tensor: Tensor, *rest: Any, **more: Any) -> Any:
    if where(tensor) == GPU:
        raise WrongDeviceError("numpy was given a tensor of the GPU")
    return _PLAIN["__array__"](tensor, *rest, **more)


def _each(tensor: Tensor) -> Iterator[Tensor]:
    parts = tensor.unbind(0)
    for part in parts:
        part._on_gpu = where(tensor) == GPU
    return iter(parts)


def _from_gpu(tensor: Tensor) -> Tensor:
    return tensor.clone() if where(tensor) == GPU else tensor


_PLAIN: dict[str, Callable[..., Any]] = {"numpy": Tensor.numpy, "__array__": Tensor.__array__}
_ANSWERS: dict[Any, Callable[..., Any]] = {
    Tensor.device.__get__: where,
    Tensor.is_cuda.__get__: lambda tensor: where(tensor) == GPU,
    Tensor.numpy: _numpy,
    Tensor.__array__: _array,
    Tensor.__iter__: _each,
    Tensor.cpu: _from_gpu,
}


def _tensors(what: Any) -> Iterator[Tensor]:
    if isinstance(what, Tensor):
        yield what
    elif isinstance(what, dict):
        yield from _tensors(tuple(what.values()))
    elif isinstance(what, tuple | list):
        for one in what:
            yield from _tensors(one)


def _is_device(what: Any) -> bool:
    return isinstance(what, torch.device) or what in ("cpu", "cuda", "cuda:0")


def _target(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.device | None:
    """The device that a call names; None if it names none."""
    named = kwargs.get("device")
    if named is None and func is Tensor.to:
        other = [one for one in args[1:] if isinstance(one, Tensor)]
        named = where(other[0]) if other else next((a for a in args[1:] if _is_device(a)), None)
    return None if named is None else (GPU if torch.device(named).type == "cuda" else _CPU)


def _here(what: Any) -> Any:
    """Arguments with the CPU for every device."""
    if isinstance(what, dict):
        return {name: _here(one) for name, one in what.items()}
    if isinstance(what, tuple):
        return tuple(_CPU if not isinstance(a, Tensor) and _is_device(a) else a for a in what)
    return _CPU if not isinstance(what, Tensor) and _is_device(what) else what
