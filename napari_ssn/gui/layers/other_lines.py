"""What is drawn of a result in planes that the viewer does not show: as in the one it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_ssn.geometry.contours import box_edges
from napari_ssn.gui.layers import colours
from napari_ssn.gui.layers.copy_lines import CopyLines
from napari_ssn.gui.layers.frame import ResultFrame
from napari_ssn.gui.layers.scene import Scene
from napari_ssn.gui.layers.strokes import BOLD, THIN
from napari_ssn.session import Plane, Session

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Drawn:
    """Lines of one colour and width: each its points, (n, 2), rows and columns."""

    lines: tuple[Points, ...]
    colour: str
    width: float


@dataclass(frozen=True, eq=False)
class Filled:
    """Rectangles of one colour, drawn sheer: corners of each, (n, 4, 2), rows and columns."""

    corners: Points
    colour: str


class OtherLines:
    """Of one plane after another, through any place. Main thread only.

    Args:
        scene, session: the result and its layers.
    """

    def __init__(self, scene: Scene, session: Session) -> None:
        self._scene, self._session = scene, session
        self._copies = CopyLines(scene, session)

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
    ) -> tuple[tuple[Drawn, ...], tuple[Filled, ...]]:
        """Lines, the hypothesis on show last, and what is filled under them.

        Args:
            way: axes of the image as it is shown that are stacked, run down, and run across.
            at: slice along the stacked axis.
        """
        here = self._here
        if here is None:
            return (), ()
        _, frame = here
        turn, space = frame.display.reorientation, frame.display.image_space
        stacked, *across = way
        index = [0, 0, 0]
        index[stacked] = at
        voxel, axis = turn.index_to_source(index, space), turn.order[stacked]
        plane = tuple(voxel[k] if k == axis else None for k in range(3))

        def placed(points: Points) -> Points:
            return turn.points_to_display(points.reshape(-1, 3), space)[:, across]

        lines = tuple(self._lines(*here, plane, placed))
        return lines, tuple(self._filled(*here, plane, placed))

    def _lines(
        self,
        result: Prediction,
        frame: ResultFrame,
        plane: Plane,
        placed: Callable[[Points], Points],
    ) -> Iterator[Drawn]:
        session, scene, grey = self._session, self._scene, self._scene.grey
        walking = scene.walking is not None and scene.walking.visible

        def drawn(lines: list[Points], colour: str, width: float = THIN) -> Drawn:
            return Drawn(tuple(placed(line) for line in lines), colour, width)

        if not grey:
            edges = box_edges(
                result.dist.start or (), result.dist.space, frame.display.image_space, plane
            )
            yield from [drawn(edges, colours.REGION)] if edges else []
        ahead = not grey and any(session.effect.ways)
        comparing = session.comparing.other is not None
        if ahead:
            # Who looks ahead, or compares, looks at this alone, and at where they stand.
            for choices, colour in zip(session.effect.ways, colours.WAYS, strict=True):
                for choice in choices:
                    found = session.borders.of_choice(choice, plane).values()
                    yield drawn([one for lines in found for one in lines], colour)
        if not scene.look.lines:
            return
        if walking and not (ahead or comparing):
            tones = colours.GREYS if grey else colours.TONES
            for lines, tone in zip(session.borders.of_shares(plane), tones, strict=False):
                yield drawn(lines, tone)
        if not ahead:
            for _, copy in self._copies.of(plane):
                yield drawn(copy.lines, copy.colour)
        if not walking:
            return
        measured = session.summary.across.here if scene.look.calipers else None
        if measured is not None and not (ahead or comparing):
            for one in measured:
                ends = np.array([one.ends, one.across])
                if one.longest and _lies_in(ends, plane):
                    yield drawn([*ends], colours.GREY if grey else colours.CALIPERS)
        labels = result.card.labels
        for label, lines in session.borders.of_walk(plane).items():
            yield drawn(lines, colours.GREY if grey else labels[label].colour, BOLD)

    def _filled(
        self,
        result: Prediction,
        frame: ResultFrame,
        plane: Plane,
        placed: Callable[[Points], Points],
    ) -> Iterator[Filled]:
        """From where the border was when the slider was taken hold of to where it is now."""
        walking = self._scene.walking
        if walking is None or not walking.visible or not self._scene.look.lines:
            return
        for label, corners in self._session.borders.of_band(plane).items():
            if len(corners):
                colour = result.card.labels[label].colour
                yield Filled(placed(corners).reshape(-1, 4, 2), colour)

    def close(self) -> None:
        """Let go of the layers."""
        self._copies.close()


def _lies_in(points: Points, plane: Plane) -> bool:
    """Whether points of the source's grid, (…, 3), all lie in a plane of it."""
    return all(at is None or bool((points[..., axis] == at).all()) for axis, at in enumerate(plane))
