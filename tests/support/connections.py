"""Connections that are open until their test ends, so that none is left on a line."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, TypeVar

_Line = TypeVar("_Line", bound=AbstractContextManager[Any])
_opened: list[AbstractContextManager[Any]] = []


def open_until_the_end(there: _Line) -> _Line:
    """Have a connection closed by `close_all`."""
    _opened.append(there)
    return there


def close_all() -> None:
    """Close those that are open, the last one first."""
    while _opened:
        with _opened.pop():
            pass
