"""Damaged files: each is read rightly or refused in one sentence."""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import napari_ssn as ssn
from napari_ssn.cli import app as cli
from napari_ssn.errors import SSNError
from tests.support.damage import COUNT, LONGEST, Damaged, as_it_says, damaged_files, originals

# A name as hospitals give them: it must appear in no message.
NAME = "DOE_JANE_19700101"
FILES = list(damaged_files())


def place(folder: Path, file: Damaged) -> Path:
    path = folder / f"{NAME}.{file.name.split('.', 1)[1]}"
    path.write_bytes(file.content)
    return path


def check_words(error: SSNError, folder: Path) -> None:
    text = str(error)
    assert text.endswith(".") and "\n" not in text and len(text) <= LONGEST
    assert NAME not in text and str(folder) not in text
    # What a traceback would show of the cause names the file.
    assert error.__cause__ is None and (error.__suppress_context__ or error.__context__ is None)


def test_there_are_as_many_as_are_promised_and_always_the_same() -> None:
    assert len(FILES) >= COUNT
    assert list(damaged_files()) == FILES
    assert not any(file.content in originals().values() for file in FILES if "flipped" in file.how)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.name} {file.how}")
def test_a_damaged_file_is_read_rightly_or_refused(
    tmp_path: Path, file: Damaged, caplog: pytest.LogCaptureFixture
) -> None:
    path = place(tmp_path, file)
    began = time.perf_counter()
    volume = None
    try:
        with caplog.at_level(logging.DEBUG):
            volume = ssn.read(path)
    except SSNError as error:
        check_words(error, tmp_path)
    assert time.perf_counter() - began < 5
    assert NAME not in caplog.text
    if volume is not None:
        data, affine = as_it_says(file)
        np.testing.assert_array_equal(volume.data[0], data)
        np.testing.assert_allclose(volume.affine, affine, rtol=1e-6, atol=1e-4)
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def outcome(folder: Path, how: str, name: str = "a.nii") -> ssn.Volume | str:
    [file] = [one for one in FILES if (one.name, one.how) == (name, how)]
    try:
        return ssn.read(place(folder, file))
    except SSNError as error:
        return str(error)


@pytest.mark.parametrize(
    ("name", "how", "words"),
    [
        ("a.nii", "empty", "damaged or no NIfTI file"),
        ("a.nii", "text", "damaged or no NIfTI file"),
        ("b.nii.gz", "text", "damaged or no NIfTI file"),
        ("a.nii", "quaternion too long", "damaged"),
        ("a.nii", "quaternion not a number", "not finite"),
        ("a.nii", "sform of zeros, no qform", "singular"),
        ("a.nii", "sform of infinity", "not finite"),
        ("a.nii", "huge size", "cut off"),
        ("a.nii", "complex values", "complex numbers"),
        ("b.nii.gz", "compressed twice", "no NIfTI file"),
        ("c.nrrd", "directions of zero", "singular"),
        ("c.nrrd", "voxels elsewhere", "another file"),
        ("c.nrrd", "unknown space", "damaged"),
        ("c.nrrd", "no directions", "no directions in it"),
        ("c.nrrd", "huge sizes", "cut off"),
        ("d.nrrd", "compressed bomb", "more voxels than it says"),
        ("e.png", "colours", "palette"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(
    tmp_path: Path, name: str, how: str, words: str
) -> None:
    found = outcome(tmp_path, how, name)
    assert isinstance(found, str) and words in found


def test_what_can_be_used_is_said_to_be_doubtful(tmp_path: Path) -> None:
    # All zeros are the quaternion of no turn at all: legal, and read as that.
    still = outcome(tmp_path, "zero quaternion")
    assert isinstance(still, ssn.Volume) and still.oriented
    np.testing.assert_allclose(np.linalg.norm(still.affine[:3, :3], axis=0), (0.7, 1.3, 2.5))
    two = outcome(tmp_path, "qform and sform disagree")
    assert isinstance(two, ssn.Volume) and "two positions, 30 mm apart" in (two.note or "")
    empty = outcome(tmp_path, "sform of zeros")
    assert isinstance(empty, ssn.Volume) and "its qform was taken" in (empty.note or "")
    lost = outcome(tmp_path, "no origin", "c.nrrd")
    assert isinstance(lost, ssn.Volume) and "no origin" in (lost.note or "")
    none = outcome(tmp_path, "no position")
    assert isinstance(none, ssn.Volume) and not none.oriented and none.extent == "volume"
    # nibabel fills in 1 mm.
    for how in ("voxel size of zero",):
        sizeless = outcome(tmp_path, how)
        assert isinstance(sizeless, ssn.Volume) and sizeless.extent == "unknown"
    unknown = outcome(tmp_path, "no space directions", "c.nrrd")
    assert isinstance(unknown, ssn.Volume) and unknown.extent == "unknown"


def test_what_a_checksum_covers_is_never_read_wrongly(tmp_path: Path) -> None:
    """Of compressed files nothing wrong comes through: as it was, or refused."""
    whole = originals()
    verdicts = Counter()
    for file in FILES:
        if file.name not in ("b.nii.gz", "d.nrrd", "e.png") or "flipped" not in file.how:
            continue
        try:
            found = ssn.read(place(tmp_path, file))
        except SSNError:
            verdicts[file.name, "refused"] += 1
            continue
        verdicts[file.name, "read"] += 1
        (tmp_path / file.name).write_bytes(whole[file.name])
        original = ssn.read(tmp_path / file.name)
        np.testing.assert_array_equal(found.data, original.data)
    assert all(verdicts[name, "refused"] for name in ("b.nii.gz", "d.nrrd", "e.png"))


def test_a_command_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of each kind of damage one, through the command line: no folder, no part of a file."""
    seen = set()
    for file in FILES:
        kind = (file.name, file.how.split()[0])
        refused = isinstance(outcome_of(tmp_path, file), str)
        if kind in seen or not refused:
            continue
        seen.add(kind)
        path, out = place(tmp_path, file), tmp_path / "out"
        arguments = ["segment", str(path), "--model", "lidc-2d", "--out", str(out)]
        monkeypatch.setattr(sys, "argv", ["napari-ssn", *arguments])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        text, said = capsys.readouterr()
        assert stop.value.code == cli.PROBLEM and text == ""
        assert NAME not in said and "Traceback" not in said and len(said.splitlines()) == 1
        assert not out.exists()
        path.unlink()
    assert len(seen) > 20 and not list(tmp_path.iterdir())


def outcome_of(folder: Path, file: Damaged) -> ssn.Volume | str:
    path = place(folder, file)
    try:
        return ssn.read(path)
    except SSNError as error:
        return str(error)
    finally:
        path.unlink()
