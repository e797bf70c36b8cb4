"""Files that may be DICOM: of a folder, of a zip (nothing is unpacked), or beside one another.

Names of files and folders are looked at and never said.
"""

from __future__ import annotations

import os
import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path, PurePath, PurePosixPath

from napari_ssn.documents.regular import hidden, visible
from napari_ssn.errors import ImageError
from napari_ssn.io.archive import trap_in, unzipping
from napari_ssn.io.source import check_memory

#: What a DICOM file begins with: a preamble of any content, and these four letters.
PREAMBLE, MAGIC = 128, b"DICM"
#: Names that DICOM files have, where they have any.
SUFFIXES = (".dcm", ".dicom", ".ima")
# No suffix, or the end of a UID or a number that looks like one.
_PLAIN_NAME = re.compile(r"[^.]+|.*\.[0-9]+")

_DAMAGED = "The zip file is damaged: copy or export it again."
# The element that a data set begins with is not behind this one, and its value is short; where
# its type is written out it is one of these.
_FIRST, _LONGEST = 0x0020, 96
_SHORT = {b"UI", b"UL", b"CS", b"DA", b"TM", b"LO", b"SH", b"DT"}
# More files than a study has; who opens a whole disk waits for minutes.
_MOST = 20_000
# How many files of a folder or zip are looked at to tell whether it may be DICOM.
_GLANCE = 24


class UnreadableError(ImageError):
    """Bytes of a file cannot be had: its disk, or the zip that it is in, does not give them."""


@dataclass(frozen=True)
class Member:
    """A file, wherever it lies.

    Attributes:
        size: in bytes, uncompressed; never more than these are read.
        read: returns its content, or the first so many bytes of it.
        named: whether its name is one that DICOM files have: a suffix of theirs, none, or numbers.
        packed: whether its bytes take less room where they lie, as in a zip.
    """

    size: int
    read: Callable[[int], bytes]
    named: bool = False
    packed: bool = False

    def whole(self) -> bytes:
        """All of the content; ImageError if it does not fit into memory or is damaged."""
        check_memory(self.size)
        return self.read(self.size)

    @property
    def is_dicom(self) -> bool:
        """Whether it begins as DICOM does, with the preamble or without."""
        head = self.read(PREAMBLE + 4)
        if self.size > PREAMBLE and head[PREAMBLE:] == MAGIC:
            return True
        return self.size > PREAMBLE and begins_bare(head)


def begins_bare(head: bytes) -> bool:
    """Whether bytes begin with two elements of a data set, in order and of the groups 2 or 8.

    Group 2 is the file's meta information, group 8 says what it is; both may be explicit or
    implicit, little endian or big endian.
    """
    for order in ("<", ">"):
        group, element = struct.unpack_from(f"{order}HH", head)
        explicit = head[4:6] in _SHORT
        length = struct.unpack_from(
            f"{order}{'H' if explicit else 'I'}", head, 6 if explicit else 4
        )
        if group not in (2, 8) or element > _FIRST or length[0] > _LONGEST:
            continue
        after = struct.unpack_from(f"{order}HH", head, 8 + length[0])
        if after[0] in (2, 8) and after > (group, element):
            return True
    return False


@contextmanager
def members(path: Path, below: bool = True) -> Iterator[list[Member]]:
    """Files of a folder and those in it, of a zip, or of the folder that a file lies in.

    Args:
        path: of the folder, zip or file.
        below: whether folders in a folder are looked into.

    Raises:
        ImageError: nothing is there, it cannot be opened, or there are too many files.
    """
    with ExitStack() as stack:
        # `from None`: the causes' messages hold the path, and it may hold a patient's name.
        try:
            found = _found(path, stack, below)
        except OSError as error:
            raise ImageError(_refusal(error)) from None
        except ValueError:
            raise ImageError(_DAMAGED) from None
        if len(found) > _MOST:
            raise ImageError(
                f"There are more than {_MOST:,} files: choose the folder of one study or series."
            )
        yield found


def _found(path: Path, stack: ExitStack, below: bool) -> list[Member]:
    if path.is_dir():
        files = _walk(path) if below else _own(path)
        return [_on_disk(file) for file in islice(files, _MOST + 1)]
    if not path.exists():
        raise ImageError("The file does not exist.")
    # A pipe would be waited for.
    if not path.is_file():
        raise ImageError("This is no file and no folder: choose another.")
    if zipfile.is_zipfile(path):
        with unzipping("The zip file", ImageError, _DAMAGED):
            archive = stack.enter_context(zipfile.ZipFile(path))
        infos = archive.infolist()
        trap = trap_in(infos, path.stat().st_size, "The zip file", "study")
        if trap is not None:
            raise ImageError(trap)
        return [_zipped(archive, info) for info in infos if _shown(info)]
    return [_on_disk(file) for file in islice(_own(path.parent), _MOST + 1)]


def _own(folder: Path) -> list[Path]:
    """Files of a folder itself, in one order on every computer."""
    return sorted(file for file in visible(folder) if file.is_file())


def member(path: Path) -> Member:
    """One file of the disk; ImageError if it cannot be opened."""
    try:
        return _on_disk(path)
    except OSError as error:
        raise ImageError(_refusal(error)) from None


def received(whole: bytes) -> Member:
    """A file that lies on no disk."""
    return Member(len(whole), lambda size: whole[:size])


def may_be_dicom(path: Path) -> bool:
    """Whether a file is DICOM, or a folder or zip may hold some: a glance at its first files."""
    try:
        if path.is_dir():
            return any(_is_dicom(_on_disk(file)) for file in islice(_walk(path), _GLANCE))
        if not path.is_file():
            return False
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                inside = [info for info in archive.infolist() if _shown(info)]
                # A disc for a patient has a viewer of hundreds of files before the images.
                inside.sort(key=lambda info: not _named(info.filename))
                return any(_is_dicom(_zipped(archive, info)) for info in inside[:_GLANCE])
        return _on_disk(path).is_dicom
    except (OSError, ImageError, zipfile.BadZipFile, NotImplementedError, ValueError):
        return False


def _is_dicom(member: Member) -> bool:
    """Whether one of many is DICOM; one that is damaged says nothing of the others."""
    try:
        return member.is_dicom
    except ImageError:
        return False


def _walk(folder: Path) -> Iterator[Path]:
    """Files of a folder and of those in it, in one order on every computer."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(one for one in folders if not hidden(PurePath(one)))
        # No pipes and no links into nowhere.
        shown = (Path(place, name) for name in sorted(files) if not hidden(PurePath(name)))
        yield from (file for file in shown if file.is_file())


def _shown(info: zipfile.ZipInfo) -> bool:
    """Whether an entry of a zip is a file that somebody put there."""
    return not info.is_dir() and not hidden(PurePosixPath(info.filename))


def _refusal(error: OSError) -> str:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "The file does not exist."
    return f"The file or folder cannot be opened ({error.strerror or 'no reason given'})."


def _on_disk(path: Path) -> Member:
    return Member(path.stat().st_size, partial(_read_file, path), _named(path.name))


def _named(name: str) -> bool:
    last = name.rpartition("/")[2]
    return last.lower().endswith(SUFFIXES) or _PLAIN_NAME.fullmatch(last) is not None


def _read_file(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(size)
    except OSError as error:
        raise UnreadableError(_refusal(error)) from None


def _zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    # The archive hands out no more bytes than it says here, whatever is packed in it.
    read = partial(_read_zipped, archive, info)
    return Member(info.file_size, read, _named(info.filename), packed=True)


def _read_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: int) -> bytes:
    with unzipping("The zip file", UnreadableError, _DAMAGED), archive.open(info) as stream:
        return stream.read(size)
