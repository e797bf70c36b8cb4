"""Study files: a document and the arrays that it refers to, in one zip file or in a folder.

``study.json`` and, for each piece, ``pieces/SHA256.safetensors``: so a folder that grows writes
each piece once. Nothing in them can run.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from os import fstat
from pathlib import Path
from typing import BinaryIO

from napari_ssn.documents.regular import LONGEST_OF_STUDY, open_regular, read_text
from napari_ssn.documents.study import Piece, Study, parse_study
from napari_ssn.errors import DataError
from napari_ssn.io.archive import open_zip, trap_in, unzipping
from napari_ssn.io.files import check_targets, make_folder, write_files
from napari_ssn.io.pieces import Arrays, arrays_in, read_piece
from napari_ssn.io.source import check_memory

_DOCUMENT, _PIECES = "study.json", "pieces"
# The name of its file may be a patient's.
_CALLED = "The study"
_DAMAGED = "The study is damaged or cut off: a part of it is not what it was when it was saved."
_MISSING = "A part of the study is missing: copy it again, with all that belongs to it."

# What is packed as no image or result is may unpack to so many bytes.
_MOST_UNASKED = 1 << 28

#: Bytes of each piece by its sha256, made when they are wanted.
Makers = Mapping[str, Callable[[], bytes | bytearray]]


class Opened:
    """A study that is open for reading.

    Attributes:
        study: the document.
    """

    def __init__(self, study: Study, read: Callable[[Piece], bytearray]) -> None:
        self.study, self._read = study, read

    def content(self, piece: Piece) -> bytearray:
        """A piece as it was written.

        Raises:
            DataError: it is missing, damaged, or more than this computer has room for.
        """
        check_memory(piece.size, "study", DataError)
        return self._read(piece)

    def arrays(self, piece: Piece) -> Arrays:
        """The arrays of a piece; DataError as `content`."""
        try:
            return arrays_in(self.content(piece))
        except ValueError:
            raise DataError(_DAMAGED) from None


@contextmanager
def open_study(path: Path) -> Iterator[Opened]:
    """Open a study in a file or a folder.

    Raises:
        DataError: it is missing, damaged, no study, or of a newer napari-ssn.
    """
    if path.is_dir():
        yield Opened(_document_in(path), lambda piece: _read_file(path / _name(piece), piece))
        return
    with open_zip(path, "study", _CALLED, trap=False) as archive:
        with unzipping(_CALLED), archive.open(_DOCUMENT) as stream:
            text = stream.read(LONGEST_OF_STUDY + 1).decode("utf-8")
        study = parse_study(text)
        _refuse_trap(path, archive, study)
        yield Opened(study, lambda piece: _unzipped(archive, piece))


def _refuse_trap(path: Path, archive: zipfile.ZipFile, study: Study) -> None:
    # Label maps are nearly all zeros, as large as the image, and read only where it is open.
    label_maps = {_name(one.piece) for result in study.results for one in result.kept}
    others = [info for info in archive.infolist() if info.filename not in label_maps]
    if trap := trap_in(others, path.stat().st_size, _CALLED, "study", _MOST_UNASKED):
        raise DataError(trap)


def _unzipped(archive: zipfile.ZipFile, piece: Piece) -> bytearray:
    try:
        info = archive.getinfo(_name(piece))
    except KeyError:
        raise DataError(_MISSING) from None
    with unzipping(_CALLED, damaged=_DAMAGED):
        # Before anything is unpacked.
        if info.file_size != piece.size:
            raise DataError(_DAMAGED)
        with archive.open(info) as stream:
            return read_piece(stream, piece)


def _document_in(folder: Path) -> Study:
    try:
        return parse_study(read_text(folder / _DOCUMENT, LONGEST_OF_STUDY))
    except FileNotFoundError:
        raise DataError("There is no study in that folder.") from None
    except (OSError, UnicodeDecodeError):
        raise DataError("The study cannot be read: it is damaged or no text.") from None


def _read_file(path: Path, piece: Piece) -> bytearray:
    try:
        with open_regular(path) as stream:
            if fstat(stream.fileno()).st_size != piece.size:
                raise DataError(_DAMAGED)
            return read_piece(stream, piece)
    except ValueError:
        raise DataError(_DAMAGED) from None
    except FileNotFoundError:
        raise DataError(_MISSING) from None
    except OSError as error:
        reason = error.strerror or "no reason given"
        raise DataError(f"A part of the study cannot be read ({reason}).") from None


def _name(piece: Piece) -> str:
    return f"{_PIECES}/{piece.sha256}.safetensors"


def write_study(path: Path, study: Study, makers: Makers, overwrite: bool = False) -> None:
    """Write a study into one file, wholly or not at all.

    Args:
        path: of the file.
        study: the document.
        makers: of all pieces that it refers to.
        overwrite: whether an existing file may be replaced.

    Raises:
        ExportError: as `write_files`.
    """

    def write(stream: BinaryIO) -> None:
        # Without the hour at which each entry was written, as a ZipInfo has none.
        with zipfile.ZipFile(stream, "w") as archive:
            document = study.to_json().encode()
            archive.writestr(zipfile.ZipInfo(_DOCUMENT), document, zipfile.ZIP_DEFLATED)
            for piece in study.pieces:
                content = makers[piece.sha256]()
                archive.writestr(zipfile.ZipInfo(_name(piece)), content, zipfile.ZIP_DEFLATED)

    check_targets([path], overwrite)
    write_files({path: write}, overwrite)


def write_study_folder(folder: Path, study: Study, makers: Makers) -> None:
    """Bring a folder up to a study: pieces that are new, then the document, and the old ones go.

    Killed at any moment it holds what it held before, or the new study.

    Raises:
        ExportError: as `write_files`.
    """
    pieces = folder / _PIECES
    make_folder(pieces)
    for piece in study.pieces:
        path = folder / _name(piece)
        if not (path.is_file() and path.stat().st_size == piece.size):
            write_files({path: makers[piece.sha256]()}, overwrite=True)
    write_files({folder / _DOCUMENT: study.to_json().encode()}, overwrite=True)
    wanted = {Path(_name(piece)).name for piece in study.pieces}
    for left in pieces.iterdir():
        if left.name not in wanted and left.suffix == ".safetensors":
            with suppress(OSError):  # another time
                left.unlink()


def holds_study(folder: Path) -> bool:
    """Whether a folder has the document of a study, whatever is in it."""
    return (folder / _DOCUMENT).is_file()


def remove_study_folder(folder: Path) -> None:
    """Take a study's folder away, as far as the system lets it."""
    with suppress(OSError):
        (folder / _DOCUMENT).unlink()
    shutil.rmtree(folder, ignore_errors=True)
