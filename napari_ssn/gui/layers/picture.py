"""The image to segment, as it lies in the viewer: its frame and its voxels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from napari.layers import Image, Layer
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_ssn.core.directions.compass import Compass
from napari_ssn.geometry.display import IMAGE_KEY, Display
from napari_ssn.gui.layers import places
from napari_ssn.gui.layers import results as layers
from napari_ssn.gui.layers.centre import Centre
from napari_ssn.gui.layers.channels import Channels
from napari_ssn.gui.layers.known import KnownImages
from napari_ssn.gui.layers.world import in_layer, in_viewer
from napari_ssn.gui.memory import Remembered
from napari_ssn.prediction.source import Source
from napari_ssn.session import Plane, Session


class Picture:
    """Tells the session which image it is about, and where things are in it. Main thread only.

    Attributes:
        channels: layers that are further channels of the image, where the model reads several.
        centre: the middle of the region that is looked at.
    """

    def __init__(self, viewer: Viewer, session: Session) -> None:
        self._viewer = viewer
        self._session = session
        self._image: Image | None = None
        self.channels = Channels(self.join_again)
        self._shown: layers.Shown | None = None
        # Of a time series the frame to segment.
        self._frame = 0
        # Watched all the while, also when another is looked at.
        self._known = KnownImages(self._altered)
        session.looking = self._plane_on_show
        session.closed = self._is_closed
        session.turn_to = self._turn_to
        session.found.connect(self._found)
        #: Are called when another image, or none, has become the one to segment.
        self.taken: list[Callable[[], None]] = []
        #: Is asked to choose a layer as the image to segment.
        self.choose: Callable[[Image], None] = self.set_image
        self.centre = Centre(viewer, session, self)
        viewer.layers.events.removed.connect(self._removed)

    # ---- Which image

    def set_image(self, layer: Image | None) -> None:
        """Take an image layer, or none, as the one to segment."""
        layer = getattr(layer, "__wrapped__", layer)
        if layer is self._image:
            return
        self._image = layer
        if self.frames is not None:
            # The series itself is not in front while its layer is still being added.
            self._frame = self._frame_of(layer)
        self._tell()
        self._bring_into_view()
        for tell in self.taken:
            tell()

    def _bring_into_view(self) -> None:
        """Go to the image's middle, where the slices on show pass by another image only."""
        image, display, dims = self._image, self.display, self._viewer.dims
        if image is None or display is None or dims.ndisplay != 2:
            return
        across = set(dims.not_displayed) & set(range(dims.ndim - len(display.shape), dims.ndim))
        if len(across) != 1 or self._plane_on_show() is not None:
            return
        middle = self.place_of(tuple(size // 2 for size in display.image_space))
        if middle is not None:
            dims.set_point(list(range(dims.ndim - len(middle), dims.ndim)), list(middle))
            self._frame_alone(image)

    def _frame_alone(self, image: Image) -> None:
        viewer = self._viewer
        if image.ndim == viewer.dims.ndim:
            viewer.reset_view(layers=[image])
            return
        # napari frames no layer that has fewer axes than the viewer (a time series is beside it)
        # by itself: all are framed, and the image comes into the middle.
        viewer.reset_view()
        point = viewer.dims.point
        viewer.scene.camera.center = tuple(point[axis] for axis in viewer.dims.displayed)

    @property
    def image(self) -> Image | None:
        """The image to segment."""
        return self._image

    @property
    def display(self) -> Display | None:
        """How the image's grid is shown; None without a usable image."""
        return None if self._image is None or self._shown is None else self._shown.display

    @property
    def compass(self) -> Compass | None:
        """Which way the viewer's axes go in the patient; None without a usable image."""
        return None if self._image is None or self._shown is None else self._shown.compass

    @property
    def note(self) -> str:
        """What a person should know of how the image was read; empty for nothing."""
        if self._image is None or self._shown is None:
            return ""
        return " ".join(words for words in (self._shown.note, self.channels.note) if words)

    @property
    def frame(self) -> int:
        """Which frame of a time series is to be segmented."""
        return self._frame

    @property
    def frames(self) -> int | None:
        """Number of frames of the image; None where it has no time."""
        return None if self._image is None else places.frames_of(self._image)

    @property
    def frame_in_front(self) -> int | None:
        """Frame of a time series that the viewer shows; None where there is no time."""
        if self._image is None or self.frames is None:
            return None
        return self._frame_of(self._image)

    def _frame_of(self, layer: Image) -> int:
        return places.frame_at(layer, in_layer(self._viewer, layer, self._viewer.dims.point))

    def choose_frame(self, frame: int) -> None:
        """Segment another frame of the time series, and show it."""
        assert self._image is not None
        centre, self._frame = self._session.setup.centre, frame
        self._tell()
        if centre is not None and self._session.setup.centre is None:
            # A lesion stays about where it was, unless this frame has a result of its own.
            self._session.place_centre(centre)
        place = in_viewer(self._viewer, self._image, self._image.data_to_world((frame, 0, 0, 0)))
        self._viewer.dims.set_point(self._viewer.dims.ndim - 4, place[0])

    # ---- Where things are

    def transform(self, axes: int) -> dict[str, Any]:
        """What lays a layer of so many axes exactly on the image."""
        assert self._image is not None
        return places.transform_of(self._image, axes)

    def place_of(self, voxel: tuple[int, ...]) -> tuple[float, ...] | None:
        """Where a voxel of the source's grid lies in the viewer; None without a usable image."""
        if self._image is None or self.display is None:
            return None
        return in_viewer(
            self._viewer, self._image, places.world_of(self._image, self.display, voxel)
        )

    def on_grid(self, layer: Layer) -> NDArray[Any] | None:
        """Values of a layer on the source's grid; None where it does not lie on it."""
        if self._image is None or self.display is None:
            return None
        return places.on_grid(layer, self._image, self.display)

    def laid(self, layer: Layer) -> NDArray[Any]:
        """Labels of a layer on the source's grid, whose voxels may be a part of it.

        GeometryError: they are others; an image was chosen and is usable.
        """
        assert self._image is not None and self.display is not None
        return places.laid_on(layer, self._image, self.display)

    def voxel_at(self, position: tuple[float, ...]) -> tuple[int, ...] | None:
        """Voxel of the source's grid at a place in the viewer; None where there is none."""
        if self._image is None or self.display is None:
            return None
        place = in_layer(self._viewer, self._image, position)
        return places.clicked_voxel(self._image, self.display, place)

    def geometry(self) -> tuple[tuple[int, ...], tuple[float, ...] | None, str] | None:
        """Size and spacing as shown, columns first, and the plane of the slices if known."""
        shown = self._shown
        if shown is None or shown.display is None:
            return None
        spacing = shown.source.spacing_mm
        order = shown.display.reorientation.order
        known = None if spacing is None else tuple(spacing[axis] for axis in order)[::-1]
        return shown.display.shape[::-1], known, shown.display.plane

    def is_file_of(self, path: Path) -> bool:
        """Whether a file is the one that an image in the viewer was opened from."""
        opened = [one.source.path for one in self._viewer.layers if isinstance(one, Image)]
        with suppress(OSError):
            return any(path.samefile(one) for one in opened if one is not None)
        return False

    def set_voxel_size(self, size_mm: Sequence[float]) -> None:
        """Give the image the voxel size that somebody knows, columns first, in mm."""
        if self._image is None:
            return
        size = tuple(size_mm)[::-1]
        axes = len(size)
        before = (tuple(self._image.scale[-axes:]), self._image.units[-axes:])
        places.set_voxel_size(self._image, size)
        # What lies on it stays on it: outlines of before, and labels that somebody has drawn.
        for layer in self._viewer.layers:
            same = layer.ndim >= axes and tuple(layer.scale[-axes:]) == before[0]
            if layer is not self._image and same and layer.units[-axes:] == before[1]:
                places.set_voxel_size(layer, size)
        self._viewer.reset_view()

    def _plane_on_show(self) -> Plane | None:
        if self._image is None or self.display is None:
            return None
        dims = self._viewer.dims
        place = in_layer(self._viewer, self._image, dims.point)
        return places.plane_on_show(self._image, self.display, dims, place)

    # ---- From the viewer

    def _altered(self, layer: Image) -> None:
        """A layer is another image from now on."""
        if layer is self._image:
            if self.frames is not None:
                self._frame = min(self._frame, self.frames - 1)
            self._tell()

    def _tell(self) -> None:
        if self._image is None:
            self._shown = None
        else:
            frame = 0 if self.frames is None else self._frame
            self._shown = self._known.described(self._image, frame)
        self._session.set_image(self._joined())

    def _joined(self) -> Source | None:
        joined = self.channels.join(self._shown, self._image)
        if joined is not None and self._image is not None:
            self._known.name(joined.token, self._image)
        return joined

    def join_again(self) -> None:
        """Tell of the image again, where its channels make it another."""
        setup = self._session.setup
        joined = self._joined()
        if joined is not setup.source:
            centre = setup.centre if setup.around_point else None
            self._session.set_image(joined)
            if centre is not None:
                # The grid is that of the first channel, as before.
                self._session.place_centre(centre)

    def layer_of(self, token: int) -> Image | None:
        """The layer that an image is shown by; None where it is closed."""
        layer = self._known.layer(token)
        return layer if layer is not None and layer in self._viewer.layers else None

    def public_name(self, token: int) -> str | None:
        """What an image is called where that names nobody; None of a layer that another named.

        The names that this plugin gives hold no patient, nor does what somebody here called it.
        """
        layer = self.layer_of(token)
        return layer.name if layer is not None and IMAGE_KEY in layer.metadata else None

    def _found(self, result: Any) -> None:
        """Nobody may see an outline on another image than its own."""
        image = self._image
        here = self.layer_of(result.source.token) is image
        if here and image is not None:
            image.visible = True

    def _is_closed(self) -> bool:
        result = self._session.result
        return result is not None and self.layer_of(result.source.token) is None

    def _turn_to(self, token: int) -> bool:
        """Take the image of a token, and bring its frame to the front."""
        layer = self.layer_of(token)
        if layer is None:
            return False
        frame = self._known.frame(token)
        if layer is not self._image:
            # The one before would cover it.
            if self._image is not None:
                self._image.visible = False
            layer.visible = True
            self.choose(layer)
        if self.frames is not None and frame is not None and frame != self._frame:
            self.choose_frame(frame)
        source = self._session.setup.source
        return source is not None and source.token == token

    def _removed(self, event: Any) -> None:
        layer = getattr(event.value, "__wrapped__", event.value)
        self._known.forget(layer)
        results = self._session.results.entries
        of_result = any(self._known.layer(one.prediction.source.token) is layer for one in results)
        if of_result and layer is not self._image:
            # The one to segment is told of below.
            self._session.changed.emit()
        if layer is self._image:
            self.set_image(None)

    # ---- From one dock to the next

    def remembered(self, model: Path | None, folders: tuple[Path, ...]) -> Remembered:
        """What is set up for the image, and with which model."""
        setup = self._session.setup
        centre = setup.centre if setup.around_point else None
        return Remembered(model, folders, centre, self._frame)

    def restore(self, before: Remembered) -> None:
        """Set up the image as it was when a dock was closed; the user's frame stays in front."""
        if before.centre is not None and self._frame == before.frame:
            self._session.place_centre(before.centre)

    def close(self, tidy: bool = True) -> None:
        """Let go of the viewer; layers stay, but not the cross, which means nothing alone.

        Args:
            tidy: whether there still is a window to take it from.
        """
        self.centre.close(tidy)
        self._known.close()
        self.channels.close()
        self._viewer.layers.events.removed.disconnect(self._removed)
        self._image = None
