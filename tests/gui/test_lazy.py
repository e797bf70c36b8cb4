"""Lazy layers are computed beside napari, which slices others at that time."""

from __future__ import annotations

from typing import Any

import dask.array
import dask.callbacks
import numpy as np
from napari.layers import Image, Labels

from napari_ssn.gui.layers import places
from napari_ssn.gui.layers.results import describe


def test_labels_that_lie_on_an_image_are_computed_untold() -> None:
    image = Image(np.zeros((6, 5), np.float32))
    display = describe(image).display
    assert display is not None
    values, told = np.arange(30, dtype=np.uint8).reshape(6, 5), []
    labels = Labels(dask.array.from_array(values, chunks=2) + 0)

    def watch(key: Any, *about: Any) -> None:
        told.append(key)

    with dask.callbacks.Callback(pretask=watch):
        found = places.on_grid(labels, image, display), places.laid_on(labels, image, display)
    assert not told
    for one in found:
        np.testing.assert_array_equal(one, display.reorientation.undo(values))
