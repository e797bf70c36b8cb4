"""The two planes that the viewer does not show, beside it and linked to it by a crosshair."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import ref

import numpy as np
from napari.layers import Image
from napari.viewer import Viewer
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.compat import isalive
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QMainWindow, QWidget

from napari_ssn.core.directions.compass import AXIAL
from napari_ssn.gui.layers.crosshair import Crosshair
from napari_ssn.gui.layers.other_lines import OtherLines
from napari_ssn.gui.layers.other_plane import plane_of, table_of
from napari_ssn.gui.layers.picture import Picture
from napari_ssn.gui.layers.planes import PLANES, Planes
from napari_ssn.gui.layers.planned import line_signals
from napari_ssn.gui.layers.scene import Scene
from napari_ssn.gui.layers.world import in_layer
from napari_ssn.gui.listening import Listening
from napari_ssn.gui.widgets import slice_view
from napari_ssn.gui.widgets.pair import Pair
from napari_ssn.gui.widgets.slice_view import SliceView
from napari_ssn.session import Session
from napari_ssn.text.dock import READ_IN_SLICES

_TITLE = "Other planes"
# Lower corners of the window, each with what lies above it.
_CORNERS = (
    (Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea),
    (Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea),
)
# Of the image, what the picture of a plane hangs on.
_LOOKS = ("contrast_limits", "colormap", "gamma", "data")


class LinkedPlanes:
    """Opens them in a dock under the picture, and keeps them in step. Main thread only.

    While they are closed nothing here hears of anything.

    Attributes:
        changed: signal: they were opened or closed.
        pair: the two planes; None while they are closed.

    Args:
        viewer, picture, planes: the image, and the plane of it that the viewer shows.
        scene, session: the lines on it.
    """

    changed = Signal()

    def __init__(
        self, viewer: Viewer, picture: Picture, planes: Planes, scene: Scene, session: Session
    ) -> None:
        self._viewer, self._picture, self._planes = viewer, picture, planes
        self._scene, self._session = scene, session
        self.pair: Pair | None = None
        self._listening, self._looks = Listening(), Listening()
        self._clock: QTimer | None = None
        self._cross: Crosshair | None = None
        # Of each of the two planes.
        self._lines: tuple[OtherLines, ...] = ()
        self._image: Image | None = None
        # Nothing here keeps a window.
        self._window: Callable[[], QWidget | None] = lambda: None
        # What each view shows, and what both were last turned to.
        self._shown: list[Any] = [None, None]
        self._region: Any = None

    # ---- Opened and closed

    def toggle(self, on: bool) -> None:
        """Open them, or close them."""
        if on and self.pair is None:
            self._open()
        elif not on and self.pair is not None:
            self.close()

    def _open(self) -> None:
        viewer, session = self._viewer, self._session
        pair = self.pair = Pair()
        self._clock = QTimer(pair)
        self._clock.setSingleShot(True)
        self._clock.timeout.connect(self.refresh)
        for number, view in enumerate(pair.views):
            view.picked.connect(partial(self._picked, number))
        viewer.window.add_dock_widget(pair, name=_TITLE, area="bottom", add_vertical_stretch=False)
        self._window = ref(pair.window())
        self._leave_corners(True)
        pair.hidden.connect(self._hidden)
        self._cross = Crosshair(viewer)
        self._lines = tuple(OtherLines(self._scene, session) for _ in pair.views)
        dims, camera = viewer.dims.events, viewer.scene.camera.events
        self._listening.to(self._ask, dims.point, dims.order, dims.ndisplay, camera.zoom)
        self._listening.to(self._ask, *line_signals(self._scene, session))
        if session.result is not None and not session.stale:
            session.look()
        elif session.setup.centre is not None:
            session.places.look_at(session.setup.centre)
        elif (display := self._picture.display) is not None:
            session.places.look_at(tuple(size // 2 for size in display.image_space))
        self.refresh()
        self.changed.emit()

    def _hidden(self) -> None:
        # In the next turn: Qt is in the middle of hiding it.
        QTimer.singleShot(0, self._left)

    def _left(self) -> None:
        """Close them if the dock was closed; a window that is out of sight comes back with them."""
        pair = self.pair
        if pair is None or not isalive(pair):
            return
        if pair.parent() is None or (pair.window().isVisible() and not pair.isVisible()):
            self.close()

    def close(self, tidy: bool = True) -> None:
        """Close them; nothing of them stays.

        Args:
            tidy: whether there still is a window to take them from.
        """
        pair = self.pair
        if pair is None:
            return
        self.pair = self._clock = None
        self._shown, self._region = [None, None], None
        self._watch(None)
        self._listening.stop()
        for lines in self._lines:
            lines.close()
        self._lines = ()
        pair.hidden.disconnect()
        if self._cross is not None:
            self._cross.close(tidy)
            self._cross = None
        if tidy and isalive(pair):
            self._leave_corners(False)
            # napari's own cross has taken it out already.
            if pair.parent() is not None:
                self._viewer.window.remove_dock_widget(pair)
            pair.deleteLater()
        self.changed.emit()

    def _leave_corners(self, beside: bool) -> None:
        """Leave the lower corners to what lies on the left and right, or to what lies below.

        The list of layers and its controls need most of a small screen's height, and the slider
        has to be in sight with the planes that follow it: below them there is no room.
        """
        window = self._window()
        if isinstance(window, QMainWindow):
            for corner, above in _CORNERS:
                area = above if beside else Qt.DockWidgetArea.BottomDockWidgetArea
                window.setCorner(corner, area)

    # ---- What is shown

    def _ask(self, event: Any = None) -> None:
        """Show what is to be seen now, once in a turn of the event loop."""
        if self._clock is not None and not self._clock.isActive():
            self._clock.start(0)

    def refresh(self) -> None:
        """Show the other planes through the crosshair, and its lines on the picture."""
        if self.pair is None:
            return
        self._watch(self._picture.image)
        here, ways = self._here(), self._ways()
        for number, view in enumerate(self.pair.views):
            way = ways[number] if here is not None and number < len(ways) else None
            if here is None or way is None:
                self._shown[number] = None
                view.show_picture(None)
                view.show_lines((), None)
                continue
            self._show(number, view, way, here)
        if self._cross is not None:
            self._cross.follow(here is not None)
        self._turn(ways)

    def _here(self) -> NDArray[np.float64] | None:
        """The crosshair as the image is shown, along its three axes; None of no volume."""
        image, display = self._image, self._picture.display
        if image is None or display is None or len(display.shape) != 3:
            return None
        place = in_layer(self._viewer, image, self._viewer.dims.point)
        inside = np.array(image.world_to_data(place)[-3:], np.float64)
        return np.clip(np.nan_to_num(inside), 0.0, np.array(display.shape) - 1.0)

    def _ways(self) -> list[tuple[str, tuple[int, int, int]]]:
        """The other planes: name, and the axes of the image stacked, down and across."""
        compass, shown = self._picture.compass, self._planes.shown
        if compass is None or compass.ndim != 3:
            return []
        shown = AXIAL if shown is None else shown
        return [(name, compass.order(plane)) for name, plane in PLANES if plane != shown]

    def _show(
        self,
        number: int,
        view: SliceView,
        way: tuple[str, tuple[int, int, int]],
        here: NDArray[np.float64],
    ) -> None:
        image, compass, display = self._image, self._picture.compass, self._picture.display
        assert image is not None and compass is not None and display is not None
        name, (stacked, down, across) = way
        at = round(float(here[stacked]))
        looks = (tuple(image.contrast_limits), image.colormap.name, image.gamma)
        key = (image, id(image.data), self._picture.frame, stacked, at, looks)
        if self._shown[number] != key:
            self._shown[number] = key
            frame = None if self._picture.frames is None else self._picture.frame
            values = plane_of(image, frame, (stacked, down, across), at)
            if values is None:
                view.show_picture(None, READ_IN_SLICES)
                view.show_lines((), None)
                return
            upright = compass.upright((down, across))
            edges = compass.edges((down, across), upright.up, upright.right)
            mark = "" if edges.exact else " ~"
            letters = (edges.left, edges.right, edges.top, edges.bottom)
            backwards = np.asarray(image.scale[-3:]) < 0
            spacing = self._spacing()
            view.show_picture(
                slice_view.Picture(
                    values,
                    table_of(image),
                    (spacing[down], spacing[across]),
                    upright.up != backwards[down],
                    upright.right != backwards[across],
                    tuple(one + mark if compass.known else "" for one in letters),  # type: ignore[arg-type]
                    f"{name} {at}",
                )
            )
        lines, filled = self._lines[number].in_plane((stacked, down, across), at)
        cross = float(here[down]), float(here[across])
        view.show_lines(lines, cross, filled, self._middle((stacked, down, across), at))

    def _middle(self, way: tuple[int, int, int], at: int) -> tuple[float, float] | None:
        """Where the region's middle lies in a plane; None where it does not."""
        setup, display = self._session.setup, self._picture.display
        centre = setup.centre if setup.around_point else None
        if centre is None or display is None:
            return None
        shown = display.reorientation.index_to_display(centre, display.image_space)
        stacked, down, across = way
        return (float(shown[down]), float(shown[across])) if shown[stacked] == at else None

    def _spacing(self) -> tuple[float, ...]:
        known = self._picture.geometry()
        return (1.0,) * 3 if known is None or known[1] is None else tuple(known[1][::-1])

    def _turn(self, ways: list[tuple[str, tuple[int, int, int]]]) -> None:
        """Turn the views to the region of a result, or the whole image, when either is new."""
        assert self.pair is not None
        result, display = self._session.result, self._picture.display
        around = result is not None and result.centre is not None and not self._scene.grey
        region = (self._image, result.run if around and result is not None else None, ways)
        if region == self._region or display is None:
            return
        self._region = region
        low, high = np.zeros(3), np.array(display.shape) - 1.0
        if around and result is not None and result.dist.start is not None:
            turn, space = display.reorientation, display.image_space
            start = np.array(result.dist.start, np.float64)
            ends = np.stack([start, start + result.dist.space - 1.0])
            corners = turn.points_to_display(ends, space)
            low, high = corners.min(0), corners.max(0)
        for view, (_, (_, down, across)) in zip(self.pair.views, ways, strict=False):
            view.look_at((low[down], low[across]), (high[down], high[across]))

    # ---- What somebody does

    def _picked(self, number: int, row: float, column: float) -> None:
        here, ways = self._here(), self._ways()
        if here is not None and number < len(ways):
            _, (_, down, across) = ways[number]
            here[[down, across]] = row, column
            self._go(here)

    def _go(self, here: NDArray[np.float64]) -> None:
        """Move the crosshair, and with it the slices, to a place as the image is shown."""
        display, dims = self._picture.display, self._viewer.dims
        assert display is not None
        shown = [round(float(at)) for at in here]
        voxel = display.reorientation.index_to_source(shown, display.image_space)
        place = self._picture.place_of(voxel)
        if place is not None:
            dims.set_point(list(range(dims.ndim - 3, dims.ndim)), list(place))

    def _watch(self, image: Image | None) -> None:
        if image is self._image:
            return
        self._image = image
        self._looks.stop()
        if image is not None:
            self._looks.to(self._ask, *(getattr(image.events, name) for name in _LOOKS))
