"""The directions of one result, chosen in one way or another, each found once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.core.decodable import Decodable
    from napari_ssn.core.directions import Directions, Kind


class Bases:
    """Directions by how they were chosen. Safe between threads.

    Args:
        dist: that they are of.
        first: those that are known already.
    """

    def __init__(self, dist: Decodable, first: Directions) -> None:
        self._dist = dist
        self._lock = threading.Lock()
        self._found: dict[Kind, Directions] = {first.kind: first}

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Those that are known."""
        with self._lock:
            return tuple(self._found)

    def known(self, kind: Kind) -> Directions:
        """Directions that were found before; KeyError if they were not."""
        with self._lock:
            return self._found[kind]

    def find(self, kind: Kind) -> Directions:
        """Directions of a kind; takes a moment where they are not known."""
        from napari_ssn.core.directions import principal_directions

        with self._lock:
            if kind in self._found:
                return self._found[kind]
        found = principal_directions(self._dist, kind)
        with self._lock:
            # Two threads may find the same ones, and both are to have one of them.
            return self._found.setdefault(kind, found)
