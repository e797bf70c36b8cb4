"""What opens DICOM in napari, once `glance` has found some.

A folder often holds a whole study: the user is asked which of its series to open.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_ssn.hooks.asking import asker
from napari_ssn.hooks.beside import NOTHING
from napari_ssn.io.dicom.offered import several
from napari_ssn.io.dicom.read import list_series
from napari_ssn.io.formats import is_dicom
from napari_ssn.io.series import layers_of_files

# Whoever drops all files of a series gets it once: napari asks for one file after the other.
_SAME_DROP_SECONDS = 1.0


class _Opened:
    """Instances that were opened last, and when."""

    uids: set[str] = set()  # noqa: RUF012
    until: float = 0.0


def read_layers(path: str | Sequence[str]) -> list[Any]:
    """One layer per series that was chosen; the largest is visible and lies on top.

    ImageError or GeometryError, in one sentence, if one cannot be opened.
    """
    layers: list[Any] = []
    for one in [path] if isinstance(path, str) else path:
        if time.monotonic() > _Opened.until:
            _Opened.uids = set()
        # Files of one drop may be of several images, in any order.
        layers += layers_of_files(Path(one), asker(), _Opened.uids)
        _Opened.until = time.monotonic() + _SAME_DROP_SECONDS
    return layers or list(NOTHING)


def check_single(path: Path) -> None:
    """ImageError if a path leads to several series, of which somebody would have to choose."""
    if is_dicom(path):
        infos = list_series(path)
        if len(infos) > 1:
            raise several(infos)
