"""Take the pictures of the README and the tour: ``make pictures``.

Those of a chest CT need the series, which is not part of the project: ``make pictures CT=PATH``.
Everything in them is done by the real window; nothing is drawn afterwards. The sheet of the CT's
slices shows what the window's session holds.
"""

from __future__ import annotations

import os
import sys
import tempfile
from functools import partial
from pathlib import Path

import napari
import numpy as np
from camera import FOLDER, Camera, Film, nodule_in_3d, window
from PIL import Image
from qtpy.QtCore import Qt
from scipy.ndimage import binary_erosion

from napari_ssn.gui.demo import choose_model, export, open_sample, point_at, segment, wait_until
from napari_ssn.gui.dock import SSNDock
from napari_ssn.samples import raters

# Of the series LungFCP-01-0001 of TCIA's Lung-Fused-CT-Pathology.
NODULE = (180, 285, 18)
# A vessel in the piece of a CT that is the fourth sample.
NO_NODULE = (38, 45, 12)
# From where a solid is seen: from the side, a little from above.
FROM_ABOVE = (0.0, -25.0, 55.0)
ORANGE, BLUE = (255, 170, 0), (80, 160, 255)


def tour() -> None:
    """Walk through the tour and take a picture at each step."""
    with window() as viewer:
        camera = Camera(viewer, FOLDER)
        open_sample(viewer, "nodule-1")
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


def people(viewer: napari.Viewer, dock: SSNDock) -> list[napari.layers.Labels]:
    """What each of the four radiologists outlined in the sample, as layers that somebody opened."""
    image = dock.picture.image
    assert image is not None
    turn = dock.session.setup.source.turn
    where = {"scale": image.scale, "translate": image.translate, "units": image.units}
    names = ("Anna", "Ben", "Cleo", "Dana")
    return [
        viewer.add_labels(np.ascontiguousarray(turn.apply(one)), name=name, **where)
        for name, one in zip(names, raters(4), strict=True)
    ]


def ensemble() -> None:
    """Four radiologists' outlines as the members of an ensemble; one of them left out."""
    with window() as viewer:
        camera = Camera(viewer, FOLDER)
        dock, centre = nodule_in_3d(viewer)
        session = dock.session
        wait_until(dock, lambda: session.setup.source is not None)
        layers = people(viewer, dock)
        viewer.layers.selection = set(layers)
        models = dock.image.models
        models.activated.emit(models.findText("Ensemble…"))
        dock.image.members.layers.click()
        for layer in layers:
            layer.visible = False
        viewer.layers.selection = {dock.picture.image}
        point_at(viewer, dock, centre)
        segment(dock)
        wait_until(dock, lambda: session.summary.lengths is not None)
        camera.take("ensemble")
        dock.members.table.item(3, 0).setCheckState(Qt.CheckState.Unchecked)
        wait_until(dock, lambda: not session.busy and len(session.result.members) == 3)
        wait_until(dock, lambda: session.summary.dealt and session.summary.lengths is not None)
        dock.members.votes.click()
        wait_until(dock, lambda: session.overviews.of("probability") is not None)
        # All of the list, which stands under what is found out first.
        bar = dock.tabs.widget(0).verticalScrollBar()
        bar.setValue(bar.maximum())
        camera.take("ensemble-without-one")


def readers_room() -> None:
    """The same four outlines compared, beside what `nodule-3d` makes of the image."""
    with window() as viewer:
        camera = Camera(viewer, FOLDER)
        dock, centre = nodule_in_3d(viewer)
        point_at(viewer, dock, centre)
        segment(dock)
        layers = people(viewer, dock)
        viewer.layers.selection = {dock.picture.image}
        titles = [dock.tabs.tabText(at) for at in range(dock.tabs.count())]
        dock.tabs.setCurrentIndex(titles.index("Readers"))
        room = dock.session.readers
        dock.readers.compare.click()
        wait_until(dock, lambda: room.found is not None and not room.busy)
        for layer in layers:
            layer.visible = False
        camera.take("readers")


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
        wait_until(dock, lambda: not several or session.walk.here.lesion_counts is not None)
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
    steps = (tour, in_three_dimensions, follow_up, ensemble, readers_room, moving)
    for step in (partial(chest_ct, Path(sys.argv[1])),) if sys.argv[1:] else steps:
        # A session may still be writing there, in the thread that keeps it.
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as state:
            # What is left of a session is not offered in the pictures of the next.
            os.environ["XDG_STATE_HOME"] = state
            step()
