"""JPEG Lossless, which is decoded in a process of its own."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import gdcm
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.pixels import pixel_array

import napari_ssn as ssn
from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.io.dicom import apart as module
from napari_ssn.io.dicom import pixels
from napari_ssn.io.dicom.apart import Apart, apart
from tests.support.dicoms import SECRETS, make_multiframe, make_series

AXIAL = np.diag([-0.7, -0.7, 2.0, 1.0])
SPACE = (40, 32, 4)
KINDS = {
    "first order": gdcm.TransferSyntax.JPEGLosslessProcess14_1,
    "any order": gdcm.TransferSyntax.JPEGLosslessProcess14,
}


def values() -> np.ndarray:
    return np.random.default_rng(0).integers(-1000, 2000, SPACE).astype(np.float32)


def compress(path: Path, kind: int) -> None:
    """Compress the pixels of a DICOM file, in its place; its header stays as it is."""
    dataset = dcmread(path)
    reader, change = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax()
    reader.SetFileName(str(path))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(kind))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    made = dcmread(path)
    dataset["PixelData"] = made["PixelData"]
    dataset.file_meta.TransferSyntaxUID = made.file_meta.TransferSyntaxUID
    dataset.save_as(path)


@pytest.fixture
def series(tmp_path: Path) -> list[Path]:
    paths = make_series(tmp_path / "s", values(), AXIAL, signed=True, intercept=0.0)
    for path in paths:
        compress(path, KINDS["first order"])
    return paths


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("signed", [False, True])
def test_without_loss_is_the_same(tmp_path: Path, kind: str, signed: bool) -> None:
    intercept = 0.0 if signed else -1024.0
    for path in make_series(tmp_path, values(), AXIAL, signed=signed, intercept=intercept):
        compress(path, KINDS[kind])
        assert "JPEG Lossless" in dcmread(path).file_meta.TransferSyntaxUID.name
    volume = ssn.read(tmp_path)
    np.testing.assert_array_equal(volume.data[0], values())
    # No process is left behind.
    assert apart._process is None


def test_many_frames_are_the_same(tmp_path: Path) -> None:
    path = make_multiframe(tmp_path / "a.dcm", values(), AXIAL)
    plain = ssn.read(path)
    compress(path, KINDS["first order"])
    np.testing.assert_array_equal(ssn.read(path).data, plain.data)


def test_nothing_about_anybody_leaves_this_process(series: list[Path]) -> None:
    whole = series[0].read_bytes()
    packed = module._packed(dcmread(series[0]))
    assert any(secret.encode() in whole for secret in SECRETS)
    assert not any(secret.encode() in packed for secret in SECRETS)


def test_what_others_decode_stays_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Apart, "decode", lambda *_: pytest.fail("decoded apart"))
    for path in make_series(tmp_path, values(), AXIAL, syntax="1.2.840.10008.1.2.5"):
        assert dcmread(path).file_meta.TransferSyntaxUID.name == "RLE Lossless"
    np.testing.assert_array_equal(ssn.read(tmp_path).data[0], values())


def test_without_the_library_the_compression_is_named(
    series: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixels, "_decoder", lambda syntax: None)
    with pytest.raises(ImageError, match=r"compressed as JPEG Lossless.*uncompressed"):
        ssn.read(series[0].parent)


def test_damage_ends_no_program(series: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """GDCM ends its process on some of these: here that is one sentence, or pixels."""
    # A new one for each series would take a second; what damage ends is begun anew.
    close = apart.close
    monkeypatch.setattr(apart, "close", lambda: None)
    good = ssn.read(series[0].parent).data
    whole, words = series[1].read_bytes(), []
    start = whole.index(b"\xff\xd8")
    for seed in range(20):
        chance, raw = random.Random(seed), bytearray(whole)
        for _ in range(1 + seed % 3):
            bit = chance.randrange(8 * start, 8 * min(len(raw), start + 600))
            raw[bit // 8] ^= 1 << bit % 8
        series[1].write_bytes(raw[: chance.randrange(start, len(raw))] if seed % 5 == 0 else raw)
        try:
            assert ssn.read(series[0].parent).data.shape == good.shape
        except (ImageError, GeometryError) as error:
            words.append(str(error))
    assert len(words) >= 3 and all(text.endswith(".") for text in words)
    assert not any(secret in text for text in words for secret in SECRETS)
    series[1].write_bytes(whole)
    np.testing.assert_array_equal(ssn.read(series[0].parent).data, good)
    close()


def test_a_process_that_was_ended_is_begun_anew(series: list[Path]) -> None:
    dataset = dcmread(series[0])
    first = apart.decode(dataset)
    np.testing.assert_array_equal(first, pixel_array(dataset).reshape(-1))
    assert apart._process is not None
    apart._process.kill()
    apart._process.wait()
    with pytest.raises(ValueError, match="could not be decoded"):
        apart.decode(dataset)
    np.testing.assert_array_equal(apart.decode(dataset), first)
    apart.close()
    assert apart._process is None
    apart.close()


def test_what_takes_too_long_is_ended(series: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    one = Apart()
    sleeper = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    one._process = sleeper
    monkeypatch.setattr(module, "_SECONDS", 0.2)
    with pytest.raises(ValueError, match="could not be decoded"):
        one.decode(dcmread(series[0]))
    assert sleeper.wait(5) != 0
    monkeypatch.undo()
    assert len(one.decode(dcmread(series[0]))) == SPACE[0] * SPACE[1]
    one.close()
