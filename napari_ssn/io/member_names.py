"""Names of files and folders that are members of an ensemble, and what is read from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from napari_ssn.documents.regular import visible
from napari_ssn.errors import ImageError
from napari_ssn.io.formats import is_image, stem
from napari_ssn.io.known import PICTURE_SUFFIXES

_MOST = 10_000


def listed(folder: Path) -> tuple[list[Path], list[Path]]:
    """Files and folders in a folder, each in the order of their numbers and names."""
    try:
        inside = sorted(islice(visible(folder), _MOST), key=_by_number)
    except OSError as error:
        # `from None`: the cause's message holds the path.
        raise ImageError(f"A folder of members cannot be read ({error.strerror}).") from None
    return [one for one in inside if one.is_file()], [one for one in inside if one.is_dir()]


def maps_among(files: Sequence[Path]) -> list[Path]:
    """Files of a folder that may be members, or a label of one: all of one kind, the first found.

    Archives; else images that may be label maps or soft ones; else DICOM.
    """
    kinds: tuple[Callable[[Path], bool], ...] = (
        lambda one: one.suffix.lower() == ".npz",
        _may_be_a_map,
        lambda one: one.suffix.lower() == ".dcm",
    )
    return next((found for kind in kinds if (found := [one for one in files if kind(one)])), [])


def pictures_among(files: Sequence[Path]) -> list[Path]:
    """Pictures, which beside `maps_among` show something and are members where there are none."""
    return [one for one in files if one.suffix.lower() in PICTURE_SUFFIXES]


def repeated(sums: Sequence[tuple[int, str]]) -> Iterator[str]:
    """Which members are one file: named twice by mistake it would have two votes in silence.

    Args:
        sums: number and checksum of each.
    """
    by: dict[str, list[int]] = {}
    for number, one in sums:
        by.setdefault(one, []).append(number)
    for numbers in by.values():
        if len(numbers) > 1:
            yield (
                f"Members {listed_as(numbers)} hold the very same, which counts "
                f"{len(numbers)} times."
            )


def nothing_in(folder: Path) -> str:
    """Why a folder is no member: ``holds no map of this image.``"""
    if any(one.suffix.lower() in (".pth", ".pt", ".safetensors") for one in listed(folder)[0]):
        return (
            "holds weights of a network and no map. A model folder, whose networks are run, has "
            "plans.json and dataset.json beside its folds."
        )
    return "holds no map of this image."


def _may_be_a_map(path: Path) -> bool:
    # Of a pair of files the voxels are in the other one.
    return is_image(path) and not path.name.lower().endswith((".hdr", ".hdr.gz"))


def _by_number(path: Path) -> list[tuple[int, str]]:
    """Order of names in which ``reader10`` comes after ``reader9``: members are called by place."""
    parts = re.findall(r"\d+|\D+", path.name)
    return [(int(one), "") if one.isdecimal() else (-1, one) for one in parts]


def label_names(files: Sequence[Path]) -> list[str]:
    """Names of labels that have files of their own: what differs in the names of these."""
    stems = [stem(one) for one in files]
    common = 0
    while all(len(one) > common + 1 and one[common] == stems[0][common] for one in stems):
        common += 1
    cut = stems[0].rfind("_", 0, common) + 1
    return [one[cut:][:64] for one in stems]


def listed_as(numbers: Sequence[int]) -> str:
    """``1, 2 and 4``."""
    *first, last = map(str, numbers)
    return f"{', '.join(first)} and {last}" if first else last
