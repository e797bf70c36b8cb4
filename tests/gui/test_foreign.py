"""Image layers that other plugins opened, and plain arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from napari.layers import Image

import napari_ssn as ssn
from napari_ssn.gui.layers import results as layers
from napari_ssn.io.hashes import image_hash
from tests.support import readers
from tests.support.phantom import EXACT_MM, Phantom, phantom, phantoms, places_of

READERS = {"napari-nifti": readers.napari_nifti, "napari-itk-io": readers.napari_itk_io}
ALL = [pytest.param(one, id=one.name) for one in phantoms()]


def opened(reader: str, one: Phantom, **options: Any) -> Image:
    """A layer as napari makes it of what a reader returns."""
    data, kwargs, _ = READERS[reader](one.data, one.affine)
    kwargs = {k: v for k, v in kwargs.items() if k not in ("rgb", "channel_axis")}
    return Image(data, **{**kwargs, **options})


def off_mm(layer: Image, one: Phantom) -> float:
    """How far the farthest voxel of a layer's volume lies from where it is, in mm."""
    volume = layers.describe(layer).source.load()
    places = places_of(volume.data[0], volume.affine)
    return float(np.abs(places - one.places()).max())


@pytest.mark.parametrize("one", ALL)
@pytest.mark.parametrize("reader", list(READERS))
def test_every_voxel_is_where_it_is_in_the_patient(reader: str, one: Phantom) -> None:
    layer = opened(reader, one)
    shown = layers.describe(layer)
    assert shown.source.problem is None
    assert shown.source.oriented and shown.source.extent == "volume"
    assert shown.display is not None and not shown.display.moved
    assert off_mm(layer, one) < EXACT_MM
    # Shown straight, and the angle is that between the axes and the patient's.
    assert shown.display.tilt_degrees == pytest.approx(21.66, abs=0.01)
    # Which plane that is depends on how the reader laid the axes.
    across = np.abs(one.affine[:3, :3] / np.linalg.norm(one.affine[:3, :3], axis=0)).argmax(0)
    order = ("sagittal", "coronal", "axial")
    if reader == "napari-itk-io":
        assert shown.display.plane == order[across[2]]


@pytest.mark.parametrize("one", ALL)
def test_an_image_of_napari_nifti_has_the_hash_of_its_file(one: Phantom, tmp_path: Path) -> None:
    image = nib.Nifti1Image(one.data, one.affine)
    image.header.set_xyzt_units("mm")
    nib.save(image, tmp_path / "a.nii.gz")
    stored = nib.load(tmp_path / "a.nii.gz").affine
    volume = layers.describe(opened("napari-nifti", Phantom("", one.data, stored))).source.load()
    assert image_hash(volume) == image_hash(ssn.read(tmp_path / "a.nii.gz"))


@pytest.mark.parametrize("reader", list(READERS))
def test_a_layer_that_was_moved_is_where_it_lies_now(reader: str) -> None:
    one = phantom()
    layer = opened(reader, one)
    layer.translate = np.add(layer.translate, (0, 0, 3.0))
    shown = layers.describe(layer)
    assert shown.display is not None and shown.display.moved and shown.source.oriented
    assert shown.display.tilt_degrees == 0
    volume = shown.source.load()
    moves = places_of(volume.data[0], volume.affine) - one.places()
    # By 3 mm along the axis that is shown last, whichever way the reader's world counts.
    step = one.affine[:3, 0] / np.linalg.norm(one.affine[:3, 0])
    sign = 1.0 if reader == "napari-itk-io" else -1.0
    # napari-nifti rounds its affine to six digits.
    expected = np.broadcast_to(sign * 3 * step, moves.shape)
    np.testing.assert_allclose(moves, expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")
def test_what_itk_turns_itself_is_not_turned_twice() -> None:
    """itk-napari-conversion rotates the layer, by the transpose of the direction."""
    one = phantom()
    data, kwargs, _ = readers.napari_itk_io(one.data, one.affine)
    metadata = kwargs["metadata"]
    layer = Image(
        data,
        scale=kwargs["scale"],
        translate=kwargs["translate"],
        rotate=metadata["direction"].T,
        metadata=metadata,
    )
    display = layers.describe(layer).display
    assert display is not None and not display.moved and display.tilt_degrees == 0
    assert off_mm(layer, one) < EXACT_MM


def test_a_crop_of_an_itk_image_keeps_its_place() -> None:
    one = phantom()
    layer = opened("napari-itk-io", one)
    crop = Image(
        layer.data[1:, :, 2:],
        scale=layer.scale,
        translate=layer.data_to_world((1, 0, 2)),
        metadata=layer.metadata,
    )
    volume = layers.describe(crop).source.load()
    kept = one.data[2:, :, 1:]
    places = one.places()[np.sort(kept, axis=None).astype(int) - 1]
    np.testing.assert_allclose(places_of(volume.data[0], volume.affine), places, atol=EXACT_MM)


def test_a_crop_whose_place_is_lost_is_refused() -> None:
    layer = opened("napari-nifti", phantom())
    crop = Image(layer.data[1:], scale=layer.scale, metadata=layer.metadata)
    assert "open it with the reader of napari-ssn" in (layers.describe(crop).source.problem or "")


def test_time_behind_space_is_refused() -> None:
    layer = opened("napari-nifti", phantom())
    film = Image(np.zeros((6, 5, 4, 7)), metadata=layer.metadata)
    assert "Time must be the first axis" in (layers.describe(film).source.problem or "")


@pytest.mark.parametrize("reader", list(READERS))
def test_a_header_of_another_image_is_not_believed(reader: str) -> None:
    """Then the affine counts, as its reader rounded it."""
    one = phantom()
    layer = opened(reader, one)
    if reader == "napari-nifti":
        layer.metadata["header"] = nib.Nifti1Image(one.data, np.diag([1.0, 2, 3, 1])).header
    assert off_mm(layer, one) < 1e-5


@pytest.mark.parametrize("reader", list(READERS))
def test_a_size_that_a_reader_made_up_is_not_known(reader: str) -> None:
    """Files without a place come with 1 mm at the origin."""
    one = phantom()
    made_up = np.diag([1.0, 1, 1, 1]) if reader == "napari-nifti" else np.diag([-1.0, -1, 1, 1])
    source = layers.describe(opened(reader, Phantom("", one.data, made_up))).source
    assert source.extent == "unknown" and source.spacing_mm is None and not source.oriented
    assert " mL" not in source.measure.amount(1000)


@pytest.mark.parametrize(
    "damage",
    [
        {"affine": np.zeros((4, 4))},
        {"affine": np.full((4, 4), np.nan)},
        {"affine": "none", "direction": np.zeros((3, 3))},
        {"direction": np.eye(3), "spacing": "1 1 1", "origin": (0, 0, 0)},
        {"direction": np.eye(3), "spacing": (1, 2, np.inf), "origin": (0, 0, 0)},
    ],
)
def test_damaged_metadata_is_not_believed(damage: dict[str, Any]) -> None:
    layer = Image(np.zeros((4, 5, 6)), scale=(3, 2, 1), metadata=damage)
    source = layers.describe(layer).source
    assert not source.oriented and source.spacing_mm == pytest.approx((3, 2, 1))
