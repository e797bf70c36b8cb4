"""Slices with several raters, from a zip or folder.

The form is that of ``docs/training.md``: ``image/NAME.png`` (8 bit), ``raters/NAME.png``
(8 bit; bit k set where rater k marked the pixel) and ``slices.csv`` with the columns
patient, nodule, slice, raters, pixel_spacing_mm, slice_spacing_mm.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from napari_ssn.documents.regular import open_regular
from napari_ssn.errors import DataError
from napari_ssn.geometry.arrays import Bytes, Floats, Labels, Pixels
from napari_ssn.io.archive import open_zip, unzipping
from napari_ssn.io.source import BROKEN
from napari_ssn.training.cases import Case, Cases, plain_volume

RATERS = 4
_COLUMNS = ("patient", "nodule", "slice", "raters", "pixel_spacing_mm", "slice_spacing_mm")


@dataclass(frozen=True, eq=False)
class SliceSet(Cases):
    """Slices of one split, all of one size, held in memory as they are stored.

    Attributes:
        images: (n, Y, X) uint8.
        bits: (n, Y, X) uint8, bit k set where rater k marked the pixel.
        spacings_mm: (n, 3) slice, row and column spacing; NaN where it is not known.
    """

    name: str
    images: Pixels
    bits: Bytes
    names: tuple[str, ...]
    patients: NDArray[np.generic]
    spacings_mm: Floats
    sha256: str
    channels: tuple[str, ...] = ("CT",)
    labels: tuple[str, ...] = ("background", "nodule")
    raters: int = RATERS

    def __getitem__(self, index: int) -> Case:
        image = self.images[index].astype(np.float32)[None]
        return Case(self.names[index], plain_volume(image), unpack(self.bits[index]))

    def space(self, index: int) -> tuple[int, ...]:
        """Shape of a slice."""
        return self.images.shape[1:]

    def spacing_mm(self, index: int) -> tuple[float, ...]:
        """Row and column spacing of a slice."""
        return tuple(float(s) for s in self.spacings_mm[index, 1:])


def unpack(bits: Bytes) -> Labels:
    """Split a bit mask (Y, X) into one 0/1 map per rater, (4, Y, X)."""
    shifts = np.arange(RATERS, dtype=np.uint8)[:, None, None]
    return (bits[None] >> shifts) & np.uint8(1)


class _Source:
    """Files of a zip or a folder, by the part of their path that starts at ``image/`` etc."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise DataError(f"There is no data at {path.name!r}: no such file or folder.")
        self.zip: zipfile.ZipFile | None = None
        self.root = path
        if path.is_dir():
            names = [p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file()]
        else:
            self.zip = open_zip(path)
            names = [n for n in self.zip.namelist() if not n.endswith("/")]
        tables = [n for n in names if PurePosixPath(n).name == "slices.csv"]
        if len(tables) != 1:
            raise DataError(f"{path.name!r} should hold one slices.csv, but holds {len(tables)}.")
        self.base = tables[0][: -len("slices.csv")]
        self.names = sorted(n[len(self.base) :] for n in names if n.startswith(self.base))

    def read(self, name: str) -> bytes:
        with unzipping(repr(name)):
            if self.zip is not None:
                return self.zip.read(self.base + name)
            with open_regular(self.root / self.base / name) as stream:
                return stream.read()


def _decode_png(name: str, content: bytes) -> Pixels:
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.mode != "L":
                raise DataError(f"{name} should be an 8-bit grey image, but is {image.mode}.")
            return np.asarray(image)
    except (UnidentifiedImageError, Image.DecompressionBombError, *BROKEN) as error:
        raise DataError(f"{name} is not a readable PNG image.") from error


def _number(row: dict[str, str | None], column: str, name: str) -> float:
    # A row that is too short has no such cell.
    text = (row[column] or "").strip()
    if not text:
        return math.nan
    try:
        return float(text)
    except ValueError as error:
        raise DataError(f"slices.csv: {column} of {name} is {text!r}, not a number.") from error


def _table(content: bytes) -> dict[str, tuple[int, float, float]]:
    """Patient, pixel spacing and slice spacing by slice name."""
    reader = csv.DictReader(io.StringIO(content.decode("utf-8", errors="replace")))
    missing = [c for c in _COLUMNS if c not in (reader.fieldnames or ())]
    if missing:
        raise DataError(f"slices.csv lacks the column {missing[0]!r}.")
    rows: dict[str, tuple[int, float, float]] = {}
    for line, row in enumerate(reader, start=2):
        try:
            patient, nodule, number = (int(row[c] or "") for c in ("patient", "nodule", "slice"))
        except (ValueError, TypeError) as error:
            raise DataError(
                f"slices.csv, line {line}: patient, nodule and slice should be whole numbers."
            ) from error
        name = f"{patient:04d}_{nodule}_{number:03d}"
        rows[name] = (
            patient,
            _number(row, "pixel_spacing_mm", name),
            _number(row, "slice_spacing_mm", name),
        )
    return rows


def load_slices(path: str | Path) -> SliceSet:
    """Read every slice of a zip or folder into memory; DataError names what is wrong."""
    source = _Source(Path(path))
    digest = hashlib.sha256()
    table_bytes = source.read("slices.csv")
    digest.update(table_bytes)
    table = _table(table_bytes)
    stems: dict[str, set[str]] = {}
    for folder in ("image", "raters"):
        stems[folder] = {
            n[len(folder) + 1 : -4]
            for n in source.names
            if n.startswith(f"{folder}/") and n.endswith(".png")
        }
    if not stems["image"]:
        raise DataError(f"{Path(path).name!r} holds no images (image/*.png).")
    if lone := sorted(stems["image"] ^ stems["raters"]):
        have = "raters" if lone[0] in stems["raters"] else "image"
        lack = "image" if have == "raters" else "raters"
        raise DataError(f"{have}/{lone[0]}.png has no partner in {lack}/ ({len(lone)} such).")
    if unlisted := sorted(stems["image"] - table.keys()):
        raise DataError(f"slices.csv does not list {unlisted[0]} ({len(unlisted)} such).")
    names = tuple(sorted(stems["image"]))
    images: list[Pixels] = []
    raters: list[Bytes] = []
    patients, spacing = [], []
    for name in names:
        pair = []
        for folder in ("image", "raters"):
            content = source.read(f"{folder}/{name}.png")
            digest.update(content)
            pair.append(_decode_png(f"{folder}/{name}.png", content))
        if pair[0].shape != pair[1].shape:
            raise DataError(
                f"{name}: the image is {pair[0].shape}, but its masks are {pair[1].shape}."
            )
        if images and pair[0].shape != images[0].shape:
            raise DataError(f"{name} is {pair[0].shape}, the others are {images[0].shape}.")
        if pair[1].max() >= 1 << RATERS:
            raise DataError(f"raters/{name}.png marks a rater beyond the fourth.")
        images.append(pair[0])
        raters.append(pair[1])
        patient, pixel, between = table[name]
        patients.append(patient)
        spacing.append((between, pixel, pixel))
    return SliceSet(
        name=Path(path).name,
        images=np.stack(images),
        bits=np.stack(raters),
        names=names,
        patients=np.array(patients),
        spacings_mm=np.array(spacing),
        sha256=digest.hexdigest(),
    )
