"""Fit to my drawing in a real dock: a layer that somebody paints, and what becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from napari_ssn.core.given.drawing import fit_drawing
from napari_ssn.gui.layers.drawing import DRAWING, UNLIKELY
from napari_ssn.gui.layers.results import HYPOTHESIS
from tests.support.docks import run_and_wait
from tests.support.helpers import noise_image, oblique_affine, tiny_model


@pytest.fixture
def ready(opened: tuple[Any, Any], qtbot: Any) -> tuple[Any, Any]:
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    return viewer, dock


def fitted(dock: Any, qtbot: Any) -> None:
    dock.points.fitting.fit.click()
    qtbot.waitUntil(lambda: not dock.session.fitting.busy, timeout=60_000)


def outline(dock: Any) -> np.ndarray:
    """One that the model nearly has, and a few pixels that no hypothesis has."""
    dist = dock.session.result.dist
    values = dist.label_map([1.0, -1.5, 0.5]).copy()
    values[fit_drawing(dist, np.ones_like(values)).unlikely] = 1
    return values


def test_what_is_painted_becomes_the_outline_on_show(ready: tuple[Any, Any], qtbot: Any) -> None:
    viewer, dock = ready
    row, session = dock.points.fitting, dock.session
    assert not row.fit.isEnabled() and row.about.isHidden()
    row.draw.click()
    layer = viewer.layers[DRAWING]
    assert layer.mode == "paint" and viewer.layers.selection.active.name == DRAWING
    np.testing.assert_allclose(layer.scale, viewer.layers["scan"].scale)
    fitted(dock, qtbot)
    # An empty one is said in words.
    assert session.note.text == "Nothing is drawn yet." and session.walk.choice.drawing is None
    values = outline(dock)
    layer.data = values
    fitted(dock, qtbot)
    fit = fit_drawing(session.result.dist, values)
    shown = np.array(viewer.layers[HYPOTHESIS].data)
    np.testing.assert_array_equal(shown, session.result.dist.label_map(fit.z))
    assert row.about.text().startswith("Nearest hypothesis") and not row.about.isHidden()
    assert layer.mode == "pan_zoom" and layer.contour == 1
    qtbot.waitUntil(lambda: dock.samples.here.text() == "Nearest to drawing")
    marks = viewer.layers[UNLIKELY]
    np.testing.assert_array_equal(marks.data > 0, fit.unlikely)
    assert fit.unlikely.any()
    # The slider goes on from there; away from the drawing nothing is said of it.
    dock.session.walk.set_sigma(0.8)
    assert not row.about.isHidden() and marks.visible
    dock.session.walk.show_sample(None)
    assert row.about.isHidden() and not marks.visible
    dock.session.walk.undo()
    assert not row.about.isHidden() and marks.visible
    # In 3D napari would warn of lines; painting goes on in the same layer.
    viewer.dims.ndisplay = 3
    assert layer.contour == 0
    viewer.dims.ndisplay = 2
    row.draw.click()
    assert layer.mode == "paint" and layer.contour == 0
    assert [one.name for one in viewer.layers].count(DRAWING) == 1
    dock.run.button.click()
    qtbot.waitUntil(lambda: not session.busy and session.walk.counts is not None, timeout=60_000)
    assert UNLIKELY not in viewer.layers and DRAWING in viewer.layers


def test_of_several_drawings_one_is_chosen(ready: tuple[Any, Any], qtbot: Any) -> None:
    viewer, dock = ready
    row, values = dock.points.fitting, outline(dock)
    scale = {"scale": (0.7, 0.7), "units": ("mm", "mm")}
    viewer.add_labels(values, name="Anna", **scale)
    assert row.layers.isHidden() and row.fit.isEnabled()
    viewer.add_labels(np.zeros_like(values), name="Ben", **scale)
    assert not row.layers.isHidden() and row.layers.currentText() == "Ben"
    row.layers.setCurrentIndex(row.layers.findText("Anna"))
    fitted(dock, qtbot)
    assert dock.session.walk.choice.kind == "drawing"
    # What a person kept may have been painted on.
    dock.session.copies.keep()
    qtbot.waitUntil(lambda: row.layers.count() == 3, timeout=60_000)
    names = [row.layers.itemText(at) for at in range(row.layers.count())]
    assert sorted(names)[:2] == ["Anna", "Ben"] and sorted(names)[2].startswith("SSN · kept")
    assert row.layers.currentText() == "Anna"
    viewer.layers.remove("Ben")
    viewer.layers.remove("Anna")
    assert row.layers.count() == 1


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"scale": (0.7, 0.7), "translate": (0.35, 0)}, "on another grid"),
        ({"scale": (0.5, 0.5)}, "on another grid"),
        ({"scale": (0.7, 0.7), "translate": (7, 0)}, "beyond the image"),
        # The same voxels in another unit.
        ({"scale": (700.0, 700.0), "units": ("um", "um")}, None),
    ],
)
def test_a_layer_elsewhere_is_one_sentence(
    ready: tuple[Any, Any], qtbot: Any, where: dict[str, Any], words: str | None
) -> None:
    viewer, dock = ready
    viewer.add_labels(outline(dock), **{"units": ("mm", "mm"), **where})
    fitted(dock, qtbot)
    if words is None:
        assert dock.session.walk.choice.kind == "drawing"
    else:
        assert words in dock.session.note.text and dock.session.walk.choice.drawing is None


def test_a_volume_is_turned_back_onto_its_own_grid(
    open_dock: Any, qtbot: Any, tmp_path: Path
) -> None:
    space = (14, 12, 10)
    nib.save(nib.Nifti1Image(noise_image(space), oblique_affine()), tmp_path / "scan.nii.gz")
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny", dims=3))
    viewer.open(tmp_path / "scan.nii.gz", plugin="napari-ssn")
    run_and_wait(dock, qtbot)
    dist = dock.session.result.dist
    values = dist.placed(dist.label_map([1.0, -1.5, 0.5]))
    dock.points.fitting.draw.click()
    viewer.layers[DRAWING].data = dock.scene.here.shown(values).copy()
    fitted(dock, qtbot)
    assert dock.session.walk.choice.drawing.z == tuple(fit_drawing(dist, values).z)
