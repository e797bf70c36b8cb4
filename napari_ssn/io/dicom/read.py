"""Read a DICOM series as a `Volume`."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset

from napari_ssn.errors import ImageError
from napari_ssn.geometry.arrays import Singles
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.dicom.apart import apart
from napari_ssn.io.dicom.damage import READERS, silent
from napari_ssn.io.dicom.doubles import data_set_of
from napari_ssn.io.dicom.find import Series, Study, find_study
from napari_ssn.io.dicom.header import Instance, instance
from napari_ssn.io.dicom.members import member, members, received
from napari_ssn.io.dicom.offered import SeriesInfo, several
from napari_ssn.io.dicom.pixels import Stored, stored_pixels
from napari_ssn.io.dicom.series import DicomSeries
from napari_ssn.io.source import check_memory
from napari_ssn.io.steps import Step, unseen

# Elements that hold pixels, or where in them a frame begins.
_PIXELS = ("PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths")
# Slices that are turned into the volume's order at once.
_BLOCK = 64
#: Returns the numbers of those that are to be read.
Choose = Callable[[tuple[SeriesInfo, ...]], Sequence[int]]
# What lies outside of what a CT scanner measured is shown as air, HU.
_AIR = -1024.0


def list_series(path: Path, below: bool = True) -> tuple[SeriesInfo, ...]:
    """Images in a folder or zip, or those that a file belongs to.

    A series is one image, or several: echoes, time points, stacks, a localizer. ImageError, in
    one sentence, if nothing is there or there are no images.

    Args:
        path: of the folder, zip or file.
        below: whether folders in a folder are looked into.
    """
    with _study_of(path, below) as study:
        found = _images(study)
        return tuple(_info(number, one) for number, one in enumerate(found, start=1))


def read_dicom(path: Path, series: int | None = None) -> Volume:
    """Read a series of slices, or a multi-frame instance, with axes (column, row, slice).

    Values are rescaled as each slice says; where small ones are to be shown bright
    (MONOCHROME1) they are no others. What fills pictures outside of what was measured
    (PixelPaddingValue) becomes air, −1024 HU, in a CT, and the smallest value measured in any
    other image. Slices follow one another along ``across × down``. The volume's ``source`` is a
    `DicomSeries`.

    Args:
        path: of a folder (and those in it), of a zip, which is read without unpacking, or of a
            file, which stands for its series in its folder.
        series: number of one among several, see `list_series`.

    Raises:
        ImageError: nothing can be read: no file, no images, several series and no choice,
            damage, colours, or a compression that is not read.
        GeometryError: the slices make no volume, see `stack.stack`.
    """
    with _study_of(path) as study:
        found = _images(study)
        if series is None and len(found) > 1:
            raise several([_info(number, one) for number, one in enumerate(found, start=1)])
        if series is not None and not 1 <= series <= len(found):
            are = "is 1 series" if len(found) == 1 else f"are {len(found)} series"
            raise ImageError(f"There is no series {series}: there {are}.")
        return _read(found[0 if series is None else series - 1])


@dataclass(frozen=True, eq=False)
class Chosen:
    """What was read of a study.

    Attributes:
        images: the series that were chosen.
        overlays: files of DICOM segmentations, parametric maps and structure sets beside them.
    """

    images: list[tuple[SeriesInfo, Volume]]
    overlays: list[bytes]


def read_chosen(path: Path, choose: Choose, below: bool = True, step: Step = unseen) -> Chosen:
    """Read the series that somebody chooses, looking through the files once.

    Args:
        path: see `read_dicom`; also of a file that is a segmentation, a parametric map or a
            structure set, or a folder of such.
        choose: called with several series, returns the numbers of those wanted; a single one
            is read without a question.
        below: whether folders in a folder are looked into.
        step: is told of files that were looked at, and then of slices that were read.

    Raises:
        ImageError, GeometryError: see `read_dicom`, of any of those chosen.
    """
    if is_overlay(path):
        return Chosen([], [member(path).whole()])
    with _study_of(path, below, step) as study:
        return _chosen(study, choose, step)


def read_received(files: Sequence[bytes], choose: Choose) -> Chosen:
    """As `read_chosen`, of files that came from an archive and lie on no disk."""
    return _chosen(find_study([received(whole) for whole in files]), choose)


def _chosen(study: Study, choose: Choose, step: Step = unseen) -> Chosen:
    found = study.series if study.overlays else _images(study)
    infos = tuple(_info(number, one) for number, one in enumerate(found, start=1))
    numbers = choose(infos) if len(infos) > 1 else [info.number for info in infos]
    images = [(infos[number - 1], _read(found[number - 1], step)) for number in numbers]
    wanted = images or not infos
    return Chosen(images, [one.whole() for one in study.overlays] if wanted else [])


def all_readable(infos: tuple[SeriesInfo, ...]) -> Sequence[int]:
    """Choose all that can be read; the first if none can, so that it is said why."""
    return [one.number for one in infos if one.problem is None] or [infos[0].number]


def is_overlay(path: Path) -> bool:
    """Whether a path is that of a DICOM segmentation, a parametric map or a structure set."""
    found = instance_at(path)
    return found is not None and found.is_overlay


def is_result(path: Path) -> bool:
    """Whether a file may be one that a result is written to: a segmentation, or made here."""
    found = instance_at(path)
    return found is not None and (found.modality == "SEG" or found.is_own)


def instance_at(path: Path) -> Instance | None:
    """The DICOM file of a path; None of a folder, a zip, and what is none."""
    if not path.is_file() or zipfile.is_zipfile(path):
        return None
    return instance(member(path))


def _images(study: Study) -> list[Series]:
    """Series of a study; ImageError if there is none."""
    if not study.series:
        raise ImageError(study.missing)
    return study.series


@contextmanager
def _study_of(path: Path, below: bool = True, step: Step = unseen) -> Iterator[Study]:
    """What is in a folder or zip, or the series of a file, while it can be read."""
    named: Instance | None = None
    if path.is_file() and not zipfile.is_zipfile(path):
        if path.suffix.lower() == ".zip":
            raise ImageError("The zip file is damaged: copy or export it again.")
        named = instance(member(path))
        if named is None:
            raise ImageError("The file is no DICOM file: choose another.")
        if named.is_index:
            path, named = path.parent, None
    # Once for all files: to silence them anew for each takes as long as reading its header.
    with silent(*READERS), members(path, below) as files:
        yield find_study(files, named, step)


def _info(number: int, series: Series) -> SeriesInfo:
    grid, uid = series.stack, series.instances[0].series
    if grid is not None:
        uids = tuple(dict.fromkeys(series.homes[i][0].uid for i in grid.order))
        return SeriesInfo(
            number,
            series.modality,
            grid.space,
            grid.spacing_mm,
            None,
            uid,
            series.words,
            uids,
            series.doubt,
        )
    planes = series.planes
    size = (*planes[0].size, len(planes)) if planes else (0, 0, len(series.instances))
    problem = str(series.problem)
    return SeriesInfo(number, series.modality, size, None, problem, uid, series.words)


def _read(series: Series, step: Step = unseen) -> Volume:
    grid = series.stack
    if grid is None:
        assert series.problem is not None
        raise series.problem
    columns, rows, slices = grid.space
    check_memory(4 * math.prod(grid.space))
    data = np.empty(grid.space, np.float32)
    source = _Source(series)
    block = np.empty((min(_BLOCK, slices), rows, columns), np.float32)
    # The volume's last axis is that of the slices: written one by one, each would touch all of
    # its memory; row by row a block stays in the cache.
    try:
        for start in range(0, slices, _BLOCK):
            part = block[: min(_BLOCK, slices - start)]
            for k, out in enumerate(part, start):
                step(k, slices)
                source.values(k, out)
            for row in range(rows):
                data[:, row, start : start + len(part)] = part[:, row].T
    finally:
        # Begun for compressed slices only, and not left behind.
        apart.close()
    if source.padded:
        unknown = np.isnan(data)
        measured = data[~unknown]
        data[unknown] = measured.min() if measured.size else 0.0
    return Volume(data[None], grid.affine, grid.extent, source=source.headers(), note=series.note)


class _Source:
    """Reads the slices of a series, one after the other, and keeps their headers.

    Attributes:
        padded: whether there is padding whose value is not known yet: NaN.
    """

    def __init__(self, series: Series) -> None:
        self._homes = series.homes
        assert series.stack is not None
        self._order = series.stack.order
        self._air = _AIR if series.modality == "CT" else np.nan
        self._open: Instance | None = None
        self._stored = Stored(np.empty((0, 0, 0)))
        self._headers: list[Dataset] = []
        self.padded = False

    def values(self, k: int, out: Singles) -> None:
        """Fill in the values of slice k, (rows, columns)."""
        one, plane = self._homes[self._order[k]]
        if one is not self._open:
            self._load(one)
        stored, slope, intercept = self._stored.values[plane.frame], plane.slope, plane.intercept
        if _exact(stored.dtype, slope, intercept):
            np.multiply(stored, np.float32(slope), out=out, dtype=np.float32)
            out += np.float32(intercept)
        else:
            with np.errstate(over="ignore"):  # inference refuses infinity in words of its own
                out[...] = stored * slope + intercept
        if self._stored.padding is not None:
            out[self._stored.padding[plane.frame]] = self._air
            self.padded |= bool(np.isnan(self._air))

    def _load(self, one: Instance) -> None:
        self._open, dataset = one, data_set_of(one)
        self._stored = stored_pixels(dataset)
        for keyword in _PIXELS:
            dataset.pop(keyword, None)
        self._headers.append(dataset)

    def headers(self) -> DicomSeries:
        """What is to be kept of the series, once all of its slices were read."""
        if len(self._headers) == len(self._order):
            return DicomSeries(tuple(self._headers))
        frames = tuple(self._homes[i][1].frame + 1 for i in self._order)
        return DicomSeries(tuple(self._headers), frames)


def _exact(kind: np.dtype[Any], slope: float, intercept: float) -> bool:
    """Whether float32 rescales such numbers without rounding, which is faster than float64."""
    if kind.itemsize > 2 or not (slope.is_integer() and intercept.is_integer()):
        return False
    return abs(slope) * (1 << 16) + abs(intercept) < 1 << 24


def read(path: Path, series: int | None) -> Volume:
    """See `read_dicom`."""
    return read_dicom(path, series)
