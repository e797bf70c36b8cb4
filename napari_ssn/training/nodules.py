"""Nodules as volumes: the stacks of a set of slices, in Hounsfield units and millimetres.

Beside ``NAME.zip`` (see `napari_ssn.training.slices`) lie two tables. ``NAME-nodules.csv`` has a
row a nodule: where its crop lies in the scan, and what each radiologist noted of it.
``NAME-hu.csv`` has a row a slice: HU = hu_gain · stored value + hu_offset. In every slice of a
stack, bit k is the same radiologist.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from napari_ssn.errors import DataError
from napari_ssn.geometry.arrays import Floats, Ints, Labels, Singles
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.intensity import AIR_HU
from napari_ssn.text.training import APART, NO_SIZE, NO_UNITS, NOT_IN_TABLE
from napari_ssn.training.cases import Case
from napari_ssn.training.lesions import LesionSet, middle_of
from napari_ssn.training.slices import SliceSet, load_slices, unpack

#: What each radiologist noted, 1 to 5 (internal structure to 4, calcification to 6).
NOTES = (
    "subtlety", "internalStructure", "calcification", "sphericity", "margin", "lobulation",
    "spiculation", "texture", "malignancy",
)  # fmt: skip
_NODULE_COLUMNS = ("patient", "nodule", "slices", "pixel_spacing_mm", "slice_spacing_mm")
_HU_COLUMNS = ("patient", "nodule", "slice", "hu_gain", "hu_offset")

Table = dict[tuple[int, ...], dict[str, str]]


@dataclass(frozen=True, eq=False)
class Stack:
    """Where the slices of one nodule lie.

    Attributes:
        patient, nodule: numbers in the set.
        rows: of its slices in the set of slices, towards the head.
        gain, offset: (n,) HU of a stored value.
        spacing_mm: of slices, rows and columns.
        corner: row, column of the crop in the scan and mm of the first slice; NaN if not known.
        notes: by name, what each of the radiologists noted, NaN where nothing.
    """

    patient: int
    nodule: int
    rows: Ints
    gain: Floats
    offset: Floats
    spacing_mm: tuple[float, float, float]
    corner: tuple[float, float, float]
    notes: dict[str, tuple[float, ...]] = field(default_factory=dict)


class NoduleSet(LesionSet):
    """Nodules of one split as volumes of up to four raters, read when they are asked for.

    Axes go towards the head, the back and the left. The radiologists who outlined nothing have an
    empty map, so that every case has four.

    Args:
        slices: the set.
        stacks: its nodules.
        sha256: of slices and tables.
        left_out: why nodules of the set are not here, and how many.
    """

    channels = ("CT",)
    labels = ("background", "nodule")

    def __init__(
        self, slices: SliceSet, stacks: list[Stack], sha256: str, left_out: dict[str, int]
    ) -> None:
        self.slices, self.stacks, self.left_out = slices, stacks, left_out
        self.name, self.raters, self.sha256 = slices.name, slices.raters, sha256
        self.names = tuple(f"{one.patient:04d}_{one.nodule}" for one in stacks)
        self.patients = np.array([one.patient for one in stacks])

    def __getitem__(self, index: int) -> Case:
        masks = self.masks(index)
        volume = Volume(self.hu(index)[None], self.affine(index))
        return Case(self.names[index], volume, masks, middle_of(masks), self.stacks[index].notes)

    def hu(self, index: int) -> Singles:
        """Hounsfield units of a stack, (Z, Y, X); padding is air."""
        one = self.stacks[index]
        stored = self.slices.images[one.rows].astype(np.float32)
        hu = stored * one.gain[:, None, None] + one.offset[:, None, None]
        return np.maximum(hu, AIR_HU).astype(np.float32)

    def masks(self, index: int) -> Labels:
        """What each radiologist outlined, (4, Z, Y, X) of 0 and 1."""
        bits = self.slices.bits[self.stacks[index].rows]
        return np.stack([unpack(plane) for plane in bits], axis=1)

    def affine(self, index: int) -> Floats:
        """4×4 to mm (right, anterior, superior); the origin in the plane is the scan's corner."""
        one = self.stacks[index]
        across, down, along = one.spacing_mm
        row, column, first = (value if math.isfinite(value) else 0.0 for value in one.corner)
        matrix = np.zeros((4, 4))
        matrix[2, 0], matrix[1, 1], matrix[0, 2] = across, -down, -along
        matrix[:, 3] = -along * column, -down * row, first, 1
        return matrix

    def space(self, index: int) -> tuple[int, ...]:
        """Slices, rows and columns of a stack."""
        return (len(self.stacks[index].rows), *self.slices.images.shape[1:])

    def spacing_mm(self, index: int) -> tuple[float, ...]:
        """Of slices, rows and columns."""
        return self.stacks[index].spacing_mm


def _tables(path: Path) -> tuple[Path, Path]:
    stem = path.with_suffix("") if path.suffix == ".zip" else path
    return stem.with_name(f"{stem.name}-nodules.csv"), stem.with_name(f"{stem.name}-hu.csv")


def load_nodules(path: str | Path) -> NoduleSet:
    """Read a set of slices and its two tables as volumes; DataError names what is wrong.

    A nodule is left out, and counted in ``left_out``, if its slices do not follow each other, or
    if its voxel size or the Hounsfield units of a slice are not known.
    """
    source = Path(path)
    tables = _tables(source)
    for table in tables:
        if not table.is_file():
            raise DataError(f"Beside {source.name!r} there is no {table.name}.")
    slices = load_slices(source)
    digest = hashlib.sha256(slices.sha256.encode())
    found: list[Table] = []
    for table, columns, key in zip(
        tables, (_NODULE_COLUMNS, _HU_COLUMNS), (("patient", "nodule"), _HU_COLUMNS[:3]),
        strict=True,
    ):  # fmt: skip
        try:
            content = table.read_bytes()
        except OSError as error:
            raise DataError(f"{table.name} cannot be read: {error.strerror}.") from None
        digest.update(content)
        found.append(_read(table.name, content, columns, key))
    nodules, units = found
    stacks: list[Stack] = []
    left_out: dict[str, int] = {}
    for (patient, nodule), rows in _stacks(slices):
        made = _stack(patient, nodule, rows, slices, nodules.get((patient, nodule)), units)
        if isinstance(made, Stack):
            stacks.append(made)
        else:
            left_out[made] = left_out.get(made, 0) + 1
    if not stacks:
        raise DataError(f"{source.name!r} holds no nodule whose place and units are known.")
    return NoduleSet(slices, stacks, digest.hexdigest(), left_out)


def _read(name: str, content: bytes, columns: tuple[str, ...], key: tuple[str, ...]) -> Table:
    reader = csv.DictReader(content.decode("utf-8", errors="replace").splitlines())
    missing = [c for c in columns if c not in (reader.fieldnames or ())]
    if missing:
        raise DataError(f"{name} lacks the column {missing[0]!r}.")
    found: Table = {}
    for line, row in enumerate(reader, start=2):
        try:
            found[tuple(int(row[column]) for column in key)] = row
        except (ValueError, TypeError):
            raise DataError(
                f"{name}, line {line}: {', '.join(key)} should be whole numbers."
            ) from None
    return found


def _stacks(slices: SliceSet) -> Iterator[tuple[tuple[int, int], list[tuple[int, int]]]]:
    """Of each nodule the number of every slice and its row in the set, in order."""
    found: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for row, name in enumerate(slices.names):
        patient, nodule, number = map(int, name.split("_"))
        found.setdefault((patient, nodule), []).append((number, row))
    for key in sorted(found):
        yield key, sorted(found[key])


def _stack(
    patient: int,
    nodule: int,
    rows: list[tuple[int, int]],
    slices: SliceSet,
    about: dict[str, str] | None,
    units: Table,
) -> Stack | str:
    """A stack, or why there is none."""
    name = f"{patient:04d}_{nodule}"
    numbers = [number for number, _ in rows]
    if about is None:
        return NOT_IN_TABLE
    if about.get("consecutive") == "0" or numbers != list(range(numbers[0], numbers[-1] + 1)):
        return APART
    pixel, between = (_value(about, c, name) for c in ("pixel_spacing_mm", "slice_spacing_mm"))
    if not (pixel > 0 and between > 0):
        return NO_SIZE
    known = [units.get((patient, nodule, number)) for number in numbers]
    if any(row is None for row in known):
        return NO_UNITS
    gain, offset = (
        np.array([_value(row, column, name) for row in known if row is not None])
        for column in ("hu_gain", "hu_offset")
    )
    if not (np.isfinite(gain).all() and np.isfinite(offset).all() and (gain > 0).all()):
        return NO_UNITS
    return Stack(
        patient,
        nodule,
        np.array([row for _, row in rows]),
        gain,
        offset,
        (between, pixel, pixel),
        (
            _value(about, "row0", name),
            _value(about, "col0", name),
            _value(about, "z_first_mm", name),
        ),
        {
            note: tuple(_value(about, f"{note}_{k}", name) for k in range(slices.raters))
            for note in NOTES
        },
    )


def _value(row: dict[str, str], column: str, name: str) -> float:
    text = (row.get(column) or "").strip()
    if not text:
        return math.nan
    try:
        return float(text)
    except ValueError:
        raise DataError(f"{column} of {name} is {text!r}, not a number.") from None
