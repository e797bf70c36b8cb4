"""The lines on the picture: the hypothesis on show, what shares of all hold, and copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Labels
from napari.viewer import Viewer

from napari_ssn.geometry.contours import box_edges
from napari_ssn.gui.layers import colours
from napari_ssn.gui.layers.copy_lines import CopyLine, CopyLines
from napari_ssn.gui.layers.corner import corner, rows_for
from napari_ssn.gui.layers.legend import LegendOverlay
from napari_ssn.gui.layers.scene import Scene
from napari_ssn.gui.layers.strokes import BOLD, THIN, Band, Stroke, StrokesOverlay
from napari_ssn.session import Plane, Session
from napari_ssn.session.lines import Lines
from napari_ssn.text.overview import LOOKED_AT, ON_SHOW, SHARES, WAYS
from napari_ssn.text.sizes import calipers_line, capital, plural

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction

NAME = "napari_ssn_lines"
# Rows of the legend for copies; more would cover the picture.
_ROWS = 6
# What is drawn beside the hypothesis on show and copies.
_OWN = ("shares", "ahead", "calipers", "box")


class LineArt:
    """Keeps the lines in step with the session. Main thread only.

    Lines lie on layers without being one: those of a hypothesis are shown while its layer's eye is
    open, and those of shares with the one that follows the slider.
    """

    def __init__(self, viewer: Viewer, scene: Scene, session: Session) -> None:
        self._viewer, self._scene, self._session = viewer, scene, session
        self.strokes, self.legend = StrokesOverlay(), LegendOverlay(position="top_left")
        viewer.scene.overlays[NAME], viewer.canvas.overlays[NAME] = self.strokes, self.legend
        # What was drawn last by whose it is: what it followed from, what must live as long, and it.
        self._drawn: dict[Any, tuple[Any, Any, tuple[Stroke, ...]]] = {}
        self._copy_lines = CopyLines(scene, session)
        # Nothing here keeps a layer that is gone.
        self._copies_drawn: WeakKeyDictionary[Labels, tuple[CopyLine, Stroke]] = WeakKeyDictionary()
        self._events = (
            viewer.dims.events.point,
            viewer.dims.events.order,
            viewer.dims.events.ndisplay,
            # The legend takes as many rows as there is room for.
            viewer.canvas.events.size,
        )
        for event in self._events:
            event.connect(self.refresh)
        session.found.connect(self._found)
        # Whatever moves the picture under the legend.
        self._moves = (viewer.scene.camera.events.zoom, viewer.scene.camera.events.center)
        for event in self._moves:
            event.connect(self._make_room)
        session.walk.moved.connect(self.refresh)
        session.overviews.changed.connect(self.refresh)
        session.effect.changed.connect(self.refresh)
        session.summary.across.found.changed.connect(self.refresh)
        session.changed.connect(self.refresh)
        scene.redrawn.connect(self.refresh)
        scene.copies.touched.connect(self.refresh)

    def _found(self, result: Prediction) -> None:
        self._drawn.clear()
        self._copies_drawn.clear()
        self._copy_lines.forget()
        self.refresh()

    def refresh(self, event: Any = None) -> None:
        """Draw what is to be seen now, as far as it is another than before."""
        scene, session, frame = self._scene, self._session, self._scene.frame
        wanted = not scene.veiled and not session.summary.hidden
        if frame is not None and session.result is not None:
            # While results change places the picture is the other one's for a moment.
            wanted = wanted and len(session.result.dist.space) == len(frame.display.image_space)
        plane = frame.plane(self._viewer) if frame is not None and wanted else None
        strokes: list[Stroke] = []
        bands: tuple[Band, ...] = ()
        if plane is not None:
            ahead, comparing = self._ahead(plane), session.comparing.other is not None
            if scene.look.lines:
                # Who looks ahead, or compares, looks at this alone, and at where they stand.
                shares = () if comparing else self._shares(plane)
                others = ahead or (*shares, *self._copies(plane))
                strokes, bands = [*others, *self._walk(plane)], self._band(plane)
            else:
                strokes = [*ahead]
            if scene.look.calipers and not (ahead or comparing):
                strokes += self._calipers(plane)
            strokes += self._box(plane)
        if [id(one) for one in strokes] != [id(one) for one in self.strokes.strokes]:
            self.strokes.strokes = tuple(strokes)
        if bands or self.strokes.bands:
            self.strokes.bands = bands
        if self.strokes.visible != bool(strokes or bands):
            self.strokes.visible = bool(strokes or bands)
        self._explain(strokes)

    def fade(self, by: float) -> None:
        """Change the opacity of all lines."""
        self.strokes.opacity = min(1.0, max(0.1, self.strokes.opacity + by))

    def close(self, tidy: bool) -> None:
        """Let go of the viewer; nothing stays.

        Args:
            tidy: whether there still is a canvas to take the lines from.
        """
        for event in self._events:
            event.disconnect(self.refresh)
        for event in self._moves:
            event.disconnect(self._make_room)
        self._drawn.clear()
        self._copies_drawn.clear()
        self._copy_lines.close()
        if tidy:
            self._viewer.scene.overlays.pop(NAME)
            self._viewer.canvas.overlays.pop(NAME)

    # ---- What is drawn

    def _walk(self, plane: Plane) -> tuple[Stroke, ...]:
        """The hypothesis on show, bold, in its labels' colours."""
        session, walking = self._session, self._scene.walking
        result = session.result
        if walking is None or not walking.visible or result is None:
            return ()
        grey, lesions = self._scene.grey, session.walk.lesions
        key = (id(result), session.walk.choice, id(lesions), plane, grey)

        def made() -> tuple[Stroke, ...]:
            labels = result.card.labels
            several = len(labels) > 2
            return tuple(
                self._stroke(
                    lines,
                    colours.GREY if grey else labels[label].colour,
                    capital(labels[label].name) if several else ON_SHOW,
                    BOLD,
                )
                for label, lines in session.borders.of_walk(plane).items()
            )

        return self._once("walk", key, made, result)

    def _shares(self, plane: Plane) -> tuple[Stroke, ...]:
        """Inner, median and outer line."""
        walking, grey = self._scene.walking, self._scene.grey
        if walking is not None and not walking.visible:
            return ()
        found = self._session.borders.of_shares(plane)

        def made() -> tuple[Stroke, ...]:
            tones = colours.GREYS if grey else colours.TONES
            return tuple(
                self._stroke(lines, tone, words)
                for lines, tone, words in zip(found, tones, SHARES, strict=True)
            )

        # The lines are the same object while they are the same lines.
        return self._once("shares", (id(found), grey), made, found) if found else ()

    def _ahead(self, plane: Plane) -> tuple[Stroke, ...]:
        """Where the border would run on a direction that somebody looks at before they walk it."""
        session, result = self._session, self._session.result
        if session.stale or self._scene.elsewhen:
            return ()
        ways = session.effect.ways

        def made() -> tuple[Stroke, ...]:
            return tuple(
                self._stroke(
                    [one for lines in found for one in lines], colour, words if first else ""
                )
                for choices, colour, words in zip(ways, colours.WAYS, WAYS, strict=True)
                for first, found in (
                    (choice is choices[0], session.borders.of_choice(choice, plane).values())
                    for choice in choices
                )
            )

        key = (id(result), ways, plane)
        return self._once("ahead", key, made, result) if any(ways) else ()

    def _calipers(self, plane: Plane) -> tuple[Stroke, ...]:
        """Longest diameter and that across it of the hypothesis on show, where they lie."""
        session, walking = self._session, self._scene.walking
        found, result = session.summary.across.here, session.result
        if found is None or result is None or walking is None or not walking.visible:
            return ()
        labels, measure = result.card.labels, result.measure
        grey = self._scene.grey

        def made() -> tuple[Stroke, ...]:
            return tuple(
                self._stroke(
                    [np.array(one.ends), np.array(one.across)],
                    colours.GREY if grey else colours.CALIPERS,
                    calipers_line(label.name if len(labels) > 2 else "", measure, one),
                )
                for label, one in zip(labels[1:], found, strict=True)
                if one.longest and _in_plane((*one.ends, *one.across), plane)
            )

        return self._once("calipers", (id(found), plane, grey), made, found)

    def _box(self, plane: Plane) -> tuple[Stroke, ...]:
        """Edges of the region that the model looked at, where it is but a part of the plane."""
        session, frame = self._session, self._scene.frame
        result = session.result
        if result is None or session.stale or frame is None:
            return ()
        start, space = result.dist.start or (), result.dist.space
        whole = frame.display.image_space

        def made() -> tuple[Stroke, ...]:
            edges = box_edges(start, space, whole, plane)
            return (self._stroke(edges, colours.REGION, LOOKED_AT),) if edges else ()

        return self._once("box", (id(result), plane), made, result)

    def _band(self, plane: Plane) -> tuple[Band, ...]:
        """From where the border was when the slider was taken hold of to where it is now."""
        session, walking, frame = self._session, self._scene.walking, self._scene.frame
        result = session.result
        if walking is None or not walking.visible or result is None:
            return ()
        assert frame is not None
        found = {
            label: corners
            for label, corners in session.borders.of_band(plane).items()
            if len(corners)
        }
        if not found:
            return ()
        # At once, as in `_stroke`.
        corners = np.concatenate(list(found.values())).reshape(-1, frame.axes)
        placed = frame.on_screen(self._viewer, corners).reshape(-1, 4, 2)
        ends = np.cumsum([len(one) for one in found.values()])[:-1]
        labels = result.card.labels
        return tuple(
            Band(part, labels[label].colour)
            for label, part in zip(found, np.split(placed, ends), strict=True)
        )

    def _copies(self, plane: Plane) -> tuple[Stroke, ...]:
        """Samples and kept hypotheses, each in a colour of its own, and the one compared with."""
        strokes: list[Stroke] = []
        for layer, one in self._copy_lines.of(plane):
            before = self._copies_drawn.get(layer)
            if before is None or before[0] is not one:
                stroke = self._stroke(one.lines, one.colour, one.name)
                before = self._copies_drawn[layer] = (one, stroke)
            strokes.append(before[1])
        return tuple(strokes)

    def _once(self, whose: str, key: Any, make: Any, kept: Any = None) -> tuple[Stroke, ...]:
        """What was drawn before from the same, or drawn anew."""
        before = self._drawn.get(whose)
        if before is None or before[0] != key:
            before = self._drawn[whose] = (key, kept, make())
        return before[2]

    def _stroke(self, lines: Lines, colour: str, words: str, width: float = THIN) -> Stroke:
        frame = self._scene.frame
        assert frame is not None
        if not lines:
            return Stroke((), colour, width, words)
        # At once: where the result lies is asked of napari, which takes as long as many points.
        placed = frame.on_screen(self._viewer, np.concatenate(lines))
        ends = np.cumsum([len(line) for line in lines])[:-1]
        return Stroke(tuple(np.split(placed, ends)), colour, width, words)

    def _explain(self, strokes: list[Stroke]) -> None:
        """A legend of the lines in the plane, the one that is meant first."""
        named = [one for one in strokes if one.lines and one.words]
        bold = [one for one in named if one.width == BOLD]
        rest = [one for one in named if one.width != BOLD]
        own = {name: self._drawn[name][2] if name in self._drawn else () for name in _OWN}
        shares = [one for one in rest if one in own["shares"]][::-1]
        others = {name: [one for one in rest if one in own[name]] for name in _OWN[1:]}
        copies = [one for one in rest if not any(one in strokes for strokes in own.values())]
        ahead, calipers, box = others.values()
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
        if self.legend.rows != rows:
            self.legend.rows = rows
        if self.legend.visible != bool(rows):
            self.legend.visible = bool(rows)
        self._make_room()

    def _make_room(self, event: Any = None) -> None:
        """Let the legend cover none of the lines, where there is a corner for it."""
        strokes = [one for one in self.strokes.strokes if one.words != LOOKED_AT]
        lines, words = (
            [line for one in strokes for line in one.lines],
            [words for words, _, _ in self.legend.rows],
        )
        where = corner(self._viewer, lines, words, str(self.legend.position))
        if str(self.legend.position) != where:
            self.legend.position = where


def _in_plane(points: Sequence[Sequence[float]], plane: Plane) -> bool:
    """Whether points of the source's grid all lie in a plane of it."""
    return all(at is None or point[axis] == at for point in points for axis, at in enumerate(plane))
