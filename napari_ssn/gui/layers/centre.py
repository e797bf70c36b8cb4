"""The region's middle: placed by a click on the image, and shown there as a thin cross."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.layers import Points
from napari.viewer import Viewer

from napari_ssn.gui.layers import results as layers
from napari_ssn.gui.layers.adding import add_beside
from napari_ssn.gui.layers.reticle import Reticle
from napari_ssn.session import Session
from napari_ssn.text.dock import place_line

if TYPE_CHECKING:
    from napari_ssn.gui.layers.picture import Picture


class Centre:
    """Takes clicks for the session, and shows where it looks. Main thread only.

    Args:
        viewer: that is clicked on.
        session: is told of the place.
        picture: the image that the place is on.
    """

    def __init__(self, viewer: Viewer, session: Session, picture: Picture) -> None:
        self._viewer, self._session, self._picture = viewer, session, picture
        self._cross: Points | None = None
        self._reticle: Reticle | None = None
        self._clicked: Callable[[], None] | None = None
        session.changed.connect(self._show)
        viewer.layers.events.removed.connect(self._removed)

    def in_words(self) -> str:
        """Where it lies in the picture."""
        centre, display = self._session.setup.centre, self._picture.display
        if centre is None or display is None:
            return ""
        return place_line(display.reorientation.index_to_display(centre, display.image_space))

    def place_at(self, position: tuple[float, ...]) -> bool:
        """Put it on a place in the world; whether that lies in the image."""
        display = self._picture.display
        if display is None:
            return False
        voxel = self._picture.voxel_at(position)
        outside = (-1,) * len(display.shape)
        self._session.place_centre(voxel if voxel is not None else outside)
        return voxel is not None

    def wait_for_click(self, waiting: bool, done: Callable[[], None] | None = None) -> None:
        """Put it where the next click on the image is, or stop waiting for that."""
        callbacks = self._viewer.mouse_drag_callbacks
        if self._on_click in callbacks:
            callbacks.remove(self._on_click)
        self._clicked = done
        if waiting:
            callbacks.append(self._on_click)

    @property
    def waiting(self) -> bool:
        """Whether the next click places it."""
        return self._on_click in self._viewer.mouse_drag_callbacks

    def _on_click(self, viewer: Any, event: Any) -> Any:
        moved = False
        yield
        while event.type == "mouse_move":
            moved = True
            yield
        # A drag moves the picture and means no place. Beside the image the next click counts.
        if not moved and self.place_at(tuple(event.position)):
            done = self._clicked
            self.wait_for_click(False)
            if done is not None:
                done()

    def _show(self) -> None:
        setup, display = self._session.setup, self._picture.display
        centre = setup.centre if setup.around_point else None
        cross, axes = self._cross, 0 if display is None else len(display.shape)
        if cross is not None and (centre is None or cross.ndim != axes):
            self._viewer.layers.remove(cross)
        if centre is None or display is None:
            return
        image = self._picture.image
        assert image is not None
        at = (centre, image.unique_id)
        if self._cross is not None and self._reticle is not None:
            if at != self._cross.metadata["at"]:
                # napari takes half a second to let go of a layer, and more to take another.
                place = layers.place_in(display, centre)
                layers.move_to(self._cross, place, self._picture.transform(axes))
                self._cross.metadata["at"], self._cross.visible = at, True
                self._reticle.follow()
            return
        place = layers.place_in(display, centre)
        # For `Reticle` to draw.
        cross = Points(place, name=layers.REGION, **self._picture.transform(axes))
        cross.metadata["at"] = at
        self._cross = cross
        add_beside(self._viewer, cross)
        self._reticle = Reticle(self._viewer, cross)

    def _removed(self, event: Any) -> None:
        if getattr(event.value, "__wrapped__", event.value) is self._cross:
            self._drop()

    def _drop(self, tidy: bool = True) -> None:
        """Its layer is gone, or goes."""
        if self._reticle is not None:
            self._reticle.close(tidy)
        self._cross = self._reticle = None

    def close(self, tidy: bool) -> None:
        """Let go of the viewer; the cross, which means nothing alone, goes.

        Args:
            tidy: whether there still is a window to take it from.
        """
        self._viewer.layers.events.removed.disconnect(self._removed)
        self.wait_for_click(False)
        cross = self._cross
        self._drop(tidy)
        if cross is not None and tidy:
            self._viewer.layers.remove(cross)
