"""The directions of one result, chosen in one way or another, each found once."""

from __future__ import annotations

import threading

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.directions.principal import Directions, principal_directions
from napari_ssn.core.directions.tissue import with_tissue
from napari_ssn.core.kinds import DirectionKind
from napari_ssn.geometry.volume import Volume
from napari_ssn.prediction.source import Source


def find_directions(
    dist: Decodable,
    source: Source,
    kind: DirectionKind = "label-weighted",
    volume: Volume | None = None,
) -> Directions:
    """Directions of a result; of a CT in Hounsfield units with what their outlines take in.

    Args:
        dist: the model's answer.
        source: the image.
        kind: how they are chosen.
        volume: the image's intensities, where they are read already.
    """
    found = principal_directions(dist, kind)
    if source.units != "hu" or source.channels != 1 or dist.classes != 2:
        return found
    values = (source.load() if volume is None else volume).data[0]
    return with_tissue(found, dist, values[dist.window])


class Bases:
    """Directions by how they were chosen. Safe between threads.

    Args:
        dist: that they are of.
        source: the image.
    """

    def __init__(self, dist: Decodable, source: Source) -> None:
        self._dist, self._source = dist, source
        self._lock = threading.Lock()
        self._found: dict[DirectionKind, Directions] = {}

    @property
    def kinds(self) -> tuple[DirectionKind, ...]:
        """Those that are known."""
        with self._lock:
            return tuple(self._found)

    def known(self, kind: DirectionKind) -> Directions:
        """Directions that were found before; KeyError if they were not."""
        with self._lock:
            return self._found[kind]

    def take(self, found: Directions) -> None:
        """Directions that were found at another time."""
        with self._lock:
            self._found[found.kind] = found

    def find(self, kind: DirectionKind, volume: Volume | None = None) -> Directions:
        """Directions of a kind; takes a moment where they are not known.

        ``volume``: the image's intensities, where they are read already.
        """
        with self._lock:
            if kind in self._found:
                return self._found[kind]
        found = find_directions(self._dist, self._source, kind, volume)
        with self._lock:
            # Two threads may find the same ones, and both are to have one of them.
            return self._found.setdefault(kind, found)
