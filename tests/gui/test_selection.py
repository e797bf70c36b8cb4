"""What is selected in napari's list, and set beside the picture, is the image or what one chose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from napari_ssn.gui.layers.results import HYPOTHESIS
from napari_ssn.samples import COUNT
from tests.support.docks import add_image, run_and_wait
from tests.support.helpers import noise_image, tiny_model


def names(viewer: Any) -> set[str]:
    return {layer.name for layer in viewer.layers.selection}


@pytest.mark.parametrize("chosen", [(), ("scan",), ("scan", "other")])
def test_what_was_selected_stays_so(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path, chosen: tuple[str, ...]
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny"))
    add_image(viewer)
    viewer.add_image(viewer.layers["scan"].data, name="other")
    dock.session.place_centre((20, 20))
    viewer.layers.selection = {viewer.layers[name] for name in chosen}
    heard: list[Any] = []
    viewer.layers.selection.events.changed.connect(heard.append)
    run_and_wait(dock, qtbot)
    dock.samples.count.setValue(2)
    dock.samples.add.click()
    qtbot.waitUntil(lambda: len(dock.scene.copies.layers) == 2, timeout=60_000)
    dock.settings.boxes["probability"].setChecked(True)
    qtbot.waitUntil(lambda: "SSN · probability" in viewer.layers, timeout=60_000)
    assert viewer.layers[-1].name == HYPOTHESIS
    assert names(viewer) == set(chosen)
    # Not for a moment was it another: napari would lay out the controls of both. (Qt stretches
    # what is selected over a layer that comes between two.)
    assert not heard or len(chosen) > 1


@pytest.mark.parametrize("number", range(1, COUNT + 1))
def test_of_a_sample_the_image_is_selected(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path, number: int
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny"))
    dock.start.samples.menu().actions()[number - 1].trigger()
    qtbot.waitUntil(lambda: len(viewer.layers) == 2 and not dock.opening.opening.busy)
    assert names(viewer) == {f"Lung nodule {number}"}
    assert not viewer.layers["radiologists"].visible


def test_where_no_model_is_installed_the_list_says_so(
    open_dock: Callable[..., Any], qtbot: Any
) -> None:
    viewer, dock = open_dock()
    add_image(viewer)
    models = dock.image.models
    assert models.currentIndex() == -1 and models.placeholderText() == "None is installed"
    # The way out that is told of is in the list.
    told = dock.run.status.text()
    assert told.startswith("No model is installed") and models.itemText(models.count() - 1) in told
    assert not dock.run.button.isEnabled()


def test_what_was_read_is_not_called_by_its_file(
    open_dock: Callable[..., Any], tmp_path: Path
) -> None:
    """napari names it below the picture and in its list, and it may be called after a patient."""
    image = nib.Nifti1Image(noise_image((12, 10, 6)), np.eye(4))
    files = [tmp_path / f"DOE_{name}_1970.nii.gz" for name in ("JANE", "JOHN")]
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny"))
    for path in files:
        nib.save(image, path)
        (layer,) = viewer.open(str(path), plugin="napari-ssn")
        layer = getattr(layer, "__wrapped__", layer)
        assert "DOE" not in layer.get_source_str() + str(layer.get_status((1, 1, 1)))
        # It is still known, so that nothing is written over it.
        assert layer.source.path == str(path)
    assert dock.picture.image in viewer.layers
