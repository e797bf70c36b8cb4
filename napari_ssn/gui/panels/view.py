"""One row of buttons: which plane is shown, and which of its values have contrast."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari.viewer import Viewer
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QMenu, QSizePolicy

from napari_ssn.geometry.intensity import CT_WINDOWS, looks_like_ct, percentile_limits, some_values
from napari_ssn.gui.layers.picture import Picture
from napari_ssn.gui.layers.planes import PLANES, Planes
from napari_ssn.gui.layers.scene import Scene
from napari_ssn.gui.listening import Listening
from napari_ssn.gui.panels.linked import LinkedPlanes
from napari_ssn.gui.widgets.parts import Block, button, row
from napari_ssn.session import Session

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction

_ALL = (
    "The two other planes beside this one, with a crosshair: a click there moves it, and the mouse "
    "with Shift moves it here"
)
# What comes when letters have another size.
_LETTERS = (QEvent.Type.Polish, QEvent.Type.StyleChange, QEvent.Type.FontChange)
# Pixels that the dock has for a row at least, and between two buttons.
_ROOM, _GAP = 340, 6
_PERCENTILE = "0.5–99.5 %"


class ViewPanel(Block):
    """Axial, coronal, sagittal, and contrast windows. Nothing here changes an image's values.

    Attributes:
        all: shows the two other planes beside the picture.
    """

    def __init__(self, viewer: Viewer, picture: Picture, scene: Scene, session: Session) -> None:
        super().__init__()
        self._viewer, self._picture, self._session = viewer, picture, session
        self.planes = Planes(viewer, picture)
        self.buttons = []
        for name, plane in PLANES:
            tip = f"{name} slices, through the outline on show or else the point placed"
            made = button(name, tip, "small")
            made.setCheckable(True)
            policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
            # The contrast stays where it is when an image has no planes to choose from.
            policy.setRetainSizeWhenHidden(True)
            made.setSizePolicy(policy)
            made.clicked.connect(partial(self._show, plane))
            self.buttons.append(made)
        self.all = button("All", _ALL, "small", name="All three planes")
        self.all.setCheckable(True)
        self.all.setSizePolicy(self.buttons[0].sizePolicy())
        self.linked = LinkedPlanes(viewer, picture, self.planes, scene, session)
        self.all.clicked.connect(self.linked.toggle)
        self.linked.changed.connect(self.refresh)
        self.window = button("Contrast", "Contrast of the picture; its values stay as they are")
        self.window.setProperty("role", "small")
        self.window.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.menu = QMenu(self.window)
        self.window.setMenu(self.menu)
        self.menu.aboutToShow.connect(self.fill)
        self._ct: tuple[int, bool] | None = None
        planes = zip((*self.buttons, self.all, self.window), (5, 7, 7, 4, 8), strict=True)
        self._rows = row(planes), row([1])
        self.below(*self._rows)
        self._listening = Listening()
        self._listening.to(self.refresh, viewer.dims.events.order, viewer.dims.events.ndisplay)
        session.changed.connect(self.refresh)
        session.places.looked.connect(self._look)
        session.found.connect(self._come_near)
        self.refresh()

    def event(self, event: QEvent) -> bool:
        """In large letters the contrast has a row of its own: the words are whole."""
        done = bool(super().event(event))
        # Some come before there is anything in it.
        if event.type() in _LETTERS and hasattr(self, "_rows"):
            one_by_one = (*self.buttons, self.all, self.window)
            wide = sum(one.sizeHint().width() + _GAP for one in one_by_one) > _ROOM
            here, there = self._rows[:: -1 if wide else 1]
            for one in one_by_one[:-1]:
                # Where it stands alone nothing need keep it in its place.
                policy = one.sizePolicy()
                policy.setRetainSizeWhenHidden(not wide)
                one.setSizePolicy(policy)
            if here.indexOf(self.window) < 0:
                there.removeWidget(self.window)
                here.addWidget(self.window, 0 if wide else 8)
        return done

    def _show(self, plane: int, checked: bool = True) -> None:
        self.planes.show(plane)
        if self.linked.pair is None:
            # Else the crosshair says where.
            self._session.look()
        self.refresh()

    def _look(self, voxel: tuple[int, ...], centred: bool) -> None:
        place = self._picture.place_of(voxel)
        if place is not None:
            self.planes.look_at(place, centred)

    def _come_near(self, result: Prediction) -> None:
        """What a region around a point holds can be judged; `Home` of napari shows all again."""
        source, start = self._session.setup.source, result.dist.start
        if source is None or source.token != result.source.token or start is None:
            return
        last = tuple(a + n - 1 for a, n in zip(start, result.dist.space, strict=True))
        ends = [self._picture.place_of(voxel) for voxel in (start, last)]
        if result.centre is not None and ends[0] is not None and ends[1] is not None:
            self.planes.come_near(ends[0], ends[1])

    def refresh(self, event: Any = None) -> None:
        """Show which plane is on show, and whether there are others."""
        source = self._session.setup.source
        usable = source is not None and source.problem is None
        deep = source is not None and usable and len(source.space) == 3
        shown = self.planes.shown if deep else None
        for (_, plane), one in zip(PLANES, self.buttons, strict=True):
            one.setVisible(deep)
            one.setChecked(plane == shown)
        self.all.setVisible(deep)
        self.all.setChecked(self.linked.pair is not None)
        self.window.setEnabled(usable)

    def fill(self) -> None:
        """Offer the windows that suit the image."""
        self.menu.clear()
        if self._is_ct():
            for window in CT_WINDOWS:
                words = f"{window.name}  {window.centre:g} / {window.width:g} HU".replace("-", "−")
                self.menu.addAction(words, partial(self._set_limits, window.limits))
        self.menu.addAction(_PERCENTILE, self._set_percentiles)

    def _is_ct(self) -> bool:
        source = self._session.setup.source
        if source is None:
            return False
        if self._ct is None or self._ct[0] != source.token:
            self._ct = (source.token, looks_like_ct(self._values()))
        return self._ct[1]

    def _values(self) -> Any:
        """Some of the image's values: a frame of a series, the coarsest of several scales."""
        image = self._picture.image
        assert image is not None, "there is a source only with an image"
        data = image.data[-1] if image.multiscale else image.data
        return some_values(data if self._picture.frames is None else data[self._picture.frame])

    def _set_percentiles(self) -> None:
        limits = percentile_limits(self._values())
        if limits is not None:
            self._set_limits(limits)

    def _set_limits(self, limits: tuple[float, float]) -> None:
        if self._picture.image is not None:
            self._picture.image.contrast_limits = limits

    def disconnect_viewer(self, tidy: bool = True) -> None:
        """Let go of the viewer.

        Args:
            tidy: whether there still is a window to take the other planes from.
        """
        self.linked.close(tidy)
        self._listening.stop()
