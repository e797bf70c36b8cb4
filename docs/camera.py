"""What takes the pictures of the pages: a camera of the real window, and a moving one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import napari
import numpy as np
from PIL import Image

from napari_ssn.gui.demo import choose_model, let_draw, open_sample
from napari_ssn.gui.dock import SSNDock
from napari_ssn.samples import sample

FOLDER = Path(__file__).parent / "img"
SIZE = (1280, 800)
# Of the moving picture, and the colour of its palette that is none.
FILMED, UNSEEN = (960, 600), 255


class Camera:
    """Takes pictures of a window."""

    def __init__(self, viewer: napari.Viewer, folder: Path) -> None:
        self._viewer = viewer
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, name: str) -> None:
        """Write the window as it is, as a small PNG."""
        let_draw()
        picture = Image.fromarray(self._viewer.window.screenshot(canvas_only=False, flash=False))
        small = with_few_colours(picture.convert("RGB"))
        small.save(self._folder / f"{name}.png", optimize=True)


class Film(Camera):
    """Takes a moving picture of a window, small enough for the top of a page."""

    def __init__(self, viewer: napari.Viewer, folder: Path) -> None:
        super().__init__(viewer, folder)
        self._frames: list[Image.Image] = []
        self._milliseconds: list[int] = []

    def expose(self, seconds: float) -> None:
        """Take a picture of the window as it is, to be seen for so long."""
        let_draw(0.2)
        whole = Image.fromarray(self._viewer.window.screenshot(canvas_only=False, flash=False))
        self._frames.append(whole.convert("RGB").resize(FILMED, Image.Resampling.LANCZOS))
        self._milliseconds.append(round(1000 * seconds))

    def write(self, name: str) -> None:
        """Write what was taken, again and again from the start."""
        # One palette for all: a pixel that stays is of one colour, and is written once.
        together = Image.new("RGB", (FILMED[0], FILMED[1] * 3))
        for at, frame in enumerate((self._frames[0], self._frames[len(self._frames) // 2])):
            together.paste(frame, (0, FILMED[1] * at))
        together.paste(self._frames[-1], (0, FILMED[1] * 2))
        palette = with_few_colours(together)
        frames = [
            np.asarray(frame.quantize(palette=palette, dither=Image.Dither.NONE))
            for frame in self._frames
        ]
        pictures = []
        for frame, before in zip(frames, [None, *frames], strict=False):
            # What stays as it was is left out.
            moved = frame if before is None else np.where(frame == before, UNSEEN, frame)
            picture = Image.fromarray(moved.astype(np.uint8), "P")
            picture.putpalette(palette.getpalette() or [])
            pictures.append(picture)
        pictures[0].save(
            self._folder / f"{name}.gif",
            save_all=True,
            append_images=pictures[1:],
            duration=self._milliseconds,
            loop=0,
            optimize=False,
            transparency=UNSEEN,
            disposal=1,
        )


def with_few_colours(picture: Image.Image) -> Image.Image:
    """255 colours do for a grey image with some lines, at a third of the size.

    Most are those that there is most of, so that tissue keeps its greys; the others are spread over
    all that there are, or thin lines would lose theirs.
    """
    none, palette = Image.Dither.NONE, Image.new("P", (1, 1))
    common = picture.quantize(160, dither=none).getpalette() or []
    spread = picture.quantize(95, method=Image.Quantize.MAXCOVERAGE, dither=none).getpalette() or []
    palette.putpalette(common[: 160 * 3] + spread[: 95 * 3])
    return picture.quantize(palette=palette, dither=none)


@contextmanager
def window() -> Iterator[napari.Viewer]:
    """A window of the pictures' size, which goes in the end."""
    viewer = napari.Viewer()
    viewer.window.resize(*SIZE)
    try:
        yield viewer
    finally:
        viewer.close()


def nodule_in_3d(viewer: napari.Viewer) -> tuple[SSNDock, tuple[int, ...]]:
    """Open the sample of a nodule in Hounsfield units and the dock; and where the nodule is."""
    about = sample(4)
    assert about.centre is not None
    open_sample(viewer, about.name)
    _, dock = viewer.window.add_plugin_dock_widget("napari-ssn", "SSN hypotheses")
    choose_model(dock, "nodule-3d")
    return dock, about.centre
