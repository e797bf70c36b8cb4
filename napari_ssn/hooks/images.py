"""What napari calls with NIfTI, NRRD and other files of one image."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from napari_ssn.hooks.beside import Reader, in_window
from napari_ssn.io.formats import is_image


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """Reader of these files, or None if one of them has no name of a kind that is read here."""
    paths = [Path(path)] if isinstance(path, str) else [Path(one) for one in path]
    if not paths or not all(is_image(p) for p in paths):
        return None
    return in_window(_read)


def _read(path: str | Sequence[str]) -> list[Any]:
    found: list[Any] = import_module("napari_ssn.io.napari_hooks").read_layers(path)
    return found
