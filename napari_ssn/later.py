"""Packages whose modules are imported by whoever asks for them first.

torch takes seconds to import. A package with such a door can be imported by what has to be there at
once, as ``--help`` and napari's window: ``from napari_ssn import training`` costs nothing, and
``training.fit.fit(…)`` what it needs.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType


def door(package: str) -> Callable[[str], ModuleType]:
    """A package's ``__getattr__`` that imports its modules when they are asked for."""

    def find(name: str) -> ModuleType:
        wanted = f"{package}.{name}"
        try:
            return import_module(wanted)
        except ModuleNotFoundError as error:
            # It is there, and what it imports is not.
            if error.name != wanted:
                raise
            raise AttributeError(f"module {package!r} has no attribute {name!r}") from None

    return find
