"""What was made of tensors, until somebody writes to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import RLock
from typing import Any, TypeVar

from torch import Tensor

_Made = TypeVar("_Made")


class Kept:
    """Results of work on tensors by name; all are forgotten once one of the tensors was written to.

    torch counts what is written in place, also by way of a view. It does not count what is written
    to an array that shares a tensor's memory, nor to tensors of its inference mode.
    """

    def __init__(self) -> None:
        self._lock = RLock()
        self._versions: tuple[int, ...] = ()
        self._made: dict[str, Any] = {}

    def __reduce__(self) -> tuple[type[Kept], tuple[()]]:
        # A copy of the tensors makes its own: these are large, and soon made.
        return Kept, ()

    def get(self, tensors: Sequence[Tensor], name: str, make: Callable[[], _Made]) -> _Made:
        """What is kept by a name; made first, in one thread while others wait, if it is not."""
        versions = tuple(-1 if t.is_inference() else t._version for t in tensors)
        with self._lock:
            if versions != self._versions:
                self._versions, self._made = versions, {}
            if name not in self._made:
                self._made[name] = make()
            made: _Made = self._made[name]
            return made
