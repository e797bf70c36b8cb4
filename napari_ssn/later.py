"""Packages whose modules are imported by whoever asks for them first.

torch takes seconds to import. A package with such a door can be imported by what has to be there at
once, as ``--help`` and napari's window: ``from napari_ssn import training`` costs nothing, and
``training.fit.fit(…)`` what it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from importlib import import_module
from types import ModuleType


def door(package: str, modules: Collection[str]) -> Callable[[str], ModuleType]:
    """A package's ``__getattr__`` that imports one of its modules when it is asked for."""

    def find(name: str) -> ModuleType:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return import_module(f"{package}.{name}")

    return find
