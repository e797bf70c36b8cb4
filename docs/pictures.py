"""Take the pictures of the README and the tour: ``make pictures``.

Those of a chest CT need the series, which is not part of the project: ``make pictures CT=PATH``.
Everything in them is done by the real window; nothing is drawn afterwards. The sheet of the CT's
slices shows what the window's session holds.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import napari
import numpy as np
from PIL import Image
from scipy.ndimage import binary_erosion

from napari_ssn.gui.demo import choose_model, export, let_draw, point_at, segment, wait_until
from napari_ssn.gui.dock import SSNDock
from napari_ssn.samples import sample

FOLDER = Path(__file__).parent / "img"
SIZE = (1280, 800)
# Of the moving picture, and the colour of its palette that is none.
FILMED, UNSEEN = (960, 600), 255
# Of the series LungFCP-01-0001 of TCIA's Lung-Fused-CT-Pathology.
NODULE = (180, 285, 18)
# A vessel in the piece of a CT that is the fourth sample.
NO_NODULE = (38, 45, 12)
# From where a solid is seen: from the side, a little from above.
FROM_ABOVE = (0.0, -25.0, 55.0)
ORANGE, BLUE = (255, 170, 0), (80, 160, 255)


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
    viewer.open_sample("napari-ssn", about.name)
    _, dock = viewer.window.add_plugin_dock_widget("napari-ssn", "SSN hypotheses")
    choose_model(dock, "nodule-3d")
    return dock, about.centre


def tour() -> None:
    """Walk through the tour and take a picture at each step."""
    with window() as viewer:
        camera = Camera(viewer, FOLDER)
        viewer.open_sample("napari-ssn", "nodule-1")
        _, dock = viewer.window.add_plugin_dock_widget("napari-ssn", "SSN hypotheses")
        session = dock.session
        wait_until(dock, lambda: session.setup.obstacle is None)
        camera.take("ready")
        dock.run.button.click()
        wait_until(dock, lambda: session.ranges is not None and session.cards is not None)
        wait_until(dock, lambda: session.summary.lengths is not None)
        camera.take("result")
        dock.cards.buttons[0].click()
        dock.cards.compare.click()
        dock.cards.buttons[1].click()
        wait_until(dock, lambda: session.comparing.found is not None)
        camera.take("compare")
        dock.cards.compare.click()
        session.walk.show_sample(None)
        dock.outcomes.toggle.click()
        dock.outcomes.ask.click()
        wait_until(dock, lambda: session.asking.answer is not None)
        camera.take("ask")
        dock.outcomes.toggle.click()
        dock.settings.boxes["boxplot"].setChecked(True)
        wait_until(dock, lambda: session.overviews.of("boxplot") is not None)
        camera.take("together")
        dock.settings.boxes["boxplot"].setChecked(False)
        for name, sigma in (("walk-down", -1.0), ("walk-up", 1.0)):
            session.walk.set_sigma(sigma)
            camera.take(name)
        session.walk.show_sample(None)
        for label, voxel in ((1, (78, 62)), (0, (40, 60))):
            session.pointing.start(label)
            session.pointing.add(voxel)
        session.pointing.stop()
        wait_until(dock, lambda: session.summary.dealt and session.walk.counts is not None)
        camera.take("points")
        session.pointing.clear()
        wait_until(dock, lambda: session.summary.dealt and session.walk.counts is not None)
        session.walk.set_sigma(1.0)
        before = len(viewer.layers)
        dock.samples.add.click()
        wait_until(dock, lambda: len(viewer.layers) == before + dock.samples.count.value())
        camera.take("window")
        with tempfile.TemporaryDirectory() as folder:
            export(dock, Path(folder) / "hypothesis.nii.gz")
            camera.take("export")
        viewer.layers["radiologists"].visible = True
        for layer in list(viewer.layers):
            if layer.name.startswith("SSN · sample"):
                layer.visible = False
        camera.take("radiologists")


def in_three_dimensions() -> None:
    """A nodule in Hounsfield units, and a point on none."""
    with window() as viewer:
        camera = Camera(viewer, FOLDER)
        dock, centre = nodule_in_3d(viewer)
        point_at(viewer, dock, centre)
        segment(dock)
        wait_until(dock, lambda: dock.session.summary.lengths is not None)
        camera.take("nodule-in-3d")
        dock.view.all.click()
        camera.take("all-planes")
        dock.view.all.click()
        as_a_solid(viewer, dock, camera)
        point_at(viewer, dock, NO_NODULE)
        segment(dock)
        camera.take("no-nodule")


def as_a_solid(viewer: napari.Viewer, dock: SSNDock, camera: Camera) -> None:
    """The hypothesis on show in napari's 3D view, in the outer one as in glass, on the slice."""
    view = viewer.scene.camera
    before = view.center, view.zoom
    viewer.dims.ndisplay = 3
    wait_until(dock, lambda: dock.solid.glass.surface is not None)
    view.angles = FROM_ABOVE
    dock.session.look()
    view.zoom = before[1]
    camera.take("in-3d")
    viewer.dims.ndisplay = 2
    view.center, view.zoom = before


def moving() -> None:
    """From an image to the hypothesis that somebody exports, as it is seen."""
    with window() as viewer:
        film = Film(viewer, FOLDER)
        dock, centre = nodule_in_3d(viewer)
        film.expose(1.0)
        point_at(viewer, dock, centre)
        film.expose(1.2)
        segment(dock)
        film.expose(2.0)
        slider = dock.slider.slider
        whole = slider.maximum() // 3
        step, far = whole // 3, 2 * whole
        up, down, back = (0, far), (far, -far), (-far, whole)
        slider.setSliderDown(True)
        for start, stop in (up, down, back):
            for at in range(start, stop, step if stop > start else -step):
                slider.setValue(at)
                film.expose(0.15)
        slider.setValue(whole)
        slider.setSliderDown(False)
        film.expose(1.0)
        with tempfile.TemporaryDirectory() as folder:
            export(dock, Path(folder) / "hypothesis.nii.gz")
            film.expose(2.5)
        film.write("main-job")


def follow_up() -> None:
    """A nodule, and the same made half as large again, as two scans."""
    with window() as viewer:
        camera = Camera(viewer, FOLDER)
        dock, centre = nodule_in_3d(viewer)
        point_at(viewer, dock, centre)
        segment(dock)
        first = dock.picture.image
        assert first is not None
        later, transform, kind = first.as_layer_data_tuple()
        transform |= {"name": "later", "scale": 1.5 ** (1 / 3) * np.asarray(first.scale)}
        viewer.add_layer(napari.layers.Layer.create(later, transform, kind))
        point_at(viewer, dock, centre)
        segment(dock)
        titles = [dock.tabs.tabText(at) for at in range(dock.tabs.count())]
        dock.tabs.setCurrentIndex(titles.index("Follow-up"))
        follow = dock.session.follow
        for which, day in enumerate(("2025-03-01", "2025-08-28")):
            follow.set_date(which, day)
        wait_until(dock, lambda: follow.growth is not None and not follow.waiting)
        camera.take("follow-up")


def chest_ct(path: Path) -> None:
    """Open a chest CT, point at its nodule, segment, walk and export."""
    with window() as viewer:
        camera = Camera(viewer, FOLDER)
        viewer.open(str(path), plugin="napari-ssn")
        _, dock = viewer.window.add_plugin_dock_widget("napari-ssn", "SSN hypotheses")
        session = dock.session
        choose_model(dock, "nodule-3d")
        camera.take("ct-opened")
        point_at(viewer, dock, NODULE)
        camera.take("ct-placed")
        segment(dock)
        # What is found out after the cards: which outlines are lesions apart, and their sizes.
        wait_until(dock, lambda: session.walk.lesions is not None)
        several = session.walk.lesions is not None and session.walk.lesions.several
        wait_until(dock, lambda: not several or session.walk.lesion_counts is not None)
        wait_until(dock, lambda: session.summary.lengths is not None)
        camera.take("ct-result")
        session.walk.set_sigma(1.0)
        camera.take("ct-larger")
        with tempfile.TemporaryDirectory() as folder:
            export(dock, Path(folder) / "hypothesis.dcm")
            camera.take("ct-export")
        slices_of(dock, 1.0)


def slices_of(dock: SSNDock, sigma: float) -> None:
    """Every second slice of the region, the mean in orange and the hypothesis at σ in blue."""
    session = dock.session
    result = session.result
    assert result is not None
    walk, rows = session.walk, []
    walk.set_sigma(sigma)
    larger = walk.label_map(())
    walk.set_sigma(0.0)
    mean = walk.label_map(())
    assert larger is not None and mean is not None and result.dist.start is not None
    region = tuple(
        slice(first, first + n)
        for first, n in zip(result.dist.start, result.dist.space, strict=True)
    )
    # The lung window: −1350 to 150 HU.
    grey = ((result.source.load().data[0][region] + 1350) / 1500).clip(0, 1)
    for k in range(0, mean.shape[2], 2):
        tile = np.repeat((255 * grey[..., k].T)[..., None], 3, 2).astype(np.uint8)
        for label_map, colour in ((larger, BLUE), (mean, ORANGE)):
            inside = label_map[..., k].T > 0
            tile[inside & ~binary_erosion(inside)] = colour
        rows.append(tile.repeat(2, 0).repeat(2, 1))
    rows += [np.zeros_like(rows[0])] * (-len(rows) % 4)
    sheet = np.concatenate([np.concatenate(rows[i : i + 4], 1) for i in range(0, len(rows), 4)])
    small = Image.fromarray(sheet).quantize(256, dither=Image.Dither.NONE)
    small.save(FOLDER / "ct-slices.png", optimize=True)


if __name__ == "__main__":
    steps = (tour, in_three_dimensions, follow_up, moving)
    for step in (partial(chest_ct, Path(sys.argv[1])),) if sys.argv[1:] else steps:
        # A session may still be writing there, in the thread that keeps it.
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as state:
            # What is left of a session is not offered in the pictures of the next.
            os.environ["XDG_STATE_HOME"] = state
            step()
