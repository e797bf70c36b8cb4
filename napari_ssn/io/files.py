"""Files that are either wholly there or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, TypeAlias

from napari_ssn.errors import ExportError
from napari_ssn.io.locks import locked, unlock

#: What a file is to hold, or what writes it into the open file.
Content: TypeAlias = bytes | bytearray | Callable[[BinaryIO], None]

_TAKEN = "There already is a file of that name: choose another, or allow overwriting."
# How hidden folders begin.
_HIDDEN = ".napari-ssn-"

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
            raise ExportError(_TAKEN)


def check_not_source(targets: Iterable[Path], source: Path) -> None:
    """ExportError if a result would take the place of the image it is made from."""
    for target in targets:
        with contextlib.suppress(OSError):
            if target.samefile(source):
                raise ExportError("The result would replace the image itself: choose another name.")


def write_files(contents: Mapping[Path, Content], overwrite: bool = False) -> list[Path]:
    """Write files that belong together, all or none of them.

    Each is written into a hidden folder beside its target and brought to the disk; only when all
    are there are they renamed, one after the other. If a rename fails, the earlier ones are
    taken back. What takes a file's place keeps its rights.

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
    try:
        with writing(), workshops({target.parent for target in targets}) as shops:
            parts = [_write_part(target, contents[target], shops) for target in targets]
            _rename_all(parts, targets, shops, overwrite)
    except FileExistsError:
        raise ExportError(_TAKEN) from None
    return targets


@contextlib.contextmanager
def workshops(folders: Iterable[Path]) -> Iterator[dict[Path, Path]]:
    """A hidden folder in each of some folders, for files that are not there yet; gone afterwards.

    What a process that was killed has left behind is taken away too.
    """
    with contextlib.ExitStack() as stack:
        shops = {}
        for folder in folders:
            _sweep(folder)
            shops[folder] = stack.enter_context(_workshop(folder))
        yield shops


@contextlib.contextmanager
def _workshop(folder: Path) -> Iterator[Path]:
    while True:
        shop = folder / f"{_HIDDEN}{secrets.token_hex(8)}"
        shop.mkdir(mode=0o700)
        lock = locked(shop)
        # Another process may have swept it away before it was locked.
        if shop.is_dir():
            break
        unlock(lock)
    try:
        yield shop
    finally:
        # A disk that refuses even this has been reported already.
        shutil.rmtree(shop, ignore_errors=True)
        unlock(lock)


def _sweep(folder: Path) -> None:
    """Take away what processes that were killed while writing have left in a folder."""
    try:
        left = [one for one in folder.glob(f"{_HIDDEN}*") if not one.is_symlink()]
    except OSError:
        return  # what keeps a folder from being listed need not keep a file from being written
    for one in left:
        # Nobody holds it: the system lets go of a dead process's locks.
        with contextlib.suppress(OSError):
            lock = locked(one, wait=False)
            if one.is_dir():
                shutil.rmtree(one, ignore_errors=True)
            else:
                one.unlink()
            unlock(lock)


def _write_part(target: Path, content: Content, shops: Mapping[Path, Path]) -> Path:
    part = shops[target.parent] / f"{secrets.token_hex(4)}.part"
    with part.open("xb") as stream:
        _keep_rights(part, target)
        if isinstance(content, bytes | bytearray):
            stream.write(content)
        else:
            content(stream)
        stream.flush()
        os.fsync(stream.fileno())
    return part


def _keep_rights(part: Path, target: Path) -> None:
    """Let nobody read what takes a file's place who could not read that file.

    The part itself lies in a folder that nobody else may enter.
    """
    try:
        before, now = target.stat(), part.stat()
    except FileNotFoundError:
        return
    mode = stat.S_IMODE(before.st_mode)
    if os.name != "nt" and before.st_gid != now.st_gid:
        try:
            os.chown(part, -1, before.st_gid)
        except OSError:
            mode &= ~stat.S_IRWXG
    part.chmod(mode)


def _rename_all(
    parts: list[Path], targets: list[Path], shops: Mapping[Path, Path], overwrite: bool
) -> None:
    done: list[tuple[Path, Path | None]] = []
    try:
        for part, target in zip(parts, targets, strict=True):
            # The last rename cannot be followed by a failure: nothing to keep a copy for.
            old = _keep_copy(target, shops) if overwrite and target != targets[-1] else None
            if overwrite:
                part.replace(target)
            else:
                _move_to_new(part, target)
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


def _move_to_new(part: Path, target: Path) -> None:
    """Rename to a name that nobody else has taken meanwhile; FileExistsError if somebody has."""
    if os.name == "nt":
        part.rename(target)  # which Windows refuses where there is one
        return
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:  # file systems without links, as on memory cards and many shares
        os.close(os.open(target, os.O_CREAT | os.O_EXCL))
        part.replace(target)


def _keep_copy(target: Path, shops: Mapping[Path, Path]) -> Path | None:
    if not target.exists():
        return None
    copy = shops[target.parent] / f"{secrets.token_hex(4)}.old"
    try:
        os.link(target, copy)
    except OSError:  # as above
        shutil.copyfile(target, copy)
        shutil.copymode(target, copy)
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
        with writing():
            folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise ExportError("There is a file where the folder should be: choose another.") from None


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """ExportError, in one sentence, for what the system refuses; but FileExistsError stays."""
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        # The system's own message holds the path, and the path may hold a patient's name.
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
