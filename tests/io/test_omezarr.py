"""OME-Zarr of both versions: the phantom at each level, what it is in mm, and what is refused."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_ssn as ssn
from napari_ssn.errors import GeometryError, ImageError, SSNError
from napari_ssn.hooks.glance import get_reader
from napari_ssn.io.formats import is_dicom
from napari_ssn.io.omezarr import list_levels, read_omezarr
from tests.support.helpers import noise_image
from tests.support.zarrs import MICRO, NAME, make, zarr


def halved(image: np.ndarray) -> np.ndarray:
    return image[..., ::2, ::2, ::2]


@pytest.fixture
def image() -> np.ndarray:
    return (1000 * noise_image((4, 6, 8))).astype(np.int16)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_every_level_lies_where_it_says(tmp_path: Path, image: np.ndarray, version: str) -> None:
    path = make(tmp_path / f"{NAME}.ome.zarr", [image, halved(image)], "zyx", version)
    assert not is_dicom(path)
    fine, coarse = ssn.read(path), ssn.read(path, series=2)
    np.testing.assert_array_equal(fine.data[0], image)
    np.testing.assert_array_equal(coarse.data[0], halved(image))
    assert fine.note == "The finest of 2 levels was read." and coarse.note is None
    assert fine.extent == "volume" and not fine.oriented
    assert fine.spacing_mm == pytest.approx((2e-3, 5e-4, 4e-4))
    # The middle of the coarse first voxel is the middle of eight fine ones.
    middle = fine.affine @ [0.5, 0.5, 0.5, 1]
    np.testing.assert_allclose(coarse.affine @ [0, 0, 0, 1], middle, atol=1e-12)
    assert [info.size for info in list_levels(path)] == [(8, 6, 4), (4, 3, 2)]
    assert list_levels(path)[1].words == "4 × 3 × 2 · 0.8 × 1 × 4 µm · 0 MB"


def test_the_picture_is_not_turned(tmp_path: Path, image: np.ndarray) -> None:
    path = make(tmp_path / "a.zarr", [image], "zyx", unit="millimeter")
    [(shown, meta, kind)] = get_reader(str(path))(str(path))
    np.testing.assert_array_equal(shown, image)
    assert kind == "image" and NAME not in meta["name"] and meta["units"] == ("mm",) * 3
    assert meta["scale"] == pytest.approx((2.0, 0.5, 0.4))


def test_points_in_time_and_channels_are_frames(tmp_path: Path, image: np.ndarray) -> None:
    series = np.stack([np.stack([image + 10 * t + c for c in range(2)]) for t in range(3)])
    path = make(tmp_path / "a.zarr", [series.astype(np.float32)], "tczyx")
    np.testing.assert_array_equal(read_omezarr(path, frame=3).data[0], series[1, 1])
    with pytest.raises(GeometryError, match="holds 6 frames"):
        ssn.read(path)
    with pytest.raises(GeometryError, match="no frame 7"):
        read_omezarr(path, frame=6)
    [(shown, meta, _)] = get_reader(str(path))(str(path))
    np.testing.assert_array_equal(shown, series.reshape(6, *image.shape))
    assert meta["axis_labels"][0] == "frame" and meta["scale"][0] == 1.0
    once = make(tmp_path / "b.zarr", [series[:, 0]], "tzyx")
    [(_, meta, _)] = get_reader(str(once))(str(once))
    assert meta["axis_labels"][0] == "t" and meta["scale"][0] == 3.0 and meta["units"][0] == "s"


def test_a_plane_of_several_channels_is_never_a_volume(tmp_path: Path, image: np.ndarray) -> None:
    path = make(tmp_path / "a.zarr", [image[:2]], "cyx")
    layers = get_reader(str(path))(str(path))
    assert [layer[0].shape for layer in layers] == [(6, 8), (6, 8)]
    plane = read_omezarr(path, frame=1)
    assert plane.extent == "plane" and plane.spacing_mm == pytest.approx((5e-4, 4e-4))
    np.testing.assert_array_equal(plane.data[0], image[1])


def test_without_a_unit_no_size_is_claimed(tmp_path: Path, image: np.ndarray) -> None:
    assert ssn.read(make(tmp_path / "a.zarr", [image], "zyx", unit=None)).extent == "unknown"
    path = make(tmp_path / "b.zarr", [image], "zyx")
    about = json.loads((path / ".zattrs").read_text())
    del about["multiscales"][0]["datasets"][0]["coordinateTransformations"]
    (path / ".zattrs").write_text(json.dumps(about))
    assert ssn.read(path).extent == "unknown"


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_inside_open_beside_their_level(
    tmp_path: Path, image: np.ndarray, version: str
) -> None:
    path = make(tmp_path / "a.zarr", [image, halved(image)], "zyx", version)
    marked = (image > 0).astype(np.uint8) * 3
    make(path / "labels" / "cells", [marked, halved(marked)], "zyx", version)
    root = zarr.open_group(str(path / "labels"), mode="a", zarr_format=2 if version == "0.4" else 3)
    if version == "0.4":
        root.attrs["labels"] = ["cells", "../../other"]
    else:
        root.attrs["ome"] = {"version": version, "labels": ["cells", "../../other"]}
    layers = get_reader(str(path))(str(path))
    assert [kind for _, _, kind in layers] == ["image", "labels"]
    assert layers[1][1]["name"] == "cells" and not layers[1][1]["visible"]
    np.testing.assert_array_equal(layers[1][0], marked)
    assert layers[1][1]["scale"] == layers[0][1]["scale"]


def test_somebody_chooses_the_level(
    tmp_path: Path, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = pytest.importorskip("napari_ssn.gui.widgets.series_dialog")
    path = make(tmp_path / "a.zarr", [image, halved(image)], "zyx")
    asked: list[Any] = []
    monkeypatch.setattr(dialog, "can_ask", lambda: True)
    monkeypatch.setattr(dialog, "ask", lambda what: asked.append(what) or [2])
    [(shown, _, _)] = get_reader(str(path))(str(path))
    np.testing.assert_array_equal(shown, halved(image))
    [told] = asked
    assert [entry[0] for entry in told.entries] == [1, 2]
    assert told.first == 1 and told.kind == "levels"


def test_a_collection_of_several_images(tmp_path: Path, image: np.ndarray) -> None:
    path = tmp_path / "a.zarr"
    root = zarr.open_group(str(path), mode="w", zarr_format=2)
    root.attrs["bioformats2raw.layout"] = 3
    make(path / "0", [image, halved(image)], "zyx")
    make(path / "1", [image + 1], "zyx")
    assert [info.size for info in list_levels(path)] == [(8, 6, 4), (4, 3, 2), (8, 6, 4)]
    np.testing.assert_array_equal(ssn.read(path, series=3).data[0], image + 1)
    with pytest.raises(ImageError, match="several images, with 3 levels"):
        ssn.read(path)


def _version(about: dict[str, Any]) -> None:
    about["multiscales"][0]["version"] = "0.2"


def _axis(about: dict[str, Any]) -> None:
    about["multiscales"][0]["axes"][0]["type"] = "phase"


def _outside(about: dict[str, Any]) -> None:
    about["multiscales"][0]["datasets"][0]["path"] = "../../../etc"


def _gone(about: dict[str, Any]) -> None:
    about["multiscales"][0]["datasets"][0]["path"] = "7"


def _plate(about: dict[str, Any]) -> None:
    about["plate"] = {}


def _nothing(about: dict[str, Any]) -> None:
    about.clear()


def _scale(about: dict[str, Any]) -> None:
    about["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]["scale"][1] = 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_version, "of version 0.2; 0.4 and 0.5 are read"),
        (_axis, "neither space, time nor channels"),
        (_outside, "is damaged"),
        (_gone, "is not there"),
        (_plate, "a plate of many images"),
        (_nothing, "holds no image of OME-Zarr"),
        (_scale, "singular"),
    ],
)
def test_what_is_not_read_is_named(tmp_path: Path, image: np.ndarray, change, words: str) -> None:
    path = make(tmp_path / f"{NAME}.zarr", [image], "zyx")
    about = json.loads((path / ".zattrs").read_text())
    change(about)
    (path / ".zattrs").write_text(json.dumps(about))
    with pytest.raises(SSNError, match=words) as caught:
        ssn.read(path)
    assert NAME not in str(caught.value) and caught.value.__cause__ is None


def test_without_the_library_it_is_said_what_to_install(
    tmp_path: Path, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "a.zarr", [image], "zyx")
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ImageError, match=r'pip install "napari-ssn\[zarr\]"'):
        ssn.read(path)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_damage_is_one_sentence(tmp_path: Path, image: np.ndarray, version: str) -> None:
    path = make(tmp_path / NAME, [image], "zyx", version)
    files = [one for one in path.rglob("*") if one.is_file()]
    for one in files:
        whole = one.read_bytes()
        # Half of the bytes of a long description tell the same.
        for at in range(0, len(whole), 61):
            for changed in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x15]) + whole[at + 1 :]):
                one.write_bytes(changed)
                said = "."
                try:
                    ssn.read(path)
                except SSNError as error:
                    said = str(error)
                assert NAME not in said and said.endswith(".")
        one.write_bytes(whole)


def test_blocks_that_are_missing_are_told(tmp_path: Path, image: np.ndarray) -> None:
    path = make(tmp_path / "a.zarr", [image], "zyx", chunks=(1, 6, 8))
    (path / "0" / "2" / "0" / "0").unlink(missing_ok=True)
    for one in (path / "0").glob("2.0.0"):
        one.unlink()
    volume = ssn.read(path)
    assert "1 of its blocks are not stored" in str(volume.note)
    assert not volume.data[0, 2].any() and volume.data[0, 1].any()


def test_what_costs_more_than_an_image_is_refused(tmp_path: Path) -> None:
    root = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=2)
    root.create_array("0", shape=(2048, 2048, 2048), dtype="u1", chunks=(64, 64, 64))
    axes = [{"name": n, "type": "space", "unit": MICRO} for n in "zyx"]
    move = [{"type": "scale", "scale": [1, 1, 1]}]
    sets = [{"path": "0", "coordinateTransformations": move}]
    root.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": sets}]
    with pytest.raises(ImageError, match="which no image is"):
        ssn.read(tmp_path / "a.zarr")


@pytest.mark.parametrize("codec", ["gzip", "zstd", "blosc"])
def test_a_block_that_unpacks_to_more_than_its_share_is_refused(
    tmp_path: Path, image: np.ndarray, codec: str
) -> None:
    import numcodecs

    of = {"gzip": numcodecs.GZip(9), "zstd": numcodecs.Zstd(3), "blosc": numcodecs.Blosc()}[codec]
    path = make(tmp_path / "a.zarr", [image], "zyx", compressors=of)
    np.testing.assert_array_equal(ssn.read(path).data[0], image)
    [block] = [one for one in (path / "0").rglob("*") if one.is_file() and one.name[0] != "."]
    block.write_bytes(of.encode(np.zeros(100 << 20, np.uint8)))
    with pytest.raises(ImageError, match="blocks of the OME-Zarr are damaged"):
        ssn.read(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without named pipes")
@pytest.mark.parametrize("place", [".zattrs", "0/.zarray", "0/0.0.0"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, image: np.ndarray, place: str) -> None:
    path = make(tmp_path / "a.zarr", [image], "zyx")
    (path / place).unlink()
    os.mkfifo(path / place)
    with pytest.raises(ImageError, match=r"damaged|no regular file"):
        ssn.read(path)


HIGH = np.array([2**24 + 1, 2**32 - 1], np.int64)


@pytest.mark.parametrize("kind", ["<u4", ">i8", "<u8"])
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_keep_the_numbers_that_are_stored(
    tmp_path: Path, image: np.ndarray, kind: str, version: str
) -> None:
    marked = np.zeros(image.shape, np.int64)
    marked[1:3, 2:4, 1:6], marked[1:3, 2:4, 6:] = HIGH
    labels = marked.astype(kind)
    path = make(tmp_path / "a.zarr", [image], "zyx", version)
    make(path / "labels" / "cells", [labels], "zyx", version)
    root = zarr.open_group(str(path / "labels"), mode="a", zarr_format=2 if version == "0.4" else 3)
    if version == "0.4":
        root.attrs["labels"] = ["cells"]
    else:
        root.attrs["ome"] = {"version": version, "labels": ["cells"]}
    _, (shown, _, layer_type) = get_reader(str(path))(str(path))
    assert layer_type == "labels" and shown.dtype == np.uint32 and shown.flags.writeable
    np.testing.assert_array_equal(shown, marked)


def test_a_mask_that_does_not_say_so_opens_as_labels(tmp_path: Path, image: np.ndarray) -> None:
    mask = np.zeros(image.shape, np.uint16)
    mask[1:3, 2:5, 1:7] = 300
    path = make(tmp_path / "a.zarr", [mask], "zyx")
    [(shown, _, kind)] = get_reader(str(path))(str(path))
    assert kind == "labels" and shown.dtype == np.uint16
    np.testing.assert_array_equal(shown, mask)


def test_labels_that_are_not_opened_are_told(tmp_path: Path, image: np.ndarray) -> None:
    path = make(tmp_path / "a.zarr", [image], "zyx")
    make(path / "labels" / "coarse", [halved(image)], "zyx")
    make(path / "labels" / "below", [image * 0 - 1], "zyx")
    root = zarr.open_group(str(path / "labels"), mode="a", zarr_format=2)
    root.attrs["labels"] = ["coarse", "below"]
    with pytest.warns(UserWarning, match="left out") as told:
        layers = get_reader(str(path))(str(path))
    assert [kind for _, _, kind in layers] == ["image"]
    assert {str(one.message) for one in told} == {
        "1 label image beside the image has no level on its grid and was left out.",
        "below beside the image holds values that are no labels and was left out.",
    }
