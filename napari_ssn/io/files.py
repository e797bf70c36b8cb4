"""Files that are either wholly there or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from napari_ssn.core.errors import ExportError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_MISSING = {errno.ENOENT, errno.ENOTDIR}


def check_targets(targets: list[Path], overwrite: bool) -> None:
    """ExportError if one of these files exists and may not be replaced, or is a folder."""
    for target in targets:
        try:
            mode = target.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise ExportError(_sentence(error)) from None
        if stat.S_ISDIR(mode):
            raise ExportError("There is a folder of that name: choose another name.")
        if not overwrite:
            raise ExportError(
                "There already is a file of that name: choose another, or allow overwriting."
            )


def check_not_source(targets: Iterable[Path], source: Path) -> None:
    """ExportError if a result would take the place of the image it is made from."""
    for target in targets:
        with contextlib.suppress(OSError):
            if target.samefile(source):
                raise ExportError("The result would replace the image itself: choose another name.")


def write_files(contents: Mapping[Path, bytes], overwrite: bool = False) -> list[Path]:
    """Write files that belong together, all or none of them.

    Each is written beside its target under a hidden name and brought to the disk; only when all
    are there are they renamed, one after the other. If a rename fails, the earlier ones are
    taken back.

    Args:
        contents: by target; the first is renamed first.
        overwrite: whether existing files may be replaced.

    Returns:
        the targets.

    Raises:
        ExportError: a target exists, or the disk is full, missing or may not be written to.
    """
    targets = list(contents)
    check_targets(targets, overwrite)
    spare: list[Path] = []
    try:
        parts = [_write_part(target, contents[target], spare) for target in targets]
        _rename_all(parts, targets, spare)
    except OSError as error:
        # The system's own message holds the path, and the path may hold a patient's name.
        raise ExportError(_sentence(error)) from None
    finally:
        for path in spare:
            # A disk that refuses even this has been reported already.
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
    return targets


def _hidden(target: Path, suffix: str) -> Path:
    return target.with_name(f".napari-ssn-{secrets.token_hex(8)}.{suffix}")


def _write_part(target: Path, content: bytes, spare: list[Path]) -> Path:
    part = _hidden(target, "part")
    spare.append(part)
    with part.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    return part


def _rename_all(parts: list[Path], targets: list[Path], spare: list[Path]) -> None:
    done: list[tuple[Path, Path | None]] = []
    try:
        for part, target in zip(parts, targets, strict=True):
            # The last rename cannot be followed by a failure: nothing to keep a copy for.
            old = _keep_copy(target, spare) if target != targets[-1] else None
            part.replace(target)
            done.append((target, old))
    except BaseException:
        for target, old in reversed(done):
            if old is None:
                target.unlink()
            else:
                old.replace(target)
        raise
    for folder in {target.parent for target in targets}:
        _sync_folder(folder)


def _keep_copy(target: Path, spare: list[Path]) -> Path | None:
    if not target.exists():
        return None
    copy = _hidden(target, "old")
    spare.append(copy)
    try:
        os.link(target, copy)
    except OSError:  # file systems without links, as on memory cards and many shares
        shutil.copyfile(target, copy)
    return copy


def _sync_folder(folder: Path) -> None:
    """Bring the renames to the disk, where the system lets a folder be opened for that."""
    if os.name == "nt":
        return
    # Some network file systems refuse; the files themselves are safe on the disk by now.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _sentence(error: OSError) -> str:
    if error.errno in _FULL:
        return "The disk is full: free some space or choose another folder."
    if error.errno in _FORBIDDEN:
        return "This folder may not be written to: choose another folder."
    if error.errno in _MISSING:
        return "That folder does not exist: choose another folder."
    if error.errno == errno.ENAMETOOLONG:
        return "The name of the file is too long: choose a shorter one."
    return f"The file could not be written ({error.strerror or 'no reason given'})."


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; nothing if it is there. ExportError if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise ExportError("There is a file where the folder should be: choose another.") from None
    except OSError as error:
        raise ExportError(_sentence(error)) from None


@contextlib.contextmanager
def folder_made(folder: Path) -> Iterator[None]:
    """Make a folder, and take it away again if what needs it fails before anything is in it."""
    new = [one for one in (folder, *folder.parents) if not one.exists()]
    make_folder(folder)
    try:
        yield
    except BaseException:
        for one in new:
            with contextlib.suppress(OSError):
                one.rmdir()
        raise
