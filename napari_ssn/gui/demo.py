"""The window with an example: to try by hand, or filmed by itself on a virtual screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import napari
import typer
from qtpy.QtWidgets import QApplication

from napari_ssn.errors import ExportError, GeometryError, ModelError, SSNError
from napari_ssn.gui.dock import SSNDock
from napari_ssn.prediction.curve import STEP
from napari_ssn.samples import sample

_PLUGIN, _WIDGET = "napari-ssn", "SSN hypotheses"
# A nodule in three dimensions, in Hounsfield units.
_SAMPLE = 4
_SIZE = (1280, 800)
# The first run imports torch and MONAI, which takes a while on a cold disk.
_PATIENCE = 180.0
# Voxels across that are brought close: a nodule is some millimetres in a chest of 40 cm.
_NEAR = 128

#: Whether a sidecar, named last, is what the model makes of an image.
Verify = Callable[[Path, Path], bool]


def run(
    headless: bool,
    out: Path | None = None,
    image: Path | None = None,
    centre: tuple[int, ...] | None = None,
    verify: Verify | None = None,
) -> None:
    """Open napari with an image and the dock, ready to run.

    Args:
        headless: do not wait for a person: run the model, look at all planes, walk, export, verify
            what was exported, take pictures of the window, print the volumes, and close.
        out: folder for ``hypothesis.nii.gz``, ``hypothesis.json`` and the pictures.
        image: that the plugin reads; a sample nodule in three dimensions if left out.
        centre: voxel of it in the middle of the lesion, in the file's own order; the sample's if
            image is left out.
        verify: what is exported, given the image as the commands name it and the sidecar.

    Raises:
        SSNError: what the window would have said.
    """
    viewer = napari.Viewer()
    viewer.window.resize(*_SIZE)
    try:
        about = sample(_SAMPLE)
        if image is None:
            open_sample(viewer, about.name)
        else:
            viewer.open(str(image), plugin=_PLUGIN)
        _, dock = viewer.window.add_plugin_dock_widget(_PLUGIN, _WIDGET)
        if image is None:
            centre = centre or about.centre
        if not headless:
            if centre is not None:
                point_at(viewer, dock, centre)
            napari.run()
            return
        check = None if verify is None else partial(verify, image or Path(about.name))
        for line in perform(viewer, dock, out or Path("demo"), centre=centre, verify=check):
            typer.echo(line)
    finally:
        if headless:
            viewer.close()


def open_sample(viewer: napari.Viewer, name: str) -> None:
    """Open a sample by napari's menu, and select its image: the outlines on it are hidden."""
    image, *_ = viewer.open_sample(_PLUGIN, name)
    viewer.layers.selection = {image}


def perform(
    viewer: napari.Viewer,
    dock: SSNDock,
    out: Path,
    model: str | None = None,
    samples: int = 5,
    centre: tuple[int, ...] | None = None,
    verify: Callable[[Path], bool] | None = None,
) -> Iterator[str]:
    """Do in the real window what a user would, and say each size as the window says it.

    Args:
        viewer, dock: with an image open.
        out: folder for what is written.
        model: name of the model to run; the one that the window chose if left out.
        samples: to add as layers.
        centre: voxel to place the centre on; none where the image is the region.
        verify: says whether a sidecar that was exported is true; left out it is not asked.

    Raises:
        SSNError: what the window would have said.
    """
    _make_folder(out)
    take = partial(_take, viewer, out)
    choose_model(dock, model)
    yield take("opened")
    if centre is not None:
        point_at(viewer, dock, centre)
        yield take("placed")
    yield segment(dock)
    yield take("result")
    if dock.presence.words.isVisibleTo(dock):
        yield f"presence: {dock.presence.words.text()}"
    if dock.session.summary.hidden:
        dock.presence.show_all.click()
        yield take("revealed")
    yield from _through_planes(dock, take)
    yield from _step_through_samples(viewer, dock, samples)
    yield from _walk(dock)
    yield from _export(dock, out, verify)
    yield take("window")


def choose_model(dock: SSNDock, name: str | None) -> None:
    """Choose an installed model by its name; ModelError if there is none.

    Without a name the one stays that the window chose.
    """
    session = dock.session
    wait_until(dock, lambda: session.setup.survey is not None)
    if name is None and session.setup.model is not None:
        return
    survey = session.setup.survey
    entry = next((m for m in survey.models if m.card.name == name), None) if survey else None
    if entry is None:
        raise ModelError(f"There is no model {name or ''!r} to show: install it first.")
    session.catalogue.choose(entry.folder)


def point_at(viewer: napari.Viewer, dock: SSNDock, centre: tuple[int, ...]) -> None:
    """Place the centre on a voxel and bring it close, as with the mouse's wheel and a click."""
    session = dock.session
    session.place_centre(centre)
    if session.setup.centre != centre:
        raise GeometryError("That centre is not in the image: name another.")
    session.places.look_at(centre, True)
    assert session.setup.source is not None
    viewer.scene.camera.zoom *= max(1.0, max(session.setup.source.space) / _NEAR)
    session.places.look_at(centre, True)


def segment(dock: SSNDock) -> str:
    """Press Run, wait until everything about the result is counted, and say the volume."""
    session, before = dock.session, dock.session.result
    dock.run.button.click()
    wait_until(dock, lambda: session.result is not before)
    wait_until(dock, lambda: session.ranges is not None and session.walk.counts is not None)
    wait_until(dock, lambda: session.cards is not None)
    return f"mean: {_size(dock)} · {dock.result.ranges[0].text()}"


def _through_planes(dock: SSNDock, take: Callable[[str], str]) -> Iterator[str]:
    """A picture of each of the other planes of a volume, and back to the first."""
    buttons = [one for one in dock.view.buttons if one.isVisibleTo(dock)]
    for one in buttons[1:]:
        one.click()
        yield take(one.text().lower())
    for one in buttons[:1]:
        one.click()


def _step_through_samples(viewer: napari.Viewer, dock: SSNDock, samples: int) -> Iterator[str]:
    session, before = dock.session, len(viewer.layers)
    dock.samples.count.setValue(samples)
    dock.samples.add.click()
    wait_until(dock, lambda: len(viewer.layers) == before + samples)
    for number in range(1, samples + 1):
        dock.samples.next.click()
        wait_until(dock, lambda: session.walk.counts is not None)
        yield f"sample {number}: {_size(dock)}"


def _walk(dock: SSNDock) -> Iterator[str]:
    """From the mean along the whole slider, and back to one standard deviation."""
    session = dock.session
    session.walk.show_sample(None)
    wait_until(dock, lambda: session.walk.counts is not None)
    slider = dock.slider.slider
    whole = round(1 / STEP)
    for stop in range(slider.minimum(), slider.maximum() + 1):
        slider.setValue(stop)
        QApplication.processEvents()
        if stop % whole == 0:
            yield f"direction 1 at {dock.slider.value.text()} σ: {_size(dock)}"
    slider.setValue(whole)


def _export(dock: SSNDock, out: Path, verify: Callable[[Path], bool] | None) -> Iterator[str]:
    """Write the hypothesis on show as NIfTI, and as a DICOM segmentation where it can be one.

    SSNError if what was written is not verified.
    """
    session = dock.session
    yield f"chosen ({session.walk.choice.title}): {_size(dock)}"
    for suffix in (".nii.gz", ".dcm") if session.files.from_dicom else (".nii.gz",):
        export(dock, out / f"hypothesis{suffix}")
        exported = session.files.exported
        assert exported is not None
        yield f"exported: {', '.join(exported.files)}"
        if verify is not None:
            sidecar = next(name for name in exported.files if name.endswith(".json"))
            if not verify(out / sidecar):
                raise ExportError("What was exported could not be made again.")


def export(dock: SSNDock, path: Path) -> None:
    """Export the hypothesis on show to a file, in the format of its suffix."""
    session, panel = dock.session, dock.export
    before = session.files.exported
    panel.ask = lambda parent, name, pattern: str(path)
    formats = [panel.format.itemText(index) for index in range(panel.format.count())]
    panel.format.setCurrentText(next(one for one in formats if path.name.endswith(one)))
    panel.write.click()
    wait_until(dock, lambda: session.files.exported not in (None, before))


def _take(viewer: napari.Viewer, out: Path, name: str) -> str:
    """Take a picture of the window, and say so."""
    let_draw()
    viewer.window.screenshot(str(out / f"{name}.png"), canvas_only=False, flash=False)
    return f"picture: {name}.png"


def _size(dock: SSNDock) -> str:
    """Sizes as the window shows them once they are measured."""
    wait_until(dock, lambda: dock.session.summary.diameters is not None)
    return ", ".join(label.text() for label in dock.result.headlines)


def wait_until(dock: SSNDock, ready: Callable[[], bool]) -> None:
    """Let the window live until something is the case; SSNError if it shows an error instead."""
    end = time.monotonic() + _PATIENCE
    while not ready():
        note = dock.session.note
        if note is not None and note.error:
            raise SSNError(note.text)
        if time.monotonic() > end:
            raise SSNError("The window did not get ready in time: try again on an idle computer.")
        QApplication.processEvents()
        time.sleep(0.005)


def let_draw(seconds: float = 0.5) -> None:
    """Let the window live for a while, so that what changed is on the screen."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        raise ExportError("That folder cannot be made: choose another one.") from None
