"""The lines on the picture: the hypothesis on show, what shares of all hold, and copies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_ssn.gui.layers.corner import corner, rows_for
from napari_ssn.gui.layers.first_time import FirstTime
from napari_ssn.gui.layers.legend import LegendOverlay
from napari_ssn.gui.layers.planned import Kind, Plan, Planned, line_signals
from napari_ssn.gui.layers.redrawing import put
from napari_ssn.gui.layers.scene import Scene
from napari_ssn.gui.layers.strokes import THIN, Band, Stroke, StrokesOverlay
from napari_ssn.gui.listening import Listening
from napari_ssn.session import Session
from napari_ssn.text.overview import LOOKED_AT
from napari_ssn.text.sizes import plural

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction

NAME = "napari_ssn_lines"
# Rows of the legend for copies; more would cover the picture.
_ROWS = 6


class LineArt:
    """Keeps the lines in step with the session. Main thread only.

    Lines lie on layers without being one: those of a hypothesis are shown while its layer's eye is
    open, and those of shares with the one that follows the slider.
    """

    def __init__(self, viewer: Viewer, scene: Scene, session: Session) -> None:
        self._viewer, self._scene, self._session = viewer, scene, session
        self.strokes, self.legend = StrokesOverlay(), LegendOverlay(position="top_left")
        viewer.scene.overlays[NAME], viewer.canvas.overlays[NAME] = self.strokes, self.legend
        self._plan = Plan(scene, session)
        # What was drawn last of each kind, and of each copy by its id: what it followed from, what
        # must live as long, and it.
        self._drawn: dict[Kind | int, tuple[Any, Any, tuple[Stroke, ...]]] = {}
        self._place: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None
        self._listening, self._first = Listening(), FirstTime(self.refresh)
        dims, camera = viewer.dims.events, viewer.scene.camera.events
        # The legend takes as many rows as there is room for.
        room = viewer.canvas.events.size
        self._listening.to(self.refresh, dims.point, dims.order, dims.ndisplay, room)
        self._listening.to(self._found, session.found)
        # Whatever moves the picture under the legend.
        self._listening.to(self._make_room, camera.zoom, camera.center)
        self._listening.to(self.refresh, *line_signals(scene, session))

    def _found(self, result: Prediction) -> None:
        self._drawn.clear()
        self._plan.forget()
        self.refresh()

    def refresh(self, event: Any = None) -> None:
        """Draw what is to be seen now, as far as it is another than before."""
        scene, session, frame = self._scene, self._session, self._scene.frame
        if session.result is not None and not self._first.over():
            return
        wanted = not scene.veiled and not session.summary.hidden
        if frame is not None and session.result is not None:
            # While results change places the picture is the other one's for a moment.
            wanted = wanted and len(session.result.dist.space) == len(frame.display.image_space)
        plane = frame.plane(self._viewer) if frame is not None and wanted else None
        self._place = None
        drawn: dict[Kind, list[Stroke]] = {}
        bands: tuple[Band, ...] = ()
        if plane is not None and session.result is not None:
            copies = set()
            for one in self._plan.lines(session.result, plane):
                drawn.setdefault(one.kind, []).extend(self._drawn_of(one))
                copies |= {one.cause} if one.kind == "copy" else set()
            # A copy that changed is another one.
            for gone in {whose for whose in self._drawn if isinstance(whose, int)} - copies:
                del self._drawn[gone]
            bands = self._bands(self._plan.swept(session.result, plane))
        strokes = [one for strokes in drawn.values() for one in strokes]
        if [id(one) for one in strokes] != [id(one) for one in self.strokes.strokes]:
            self.strokes.strokes = tuple(strokes)
        if bands or self.strokes.bands:
            self.strokes.bands = bands
        put(self.strokes, visible=bool(strokes or bands))
        self._explain(drawn)

    def fade(self, by: float) -> None:
        """Change the opacity of all lines."""
        self.strokes.opacity = min(1.0, max(0.1, self.strokes.opacity + by))

    def close(self, tidy: bool) -> None:
        """Let go of the viewer; nothing stays.

        Args:
            tidy: whether there still is a canvas to take the lines from.
        """
        self._first.close()
        self._listening.stop()
        self._drawn.clear()
        self._plan.close()
        if tidy:
            self._viewer.scene.overlays.pop(NAME)
            self._viewer.canvas.overlays.pop(NAME)

    def _drawn_of(self, planned: Planned) -> tuple[Stroke, ...]:
        """What was drawn before from the same, or drawn anew."""
        # Copies come and go one by one.
        whose = planned.cause if planned.kind == "copy" else planned.kind
        before = self._drawn.get(whose)
        if before is None or before[0] != planned.cause:
            strokes = tuple(self._stroke(one) for one in planned.made())
            before = self._drawn[whose] = (planned.cause, planned.kept, strokes)
        return before[2]

    def _stroke(self, one: Stroke) -> Stroke:
        if not one.lines:
            return one
        placed = self._placed(np.concatenate(one.lines))
        ends = np.cumsum([len(line) for line in one.lines])[:-1]
        return replace(one, lines=tuple(np.split(placed, ends)))

    def _bands(self, found: Sequence[Band]) -> tuple[Band, ...]:
        frame = self._scene.frame
        if not found or frame is None:
            return ()
        corners = np.concatenate([one.corners for one in found]).reshape(-1, frame.axes)
        placed = self._placed(corners).reshape(-1, 4, 2)
        ends = np.cumsum([len(one.corners) for one in found])[:-1]
        parts = np.split(placed, ends)
        return tuple(Band(part, one.colour) for part, one in zip(parts, found, strict=True))

    def _placed(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points of the source's grid along the axes on show.

        Once in a turn: where a result lies is asked of napari, which takes as long as many points.
        """
        if self._place is None:
            assert self._scene.frame is not None
            self._place = self._scene.frame.placing(self._viewer)
        return self._place(points)

    def _explain(self, drawn: dict[Kind, list[Stroke]]) -> None:
        """A legend of the lines in the plane, the one that is meant first."""

        def named(kind: Kind) -> list[Stroke]:
            return [one for one in drawn.get(kind, []) if one.lines and one.words]

        bold, calipers, shares = named("walk"), named("calipers"), named("shares")[::-1]
        ahead, box, copies = named("ahead"), named("box"), named("copy")
        shares = [*shares, *named("people")[::-1]]
        first, room = [*bold, *calipers, *shares, *ahead], rows_for(self._viewer)
        left = min(_ROWS, room - len(first))
        # A row that says how many more there are takes the place of one.
        left = len(copies) if len(copies) <= left else left - 1 if left > 2 else 0
        rows = tuple((one.words, one.colour, one.width) for one in [*first, *copies[:left]])
        if more := len(copies) - left:
            words = f"and {more} more" if left else plural(more, "other outline")
            rows = (*rows, (words, "", THIN))
        if len(rows) < room:
            rows = (*rows, *((one.words, one.colour, one.width) for one in box))
        put(self.legend, rows=rows, visible=bool(rows))
        self._make_room()

    def _make_room(self, event: Any = None) -> None:
        """Let the legend cover none of the lines, where there is a corner for it."""
        strokes = [one for one in self.strokes.strokes if one.words != LOOKED_AT]
        lines = [line for one in strokes for line in one.lines]
        words = [words for words, _, _ in self.legend.rows]
        put(self.legend, position=corner(self._viewer, lines, words, str(self.legend.position)))
