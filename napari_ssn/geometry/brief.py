"""How what holds large arrays is printed."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

# Arrays of no more elements are printed as they are.
_FEW = 12


def brief(self: Any) -> str:
    """``__repr__`` of a dataclass that names large arrays by shape: whole ones fill a screen."""
    parts = [f"{one.name}={_value(getattr(self, one.name))}" for one in fields(self) if one.repr]
    return f"{type(self).__name__}({', '.join(parts)})"


def _value(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if shape is None or not hasattr(value, "dtype"):
        return repr(value)
    size = 1
    for length in shape:
        size *= length
    if size <= _FEW:
        return str(value.tolist())
    return f"<{' × '.join(map(str, shape))} {str(value.dtype).removeprefix('torch.')}>"
