"""Take the pictures of the README and the tour: ``make pictures``.

Those of a chest CT need the series, which is not part of the project: ``make pictures CT=PATH``.
Everything in them is done by the real window; nothing is drawn afterwards.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import napari
from PIL import Image

from napari_ssn.gui.demo import choose_model, export, let_draw, point_at, segment, wait_until

FOLDER = Path(__file__).parent / "img"
SIZE = (1280, 800)
# Of the series LungFCP-01-0001 of TCIA's Lung-Fused-CT-Pathology.
NODULE = (180, 285, 18)


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
        # 256 colours do for a grey image with one orange line, at a third of the size.
        small = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        small.save(self._folder / f"{name}.png", optimize=True)


def tour() -> None:
    """Walk through the tour and take a picture at each step."""
    viewer = napari.Viewer()
    viewer.window.resize(*SIZE)
    try:
        camera = Camera(viewer, FOLDER)
        viewer.open_sample("napari-ssn", "nodule-1")
        _, dock = viewer.window.add_plugin_dock_widget("napari-ssn", "SSN hypotheses")
        session = dock.session
        wait_until(dock, lambda: session.setup.obstacle is None)
        camera.take("ready")
        dock.run.button.click()
        wait_until(dock, lambda: session.ranges is not None and session.cards is not None)
        camera.take("result")
        dock.cards.buttons[0].click()
        dock.cards.compare.click()
        dock.cards.buttons[1].click()
        wait_until(dock, lambda: session.comparing.found is not None)
        camera.take("compare")
        dock.cards.compare.click()
        session.walk.show_sample(None)
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
    finally:
        viewer.close()


def chest_ct(path: Path) -> None:
    """Open a chest CT, point at its nodule, segment, walk and export."""
    viewer = napari.Viewer()
    viewer.window.resize(*SIZE)
    try:
        camera = Camera(viewer, FOLDER)
        viewer.open(str(path), plugin="napari-ssn")
        _, dock = viewer.window.add_plugin_dock_widget("napari-ssn", "SSN hypotheses")
        session = dock.session
        choose_model(dock, "lidc-2d")
        camera.take("ct-opened")
        point_at(viewer, dock, NODULE)
        camera.take("ct-placed")
        segment(dock)
        camera.take("ct-result")
        session.walk.set_sigma(1.0)
        camera.take("ct-larger")
        with tempfile.TemporaryDirectory() as folder:
            export(dock, Path(folder) / "hypothesis.dcm")
            camera.take("ct-export")
    finally:
        viewer.close()


if __name__ == "__main__":
    if sys.argv[1:]:
        chest_ct(Path(sys.argv[1]))
    else:
        tour()
