"""What napari calls to open a study or a sidecar: the dock goes on with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari import current_viewer

from napari_ssn.errors import DataError
from napari_ssn.hooks.menu import dock_of

_NO_WINDOW = (
    "A study or an exported result goes on in the window of napari, and none is open: open napari "
    "first."
)


def read_layers(path: str | Sequence[str]) -> list[Any]:
    """Hand files to the dock, which is opened if need be; there is no layer of them."""
    viewer = current_viewer()
    if viewer is None:
        raise DataError(_NO_WINDOW)
    dock = dock_of(viewer)
    for one in [path] if isinstance(path, str) else path:
        dock.session.open(Path(one))
    return [(None,)]
