"""Images with a time axis, and images whose place is damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ssn.gui.layers.results import (
    HYPOTHESIS,
    describe,
)
from tests.support.docks import run_and_wait
from tests.support.frames import FRAMES, SPACE, WHERE, series
from tests.support.helpers import noise_image, tiny_model


@pytest.fixture
def deep(open_dock: Callable[..., Any], tmp_path: Path) -> tuple[Any, Any]:
    return open_dock(tiny_model(tmp_path / "deep", dims=3, region=(16, 16, 16)))


def test_the_frame_on_show_is_asked_for_and_segmented(
    deep: tuple[Any, Any], qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = deep
    add = viewer.add_image(np.zeros((4, 4)), name="first")
    data = series(viewer)
    viewer.layers.remove(add.name)
    viewer.dims.set_point(0, 6.0 + 2 * 3.0)
    # The box starts at the frame that was in front, and stays where it is put.
    assert dock.image.time.isVisibleTo(dock) and dock.image.frame.value() == 1
    assert dock.image.frames.text() == "of 5"
    dock.image.frame.setValue(3)
    assert dock.image.geometry.text() == "18 × 20 × 16 · 0.8 × 0.7 × 2.0 mm"
    run_and_wait(dock, qtbot)
    session = dock.session
    source = session.result.source
    assert source.frame == 2
    np.testing.assert_array_equal(source.load().data[0], data[2])
    layer = viewer.layers[HYPOTHESIS]
    assert layer.ndim == 3 and viewer.dims.ndim == 4
    np.testing.assert_allclose(layer.scale, WHERE["scale"][1:])
    np.testing.assert_allclose(layer.translate, WHERE["translate"][1:])
    # The same voxel lies in the same place.
    image = viewer.layers["series"]
    np.testing.assert_allclose(
        layer.data_to_world((3, 4, 5)), image.data_to_world((2, 3, 4, 5))[1:]
    )
    np.testing.assert_array_equal(np.asarray(layer.data), session.walk.label_map(()))

    target = tmp_path / "frame.nii.gz"
    dock.export.ask = lambda parent, name, pattern: str(target)
    dock.export.write.click()
    qtbot.waitUntil(lambda: session.files.exported is not None, timeout=20_000)
    assert json.loads((tmp_path / "frame.json").read_text())["run"]["frame"] == 3
    dock.samples.keep.click()
    qtbot.waitUntil(lambda: viewer.layers[-2].name.endswith("frame 3"), timeout=20_000)


def test_the_box_starts_at_the_frame_that_is_in_front(deep: tuple[Any, Any]) -> None:
    viewer, dock = deep
    series(viewer)
    viewer.dims.set_point(0, 6.0 + 3 * 3.0)
    other = viewer.add_image(np.zeros(SPACE), name="other")
    assert not dock.image.time.isVisibleTo(dock)
    viewer.layers.remove(other.name)
    assert dock.image.frame.value() == 4 and dock.session.setup.source.frame == 3


def test_another_frame_is_another_image_until_one_comes_back(
    deep: tuple[Any, Any], qtbot: Any
) -> None:
    viewer, dock = deep
    series(viewer)
    dock.session.place_centre((8, 8, 8))
    dock.image.frame.setValue(2)
    assert dock.session.setup.centre == (8, 8, 8)
    assert viewer.dims.point[0] == pytest.approx(6 + 3)
    run_and_wait(dock, qtbot)
    layer = viewer.layers[HYPOTHESIS]
    orange = layer.colormap.color_dict[1]
    dock.image.frame.setValue(4)
    assert dock.session.stale and "another image" in dock.result.old.text()
    dock.image.frame.setValue(2)
    assert not dock.session.stale
    # Scrolled to another frame, the outline is not of what one sees.
    viewer.dims.set_point(0, 6.0)
    assert not dock.session.stale and (layer.colormap.color_dict[1] != orange).any()
    viewer.dims.set_point(0, 6.0 + 3.0)
    assert (layer.colormap.color_dict[1] == orange).all()


def test_a_click_in_a_time_series(deep: tuple[Any, Any], qtbot: Any) -> None:
    viewer, dock = deep
    series(viewer)
    image = viewer.layers["series"]
    dock.picture.centre.place_at(tuple(image.data_to_world((3, 7, 8, 9))))
    assert dock.session.setup.centre == (7, 8, 9)
    np.testing.assert_allclose(viewer.layers["SSN · region"].data, [[7, 8, 9]])
    dock.picture.centre.place_at((6.0, 500.0, 0.0, 0.0))
    assert "outside" in dock.session.note.text


def test_shear_and_rotation_of_space_are_kept(deep: tuple[Any, Any], qtbot: Any) -> None:
    viewer, dock = deep
    turn, affine = np.eye(4), np.eye(5)
    turn[2:, 2:] = [[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]]
    affine[1, 4] = 7.0
    series(viewer, rotate=turn, shear=[0, 0, 0, 0, 0.1, 0.2], affine=affine)
    run_and_wait(dock, qtbot)
    image, layer = viewer.layers["series"], viewer.layers[HYPOTHESIS]
    for at in ((0, 0, 0), (3, 4, 5), (15, 19, 17)):
        np.testing.assert_allclose(layer.data_to_world(at), image.data_to_world((1, *at))[1:])


def test_a_lazy_series_is_read_one_frame_at_a_time(deep: tuple[Any, Any], qtbot: Any) -> None:
    import dask.array as da

    viewer, dock = deep
    data = np.stack([noise_image(SPACE, seed) for seed in range(FRAMES)])
    lazy = da.from_array(data, chunks=(1, *SPACE))
    viewer.add_image(lazy, name="lazy", contrast_limits=(-500, 500))
    dock.image.frame.setValue(5)
    np.testing.assert_array_equal(dock.session.setup.source.load().data[0], data[4])


@pytest.mark.filterwarnings("ignore:Non-orthogonal:UserWarning")
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"axis_labels": ("z", "y", "x", "t")}, "Time must be the first axis"),
        ({"scale": (1, np.nan, 1, 1)}, "voxel size"),
        ({"rgb": True}, "colour picture"),
    ],
)
def test_what_cannot_be_segmented_is_said_in_one_sentence(
    deep: tuple[Any, Any], options: dict[str, Any], words: str
) -> None:
    from napari.layers import Image

    _, dock = deep
    data = np.zeros((4, 6, 8, 3 if "rgb" in options else 9), np.uint8)
    layer = Image(data, **options)
    dock.picture.set_image(layer)
    assert words in dock.image.fit.text() and not dock.run.button.isEnabled()
    assert dock.image.fit.text().count(".") == 1 and not dock.image.time.isVisibleTo(dock)
    dock.picture.set_image(None)


@pytest.mark.filterwarnings("ignore:Non-orthogonal:UserWarning")
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("size", [np.nan, np.inf])
def test_voxel_sizes_that_are_none(size: float) -> None:
    """napari itself refuses a zero; these come through."""
    from napari.layers import Image

    found = describe(Image(np.zeros((4, 5, 6)), scale=(size, 1, 1)))
    assert "voxel size" in found.source.problem and found.display is None


def test_five_axes_are_refused(deep: tuple[Any, Any]) -> None:
    viewer, dock = deep
    viewer.add_image(np.zeros((2, 2, 4, 5, 6)), name="five")
    assert "5 axes" in dock.image.fit.text() and not dock.image.time.isVisibleTo(dock)
