"""What opens DICOM in napari, once `glance` has found some.

A folder often holds a whole study: the user is asked which of its series to open.
"""

from __future__ import annotations

import math
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ssn.io.dicom.captured import read_page
from napari_ssn.io.dicom.header import instance
from napari_ssn.io.dicom.members import member
from napari_ssn.io.dicom.read import is_result, list_series, read_chosen, several
from napari_ssn.io.dicom.series import DicomSeries
from napari_ssn.io.formats import is_dicom
from napari_ssn.io.napari_hooks import place
from napari_ssn.io.opened import layers_of
from napari_ssn.io.results import own_dicom
from napari_ssn.io.series import layer_of_page, layers_of_overlays, layers_of_series

if TYPE_CHECKING:
    from napari_ssn.geometry.volume import Volume
    from napari_ssn.io.dicom.read import SeriesInfo
    from napari_ssn.io.napari_hooks import LayerData

Reader = Callable[[str | Sequence[str]], list[Any]]

#: What a reader returns to napari that has opened a file and has no layer for it.
NOTHING: list[tuple[None]] = [(None,)]

# Whoever drops all files of a series gets it once: napari asks for one file after the other.
_SAME_DROP_SECONDS = 1.0


class _Opened:
    """Instances that were opened last, and when."""

    uids: frozenset[str] = frozenset()
    until: float = 0.0


def read_layers(path: str | Sequence[str]) -> list[Any]:
    """One layer per series that was chosen; the largest is visible and lies on top.

    ImageError or GeometryError, in one sentence, if one cannot be opened.
    """
    layers: list[Any] = []
    for p in _as_paths(path):
        if not _just_opened(p):
            layers += _layers(p)
    return layers or list(NOTHING)


def _layers(path: Path) -> Iterator[LayerData]:
    if is_result(path):
        own = own_dicom(path)
        if own is not None:
            display, parts = own
            yield from layers_of(display, place(display), parts)
            return
        page = read_page(member(path).whole())
        if page is not None:
            yield layer_of_page(page)
            return
    chosen = read_chosen(path, choose)
    read = chosen.images
    yield from layers_of_series(read)
    volumes = [volume for _, volume in read]
    yield from layers_of_overlays(chosen.overlays, volumes)
    _remember(volumes)


def choose(infos: tuple[SeriesInfo, ...]) -> Sequence[int]:
    """Ask the user which series to open; ImageError where there is nobody to ask."""
    try:
        from napari_ssn.gui.widgets.series_dialog import ask, can_ask
    except ImportError:
        # napari can be used without a window.
        raise several(infos) from None
    if not can_ask():
        raise several(infos)
    # The largest is what somebody came for more often than a scout or a report's pictures.
    usable = [info for info in infos if info.problem is None]
    largest = max(usable, key=lambda info: math.prod(info.size), default=None)
    entries = [(info.number, info.words, info.problem) for info in infos]
    return ask(entries, None if largest is None else largest.number)


def check_single(path: Path) -> None:
    """ImageError if a path leads to several series, of which somebody would have to choose."""
    if is_dicom(path):
        infos = list_series(path)
        if len(infos) > 1:
            raise several(infos)


def _remember(volumes: Sequence[Volume]) -> None:
    series = [volume.source for volume in volumes if isinstance(volume.source, DicomSeries)]
    headers = [header for one in series for header in one.headers]
    uids = frozenset(str(header.get("SOPInstanceUID")) for header in headers)
    # Files of one drop may be of several images, in any order.
    _Opened.uids = uids | _Opened.uids if time.monotonic() <= _Opened.until else uids
    _Opened.until = time.monotonic() + _SAME_DROP_SECONDS


def _just_opened(path: Path) -> bool:
    """Whether a file belongs to a series that the same drop of many files has opened."""
    if time.monotonic() > _Opened.until or not path.is_file() or zipfile.is_zipfile(path):
        return False
    found = instance(member(path))
    if found is None or found.uid not in _Opened.uids:
        return False
    _Opened.until = time.monotonic() + _SAME_DROP_SECONDS
    return True


def _as_paths(path: str | Sequence[str]) -> list[Path]:
    return [Path(path)] if isinstance(path, str) else [Path(p) for p in path]
