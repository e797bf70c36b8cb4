from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import napari_ssn as ssn
from napari_ssn.errors import ImageError

NAME = "DOE_JANE"
# Rows go posterior, columns go to the patient's left.
AFFINE = [[0, -1, 0, 0], [-1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def grey(dtype=np.uint8, top: int = 255) -> np.ndarray:
    return np.random.default_rng(0).integers(0, top, (6, 9), endpoint=True).astype(dtype)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".bmp", ".pgm", ".PNG"])
def test_grey_values_are_kept(tmp_path: Path, suffix: str) -> None:
    values = grey()
    Image.fromarray(values).save(tmp_path / f"a{suffix}")
    volume = ssn.read(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(volume.data[0], values)
    assert volume.data.dtype == np.float32 and volume.data.flags.c_contiguous
    np.testing.assert_array_equal(volume.affine, AFFINE)
    assert volume.extent == "unknown" and not volume.oriented


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_are_kept(tmp_path: Path, suffix: str) -> None:
    values = grey(np.uint16, 65535)
    Image.fromarray(values).save(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(ssn.read(tmp_path / f"a{suffix}").data[0], values)


def test_floating_point_tiff_is_kept_with_its_nan(tmp_path: Path) -> None:
    values = grey().astype(np.float32) / 7
    values[0, 0] = np.nan
    Image.fromarray(values).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(ssn.read(tmp_path / "a.tif").data[0], values)


def test_a_grey_jpeg_is_read(tmp_path: Path) -> None:
    Image.fromarray(np.full((16, 16), 77, np.uint8)).save(tmp_path / "a.jpg")
    np.testing.assert_array_equal(ssn.read(tmp_path / "a.jpg").data[0], 77)


def test_black_and_white_is_zero_and_one(tmp_path: Path) -> None:
    values = grey() > 100
    Image.fromarray(values).save(tmp_path / "a.png")
    np.testing.assert_array_equal(ssn.read(tmp_path / "a.png").data[0], values)


@pytest.mark.parametrize(
    ("mode", "words"),
    [("RGB", "colours"), ("RGBA", "colours"), ("LA", "colours"), ("P", "a palette")],
)
def test_colours_are_refused(tmp_path: Path, mode: str, words: str) -> None:
    Image.fromarray(grey()).convert(mode).save(tmp_path / f"{NAME}.png")
    refuse(tmp_path, words)


def refuse(folder: Path, words: str, name: str = f"{NAME}.png") -> None:
    with pytest.raises(ImageError, match=words) as caught:
        ssn.read(folder / name)
    text = str(caught.value)
    assert NAME not in text and str(folder) not in text and text.endswith(".")
    assert caught.value.__cause__ is None


def test_several_pages_are_refused(tmp_path: Path) -> None:
    pages = [Image.fromarray(grey()) for _ in range(3)]
    pages[0].save(tmp_path / f"{NAME}.tif", save_all=True, append_images=pages[1:])
    refuse(tmp_path, "holds 3 pictures", f"{NAME}.tif")


@pytest.mark.parametrize("keep", [0, 20, 60, -30])
def test_damage_is_one_sentence(tmp_path: Path, keep: int) -> None:
    path = tmp_path / f"{NAME}.png"
    Image.fromarray(np.tile(grey(), (20, 20))).save(path)
    path.write_bytes(path.read_bytes()[:keep])
    refuse(tmp_path, "damaged")


def test_text_and_missing_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.png").write_text("not a picture")
    refuse(tmp_path, "damaged or no picture")
    refuse(tmp_path, "does not exist", f"{NAME}.jpg")
