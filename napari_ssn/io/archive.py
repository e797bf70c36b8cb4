"""Zip files: looked at before anything of them is unpacked."""

from __future__ import annotations

import lzma
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from napari_ssn.documents.regular import open_regular
from napari_ssn.errors import DataError, SSNError
from napari_ssn.io.source import TRAP, TRAP_RATIO

# Files of the largest data set.
_MOST_FILES = 1_000_000


@contextmanager
def unzipping(
    name: str, kind: type[SSNError] = DataError, damaged: str | None = None
) -> Iterator[None]:
    """An error, in one sentence, for whatever is wrong with a zip file that is read inside.

    Args:
        name: that the file is called by in a sentence.
        kind: of the error.
        damaged: sentence for a file that is no zip or ends too soon, where it has one of its own.
    """
    try:
        yield
    except NotImplementedError:
        # Before RuntimeError, of which Python makes it a kind: Windows packs what is large so.
        raise kind(f"{name} is packed in a way that is not read here: unpack it first.") from None
    except RuntimeError:
        # What zipfile raises for a file that is locked.
        raise kind(f"{name} is locked with a password: unpack it first.") from None
    except OSError as error:
        reason = error.strerror or "its end is missing"
        raise kind(f"{name} cannot be read ({reason}).") from None
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, KeyError, ValueError):
        raise kind(damaged or f"{name} is not a readable zip file: it is damaged.") from None


def open_zip(
    path: Path, what: str = "data set", name: str | None = None, trap: bool = True
) -> zipfile.ZipFile:
    """Open a zip file; DataError if it is none, damaged, or unpacks to what nothing is.

    Args:
        path: of the file.
        what: it should be, for a person.
        name: that it is called by in a sentence; else its own.
        trap: whether `trap_in` is asked here; a caller who knows more asks later.
    """
    name = repr(path.name) if name is None else name
    with unzipping(name):
        open_regular(path).close()
        archive = zipfile.ZipFile(path)
    infos = archive.infolist()
    found = trap_in(infos, path.stat().st_size, name, what) if trap else None
    if len(infos) > _MOST_FILES or found:
        archive.close()
        raise DataError(found or f"{name} holds more files than a {what} has: it is not opened.")
    return archive


def trap_in(
    infos: Sequence[zipfile.ZipInfo], packed: int, name: str, what: str, most: int = TRAP
) -> str | None:
    """A sentence, beginning with ``name``, if a zip file of so many bytes unpacks to what no
    ``what`` is; None if it does not, or to no more than ``most`` bytes.
    """
    whole = sum(info.file_size for info in infos)
    if whole <= max(most, TRAP_RATIO * packed):
        return None
    return (
        f"{name} says that {whole / 1e9:.1f} GB are packed into {packed / 1e6:.2g} MB, which no "
        f"{what} is: it is not opened."
    )


def unpack_zip(path: Path, target: Path) -> None:
    """Unpack a zip file; DataError as `open_zip`, and if the disk has no room for it."""
    with open_zip(path) as archive, unzipping(repr(path.name)):
        whole = sum(info.file_size for info in archive.infolist())
        free = shutil.disk_usage(target).free
        if whole > free:
            raise DataError(
                f"{path.name!r} needs {whole / 1e9:.1f} GB of the disk for temporary files, and "
                f"{free / 1e9:.1f} GB are free."
            )
        # Names that would leave the folder are cut by zipfile itself.
        archive.extractall(target)
