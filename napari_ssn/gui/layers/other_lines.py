"""What is drawn of a result in planes that the viewer does not show: as in the one it does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_ssn.gui.layers.frame import ResultFrame
from napari_ssn.gui.layers.planned import Plan
from napari_ssn.gui.layers.scene import Scene
from napari_ssn.gui.layers.strokes import Band, Stroke
from napari_ssn.session import Session

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction

Points = NDArray[np.float64]


class OtherLines:
    """Of one plane after another, through any place. Main thread only.

    Args:
        scene, session: the result and its layers.
    """

    def __init__(self, scene: Scene, session: Session) -> None:
        self._scene, self._session = scene, session
        self._plan = Plan(scene, session)

    @property
    def _here(self) -> tuple[Prediction, ResultFrame] | None:
        """The result, if it is of the image that is looked at and to be seen."""
        scene, session = self._scene, self._session
        result, frame, source = session.result, scene.frame, session.setup.source
        if frame is None or result is None or scene.veiled or session.summary.hidden:
            return None
        if source is None or source.token != result.source.token or scene.elsewhen:
            return None
        deep = len(frame.display.image_space) == len(result.dist.space) == 3
        return (result, frame) if deep else None

    def in_plane(
        self, way: tuple[int, int, int], at: int
    ) -> tuple[tuple[Stroke, ...], tuple[Band, ...]]:
        """Lines, the hypothesis on show last, and what is filled under them; rows and columns.

        Args:
            way: axes of the image as it is shown that are stacked, run down, and run across.
            at: slice along the stacked axis.
        """
        here = self._here
        if here is None:
            return (), ()
        result, frame = here
        turn, space = frame.display.reorientation, frame.display.image_space
        stacked, *across = way
        index = [0, 0, 0]
        index[stacked] = at
        voxel, axis = turn.index_to_source(index, space), turn.order[stacked]
        plane = tuple(voxel[k] if k == axis else None for k in range(3))

        def placed(points: Points) -> Points:
            return turn.points_to_display(points.reshape(-1, 3), space)[:, across]

        lines = tuple(
            replace(one, lines=tuple(map(placed, one.lines)))
            for planned in self._plan.lines(result, plane)
            for one in planned.made()
        )
        bands = (
            Band(placed(one.corners).reshape(-1, 4, 2), one.colour)
            for one in self._plan.swept(result, plane)
        )
        return lines, tuple(bands)

    def close(self) -> None:
        """Let go of the layers."""
        self._plan.close()
