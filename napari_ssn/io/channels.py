"""Several files as the channels of one image, and files that belong together by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from napari_ssn.documents.regular import visible
from napari_ssn.errors import ImageError, SSNError
from napari_ssn.geometry.channels import join
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.dicom.members import may_be_dicom
from napari_ssn.io.dicom.series import apart, check_one_patient
from napari_ssn.io.formats import read_one
from napari_ssn.io.known import FORMATS

# nnU-Net numbers the files of a case: ``CASE_0000.nii.gz``, ``CASE_0001.nii.gz``, …
_NUMBERED = re.compile(r"(?P<case>.+)_(?P<number>\d{4})")
_SUFFIXES = tuple(sorted({s for one in FORMATS for s in one.read}, key=len, reverse=True))
# Files of a folder that are looked at: no case has as many channels.
_MOST = 10_000


def read_channels(paths: Sequence[Path], series: Sequence[int | None] = ()) -> Volume:
    """Read several files as one image, on the grid of the first; see `geometry.channels.join`.

    Args:
        paths: in the order of the channels.
        series: number of the DICOM series in each, as for `napari_ssn.read`.

    Raises:
        ImageError, GeometryError: of a file, by its number among them; or they cannot be joined.
    """
    volumes = []
    for number, path in enumerate(paths, start=1):
        try:
            volumes.append(read_one(path, series[number - 1] if series else None))
        except SSNError as error:
            raise type(error)(f"Image {number}: {error}") from None
    return joined(volumes)


def joined(volumes: Sequence[Volume]) -> Volume:
    """`geometry.channels.join` of what was read; ImageError if it is of several patients."""
    sources = [one.source for one in volumes]
    check_one_patient(sources)
    made = join(volumes)
    told = [words for words in (made.note, apart(sources)) if words]
    return replace(made, note=" ".join(told) or None)


def chosen(
    paths: Sequence[Path], series: Sequence[int | None] = ()
) -> tuple[list[Path], list[int | None]]:
    """Path and number of the series of each channel, of what somebody has named.

    Several numbers of one path are its series, a folder of one case is its files, and of several
    paths each has its own number, or none has.

    Raises:
        ImageError: there is another number of series than of images; or as `channels_in`.
    """
    numbers = [one for one in series if one is not None]
    if len(paths) == 1 and len(numbers) > 1:
        return [paths[0]] * len(numbers), [*numbers]
    if not numbers:
        found = (channels_in(paths[0]) if len(paths) == 1 else []) or list(paths)
        return found, [None] * len(found)
    if len(numbers) != len(paths):
        raise ImageError(
            f"There are {len(paths)} images and {len(numbers)} numbers of series: name one series "
            "for each image."
        )
    return list(paths), [*numbers]


def is_numbered(path: Path) -> bool:
    """Whether a file is a channel of a case by its name, as ``CASE_0001.nii.gz``."""
    return _parts(path) is not None


def channels_beside(path: Path) -> list[Path]:
    """Files of the case that a file is a channel of, in order; none where it is of no case.

    ImageError if one is missing.
    """
    parts = _parts(path)
    if parts is None or not path.is_file():
        return []
    case = _cases(_files(path.parent)).get((parts[0], parts[2].lower()))
    return [] if case is None else _complete(case)


def channels_in(folder: Path) -> list[Path]:
    """Files of the one case in a folder, in order; none where it holds no such files, or DICOM.

    ImageError if there are several cases, or a channel of the one is missing.
    """
    if not folder.is_dir():
        return []
    cases = _cases(_files(folder))
    if not cases or may_be_dicom(folder):
        return []
    if len(cases) > 1:
        raise ImageError(
            f"The folder holds {len(cases)} cases: name one file of the case that is meant."
        )
    return _complete(*cases.values())


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(one for one in islice(visible(folder), _MOST) if one.is_file())
    except OSError as error:
        # `from None`: the cause's message holds the path.
        raise ImageError(f"The folder cannot be read ({error.strerror}).") from None


def _cases(files: Iterable[Path]) -> dict[tuple[str, str], dict[int, Path]]:
    """Files by case and suffix, and by channel; of a case there is a first channel."""
    found: dict[tuple[str, str], dict[int, Path]] = {}
    for file in files:
        if (parts := _parts(file)) is not None:
            found.setdefault((parts[0], parts[2].lower()), {})[int(parts[1])] = file
    return {case: files for case, files in found.items() if 0 in files}


def _parts(path: Path) -> tuple[str, str, str] | None:
    """Case, number and suffix of a file's name; None where it has no number."""
    suffix = next((one for one in _SUFFIXES if path.name.lower().endswith(one)), None)
    if suffix is None:
        return None
    match = _NUMBERED.fullmatch(path.name[: -len(suffix)])
    return None if match is None else (match["case"], match["number"], path.name[-len(suffix) :])


def _complete(case: dict[int, Path]) -> list[Path]:
    lack = sorted(set(range(max(case) + 1)) - case.keys())
    if lack:
        raise ImageError(f"The channel _{lack[0]:04d} is missing beside _{max(case):04d}.")
    return [case[number] for number in sorted(case)]
