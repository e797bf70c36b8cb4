"""Label maps of other programs, which mostly do not say in their header that they are."""

from __future__ import annotations

from pathlib import Path

import napari
import nibabel as nib
import nrrd
import numpy as np
import pytest
from napari.components.viewer_model import prune_kwargs

import napari_ssn.samples as samples
from napari_ssn.io.labelled import label_kind, looks_like_labels
from napari_ssn.io.layers import get_reader, read_layers
from tests.support.helpers import noise_image, oblique_affine

SPACE = (20, 18, 16)


def balls(*values: int) -> np.ndarray:
    """Balls that touch, one beside the other, of these labels."""
    index = np.indices(SPACE)
    out = np.zeros(SPACE, np.uint32)
    for k, value in enumerate(values):
        middle = np.array([4 + 5 * (k % 3), 6 + 5 * (k // 3), 8]).reshape(3, 1, 1, 1)
        out[((index - middle) ** 2).sum(0) < 12] = value
    return out


def opened(path: Path) -> list:
    reader = get_reader(str(path))
    assert reader is not None
    return reader(str(path))


@pytest.mark.parametrize("kind", ["u1", "<i2", ">i2", "<f4", "<f8", "<i8"])
@pytest.mark.parametrize("values", [(1,), (1, 2, 3), (1, 4, 9, 100)])
def test_a_mask_of_another_program_opens_as_labels(
    tmp_path: Path, values: tuple[int, ...], kind: str
) -> None:
    labels = balls(*values)
    header = nib.Nifti1Header(endianness=kind[0] if kind[0] in "<>" else "<")
    nib.save(nib.Nifti1Image(labels.astype(kind), oblique_affine(), header), tmp_path / "a.nii.gz")
    nrrd.write(str(tmp_path / "a.nrrd"), labels.astype(kind), {"encoding": "gzip"})
    for name in ("a.nii.gz", "a.nrrd"):
        [(data, meta, layer_type)] = opened(tmp_path / name)
        assert layer_type == "labels" and data.dtype == np.uint8
        assert np.bincount(data.ravel()).tolist() == np.bincount(labels.ravel()).tolist()
        assert meta["name"] == f"Labels {' × '.join(map(str, SPACE))}"


@pytest.mark.parametrize("kind", ["u1", "<f4"])
def test_several_masks_in_one_file_are_a_layer_each(tmp_path: Path, kind: str) -> None:
    """One-hot masks, or one for each reader, along a fourth axis."""
    both = np.stack([balls(1), balls(0, 1), balls(0, 0, 2)], axis=-1)
    nib.save(nib.Nifti1Image(both.astype(kind), oblique_affine()), tmp_path / "a.nii.gz")
    layers = opened(tmp_path / "a.nii.gz")
    assert [layer[2] for layer in layers] == ["labels"] * 3
    assert [int((layer[0] > 0).sum()) for layer in layers] == (both > 0).sum((0, 1, 2)).tolist()
    # One that is none makes a series of all, as does one that is too many.
    grey = both.astype(np.float32)
    grey[..., 1] += np.random.default_rng(0).random(SPACE)
    for other in (grey, np.repeat(both[..., :1], 65, axis=-1)):
        nib.save(nib.Nifti1Image(other.astype("<f4"), oblique_affine()), tmp_path / "b.nii.gz")
        [(data, _, layer_type)] = opened(tmp_path / "b.nii.gz")
        assert layer_type == "image" and data.shape[0] == other.shape[-1]


@pytest.mark.parametrize(
    ("value", "kind"), [(1001, np.uint16), (14175, np.uint16), (70000, np.uint32)]
)
def test_labels_above_255_keep_their_numbers(tmp_path: Path, value: int, kind: type) -> None:
    labels = balls(1, value, 17)
    nib.save(nib.Nifti1Image(labels.astype(np.int32), np.eye(4)), tmp_path / "a.nii.gz")
    fields = {
        "encoding": "gzip",
        "space": "left-posterior-superior",
        "space directions": np.eye(3),
        "space origin": np.zeros(3),
        "Segment0_Name": "caudate",
        "Segment0_LabelValue": str(value),
        "Segment0_Layer": "0",
    }
    nrrd.write(str(tmp_path / "a.seg.nrrd"), labels.astype(np.int32), fields)
    for name in ("a.nii.gz", "a.seg.nrrd"):
        [(data, meta, layer_type)] = opened(tmp_path / name)
        assert layer_type == "labels" and data.dtype == kind
        assert sorted(np.unique(data)) == [0, 1, 17, value]
        layer = napari.layers.Labels(data, **meta)
        assert int(layer.data.max()) == value
    named = dict(zip(meta["features"]["index"], meta["features"]["label"], strict=True))
    assert named[value] == "caudate"


def test_an_empty_mask_is_one(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.zeros(SPACE, np.uint8), np.eye(4)), tmp_path / "a.nii")
    [(_, _, layer_type)] = opened(tmp_path / "a.nii")
    assert layer_type == "labels"
    # Of stored fractions nobody knows: they may be a probability that is zero everywhere.
    nib.save(nib.Nifti1Image(np.zeros(SPACE, np.float32), np.eye(4)), tmp_path / "b.nii")
    [(_, _, layer_type)] = opened(tmp_path / "b.nii")
    assert layer_type == "image"


def eight_bit() -> np.ndarray:
    """An image of eight bits with a background of zero, as scanners' exports are."""
    noise = noise_image(SPACE)
    scaled = np.clip(128 + noise / np.abs(noise).max() * 120, 1, 255).round()
    scaled[:, :4] = 0
    return scaled


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(eight_bit(), id="eight bits"),
        pytest.param(np.round(eight_bit() / 16), id="sixteen grey values"),
        pytest.param(eight_bit() - 30, id="below zero"),
        pytest.param(eight_bit() + 1, id="no background"),
        pytest.param(balls(1, 2) + 0.5, id="no whole numbers"),
        pytest.param(np.where(balls(1) > 0, np.nan, 0), id="not a number"),
    ],
)
def test_an_image_of_intensities_is_none(tmp_path: Path, values: np.ndarray) -> None:
    assert not looks_like_labels(values.astype(np.float32), whole=True)
    nib.save(nib.Nifti1Image(values.astype(np.float32), np.eye(4)), tmp_path / "a.nii")
    [(_, _, layer_type)] = opened(tmp_path / "a.nii")
    assert layer_type == "image"


def test_the_sample_images_are_none() -> None:
    for make in (samples.nodule_1, samples.nodule_2, samples.nodule_3):
        image = np.asarray(make()[0][0], np.float32)
        assert not looks_like_labels(image.squeeze(), whole=True)


def test_what_looks_like_an_image_opens_as_labels_where_that_is_asked(tmp_path: Path) -> None:
    values = np.round(eight_bit() / 16)
    nib.save(nib.Nifti1Image(values.astype(np.int16), oblique_affine()), tmp_path / "a.nii")
    [(data, meta, layer_type)] = opened(tmp_path / "a.nii")
    assert layer_type == "image"
    # What `viewer.open(..., layer_type="labels")` makes of what a reader gives.
    layer = napari.layers.Labels(data, **prune_kwargs(meta, "labels"))
    assert sorted(np.unique(layer.data)) == sorted(np.unique(values).astype(int))


@pytest.mark.parametrize(
    ("high", "kind"), [(255, np.uint8), (256, np.uint16), (65536, np.uint32), (1 << 24, None)]
)
def test_the_kind_of_labels(high: int, kind: type | None) -> None:
    values = np.array([[0, high]], np.float32)
    assert label_kind(values) == (None if kind is None else np.dtype(kind))
    assert label_kind(values - 1) is None and label_kind(values + 0.5) is None


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nrrd", "a.mha"])
@pytest.mark.parametrize("kind", ["<u4", "<i4", "<i8"])
def test_high_labels_are_not_rounded(tmp_path: Path, name: str, kind: str) -> None:
    # 16,777,217 is the first whole number that float32 does not hold.
    high = 2**31 - 1 if kind == "<i4" else 2**32 - 1
    values = np.zeros((6, 5, 4), kind)
    values[1:3, 1:4, 1:3], values[3:5, 1:4, 1:3] = 2**24 + 1, high
    path = tmp_path / name
    if name.endswith("nii.gz"):
        nib.save(nib.Nifti1Image(values, np.diag([-1.0, -1, 1, 1]), dtype=values.dtype), path)
    else:
        sitk = pytest.importorskip("SimpleITK")
        sitk.WriteImage(sitk.GetImageFromArray(values.transpose()), str(path))
    [(shown, _, layer_type)] = read_layers(str(path))
    assert layer_type == "labels" and shown.dtype == np.uint32
    assert set(np.unique(shown).tolist()) == {0, 2**24 + 1, high}
    # As an image that somebody asks to see as labels.
    for value in range(1, 60):
        values.flat[2 * value] = 2**24 + 7919 * value
    if name.endswith("nii.gz"):
        nib.save(nib.Nifti1Image(values, np.diag([-1.0, -1, 1, 1]), dtype=values.dtype), path)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(values.transpose()), str(path))
    [(shown, _, layer_type)] = read_layers(str(path))
    assert layer_type == "image" and set(np.unique(shown)) == set(np.unique(values))
