"""A result with another spread of its hypotheses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from napari_ssn.core.errors import Cancelled
from napari_ssn.core.spread import Spread
from napari_ssn.session.bases import find_directions
from napari_ssn.session.records import Point, Result


def spread_job(
    result: Result, points: tuple[Point, ...], spread: Spread, cancelled: Callable[[], bool]
) -> Result:
    """The same run with another spread, its directions and what was pointed at found anew.

    Args:
        result: with any spread.
        points: that somebody has placed.
        spread: to have, of the model's own.
    """
    from napari_ssn.core.spread import spread_out

    origin = result.origin or result
    kinds = result.bases.kinds
    if spread.changed:
        dist = spread_out(origin.dist, spread, cancelled)
        _ask(cancelled)
        directions = find_directions(dist, origin.source)
        made = replace(origin, dist=dist, directions=directions, spread=spread, origin=origin)
    else:
        made = origin
    # Whatever somebody may go back to is known before it takes the place of the former.
    for kind in kinds:
        _ask(cancelled)
        made.bases.find(kind)
    if points:
        made.given.posterior(points)
    return made


def _ask(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled("The change of the spread was cancelled.")
