"""Which scans there are: in a folder tree, or in a table.

Nothing but names is looked at here, and of DICOM the beginning of a file; whether a file is sound
is found out by the worker that reads it.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from napari_ssn.cohort.folders import NAME, SCANS
from napari_ssn.documents.cohort import InArchive, Scan
from napari_ssn.documents.controls import without_controls
from napari_ssn.documents.regular import read_text
from napari_ssn.errors import DataError, ImageError
from napari_ssn.io.channels import channels_beside, is_numbered
from napari_ssn.io.dicom.members import SUFFIXES, may_be_dicom
from napari_ssn.io.formats import is_sidecar, sidecar_path
from napari_ssn.io.known import FORMATS
from napari_ssn.io.omezarr_head import is_zarr
from napari_ssn.text.cohort import row_of_table

# Files that are images by their names.
_SUFFIXES = tuple(suffix for one in FORMATS for suffix in one.read)
# Of a pair the header stands for both.
_SECOND = (".img", ".img.gz")
_COLUMNS = ("image", "study", "series", "centre", "lesion", "channels", "frame")
# What stands between the cells of a table: spreadsheets take the second where a comma is decimal.
_BETWEEN = ",;\t"


@dataclass
class Looked:
    """What there is.

    Attributes:
        scans: images, each with the stamp of its files.
        places: folders and zips of DICOM, whose headers say which series they hold.
        results: files left aside because they are a result, as a sidecar says or where they lie.
        others: files left aside because they are no images by their names.
        closed: folders that could not be read.
        unasked: series of an archive beside those that were asked for.
        unused: columns of a table that say nothing here.
    """

    scans: list[tuple[Scan, str]] = field(default_factory=list)
    places: list[Path] = field(default_factory=list)
    results: int = 0
    others: int = 0
    closed: int = 0
    unasked: int = 0
    unused: tuple[str, ...] = ()


def look(source: Path, out: Path, channels: int, archive: str | None = None) -> Looked:
    """Find the scans of a folder tree, a table, or a single file.

    Args:
        source: folder; table (``.csv``); or file of an image.
        out: folder of the cohort, which is left aside.
        channels: of the model: of several, files of one case go together by their names.
        archive: name or address of the one that a table's series lie in.

    Raises:
        DataError: nothing is there, the results would lie among the scans, or the table says what
            cannot be.
    """
    if not source.exists():
        raise DataError("There is no file or folder of that name.")
    home, results = source.resolve(), out.resolve()
    if home == results or home.is_relative_to(results / SCANS):
        raise DataError("Results lie in a folder of their own: name another one for them.")
    if source.suffix.lower() == ".csv":
        return _in_table(source, archive)
    found = Looked()
    if source.is_file() or is_zarr(source):
        _take(found, source, source.parent, channels)
    else:
        _walk(found, source, out.absolute(), channels)
    if not found.scans and not found.places:
        raise DataError(
            "No image is there: of files of DICOM, NIfTI, NRRD, MetaImage, FreeSurfer, OME-Zarr "
            "and pictures there is none."
        )
    return found


def _walk(found: Looked, source: Path, out: Path, channels: int) -> None:
    def closed(error: OSError) -> None:
        found.closed += 1

    # Folders may be links to each other: each is looked into once.
    seen = {os.path.realpath(source), os.path.realpath(out)}
    for place, folders, files in os.walk(source, onerror=closed, followlinks=True):
        here = Path(place)
        inside = {one: os.path.realpath(here / one) for one in sorted(folders)}
        folders.clear()
        for name, real in inside.items():
            if not name.startswith(".") and real not in seen:
                seen.add(real)
                folders.append(name)
        if NAME in files and SCANS in folders:
            # Of another cohort; the pictures there have no sidecar.
            folders.remove(SCANS)
            found.results += sum(1 for _ in _files(here / SCANS, below=True))
        for name in [one for one in folders if is_zarr(here / one)]:
            folders.remove(name)
            _take(found, here / name, source, channels)
        dicom = False
        for name in sorted(files):
            path = here / name
            # Of a link that leads nowhere, as of a file that was not fetched, there is a row too.
            if name.startswith(".") or not (path.is_file() or path.is_symlink()):
                continue
            if name.lower().endswith((*_SUFFIXES, ".zip")):
                _take(found, path, source, channels)
            elif dicom or name.lower().endswith(SUFFIXES) or may_be_dicom(path):
                dicom = True
            elif not is_sidecar(path):
                found.others += 1
        if dicom:
            _take_place(found, here, source)


def _take(found: Looked, path: Path, source: Path, channels: int) -> None:
    """Take in what is an image by its name."""
    name = path.name.lower()
    if name.endswith(_SECOND) and path.with_suffix(".hdr").exists():
        return
    # Other programs lay a JSON beside an image too, as BIDS has it.
    if is_sidecar(sidecar_path(path)):
        found.results += 1
        return
    if name.endswith(".zip"):
        # Also one that is cut off, or holds no DICOM: it is refused, and does not vanish.
        _take_place(found, path, source)
        return
    if not name.endswith(_SUFFIXES) and not is_zarr(path):
        if may_be_dicom(path):
            _take_place(found, path, source)
        else:
            found.others += 1
        return
    paths = [path]
    if channels > 1 and is_numbered(path):
        # A case that lacks a file is refused by itself, and holds up no other.
        with contextlib.suppress(ImageError):
            paths = channels_beside(path) or paths
        if path != paths[0]:
            return
    found.scans.append(_stamped(Scan(paths=_texts(paths), image=_title(path, source))))


def _take_place(found: Looked, path: Path, source: Path) -> None:
    if _text(path.absolute()) == str(path.absolute()):
        found.places.append(path)
        return
    # What is called by no text cannot be asked for; whoever reads it says so.
    title = _title(path, source)
    found.scans.append(_stamped(Scan(paths=_texts([path]), image=title, dicom=True)))


def _title(path: Path, source: Path) -> str:
    home = source if source.is_dir() else source.parent
    return _text(Path(path.relative_to(home).as_posix()))


def _in_table(table: Path, archive: str | None) -> Looked:
    """Scans of a table: a row each, its columns ``image`` and as many of the others as there are.

    Paths are relative to the table's folder; centres are ``180 285 18``, further channels are
    separated by semicolons. Of what lies in an archive there are ``study`` and ``series``, which
    are UIDs, in the place of the image.
    """
    found, home = Looked(), table.parent
    names, rows = _cells(table)
    if not {"image", "study"} & set(names):
        there = ", ".join(f'"{one}"' for one in names if one) or "none"
        raise DataError(
            f'The table has no column "image", nor "study" and "series"; its columns: {there}.'
        )
    if not rows:
        raise DataError("The table has no row below its head.")
    if twice := [name for name, count in Counter(names).items() if count > 1 and name in _COLUMNS]:
        raise DataError(f'The table has the column "{twice[0]}" twice.')
    found.unused = tuple(dict.fromkeys(one for one in names if one and one not in _COLUMNS))
    seen: dict[str, int] = {}
    for number, row in rows:
        where = row_of_table(number)
        if len(row) < len(names) or any(row[len(names) :]):
            raise DataError(f"{where} has other cells than its head has columns.")
        cells = {name: cell for name, cell in zip(names, row, strict=False) if name in _COLUMNS}
        pointed: dict[str, Any] = {
            "centre": _centre(cells.get("centre", ""), where),
            "lesion": cells.get("lesion", ""),
        }
        if cells.get("study"):
            scan = Scan(**_in_archive(cells, archive, where), **pointed)
        else:
            scan = Scan(**_in_files(cells, home, where), **pointed)
        if scan.key in seen:
            raise DataError(f"{where} says the same as row {seen[scan.key]}.")
        seen[scan.key] = number
        found.scans.append(_stamped(scan))
    return found


def _cells(table: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Names of the columns of a table, and its rows with the lines that they end at."""
    try:
        text = read_text(table).removeprefix("\ufeff")

        # The one that makes columns of its head.
        def known(between: str) -> tuple[bool, int]:
            names = _head(_lines(text, between))
            return bool({"image", "study"} & set(names)), len(names)

        lines = _lines(text, max(_BETWEEN, key=known))
        names = _head(lines)
        rows = [(lines.line_num, [cell.strip() for cell in row]) for row in lines]
    except (OSError, UnicodeDecodeError, csv.Error):
        raise DataError(
            "The table cannot be read: it is no text of rows and commas in UTF-8. Save it as such "
            "(CSV UTF-8)."
        ) from None
    # Spreadsheets write rows of nothing.
    return names, [(number, row) for number, row in rows if any(row)]


def _lines(text: str, between: str) -> Any:
    return csv.reader(io.StringIO(text, newline=""), delimiter=between)


def _head(lines: Iterator[list[str]]) -> list[str]:
    return [one.strip().casefold() for one in next(lines, [])]


def _in_files(cells: dict[str, str], home: Path, where: str) -> dict[str, Any]:
    if not cells.get("image"):
        raise DataError(f"{where} names no image.")
    others = [one.strip() for one in cells.get("channels", "").split(";") if one.strip()]
    return {
        "paths": _texts([home / cells["image"], *(home / one for one in others)]),
        "image": cells["image"],
        "series": _whole(cells.get("series", ""), where, "series"),
        "frame": _whole(cells.get("frame", ""), where, "frame"),
    }


def _in_archive(cells: dict[str, str], archive: str | None, where: str) -> dict[str, Any]:
    if given := [one for one in ("image", "channels", "frame") if cells.get(one)]:
        raise DataError(f"{where} names a study of an archive, so that {given[0]} stays empty.")
    if archive is None:
        raise DataError(f"{where} names a study of an archive: say of which with --server.")
    try:
        there = InArchive(server=archive, study=cells["study"], series=cells.get("series", ""))
    except ValidationError:
        raise DataError(f"{where}: study and series of an archive are UIDs, as 1.2.840.") from None
    return {"there": there, "image": there.series}


def _centre(text: str, where: str) -> tuple[int, ...] | None:
    parts = text.replace(",", " ").split()
    if not parts:
        return None
    if len(parts) not in (2, 3) or not all(one.isdecimal() for one in parts):
        raise DataError(f"{where}: a centre is two or three whole numbers, as 180 285 18.")
    return tuple(int(one) for one in parts)


def _whole(text: str, where: str, what: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise DataError(f"{where}: {what} is a whole number from 1.")
    return int(text)


def _texts(paths: list[Path]) -> tuple[str, ...]:
    return tuple(_text(one.absolute()) for one in paths)


def _text(path: Path) -> str:
    """A path in a text that can be kept, also if its name is none; names that differ stay so."""
    return "".join(
        one if without_controls(one) == one else f"<U+{ord(one):04X}>" for one in str(path)
    )


def _stamped(scan: Scan) -> tuple[Scan, str]:
    return scan, stamp_of([Path(one) for one in scan.paths])


def stamp_of(paths: list[Path], below: bool = True) -> str:
    """Names, sizes and times of files, of a folder those of its files, in one text.

    Another stamp says that the files may have changed, and the same that they have not; only the
    values themselves tell whether they have.

    Args:
        paths: of files or folders.
        below: whether folders in a folder count.
    """
    digest = hashlib.sha256()
    for path in paths:
        for one in _files(path, below):
            try:
                about = one.stat()
            except OSError:
                # Whoever reads it will say what is the matter.
                digest.update(b"missing\0")
                continue
            name = one.relative_to(path).as_posix()
            digest.update(
                f"{name}\0{about.st_size}\0{about.st_mtime_ns}\0".encode("utf-8", "replace")
            )
    return digest.hexdigest()


def _files(path: Path, below: bool) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for place, folders, names in os.walk(path):
        folders[:] = sorted(folders) if below else []
        yield from (Path(place, name) for name in sorted(names))
