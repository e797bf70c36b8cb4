"""A DICOM series of which one file is damaged: read rightly, or refused in one sentence.

Rightly means what pydicom makes of each file by itself (`plainly`): every slice of the volume is
one of the files, with its values and at its place; and none is left out that pydicom can place.
"""

from __future__ import annotations

import random
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.errors import InvalidDicomError

import napari_ssn as ssn
from napari_ssn.errors import SSNError
from tests.support.dicoms import SECRETS, make_series
from tests.support.phantom import phantom

LPS = np.diag([-1.0, -1.0, 1.0])
# Elements by the bytes of their tags, little endian, explicit: position, orientation, spacing,
# slope, rows, columns, bits, UIDs of the series and of the instance.
_TAGS = ("20003200", "20003700", "28003000", "28005310", "28001000", "28001100", "28000001",
         "20000e00", "08001800")  # fmt: skip
_KINDS = (b"UI", b"US", b"SQ", b"OB", b"FD", b"??")


def damages() -> Iterator[tuple[str, int]]:
    """How, and the seed of where; the first not at all, to show that `plainly` agrees then."""
    yield "not", 0
    yield from (("flipped", seed) for seed in range(24))
    yield from (("cut off", seed) for seed in range(8))
    yield from (("wrong VR", seed) for seed in range(16))
    yield from (("empty", seed) for seed in range(2))
    yield from (("text", seed) for seed in range(2))


def damage(paths: list[Path], how: str, seed: int) -> None:
    """Damage one file of a series."""
    if how == "not":
        return
    chance = random.Random(f"{how} {seed}")
    victim = chance.choice(paths)
    raw = bytearray(victim.read_bytes())
    if how == "flipped":
        bit = chance.randrange(8 * 128, 8 * len(raw))
        raw[bit // 8] ^= 1 << bit % 8
    elif how == "cut off":
        del raw[chance.randrange(len(raw)) :]
    elif how == "wrong VR":
        at = raw.index(bytes.fromhex(chance.choice(_TAGS)), 132)
        raw[at + 4 : at + 6] = chance.choice(_KINDS)
    else:
        raw = bytearray(b"" if how == "empty" else b"Patient: DOE, JANE. No finding.\n" * 20)
    victim.write_bytes(raw)


def check_words(error: SSNError, folder: Path) -> None:
    text = str(error)
    assert text.endswith(".") and "\n" not in text and str(folder) not in text
    assert not any(secret in text for secret in SECRETS)
    assert error.__cause__ is None


Slice = tuple[NDArray[np.float64], NDArray[np.float64]]


def plainly(paths: list[Path]) -> dict[str, list[Slice]]:
    """By series: of each file a 4×4 of its plane, (column, row) to mm, and its values."""
    found: dict[str, list[Slice]] = {}
    for path in paths:
        try:
            one = pydicom.dcmread(path)
            across, down = np.array(one.ImageOrientationPatient, float).reshape(2, 3)
            between, along = (float(size) for size in one.PixelSpacing)
            plane = np.column_stack(
                [across * along, down * between, np.array(one.ImagePositionPatient, float)]
            )
            values = one.pixel_array * float(one.RescaleSlope) + float(one.RescaleIntercept)
            series = str(one.SeriesInstanceUID)
        # Whatever pydicom cannot make anything of.
        except (InvalidDicomError, AttributeError, ValueError, TypeError, KeyError, OSError,
                EOFError, NotImplementedError, RuntimeError):  # fmt: skip
            continue
        found.setdefault(series, []).append((LPS @ plane, values.T))
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("how", "seed"), list(damages()))
def test_a_damaged_series_is_read_rightly_or_refused(tmp_path: Path, how: str, seed: int) -> None:
    one = phantom()
    paths = make_series(tmp_path / "s", one.data, one.affine, intercept=0.0)
    damage(paths, how, seed)
    before = {path: path.read_bytes() for path in paths}
    began = time.perf_counter()
    volume = None
    try:
        volume = ssn.read(tmp_path / "s")
    except SSNError as error:
        check_words(error, tmp_path)
    assert time.perf_counter() - began < 5
    assert {path: path.read_bytes() for path in paths} == before
    if volume is None:
        assert how != "not"
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        known = max(plainly(paths).values(), key=len)
    values = volume.data[0]
    assert values.shape[2] == len(known)
    left = list(known)
    for k in range(values.shape[2]):
        plane = np.column_stack(
            [volume.affine[:3, 0], volume.affine[:3, 1], (volume.affine @ (0, 0, k, 1))[:3]]
        )
        at = [i for i, (truth, _) in enumerate(left) if np.allclose(truth, plane, atol=1e-3)]
        assert len(at) == 1
        np.testing.assert_array_equal(values[:, :, k], left.pop(at[0])[1].astype(np.float32))
