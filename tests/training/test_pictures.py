"""Pictures of the worst cases: what is in which panel, and nothing that breaks them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFont

from napari_ssn.errors import ExportError
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.models import Model, load_model
from napari_ssn.training import pictures
from napari_ssn.training.cases import Case, Cases
from napari_ssn.training.pictures import CAPTION, GAP, PANEL, worst_cases
from napari_ssn.training.slices import SliceSet, load_slices
from tests.support.helpers import noise_image, oblique_affine, tiny_model
from tests.support.sets import slice_files, write

SPACING = (0.7, 1.3, 2.5)


class Blobs(Cases):
    """Two 3D images; two raters draw two labels, and the second sees nothing of the last image."""

    name = "blobs"
    names = ("secret-name-a", "secret-name-b")
    patients = np.array(names)
    channels = ("intensity",)
    labels = ("background", "label 1", "label 2")
    raters = 2
    sha256 = "0" * 64

    def __getitem__(self, index: int) -> Case:
        volume = Volume(noise_image((20, 24, 18), index)[None], oblique_affine(SPACING))
        raters = np.zeros((2, 20, 24, 18), np.uint8)
        raters[0, 6:12, 5:11, 3:9] = 1
        raters[0, 6:12, 11:15, 7] = 2
        raters[1] = raters[0] if index == 0 else 0
        return Case(self.names[index], volume, raters)

    def space(self, index: int) -> tuple[int, ...]:
        return (20, 24, 18)

    def spacing_mm(self, index: int) -> tuple[float, ...]:
        return SPACING


@pytest.fixture
def data(tmp_path: Path) -> SliceSet:
    return load_slices(write(tmp_path / "data.zip", slice_files(3)))


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return load_model(tiny_model(tmp_path / "tiny", centred=True), "cpu")


@pytest.fixture
def model_3d(tmp_path: Path) -> Model:
    return load_model(tiny_model(tmp_path / "tiny3", 3, 3, region=(16, 16, 16)), "cpu")


def panels(path: Path) -> list[np.ndarray]:
    """The three panels of a picture, without their captions."""
    picture = np.asarray(Image.open(path))
    lefts = [GAP + i * (PANEL + GAP) for i in range(3)]
    return [picture[GAP : GAP + PANEL, left : left + PANEL] for left in lefts]


def with_bits(data: SliceSet, index: int, bits: np.ndarray) -> SliceSet:
    changed = data.bits.copy()
    changed[index] = bits
    return dataclasses.replace(data, bits=changed)


def blind(model: Model) -> Model:
    """The same model, which holds everything for background."""
    with torch.no_grad():
        model.network.mean.bias[0] += 1e4
    return model


def test_pictures_are_numbered_of_one_size_and_made_alike_twice(
    tmp_path: Path, model: Model, data: SliceSet
) -> None:
    worst = np.array([2, 0, 1])
    paths = worst_cases(model, data, worst, tmp_path / "new" / "folder", count=2)
    assert [p.name for p in paths] == ["worst-1.png", "worst-2.png"]
    assert sorted(p.name for p in paths[0].parent.iterdir()) == ["worst-1.png", "worst-2.png"]
    again = worst_cases(model, data, worst, tmp_path / "again", count=2)
    for path, twin in zip(paths, again, strict=True):
        assert path.read_bytes() == twin.read_bytes()
        with Image.open(path) as picture:
            assert picture.size == (3 * PANEL + 4 * GAP, PANEL + GAP + CAPTION)
            assert picture.mode == "RGB" and not picture.info
    assert len(worst_cases(model, data, worst, tmp_path / "all", count=5)) == 3
    # The first picture is of the case named first.
    alone = worst_cases(model, data, np.array([2]), tmp_path / "alone")
    assert alone[0].read_bytes() == paths[0].read_bytes()


def test_a_rater_changes_the_second_panel_only(
    tmp_path: Path, model: Model, data: SliceSet
) -> None:
    bits = data.bits[0].copy()
    bits[8:24, 10:12] |= 4
    before = panels(worst_cases(model, data, np.array([0]), tmp_path / "a")[0])
    after = panels(worst_cases(model, with_bits(data, 0, bits), np.array([0]), tmp_path / "b")[0])
    same = [np.array_equal(old, new) for old, new in zip(before, after, strict=True)]
    assert same == [True, False, True]
    # Ten voxels of 10 pixels each: far from what was added nothing changes.
    changed = np.argwhere((before[1] != after[1]).any(-1))
    assert changed.min(0)[1] > 80 and changed.max(0)[1] < 230


def reach(panel: np.ndarray, colour: str) -> float:
    """Distance of a colour from the pixel of a panel that is nearest to it."""
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return float(np.abs(panel.astype(int) - wanted).max(-1).min())


def test_the_image_is_grey_and_each_line_has_its_colour(
    tmp_path: Path, model: Model, data: SliceSet
) -> None:
    bits = np.zeros((32, 32), np.uint8)
    bits[4:8, 4:8], bits[20:28, 20:28] = 1, 2
    image, raters, found = panels(
        worst_cases(model, with_bits(data, 0, bits), np.array([0]), tmp_path)[0]
    )
    assert (image == image[..., :1]).all()
    orange, blue, card = "#e69f00", "#56b4e9", model.card.labels[1].colour
    assert reach(raters[:140, :140], orange) < 20 and reach(raters[140:, 140:], blue) < 20
    assert reach(raters[:140, :140], blue) > 60 and reach(raters[140:, 140:], orange) > 60
    assert reach(found, card) == 0
    # Inside an outline the image is what it was.
    np.testing.assert_array_equal(raters[50:70, 50:70], image[50:70, 50:70])


def test_nobody_marked_anything(tmp_path: Path, model: Model, data: SliceSet) -> None:
    empty = with_bits(data, 1, np.zeros((32, 32), np.uint8))
    image, raters, found = panels(worst_cases(blind(model), empty, np.array([1]), tmp_path)[0])
    np.testing.assert_array_equal(raters, image)
    np.testing.assert_array_equal(found, image)


def test_slices_of_volumes_keep_their_proportions(tmp_path: Path, model_3d: Model) -> None:
    paths = worst_cases(model_3d, Blobs(), np.array([1, 0]), tmp_path)
    last, first = (panels(path) for path in paths)
    # 20 × 24 voxels of 0.7 × 1.3 mm, less than is shown at least: 31.2 mm down, 14 mm across.
    wide = round(PANEL * 20 * 0.7 / (24 * 1.3))
    inside = np.flatnonzero(first[0].any((0, 2)))
    assert abs(len(inside) - wide) <= 2 and abs(inside.mean() - (PANEL - 1) / 2) <= 1
    assert first[0].any((1, 2)).sum() > 0.98 * PANEL
    assert (first[1] != first[0]).any() and (last[1] != last[0]).any()


def test_empty_volumes(tmp_path: Path, model_3d: Model) -> None:
    class Bare(Blobs):
        def __getitem__(self, index: int) -> Case:
            return dataclasses.replace(
                super().__getitem__(index), raters=np.zeros((1, 20, 24, 18), np.uint8)
            )

    # A model that sees something where no rater does is shown where it sees most.
    worst_cases(model_3d, Bare(), np.array([0]), tmp_path / "a")
    image, raters, found = panels(
        worst_cases(blind(model_3d), Bare(), np.array([0]), tmp_path / "b")[0]
    )
    np.testing.assert_array_equal(raters, image)
    np.testing.assert_array_equal(found, image)


def test_the_slice_is_where_raters_marked_most(model_3d: Model) -> None:
    # Slice 7 holds both labels; as shown they count from 1.
    scene = pictures._scene(model_3d, Blobs()[0], SPACING)
    assert scene.slice == (8, 18)
    # Rows run along the second axis and down to posterior, columns to the patient's left.
    np.testing.assert_array_equal(
        scene.raters, Blobs()[0].raters[..., 7].swapaxes(1, 2)[:, ::-1, ::-1]
    )
    assert scene.spacing == (1.3, 0.7)


@pytest.mark.parametrize(
    ("axes", "shape", "place"),
    [
        # Where both axes of a 2 × 3 plane lead, and the place of their far ends as shown.
        (("right", "anterior"), (3, 2), (0, 0)),
        (("left", "posterior"), (3, 2), (2, 1)),
        (("anterior", "right"), (2, 3), (0, 0)),
        (("anterior", "superior"), (3, 2), (0, 0)),
        (("inferior", "left"), (2, 3), (1, 2)),
    ],
)
def test_planes_are_shown_as_radiologists_read_them(
    axes: tuple[str, str], shape: tuple[int, int], place: tuple[int, int]
) -> None:
    directions = dict(zip(("right", "anterior", "superior"), np.eye(3), strict=True))
    directions |= dict(zip(("left", "posterior", "inferior"), -np.eye(3), strict=True))
    affine = np.eye(4)
    affine[:3, :2] = np.stack([directions[axis] for axis in axes], 1)
    affine[:3, 2] = np.cross(affine[:3, 0], affine[:3, 1])
    plane = np.zeros((2, 3), np.uint8)
    plane[-1, -1] = 1
    shown = pictures._upright(Volume(np.zeros((1, 2, 3), np.float32), affine))(plane)
    assert shown.shape == shape
    assert tuple(np.argwhere(shown)[0]) == place


def test_an_image_without_orientation_stays_as_it_is_stored() -> None:
    bare = Volume(np.zeros((1, 2, 3), np.float32), np.eye(4), oriented=False)
    assert pictures._upright(bare) == pictures._Turn()


def test_captions() -> None:
    maps = np.zeros((4, 8, 8), np.uint8)
    maps[:2, 2, 2] = 1
    scene = pictures._Scene(
        np.zeros((8, 8), np.float32), maps, maps[0], maps, (1.0, 2.0), True, None
    )
    assert pictures._captions(scene) == (
        "image, 16 mm wide",
        "4 raters (2 marked nothing)",
        "model: mean and 4 hypotheses (2 empty)",
    )
    one = dataclasses.replace(
        scene, raters=maps[2:3], mean=maps[3], hypotheses=maps[:2], known=False, slice=(3, 9)
    )
    assert pictures._captions(one) == (
        "image, slice 3 of 9",
        "1 rater (marked nothing here)",
        "model: mean (empty) and 2 hypotheses",
    )
    assert pictures._captions(dataclasses.replace(one, raters=maps[:1]))[1] == "1 rater"


def test_the_longest_caption_fits_under_its_panel() -> None:
    font = ImageFont.load_default(pictures._FONT)
    assert font.getlength("model: mean (empty) and 8 hypotheses (8 empty)") <= PANEL
    assert font.getlength("image, slice 1000 of 1000, 1000 mm wide") <= PANEL


def test_a_folder_that_cannot_be_made_is_named(
    tmp_path: Path, model: Model, data: SliceSet
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError):
        worst_cases(model, data, np.array([0]), tmp_path / "file")
