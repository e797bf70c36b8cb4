"""Borders in the plane somebody looks at, as lines that cross voxels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_ssn import prediction
from napari_ssn.errors import DataError, ServerError
from napari_ssn.prediction.choice import Choice
from napari_ssn.session.overview import Overviews
from napari_ssn.session.part import SessionPart
from napari_ssn.session.records import Plane
from napari_ssn.session.walk import Walk

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.overview import Overview
    from napari_ssn.prediction.prediction import Prediction

#: Of each line its points on the source's grid, (n, axes).
Lines = list[NDArray[np.float64]]
_Fields = dict[int, NDArray[np.float64]]
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
#: That somebody may look at together: of each what was drawn last is kept.
PLANES = 3


def keep(known: dict[_Key, _Value], key: _Key, value: _Value, most: int) -> None:
    """Keep a value; what was kept first makes room."""
    known.pop(key, None)
    known[key] = value
    while len(known) > most:
        del known[next(iter(known))]


class Borders(SessionPart):
    """Finds lines of the present result; what is asked for at every move is kept.

    Args:
        walk: the hypothesis on show.
        overviews: what shares of many hold.
    """

    def __init__(self, walk: Walk, overviews: Overviews) -> None:
        self._walk, self._overviews = walk, overviews
        self._shares: dict[Plane, tuple[Overview, tuple[Lines, ...]]] = {}
        # Fields of the hypothesis on show, and of the one that the slider was taken hold of at.
        self._kept: dict[tuple[str, Plane], tuple[Choice, _Fields]] = {}

    def begin(self, result: Prediction) -> None:
        """Find those of a new result."""
        super().begin(result)
        self._shares.clear()
        self._kept.clear()

    def of_walk(self, plane: Plane) -> dict[int, Lines]:
        """Of the hypothesis on show, by the label that they go around."""
        return self._lines(self._fields("walk", self._walk.choice, plane), plane)

    def of_choice(self, choice: Choice, plane: Plane) -> dict[int, Lines]:
        """As `of_walk`, of another hypothesis."""
        return self._lines(self._found(choice, plane), plane)

    def of_band(self, plane: Plane) -> dict[int, NDArray[np.float64]]:
        """What lies between where a border is and where it was when the slider was taken hold of.

        Empty while nobody holds it.

        Returns:
            by label, corners of rectangles on the source's grid, (n, 4, axes).
        """
        grip, result = self._walk.grip, self._result
        if grip is None or result is None:
            return {}
        before = self._fields("grip", grip, plane)
        now = self._fields("walk", self._walk.choice, plane)
        corner = prediction.lines.corner_of(result, plane)
        return {
            label: prediction.lines.band_of(before[label], now[label], plane, corner)
            for label in before
            if label in now
        }

    def of_labels(self, choice: Choice, labels: NDArray[np.uint8], plane: Plane) -> Lines:
        """Around all that a hypothesis, which may have been painted on since, outlines.

        Args:
            choice: the hypothesis as it was.
            labels: (Y, X), what is outlined now in the whole plane.
            plane: of the source's grid.
        """
        result, lesions = self._result, self._walk.lesions
        if result is None:
            return []
        # Of another spread the lesions are not told apart yet.
        known = choice if lesions is not None else replace(choice, own=())
        position = prediction.decode.position_of(result, known)
        corner = (0,) * labels.ndim
        with self._telling(choice):
            field = prediction.lines.border_field(result, position, lesions, labels, plane, corner)
            return prediction.lines.lines_of(field, plane, corner)
        return []

    def of_shares(self, plane: Plane) -> tuple[Lines, ...]:
        """Around what 5, 50 and 95 % of the hypotheses hold; empty while nobody wants them."""
        result, found = self._result, self._overviews.of("contours")
        if result is None or found is None or found.tally is None or found.wish.run != result.run:
            return ()
        kept = self._shares.get(plane)
        if kept is None or kept[0] is not found:
            kept = found, prediction.lines.share_lines(result, found, plane)
            keep(self._shares, plane, kept, PLANES)
        return kept[1]

    def close(self) -> None:
        """Let go of the result, and of what was drawn of it."""
        super().close()
        self._shares.clear()
        self._kept.clear()

    def _fields(self, whose: str, choice: Choice, plane: Plane) -> _Fields:
        kept = self._kept.get((whose, plane))
        # Empty too where numbers were missing that may be here by now.
        if kept is None or kept[0] != choice or not kept[1]:
            kept = choice, self._found(choice, plane)
            keep(self._kept, (whose, plane), kept, 2 * PLANES)
        return kept[1]

    def _found(self, choice: Choice, plane: Plane) -> _Fields:
        """Of each label but the background; empty where the plane passes the region by."""
        result = self._result
        part = None if result is None else prediction.lines.part_of(result, plane)
        if result is None or part is None:
            return {}
        # As a layer asks for it, so that it is decoded once.
        slab = tuple(one if isinstance(one, slice) else slice(one, one + 1) for one in part)
        found = self._walk.here.labels_of(choice, slab)
        if found is None:
            return {}
        labels = found[tuple(one if isinstance(one, slice) else 0 for one in part)]
        position = self._walk.here.position_at(choice)
        corner = prediction.lines.corner_of(result, plane)
        with self._telling(choice):
            return {
                label: prediction.lines.border_field(
                    result, position, self._walk.lesions, labels, plane, corner, label
                )
                for label in range(1, result.dist.classes)
            }
        return {}

    @contextmanager
    def _telling(self, choice: Choice) -> Iterator[None]:
        """Voxels beside a border take more than a label map: of those on a server still is told."""
        try:
            yield
        except (ServerError, DataError) as error:
            self._walk.here.lacks(choice, error)

    def _lines(self, fields: _Fields, plane: Plane) -> dict[int, Lines]:
        result = self._result
        if result is None:
            return {}
        corner = prediction.lines.corner_of(result, plane)
        return {
            label: prediction.lines.lines_of(field, plane, corner)
            for label, field in fields.items()
        }
