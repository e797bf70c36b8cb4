"""Several images of one grid in one file: NRRD, MetaImage and FreeSurfer's, as NIfTI has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import napari_ssn as ssn
from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.io.formats import frame_of
from napari_ssn.io.layers import read_layers
from tests.support.helpers import noise_image

SPACE, FRAMES = (6, 5, 4), 3
LPS = np.diag([0.7, 0.8, 2.5])
ORIGIN = (1.0, 2.0, 3.0)
RAS = np.array([[-0.7, 0, 0, -1], [0, -0.8, 0, -2], [0, 0, 2.5, 3], [0, 0, 0, 1]])
#: (x, y, z, t), no two frames alike.
DATA = np.stack([noise_image(SPACE, seed) for seed in range(FRAMES)], -1).astype(np.int16)


def itk(path: Path, compressed: bool = False) -> None:
    """Four axes, written by ITK itself."""
    sitk = pytest.importorskip("SimpleITK")
    image = sitk.GetImageFromArray(np.ascontiguousarray(DATA.T), isVector=False)
    image.SetSpacing((*np.diag(LPS).tolist(), 1.5))
    image.SetOrigin((*ORIGIN, 0.0))
    sitk.WriteImage(image, str(path), compressed)


def nrrd(fields: str, order: tuple[int, ...] = (0, 1, 2, 3)) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        data = DATA.transpose(order)
        sizes = " ".join(map(str, data.shape))
        head = f"NRRD0005\ntype: int16\ndimension: 4\nsizes: {sizes}\nencoding: raw\n"
        whole = f"{head}endian: little\n{fields}\n\n".encode()
        path.write_bytes(whole + data.astype("<i2").tobytes(order="F"))

    return write


# 3D Slicer's sequences; and the format's own spaces with time.
SEQUENCE = nrrd(
    "space: left-posterior-superior\nkinds: list domain domain domain\n"
    "space directions: none (0.7,0,0) (0,0.8,0) (0,0,2.5)\nspace origin: (1,2,3)",
    (3, 0, 1, 2),
)
TIMED = (
    "space: left-posterior-superior-time\nkinds: domain domain domain time\n"
    "space directions: (0.7,0,0,0) (0,0.8,0,0) (0,0,2.5,0) (0,0,0,1500)\n"
    'space units: "mm" "mm" "mm" "ms"\nspace origin: (1,2,3,0)'
)


def freesurfer(path: Path) -> None:
    nib.save(nib.MGHImage(DATA, RAS), path)


KINDS = {
    "a.nrrd": itk,
    "a.mha": itk,
    "a.mhd": itk,
    "packed.mha": lambda path: itk(path, compressed=True),
    "a.seq.nrrd": SEQUENCE,
    "timed.nrrd": nrrd(TIMED),
    "a.mgz": freesurfer,
    "a.mgh": freesurfer,
}


@pytest.mark.parametrize("name", KINDS)
def test_frames_are_offered_where_they_lie(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    KINDS[name](path)
    for frame in range(FRAMES):
        found = frame_of(path, frame)
        np.testing.assert_array_equal(found.data, DATA[None, ..., frame])
        np.testing.assert_allclose(found.affine, RAS, rtol=0, atol=1e-6)
        assert found.extent == "volume"
    with pytest.raises(GeometryError, match=r"no frame 4 .*6 × 5 × 4 × 3"):
        frame_of(path, FRAMES)
    with pytest.raises(GeometryError, match=r"6 × 5 × 4 × 3\): name a frame"):
        ssn.read(path)
    ((shown, options, kind),) = read_layers(str(path))
    assert kind == "image" and options["name"] == "Image 6 × 5 × 4 · 3 frames"
    np.testing.assert_array_equal(shown, DATA.T)
    np.testing.assert_allclose(options["scale"][1:], (2.5, 0.8, 0.7), rtol=1e-6)
    timed = name == "timed.nrrd"
    assert (options["scale"][0], options["units"][0]) == ((1.5, "s") if timed else (1.0, "pixel"))


def test_parts_of_a_value_are_no_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.nrrd"
    nrrd(TIMED.replace("time\nspace dir", "vector\nspace dir"))(path)
    for read in (ssn.read, lambda path: frame_of(path, 0), lambda path: read_layers(str(path))):
        with pytest.raises(GeometryError, match="3 values per voxel"):
            read(path)
    nrrd(TIMED.replace("(0,0,0,1500)", "(0,0,1,1500)"))(path)
    with pytest.raises(GeometryError, match="leans into those of space"):
        ssn.read(path)


def test_a_picture_has_no_frames(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="leave out the frame"):
        frame_of(tmp_path / "a.png", 0)
