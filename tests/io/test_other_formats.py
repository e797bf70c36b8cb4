"""MetaImage, FreeSurfer's images, pairs of NIfTI and Analyze: the phantom in each."""

from __future__ import annotations

import gzip
import struct
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import napari_ssn as ssn
from napari_ssn.errors import GeometryError, ImageError, SSNError
from napari_ssn.io.layers import get_reader
from tests.support.helpers import noise_image, oblique_affine
from tests.support.phantom import EXACT_MM, Phantom, phantom, phantoms, places_of

# Every eighth order and directions, the first and the last among them.
SOME = [*list(phantoms())[::8], list(phantoms())[-1]]
NAME = "DOE_JANE"
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def metaimage(one: Phantom, path: Path, compressed: bool = False) -> None:
    """Written by ITK itself."""
    itk = pytest.importorskip("SimpleITK")
    lps = LPS @ one.affine
    sizes = np.linalg.norm(lps[:3, :3], axis=0)
    image = itk.GetImageFromArray(np.ascontiguousarray(one.data.T))
    image.SetSpacing(sizes.tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / sizes).reshape(-1).tolist())
    itk.WriteImage(image, str(path), compressed)


def freesurfer(one: Phantom, path: Path) -> None:
    nib.save(nib.MGHImage(one.data, one.affine), path)


def pair(one: Phantom, path: Path) -> None:
    image = nib.Nifti1Pair(one.data, one.affine)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)


@pytest.mark.parametrize("one", SOME, ids=lambda one: one.name)
@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.mha", metaimage),
        ("a.mhd", metaimage),
        ("packed.mha", lambda one, path: metaimage(one, path, compressed=True)),
        ("a.mgz", freesurfer),
        ("a.mgh", freesurfer),
        ("a.img", pair),
        ("a.hdr", pair),
        ("a.img.gz", pair),
    ],
)
def test_every_voxel_lies_where_it_was(tmp_path: Path, name: str, write, one: Phantom) -> None:
    write(one, tmp_path / name)
    volume = ssn.read(tmp_path / name)
    np.testing.assert_array_equal(np.sort(volume.data, axis=None), np.sort(one.data, axis=None))
    # FreeSurfer's own numbers are of single precision and about the image's middle.
    exact = 2e-5 if name.startswith("a.mg") else EXACT_MM
    np.testing.assert_allclose(
        places_of(volume.data[0], volume.affine), one.places(), rtol=0, atol=exact
    )
    assert volume.extent == "volume" and volume.oriented and volume.channels == 1
    reader = get_reader(str(tmp_path / name))
    assert reader is not None
    [(_, meta, kind)] = reader(str(tmp_path / name))
    assert kind == "image" and meta["units"] == ("mm",) * 3


def test_without_itk_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metaimage(phantom(), tmp_path / "a.mha")
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    with pytest.raises(ImageError, match=r'pip install "napari-ssn\[itk\]"'):
        ssn.read(tmp_path / "a.mha")


def test_a_plane_and_what_says_no_size(tmp_path: Path) -> None:
    head = (
        "ObjectType = Image\nNDims = 2\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
        "{}DimSize = 6 5\nElementType = MET_FLOAT\nElementDataFile = LOCAL\n"
    )
    values = noise_image((5, 6))
    path = tmp_path / "a.mha"
    path.write_bytes(head.format("ElementSpacing = 0.5 0.6\n").encode() + values.tobytes())
    volume = ssn.read(path)
    np.testing.assert_array_equal(volume.data[0], values.T)
    assert volume.extent == "plane" and not volume.oriented
    assert volume.spacing_mm == pytest.approx((0.5, 0.6))
    path.write_bytes(head.format("").encode() + values.tobytes())
    assert ssn.read(path).extent == "unknown"


def test_analyze_says_nothing_of_the_patient(tmp_path: Path) -> None:
    image = nib.AnalyzeImage(noise_image((6, 5, 4)), np.diag([-0.7, 0.8, 2.5, 1]))
    nib.save(image, tmp_path / "a.img")
    volume = ssn.read(tmp_path / "a.hdr")
    np.testing.assert_array_equal(volume.data[0], noise_image((6, 5, 4)))
    assert not volume.oriented and volume.spacing_mm == pytest.approx((0.7, 0.8, 2.5))


def test_an_image_of_freesurfer_without_a_position_is_nobodys(tmp_path: Path) -> None:
    freesurfer(phantom(), tmp_path / "a.mgh")
    raw = bytearray((tmp_path / "a.mgh").read_bytes())
    struct.pack_into(">h", raw, 28, 0)
    (tmp_path / "a.mgh").write_bytes(raw)
    assert not ssn.read(tmp_path / "a.mgh").oriented


@pytest.mark.parametrize("name", ["a.mha", "packed.mha", "a.mgz", "a.mgh", "a.hdr"])
def test_damage_is_one_sentence(tmp_path: Path, name: str) -> None:
    """Cut off anywhere, and any byte of the header changed: read as it was, or refused."""
    path = tmp_path / f"{NAME}{name}"
    writers = {"a.mgz": freesurfer, "a.mgh": freesurfer, "a.hdr": pair}
    write = writers.get(name) or (lambda o, p: metaimage(o, p, name == "packed.mha"))
    write(phantom(), path)
    part = path.with_suffix(".img") if name == "a.hdr" else path
    whole = part.read_bytes()
    for length in [0, 1, 40, 200, len(whole) // 2, len(whole) - 60, len(whole) - 1]:
        part.write_bytes(whole[:length])
        if name == "a.mgh" and length == len(whole) - 1:
            continue  # the last bytes tell how the image was made
        with pytest.raises(SSNError) as caught:
            ssn.read(path)
        text = str(caught.value)
        assert NAME not in text and text.endswith(".") and caught.value.__cause__ is None
    part.write_bytes(whole)
    head = bytearray(path.read_bytes())
    for at in range(0, min(len(head), 300), 3):
        changed = bytearray(head)
        changed[at] ^= 0x55
        path.write_bytes(changed)
        said = ""
        try:
            ssn.read(path)
        except SSNError as error:
            said = str(error)
        assert NAME not in said


def test_what_is_more_than_an_image_is_refused(tmp_path: Path) -> None:
    freesurfer_frames = nib.MGHImage(np.zeros((3, 4, 5, 2), np.float32), oblique_affine())
    nib.save(freesurfer_frames, tmp_path / "a.mgz")
    with pytest.raises(GeometryError, match=r"5 × 2\): name a frame"):
        ssn.read(tmp_path / "a.mgz")
    (tmp_path / "b.hdr").write_bytes(
        nib.Nifti1Pair(noise_image((3, 4, 5)), np.eye(4)).header.binaryblock
    )
    with pytest.raises(ImageError, match=r"another file \(.img\). The file does not exist"):
        ssn.read(tmp_path / "b.hdr")
    (tmp_path / "c.mgz").write_bytes(gzip.compress(b"text"))
    with pytest.raises(ImageError, match="no image of FreeSurfer"):
        ssn.read(tmp_path / "c.mgz")


@pytest.mark.parametrize("packed", [False, True])
def test_a_metaimage_that_holds_more_than_it_says_is_refused(tmp_path: Path, packed: bool) -> None:
    """One of its numbers is wrong: ITK takes what comes first, and says nothing of the rest."""
    path = tmp_path / "a.mha"
    metaimage(phantom(), path, packed)
    head, sizes, rest = path.read_bytes().partition(b"DimSize = ")
    words, end, body = rest.partition(b"\n")
    fewer = [int(word) for word in words.split()]
    path.write_bytes(head + sizes + words + end + body + b"\n")
    ssn.read(path)
    fewer[2] -= 1
    path.write_bytes(head + sizes + " ".join(map(str, fewer)).encode() + end + body)
    with pytest.raises(ImageError, match="more voxels than it says"):
        ssn.read(path)
