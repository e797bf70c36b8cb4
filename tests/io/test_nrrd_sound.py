"""NRRD files that are sound though they are odd, each beside what another program makes of it."""

from __future__ import annotations

import bz2
import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import napari_ssn as ssn
from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.io import nrrd_image

SPACE = (6, 4, 5)
VALUES = np.arange(120, dtype="<i2").reshape(SPACE, order="F")
BODY = VALUES.tobytes(order="F")
HEAD = (
    "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 6 4 5\n"
    "space directions: (0.9,0,0) (0,0.8,0) (0,0,2.5)\nendian: little\nspace origin: (3,4,5)\n"
)
AFFINE = np.array([[-0.9, 0, 0, -3], [0, -0.8, 0, -4], [0, 0, 2.5, 5], [0, 0, 0, 1]])


def read(folder: Path, head: str | bytes, body: bytes = BODY, encoding: str = "raw"):
    start = head if isinstance(head, bytes) else head.encode()
    path = folder / "a.nrrd"
    path.write_bytes(start + f"encoding: {encoding}\n\n".encode() + body)
    return ssn.read(path)


def check(volume: ssn.Volume) -> None:
    np.testing.assert_array_equal(volume.data[0], VALUES)
    np.testing.assert_allclose(volume.affine, AFFINE, rtol=0, atol=1e-9)
    assert volume.oriented and volume.extent == "volume" and volume.note is None


@pytest.mark.parametrize(
    "line",
    [
        "comment:=Größe\n".encode("latin-1"),
        "# Größe\n".encode("latin-1"),
        "comment:=Größe\n".encode(),
        b"a:=1\na:=1\n",
        b"type:=CT\n",
        b"note:=a\x85b\x0bc\n",
        "note:=a\u2028b\n".encode(),
        b'content: "one: two"\n',
    ],
)
def test_what_somebody_noted_is_no_damage(tmp_path: Path, line: bytes) -> None:
    check(read(tmp_path, HEAD.encode() + line))


def test_the_field_that_was_noted_is_kept(tmp_path: Path) -> None:
    from napari_ssn.io.nrrd_image import read_nrrd_fields

    read(tmp_path, HEAD.encode() + "Größe:=größer\n".encode("latin-1"))
    assert read_nrrd_fields(tmp_path / "a.nrrd")[1]["Größe"] == "größer"


@pytest.mark.parametrize("tail", [b"\n", b"\r\n", bytes(16)])
@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("raw", bytes), ("gzip", gzip.compress), ("bzip2", bz2.compress)],
)
def test_a_line_end_behind_the_voxels_is_no_damage(
    tmp_path: Path, encoding: str, pack, tail: bytes
) -> None:
    check(read(tmp_path, HEAD, pack(BODY) + tail, encoding))
    check(read(tmp_path, HEAD, pack(BODY + tail), encoding))


def test_a_slice_behind_the_voxels_is_a_size_that_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="more voxels than it says"):
        read(tmp_path, HEAD, BODY + bytes(48))


@pytest.mark.parametrize("encoding", ["ascii", "text", "txt"])
def test_numbers_written_as_text(tmp_path: Path, encoding: str) -> None:
    words = " ".join(map(str, VALUES.ravel(order="F"))).encode() + b"\n"
    check(read(tmp_path, HEAD.replace("endian: little\n", ""), words, encoding))
    with pytest.raises(ImageError, match="fewer voxels"):
        read(tmp_path, HEAD, words[:-5], encoding)
    for word in (b"x", b"40000", b"1.5"):
        with pytest.raises(ImageError, match="no number of its kind"):
            read(tmp_path, HEAD, words.replace(b" 7 ", b" %s " % word), encoding)


def test_a_long_text_takes_little_more_room_than_it_has(tmp_path: Path) -> None:
    """Taken apart at once its words would take twenty times as much."""
    count, path = 1 << 18, tmp_path / "words"
    path.write_bytes(b"\t7\r\n-11," * (count // 2))
    with path.open("rb") as stream:
        tracemalloc.start()
        values = nrrd_image._from_text(stream, np.dtype("i2"), count)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert values[::2].tolist() == [7] * (count // 2) and set(values[1::2]) == {-11}
    assert most < 6 * path.stat().st_size
    for wrong, words in ((count + 1, "fewer voxels"), (count - 1, "more voxels")):
        with path.open("rb") as stream, pytest.raises(ImageError, match=words):
            nrrd_image._from_text(stream, np.dtype("i2"), wrong)


def test_a_plane_in_a_space_of_two_dimensions(tmp_path: Path) -> None:
    head = (
        "NRRD0004\ntype: short\ndimension: 2\nspace dimension: 2\nsizes: 6 4\n"
        "space directions: (0.9,0) (0,0.8)\nendian: little\nspace origin: (3,4)\n"
    )
    volume = read(tmp_path, head, BODY[:48])
    np.testing.assert_array_equal(volume.data[0], VALUES[..., 0])
    np.testing.assert_allclose(
        volume.affine[:, [0, 1, 3]], AFFINE[:, [0, 1, 3]] * [[1], [1], [0], [1]]
    )
    # Of which patient's plane nobody says.
    assert volume.extent == "plane" and not volume.oriented
    with pytest.raises(GeometryError, match="directions in a plane"):
        read(tmp_path, head.replace("space dimension: 2", "space: LPS"), BODY[:48])


@pytest.mark.parametrize("last", [False, True])
def test_voxels_behind_something_else(tmp_path: Path, last: bool) -> None:
    skip = "byte skip: -1\n" if last else "line skip: 2\nbyte skip: 3\n"
    check(read(tmp_path, HEAD + skip, b"one\ntwo\nabc" + BODY))


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("bzip2", bz2.compress)])
def test_voxels_behind_something_else_and_packed_with_it(
    tmp_path: Path, encoding: str, pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As of a NIfTI file that an NRRD header describes: teem, ITK and pynrrd read it.
    check(read(tmp_path, HEAD + "byte skip: -1\n", pack(bytes(352) + BODY), encoding))
    with pytest.raises(ImageError, match="cut off"):
        read(tmp_path, HEAD + "byte skip: -1\n", pack(BODY[:-1]), encoding)
    monkeypatch.setattr(nrrd_image, "_MOST_BEFORE", 351)
    with pytest.raises(ImageError, match="more voxels"):
        read(tmp_path, HEAD + "byte skip: -1\n", pack(bytes(352) + BODY), encoding)


@pytest.mark.parametrize(
    "note",
    [
        "byte skip:=2",
        "Line Skip:=1",
        "byteskip:=-1",
        "data file:=other",
        "space units:=um",
        "measurement frame:=x",
        "kinds:=list",
    ],
)
def test_a_note_that_is_called_as_a_field_is_a_note(tmp_path: Path, note: str) -> None:
    check(read(tmp_path, f"{HEAD}{note}\n"))


@pytest.mark.parametrize(("encoding", "pack"), [("raw", bytes), ("gzip", gzip.compress)])
def test_voxels_in_a_file_beside_it(tmp_path: Path, encoding: str, pack) -> None:
    (tmp_path / "voxels").write_bytes(pack(BODY))
    check(read(tmp_path, HEAD + "data file: voxels\n", b"", encoding))
    (tmp_path / "b.nhdr").write_text(f"{HEAD}data file: ./voxels\nencoding: {encoding}\n")
    check(ssn.read(tmp_path / "b.nhdr"))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("sizes: 6 4 5", "sizes: six 4 5", "the sizes in its header cannot be understood"),
        ("sizes: 6 4 5", "sizes: 6 4 -5", "a size in its header is negative"),
        ("type: short", "typo: short", "its header does not say the type"),
        ("type: short", "type: short\ntype: short", "one field twice"),
        ("type: short", "type: short\nDOE JANE", "a line of its header is no field"),
        ("NRRD0004", "NRRD0009", "its version is not known"),
        ("left-posterior", "left-behind", "space that its header names is not known"),
        ("origin: (3,4,5)", "origin: (3,4)", "the space origin in its header"),
        ("endian: little", "endian: middle", "in which order its bytes"),
        ("endian: little", "data file: LIST\nendian: little", "in several files"),
        ("endian: little", "data file: gone\nendian: little", "beside this one. The file does not"),
        ("endian: little", "data file: g\0\nendian: little", "beside this one. The file does not"),
    ],
)
def test_each_thing_that_is_wrong_has_words_of_its_own(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    assert old in HEAD
    with pytest.raises((ImageError, GeometryError), match=words) as caught:
        read(tmp_path, HEAD.replace(old, new))
    assert "DOE" not in str(caught.value)
