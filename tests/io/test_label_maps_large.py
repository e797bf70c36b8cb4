"""Label maps of a whole body open in little more memory than they take themselves."""

from __future__ import annotations

import gzip
import itertools
import tracemalloc
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_ssn.geometry.volume import Volume
from napari_ssn.io import labelled
from napari_ssn.io.labelled import label_kind, looks_like_labels, narrowed
from napari_ssn.io.layers import read_layers
from napari_ssn.io.outline import read_outline

SPACE = (160, 150, 320)
SPARE = 3 << 20


def body(kind: str) -> np.ndarray:
    """Organs of a whole body, in the order of a file."""
    i, j, k = np.ogrid[:160, :150, :320]
    out = np.zeros(SPACE, kind, order="F")
    for value in range(1, 25):
        middle = (20 + 5 * value, 30 + 4 * value, 13 * value)
        box = tuple(slice(max(0, at - 19), at + 20) for at in middle)
        apart = (i[box[0]] - middle[0]) ** 2 + (j[:, box[1]] - middle[1]) ** 2
        out[box][apart + (k[:, :, box[2]] - middle[2]) ** 2 < 400] = value
    return out


def nrrd(values: np.ndarray, encoding: str, fields: str = "") -> bytes:
    kind = {"u1": "uint8", "i2": "int16", "u2": "uint16", "f4": "float"}[values.dtype.str[1:]]
    head = (
        f"NRRD0005\ntype: {kind}\ndimension: 3\nspace: left-posterior-superior\nendian: little\n"
        f"sizes: {' '.join(map(str, values.shape))}\nspace directions: (1,0,0) (0,1,0) (0,0,1)\n"
        f"encoding: {encoding}\nspace origin: (0,0,0)\n{fields}\n"
    )
    whole = values.tobytes(order="F")
    return head.encode() + (gzip.compress(whole, 1) if encoding == "gzip" else whole)


def metaimage(values: np.ndarray) -> bytes:
    whole = zlib.compress(values.tobytes(order="F"), 1)
    kind = {"u1": "UCHAR", "i2": "SHORT", "u2": "USHORT", "f4": "FLOAT"}[values.dtype.str[1:]]
    return (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
        f"CompressedData = True\nCompressedDataSize = {len(whole)}\n"
        "TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\nElementSpacing = 1 1 1\n"
        f"DimSize = {' '.join(map(str, values.shape))}\nElementType = MET_{kind}\n"
        "ElementDataFile = LOCAL\n"
    ).encode() + whole


def saved(path: Path, values: np.ndarray) -> Path:
    """The values as a file of this name."""
    if path.name.endswith(".seg.nrrd"):
        fields = "Segment0_Name:=liver\nSegment0_LabelValue:=1\nSegment0_Layer:=0\n"
        path.write_bytes(nrrd(values, "gzip", fields))
    elif path.suffix == ".nrrd":
        path.write_bytes(nrrd(values, "raw"))
    elif path.suffix == ".mha":
        path.write_bytes(metaimage(values))
    elif path.suffix == ".mgz":
        nib.save(nib.MGHImage(values, np.eye(4)), path)
    else:
        nib.save(nib.Nifti1Image(values, np.diag([-1.0, -1, 1, 1])), path)
    return path


@pytest.mark.parametrize("name", ["a.seg.nrrd", "a.nrrd", "a.nii.gz", "a.nii", "a.mha", "a.mgz"])
@pytest.mark.parametrize("kind", ["u1", "<i2", "<f4"])
def test_it_opens_in_little_more_memory_than_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    monkeypatch.setattr(labelled, "_SPARE", SPARE)
    values = body(kind)
    path = saved(tmp_path / name, values)
    read_layers(str(saved(tmp_path / f"small.{name[2:]}", values[:8, :8, :8].copy())))
    tracemalloc.start()
    [(shown, _, layer_type)] = read_layers(str(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # A header of NRRD may take 16 MB.
    assert peak < max(values.nbytes + SPARE + (4 << 20), 17 << 20)
    assert layer_type == "labels" and shown.dtype == np.uint8 and shown.flags.writeable
    # Slices of the file lie one behind the other, whichever way round they are shown.
    assert shown.shape == SPACE[::-1]
    assert abs(shown.strides[0]) > abs(shown.strides[1]) > abs(shown.strides[2])
    turns = itertools.product((slice(None), slice(None, None, -1)), repeat=3)
    assert any(np.array_equal(shown.transpose()[turn], values) for turn in turns)


@pytest.mark.parametrize("name", ["a.seg.nrrd", "a.nii.gz", "a.mha"])
def test_an_outline_of_another_program_as_well(tmp_path: Path, name: str) -> None:
    values = body("u1")
    path = saved(tmp_path / name, values)
    image = Volume(np.zeros((1, *SPACE), np.float32), np.diag([-1.0, -1, 1, 1]))
    read_outline(path, image)
    tracemalloc.start()
    outline = read_outline(path, image)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The map, and the same on the image's grid.
    assert peak < 2 * values.nbytes + (4 << 20)
    np.testing.assert_array_equal(outline.values, values)


def slowly(values: np.ndarray, whole: bool) -> bool:
    """The formula of `looks_like_labels`, voxel for voxel."""
    if not np.isfinite(values).all() or values.min() != 0 or (values != np.rint(values)).any():
        return False
    found = len(np.unique(values))
    if found > 1024 or (found == 1 and not whole):
        return False
    alike = both = 0
    for axis in range(values.ndim):
        for here in np.ndindex(values.shape):
            if here[axis] + 1 < values.shape[axis]:
                there = tuple(at + (k == axis) for k, at in enumerate(here))
                both += values[here] != 0 and values[there] != 0
                alike += values[here] != 0 and values[here] == values[there]
    return found <= 2 or alike >= 0.6 * both


@pytest.mark.parametrize("piece", [1, 40, 1 << 18])
@pytest.mark.parametrize("kind", ["u1", "<i2", ">u2", "<i8", "<f4", ">f8"])
def test_piece_by_piece_it_is_the_formula(
    monkeypatch: pytest.MonkeyPatch, kind: str, piece: int
) -> None:
    monkeypatch.setattr(labelled, "_PIECE", piece)
    rng = np.random.default_rng(3)
    answers = []
    for trial in range(60):
        shape = rng.integers(1, 7, rng.integers(2, 4))
        coarse = rng.integers(0, rng.integers(1, 5), shape)
        grain = rng.integers(0, 4, shape) * (rng.random(shape) < trial / 200)
        values = (coarse.max() * (coarse > 0) + grain + (trial % 9 == 8)).astype(kind)
        for order in itertools.permutations(range(values.ndim)):
            turned = np.ascontiguousarray(values.transpose(order)).transpose(np.argsort(order))
            found = looks_like_labels(turned, whole=trial % 2 == 0)
            assert found == slowly(values, whole=trial % 2 == 0)
            answers.append(found)
    assert {True, False} <= set(answers)


@pytest.mark.parametrize("spare", [0, 1 << 30])
@pytest.mark.parametrize("high", [3, 250, 4000, 100_000])
@pytest.mark.parametrize("kind", ["u1", "i1", "<i2", ">u2", "<i4", ">i4", "<i8", "<f4", ">f8"])
def test_labels_are_made_narrow_where_they_lie(
    monkeypatch: pytest.MonkeyPatch, kind: str, high: int, spare: int
) -> None:
    monkeypatch.setattr(labelled, "_SPARE", spare)
    monkeypatch.setattr(labelled, "_PIECE", 50)
    stored = np.dtype(kind)
    if stored.kind in "iu":
        high = min(high, int(np.iinfo(stored).max))
    for order in ("C", "F"):
        values = np.arange(2 * 5 * 7 * 9).reshape((2, 5, 7, 9), order=order) * 37 % (high + 1)
        values[0, 0, 0, 1] = high
        given = np.array(values, stored, order="K")
        found = label_kind(given)
        assert found == np.min_scalar_type(high)
        kept = narrowed(given, found)
        assert not np.shares_memory(kept, given)
        np.testing.assert_array_equal(kept, values)
        spent = narrowed(given, found, spend=True)
        assert spent.dtype == kept.dtype == found and spent.flags.writeable
        assert spent.flags[f"{order}_CONTIGUOUS"]
        np.testing.assert_array_equal(spent, values)
