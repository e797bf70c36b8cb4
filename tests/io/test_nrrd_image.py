"""NRRD images: read as pynrrd reads them, and as NIfTI has the same image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nrrd
import numpy as np
import pytest

import napari_ssn as ssn
from napari_ssn.errors import GeometryError, ImageError, SSNError
from napari_ssn.gui.layers import results as layers
from napari_ssn.io.layers import get_reader, read_layers
from tests.support.helpers import noise_image, oblique_affine

SPACE = (5, 4, 3)
NAME = "DOE_JANE"


def fields(affine: np.ndarray, space: str = "left-posterior-superior") -> dict[str, Any]:
    signs = {
        "left-posterior-superior": (-1, -1, 1),
        "right-anterior-superior": (1, 1, 1),
        "LAS": (-1, 1, 1),
    }[space]
    turned = np.diag(signs) @ affine[:3]
    return {
        "space": space,
        "space directions": turned[:, :3].T,
        "space origin": turned[:, 3],
        "kinds": ["domain"] * 3,
    }


def save(path: Path, data: np.ndarray, **header: Any) -> Path:
    nrrd.write(str(path), data, {"encoding": "gzip", **header})
    return path


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2"])
@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i2", "<f4", ">f8", "<u4"])
def test_values_and_place_come_back(tmp_path: Path, encoding: str, dtype: str) -> None:
    data = (np.abs(noise_image(SPACE)) % 200).astype(dtype)
    path = save(tmp_path / "a.nrrd", data, encoding=encoding, **fields(oblique_affine()))
    volume = ssn.read(path)
    np.testing.assert_array_equal(volume.data[0], data.astype(np.float32))
    np.testing.assert_allclose(volume.affine, oblique_affine(), rtol=0, atol=1e-9)
    assert volume.extent == "volume" and volume.oriented and volume.data.flags.c_contiguous


@pytest.mark.parametrize("space", ["left-posterior-superior", "right-anterior-superior", "LAS"])
def test_every_space_is_the_same_patient(tmp_path: Path, space: str) -> None:
    header = fields(oblique_affine(), space)
    volume = ssn.read(save(tmp_path / "a.nrrd", noise_image(SPACE), **header))
    np.testing.assert_allclose(volume.affine, oblique_affine(), rtol=0, atol=1e-9)


def test_a_unit_of_space_is_heeded(tmp_path: Path) -> None:
    micro = np.diag([1e3, 1e3, 1e3, 1]) @ oblique_affine()
    header = {**fields(micro), "space units": ["um"] * 3}
    volume = ssn.read(save(tmp_path / "a.nrrd", noise_image(SPACE), **header))
    np.testing.assert_allclose(volume.affine, oblique_affine(), atol=1e-9)
    header["space units"] = ["furlong"] * 3
    with pytest.raises(GeometryError, match="millimetres"):
        ssn.read(save(tmp_path / "b.nrrd", noise_image(SPACE), **header))


def test_without_directions_the_axes_are_nobodys(tmp_path: Path) -> None:
    data = noise_image(SPACE)
    sized = ssn.read(save(tmp_path / "a.nrrd", data, spacings=[0.7, 1.3, 2.5]))
    assert sized.extent == "volume" and not sized.oriented
    assert sized.spacing_mm == pytest.approx((0.7, 1.3, 2.5))
    unknown = ssn.read(save(tmp_path / "b.nrrd", data))
    assert unknown.extent == "unknown" and not unknown.oriented
    unnamed = fields(oblique_affine())
    del unnamed["space"]
    volume = ssn.read(save(tmp_path / "c.nrrd", data, **{**unnamed, "space dimension": 3}))
    assert volume.extent == "volume" and not volume.oriented
    assert volume.spacing_mm == pytest.approx((0.7, 1.3, 2.5))
    # In the window the size is asked for, and nothing is said in mL.
    [(shown, meta, _)] = read_layers(str(tmp_path / "b.nrrd"))
    layer = layers.Image(shown, **{k: v for k, v in meta.items() if k != "name"})
    assert layers.describe(layer).source.extent == "unknown"


def test_a_plane_is_a_plane(tmp_path: Path) -> None:
    data = noise_image((6, 5))
    volume = ssn.read(save(tmp_path / "a.nrrd", data, spacings=[0.5, 0.6]))
    assert volume.space == (6, 5) and volume.extent == "plane"
    header = fields(oblique_affine())
    header |= {"space directions": header["space directions"][:2], "kinds": ["domain"] * 2}
    volume = ssn.read(save(tmp_path / "b.nrrd", data, **header))
    np.testing.assert_allclose(volume.affine[:3, [0, 1, 3]], oblique_affine()[:3, [0, 1, 3]])
    assert volume.extent == "plane" and volume.oriented
    normal = np.cross(volume.affine[:3, 0], volume.affine[:3, 1])
    np.testing.assert_allclose(np.abs(volume.affine[:3, 2]), np.abs(normal) / (0.7 * 1.3))


def test_several_values_per_voxel_are_refused(tmp_path: Path) -> None:
    header = fields(oblique_affine())
    directions = np.vstack([np.full(3, np.nan), header["space directions"]])
    header |= {"space directions": directions, "kinds": ["vector", *["domain"] * 3]}
    path = save(tmp_path / "a.nrrd", noise_image((2, *SPACE)), **header)
    with pytest.raises(GeometryError, match="2 values per voxel"):
        ssn.read(path)
    one = save(tmp_path / "b.nrrd", noise_image((1, *SPACE)), **header)
    assert ssn.read(one).space == SPACE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda raw: b"", "damaged or no NRRD"),
        (lambda raw: b"text", "damaged or no NRRD"),
        (lambda raw: raw[:-60], "cut off"),
        (lambda raw: raw[:120], "damaged or no NRRD"),
        (lambda raw: raw.replace(b"sizes: 5 4 3", b"sizes: 5 4 4"), "cut off"),
        (lambda raw: raw.replace(b"sizes: 5 4 3", b"sizes: 5 4 2"), "more voxels than it says"),
        (lambda raw: raw.replace(b"sizes: 5 4 3", b"sizes: 0 4 3"), "no voxels"),
        (lambda raw: raw.replace(b"sizes: 5 4 3", b"sizes: -5 -4 3"), "damaged"),
        (lambda raw: raw.replace(b"sizes: 5 4 3", b"sizes: 5 4 3 2 2"), "5 axes"),
        (lambda raw: raw.replace(b"type: float", b"type: block"), "no plain numbers"),
        (lambda raw: raw.replace(b"encoding: raw", b"encoding: hex"), "'hex' are not read"),
        (lambda raw: raw.replace(b"encoding: raw", b"data file: x.raw\nencoding: raw"), "another"),
        (lambda raw: raw.replace(b"encoding: raw", b"byte skip: 4\nencoding: raw"), "cut off"),
        (lambda raw: raw.replace(b"endian: little\n", b""), "in which order its bytes"),
        (lambda raw: raw.replace(b"space origin", b"spice origin"), None),
    ],
)
def test_damage_is_one_sentence(tmp_path: Path, change, words: str | None) -> None:
    path = save(tmp_path / f"{NAME}.nrrd", noise_image(SPACE), encoding="raw", **fields(np.eye(4)))
    path.write_bytes(change(path.read_bytes()))
    if words is None:
        assert ssn.read(path).space == SPACE
        return
    with pytest.raises(SSNError, match=words) as caught:
        ssn.read(path)
    text = str(caught.value)
    assert NAME not in text and "\n" not in text and caught.value.__cause__ is None


def test_what_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="does not exist"):
        ssn.read(tmp_path / "a.nrrd")
    (tmp_path / "b.nrrd").mkdir()
    with pytest.raises(ImageError, match="cannot be opened"):
        ssn.read(tmp_path / "b.nrrd")


def test_damaged_compression_is_found_by_its_checksum(tmp_path: Path) -> None:
    data = noise_image(SPACE)
    for encoding in ("gzip", "bzip2"):
        path = save(tmp_path / "a.nrrd", data, encoding=encoding)
        raw = path.read_bytes()
        found = []
        for at in range(raw.find(b"\n\n") + 2, len(raw)):
            damaged = bytearray(raw)
            damaged[at] ^= 1 << at % 8
            path.write_bytes(damaged)
            try:
                np.testing.assert_array_equal(ssn.read(path).data[0], data)
            except ImageError as error:
                found.append(str(error))
        # All but a few bytes of the head, as the time, are covered.
        assert len(found) > 0.8 * (len(raw) - raw.find(b"\n\n") - 2)
        assert all("voxels" in text for text in found)


def test_napari_opens_it(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nrrd", noise_image(SPACE), **fields(oblique_affine()))
    reader = get_reader(str(path))
    assert reader is not None
    [(data, meta, kind)] = reader(str(path))
    assert kind == "image" and data.shape == (3, 4, 5) and meta["units"] == ("mm",) * 3
