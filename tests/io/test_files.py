import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import napari_ssn as ssn
from napari_ssn.cli import train
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.errors import ExportError
from napari_ssn.io import files
from napari_ssn.io.files import folder_made, make_folder, write_files
from napari_ssn.io.locks import alone, hold
from napari_ssn.network.models import replace_file

NAME = "DOE_JANE"


def hypothesis() -> Hypothesis:
    return Hypothesis(np.ones((3, 2, 2), np.uint8), np.eye(4), np.zeros(2))


def names(folder: Path) -> list[str]:
    """Everything in a folder, hidden files too."""
    return sorted(os.listdir(folder))  # noqa: PTH208


def fail(code: int):
    def raise_it(*args, **kwargs):
        # As the system says it: with the path.
        raise OSError(code, os.strerror(code), str(args[0]))

    return raise_it


def test_files_are_written_and_nothing_else(tmp_path: Path) -> None:
    contents = {tmp_path / "a": b"first", tmp_path / "b": b"second"}
    assert write_files(contents) == list(contents)
    assert {p: p.read_bytes() for p in contents} == contents
    assert names(tmp_path) == ["a", "b"]


def test_a_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    write_files({tmp_path / "a": b""})
    (tmp_path / "plain").write_bytes(b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_existing_files_are_replaced_only_when_allowed(tmp_path: Path) -> None:
    target = tmp_path / f"{NAME}.nii.gz"
    target.write_bytes(b"old")
    with pytest.raises(ExportError, match="already is a file") as caught:
        ssn.write(hypothesis(), target)
    assert NAME not in str(caught.value) and target.read_bytes() == b"old"
    ssn.write(hypothesis(), target, overwrite=True)
    assert target.read_bytes() != b"old" and names(tmp_path) == [target.name]


def test_one_existing_file_keeps_its_companion_from_being_written(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"old")
    with pytest.raises(ExportError, match="already is a file"):
        write_files({tmp_path / "a": b"1", tmp_path / "b": b"2"})
    assert names(tmp_path) == ["b"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_is_never_replaced(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "a.nii.gz").mkdir()
    with pytest.raises(ExportError, match="a folder of that name"):
        ssn.write(hypothesis(), tmp_path / "a.nii.gz", overwrite=overwrite)


@pytest.mark.parametrize("name", ["a.mha", "a", "a.nii.bz2", "a.nrrd", "a.dicom"])
def test_other_suffixes_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ExportError, match=r"suffix \.nii\.gz"):
        ssn.write(hypothesis(), tmp_path / name)
    assert names(tmp_path) == []


REASONS = [
    (errno.ENOSPC, "disk is full"),
    (errno.EDQUOT, "disk is full"),
    (errno.EROFS, "may not be written to"),
    (errno.EACCES, "may not be written to"),
    (errno.EIO, "could not be written"),
]


@pytest.mark.parametrize(("code", "words"), REASONS)
@pytest.mark.parametrize("step", ["open", "replace"])
@pytest.mark.parametrize("existed", [False, True])
def test_a_refusing_disk_changes_nothing(
    tmp_path: Path, monkeypatch, step: str, code: int, words: str, existed: bool
) -> None:
    target = tmp_path / f"{NAME}.nii.gz"
    if existed:
        target.write_bytes(b"old")
    with monkeypatch.context() as patched:
        patched.setattr(Path, step, fail(code))
        with pytest.raises(ExportError, match=words) as caught:
            ssn.write(hypothesis(), target, overwrite=True)
    text = str(caught.value)
    assert NAME not in text and str(tmp_path) not in text and text.endswith(".")
    assert caught.value.__suppress_context__
    assert names(tmp_path) == ([target.name] if existed else [])
    assert not existed or target.read_bytes() == b"old"


def test_a_disk_that_fills_up_while_writing_leaves_nothing(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(files.os, "fsync", fail(errno.ENOSPC))
    with pytest.raises(ExportError, match="disk is full"):
        ssn.write(hypothesis(), tmp_path / "a.nii.gz")
    assert names(tmp_path) == []


@pytest.mark.parametrize("existed", [False, True])
@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("failing", [1, 2])
def test_a_failed_rename_takes_back_the_earlier_one(
    tmp_path: Path, monkeypatch, failing: int, links: bool, existed: bool
) -> None:
    targets = [tmp_path / "a", tmp_path / "b"]
    if existed:
        for target in targets:
            target.write_bytes(b"old " + target.name.encode())
    replace, calls = Path.replace, []

    def replace_until(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == failing:
            raise OSError(errno.EIO, "broken", str(self))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", replace_until)
    if not links:
        monkeypatch.setattr(files.os, "link", fail(errno.EPERM))
    with pytest.raises(ExportError):
        write_files(dict.fromkeys(targets, b"new"), overwrite=True)
    assert names(tmp_path) == (["a", "b"] if existed else [])
    for target in targets if existed else []:
        assert target.read_bytes() == b"old " + target.name.encode()


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_interrupted_rename_is_taken_back(tmp_path: Path, monkeypatch, overwrite: bool) -> None:
    replace, link = Path.replace, os.link

    def interrupted(self: Path, target: Path) -> Path:
        if target.name == "b":
            raise KeyboardInterrupt
        return replace(self, target)

    def linked(source: Path, target: Path) -> None:
        if Path(target).name == "b":
            raise KeyboardInterrupt
        link(source, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    monkeypatch.setattr(files.os, "link", linked)
    with pytest.raises(KeyboardInterrupt):
        write_files({tmp_path / "a": b"1", tmp_path / "b": b"2"}, overwrite)
    assert names(tmp_path) == []


@pytest.mark.parametrize("links", [True, False])
def test_a_name_that_is_taken_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch, links: bool
) -> None:
    """As two processes do that both found the name free before they wrote."""
    monkeypatch.setattr(files, "check_targets", lambda *_: None)
    if not links:
        monkeypatch.setattr(files.os, "link", fail(errno.EPERM))
    (tmp_path / "b").write_bytes(b"theirs")
    with pytest.raises(ExportError, match="already is a file of that name"):
        write_files({tmp_path / "a": b"ours", tmp_path / "b": b"ours"})
    assert names(tmp_path) == ["b"] and (tmp_path / "b").read_bytes() == b"theirs"


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_of_many_processes_that_take_one_name_one_has_it(tmp_path: Path) -> None:
    code = f"""
import os, sys
from pathlib import Path
from napari_ssn.errors import ExportError
from napari_ssn.io.files import write_files
pids = []
for round in range(20):
    for one in range(2):
        pid = os.fork()
        if pid == 0:
            text = f"{{round}} {{one}}".encode()
            try:
                paths = {{Path({str(tmp_path)!r}) / f"{{round}}.{{kind}}": text for kind in "ab"}}
                write_files(paths)
            except ExportError:
                os._exit(3)
            os._exit(0)
        pids.append((round, pid))
for round in range(20):
    done = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for r, pid in pids if r == round]
    assert sorted(done) == [0, 3], done
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert len(names(tmp_path)) == 40
    for number in range(20):
        first, second = (tmp_path / f"{number}.{kind}" for kind in "ab")
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="rights of POSIX")
def test_what_takes_a_files_place_keeps_its_rights(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    for mode in (0o600, 0o640, 0o444):
        target.chmod(mode)
        write_files({target: b"new", tmp_path / "b": b""}, overwrite=True)
        assert target.stat().st_mode & 0o777 == mode
    replace_file(target, b"newer")
    assert target.stat().st_mode & 0o777 == 0o444 and target.read_bytes() == b"newer"
    assert names(tmp_path) == ["a", "b"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs locks of POSIX")
def test_what_a_living_process_is_writing_is_left_alone(tmp_path: Path) -> None:
    orphan = tmp_path / ".napari-ssn-0123456789abcdef"
    orphan.mkdir()
    (orphan / "x.part").write_bytes(b"half")
    (tmp_path / ".napari-ssn-of-before.part").write_bytes(b"half")
    with files._workshop(tmp_path) as living:
        write_files({tmp_path / "a": b"1"})
        assert names(tmp_path) == [living.name, "a"]
    assert names(tmp_path) == ["a"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize("existed", [False, True])
def test_a_killed_process_leaves_no_partial_file(tmp_path: Path, existed: bool) -> None:
    """Killed after half of the content: the target is the old file or none."""
    target = tmp_path / "out.nii.gz"
    if existed:
        target.write_bytes(b"old")
    code = f"""
import os, signal
from pathlib import Path
from napari_ssn.io import files
files.os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
files.write_files({{Path({str(target)!r}): b"new" * 100000}}, overwrite=True)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGKILL
    assert [n for n in names(tmp_path) if not n.startswith(".")] == (
        [target.name] if existed else []
    )
    assert not existed or target.read_bytes() == b"old"
    # What it left behind is taken away at the next write.
    write_files({tmp_path / "other": b""})
    assert names(tmp_path) == (["other", target.name] if existed else ["other"])


def test_missing_folders_are_said(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="folder does not exist"):
        write_files({tmp_path / "no" / "a": b""})
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ExportError, match="folder does not exist"):
        write_files({tmp_path / "file" / "a": b""})
    with pytest.raises(ExportError, match="name of the file is too long"):
        write_files({tmp_path / ("a" * 300): b""})


def test_folders_are_made(tmp_path: Path, monkeypatch) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ExportError, match="a file where the folder should be"):
        make_folder(tmp_path / "file")
    monkeypatch.setattr(Path, "mkdir", fail(errno.EROFS))
    with pytest.raises(ExportError, match="may not be written to"):
        make_folder(tmp_path / "c")


def test_a_folder_that_nothing_came_into_is_taken_away(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="failed"), folder_made(tmp_path / "a" / "b"):
        raise ValueError("failed")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "old").mkdir()
    existing, new = tmp_path / "old", tmp_path / "new"
    with pytest.raises(FileNotFoundError), folder_made(new):
        shutil.copytree(tmp_path / "none", shutil.copytree(existing, new / "kept"))
    assert (new / "kept").is_dir()
    with pytest.raises(KeyboardInterrupt), folder_made(tmp_path / "old"):
        raise KeyboardInterrupt
    assert (tmp_path / "old").is_dir()


def test_a_folder_is_one_processs_and_let_go_of_however_that_ends(tmp_path: Path) -> None:
    with (
        alone(tmp_path, "Busy."),
        pytest.raises(ExportError, match=r"Busy\."),
        alone(tmp_path, "Busy."),
    ):
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("how", ["with alone(folder, 'Busy.'):", "if hold(folder):"])
def test_a_folder_is_let_go_of_though_a_child_lives_on(tmp_path: Path, how: str) -> None:
    # One that is killed may have a child, as a training's workers are for seconds.
    code = f"""
import os, sys
from pathlib import Path
from napari_ssn.io.locks import alone, hold
folder = Path({str(tmp_path)!r})
{how}
    if os.fork() == 0:
        print("Lives.", flush=True)
        sys.stdin.read()
    os._exit(0)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        # The parent may be gone before its child has run at all.
        assert process.stdout.readline() == b"Lives.\n"
        process.wait()
        with alone(tmp_path, "Busy."):
            pass
        let_go = hold(tmp_path)
        assert let_go is not None
        let_go()


def test_two_trainings_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        train._alone_in(tmp_path / "model"),
        pytest.raises(ExportError, match="Another training writes into that folder"),
        train._alone_in(tmp_path / "model"),
    ):
        pass
