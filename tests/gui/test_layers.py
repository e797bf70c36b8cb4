"""From image layers to volumes and back, whoever opened them."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image

from napari_ssn.errors import ImageError
from napari_ssn.geometry.volume import Volume
from napari_ssn.gui.layers import places
from napari_ssn.gui.layers import results as layers
from napari_ssn.io.layers import image_layer
from tests.support.helpers import noise_image, oblique_affine


def test_our_own_reader_gives_the_file_back_bit_for_bit() -> None:
    volume = Volume(noise_image((7, 9, 5))[None], oblique_affine())
    data, options, _ = image_layer(volume)
    shown = layers.describe(Image(data, **options))
    again = shown.source.load()
    np.testing.assert_array_equal(again.data, volume.data)
    np.testing.assert_allclose(again.affine, volume.affine, atol=1e-9)
    assert shown.source.oriented and shown.source.extent == "volume"
    assert shown.source.space == (7, 9, 5)
    assert shown.source.spacing_mm == pytest.approx((0.7, 1.3, 2.5))


@pytest.mark.parametrize(
    ("options", "extent", "spacing"),
    [
        ({}, "unknown", None),
        ({"scale": (3, 0.7, 0.7)}, "volume", (3, 0.7, 0.7)),
        ({"scale": (3, 0.7, 0.7), "units": ("mm",) * 3}, "volume", (3, 0.7, 0.7)),
        ({"scale": (0.3, 0.07, 0.07), "units": ("cm",) * 3}, "volume", (3, 0.7, 0.7)),
        ({"affine": np.diag([3, 0.7, 0.7, 1])}, "volume", (3, 0.7, 0.7)),
        ({"scale": (3, 0.7, 0.7), "translate": (1, 2, 3)}, "volume", (3, 0.7, 0.7)),
    ],
)
def test_other_volumes(options: dict, extent: str, spacing: tuple | None) -> None:
    source = layers.describe(Image(noise_image((4, 5, 6)), **options)).source
    assert (source.extent, source.oriented, source.space) == (extent, False, (4, 5, 6))
    assert source.spacing_mm == (spacing if spacing is None else pytest.approx(spacing))


def test_a_plane_with_a_pixel_size_measures_areas() -> None:
    source = layers.describe(Image(noise_image((5, 6)), scale=(0.5, 0.5))).source
    assert source.extent == "plane"
    assert source.measure.amount(100) == "25 mm²"


@pytest.mark.parametrize("reverse", [True, False])
def test_an_affine_in_the_metadata_of_another_reader(reverse: bool) -> None:
    # As napari-nifti leaves it: the file's true affine, and scales that may be negative.
    affine = oblique_affine()
    file_data = noise_image((4, 5, 6))
    data = file_data.T if reverse else file_data
    scale = (2.5, 1.3, 0.7) if reverse else (0.7, 1.3, 2.5)
    layer = Image(data, scale=(-scale[0], scale[1], scale[2]), metadata={"affine": affine})
    source = layers.describe(layer).source
    volume = source.load()
    np.testing.assert_array_equal(volume.data[0], file_data)
    np.testing.assert_allclose(volume.affine, affine)
    assert source.oriented


def test_a_series_stays_with_its_image_until_that_has_another_grid() -> None:
    series = object()
    volume = Volume(noise_image((7, 9, 5))[None], oblique_affine(), source=series)
    data, options, _ = image_layer(volume)
    assert layers.describe(Image(data, **options)).source.series is series
    cropped = Image(data[:, 1:], **options)
    assert layers.describe(cropped).source.series is None
    assert layers.describe(Image(noise_image((4, 5, 6)))).source.series is None


def test_an_affine_that_does_not_belong_is_not_believed() -> None:
    layer = Image(noise_image((4, 5, 6)), scale=(1, 2, 3), metadata={"affine": np.eye(4)})
    source = layers.describe(layer).source
    assert not source.oriented and source.spacing_mm == pytest.approx((1, 2, 3))


def test_each_reading_is_another_image() -> None:
    layer = Image(noise_image((5, 6)))
    assert layers.describe(layer).source.token != layers.describe(layer).source.token


def test_what_cannot_be_used_says_why() -> None:
    photo = layers.describe(Image(np.zeros((5, 6, 3), np.uint8), rgb=True)).source
    assert "RGB" in (photo.problem or "")
    with pytest.raises(ImageError, match="RGB"):
        photo.load()
    film = layers.describe(Image(np.zeros((2, 2, 3, 4, 5)))).source
    assert "5 axes" in (film.problem or "")


def test_nothing_is_read_before_it_is_needed() -> None:
    class Lazy:
        shape, dtype, ndim = (5, 6), np.dtype(np.float32), 2
        read = 0

        def __len__(self) -> int:
            return 5

        def __getitem__(self, key: object) -> np.ndarray:
            return np.zeros(self.shape, np.float32)[key]

        def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
            type(self).read += 1
            return noise_image((5, 6))

    layer = Image(Lazy(), contrast_limits=(0, 1))
    before = Lazy.read
    source = layers.describe(layer).source
    assert Lazy.read == before
    assert source.load().data.dtype == np.float32 and Lazy.read == before + 1


def test_a_click_finds_the_voxel_of_the_file() -> None:
    volume = Volume(noise_image((7, 9, 5))[None], oblique_affine())
    data, options, _ = image_layer(volume)
    layer = Image(data, **options)
    display = layers.describe(layer).display
    assert display is not None
    index = (2, 6, 3)
    shown = display.reorientation.index_to_display(index, display.image_space)
    assert places.clicked_voxel(layer, display, layer.data_to_world(shown)) == index
    # A viewer with one more axis in front.
    assert places.clicked_voxel(layer, display, (9.0, *layer.data_to_world(shown))) == index
    assert places.clicked_voxel(layer, display, layer.data_to_world((-1, 0, 0))) is None
