"""What napari calls with NIfTI, NRRD and other files of one image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_ssn.hooks.beside import Reader, in_window, lazy
from napari_ssn.io.formats import is_image


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """Reader of these files, or None if one of them has no name of a kind that is read here."""
    paths = [Path(path)] if isinstance(path, str) else [Path(one) for one in path]
    if not paths or not all(is_image(p) for p in paths):
        return None
    return in_window(lazy("napari_ssn.io.layers"))
