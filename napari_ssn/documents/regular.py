"""Opening files that are files: a pipe would be waited for, and a text has an end.

And what a folder shows of them.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path, PurePath

#: Bytes of the longest text that is read: a sidecar of many hypotheses has some megabytes, and
#: JSON of nothing but brackets takes twenty times its length in memory.
LONGEST = 1 << 24
#: And of the document of a study, which tells of many results.
LONGEST_OF_STUDY = 1 << 26


def hidden(path: PurePath) -> bool:
    """Whether a file, or a folder that it lies in, is hidden: it was left there by a system.

    macOS leaves ``._NAME`` beside each file on disks of others, with the file's own suffix and
    nothing of it inside, and in zips ``__MACOSX`` with the same.

    Args:
        path: below what somebody named, whose own name may be any.

    Examples:
        >>> from pathlib import PurePath
        >>> hidden(PurePath("fold_0/._case.nii.gz")), hidden(PurePath("fold_0/case.nii.gz"))
        (True, False)
    """
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def visible(folder: Path) -> Iterator[Path]:
    """What lies in a folder and is not `hidden`, in no order; OSError if it cannot be read."""
    return (one for one in folder.iterdir() if not hidden(PurePath(one.name)))


def open_regular(path: Path) -> BufferedReader:
    """Open a file of the disk for reading; OSError for a pipe, which would be waited for."""
    if "\0" in str(path):
        # Such names come out of headers that name another file; Python has a ValueError for them.
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    flags = getattr(os, "O_NONBLOCK", 0)
    # pathlib's open takes no opener.
    stream = open(path, "rb", opener=lambda name, how: os.open(name, how | flags))  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise OSError(errno.EINVAL, "it is no regular file")
    return stream


def read_text(path: Path, most: int = LONGEST) -> str:
    """Text of a file, of so many bytes at most.

    Raises:
        OSError: it cannot be opened, or is longer than any text of this program.
        UnicodeDecodeError: it is no UTF-8.
    """
    with open_regular(path) as stream:
        # Python sets aside as much as is asked for.
        content = stream.read(min(most, os.fstat(stream.fileno()).st_size) + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, "it is too large for a text of this kind")
    return content.decode("utf-8")
