"""What napari calls to open OME-Zarr: the user is asked which level to open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_ssn.hooks.asking import asker
from napari_ssn.io.levels import layers_of_levels


def read_layers(path: str | Sequence[str]) -> list[Any]:
    """Layers of the levels that were chosen, with the label images inside.

    ImageError or GeometryError, in one sentence, if one cannot be opened.
    """
    paths = [path] if isinstance(path, str) else list(path)
    layers = [layer for one in map(Path, paths) for layer in layers_of_levels(one, asker())]
    return layers or [(None,)]
