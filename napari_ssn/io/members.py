"""Which files are the members of an ensemble, told by their names and folders."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np

from napari_ssn.documents.nnunet import names_beside
from napari_ssn.errors import DataError, ImageError, SSNError
from napari_ssn.geometry.arrays import Array
from napari_ssn.geometry.label_order import one_order, renumbered
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.formats import stem
from napari_ssn.io.hashes import map_hash
from napari_ssn.io.member_maps import of_one_thing, reordered
from napari_ssn.io.member_names import (
    label_names,
    listed,
    listed_as,
    maps_among,
    nothing_in,
    pictures_among,
    repeated,
)
from napari_ssn.io.member_reading import read_member, sum_of
from napari_ssn.io.outline import segment_names

_FOLD = re.compile(r"fold[_ -]?(\d{1,3})", re.IGNORECASE)
# nnU-Net's channel at the end of an image's name, which its prediction has not.
_CHANNEL = re.compile(r"_\d{4}$")
# Labels that are named where they are wrong.
_SAID = 8
# Bytes of a member of which two are read at once.
_SMALL = 1 << 28


@dataclass(frozen=True)
class MemberFile:
    """One member, before it is read.

    Attributes:
        paths: its file, or one for each label but the background.
        sha256: of these.
        fold: number of nnU-Net's fold; None where it is none.
        number: among all that were named, from 1.
        labels: names of its labels by number; None where nobody says.
        names: of a segmentation's labels.
        moves: numbers of its labels that become others, see `one_order`.
    """

    paths: tuple[Path, ...]
    sha256: str
    fold: int | None = None
    number: int = 0
    labels: tuple[str, ...] | None = None
    names: dict[int, str] = field(default_factory=dict, compare=False)
    moves: dict[int, int] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class MemberFiles:
    """The members of an ensemble, each read when its turn comes.

    Attributes:
        image: that all of them are of.
        files: of each.
        notes: what a person should know of them; more come as they are read.
    """

    image: Volume
    files: tuple[MemberFile, ...]
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[Array]:
        """Each in its turn; the next, or next two, are read while one is looked at."""
        wanted, count = self.labels, self._ahead()
        remarks: dict[str, list[MemberFile]] = {}
        with ThreadPoolExecutor(count) as ahead:
            files = iter(self.files)
            waiting = [
                ahead.submit(read_member, one.paths, self.image) for one in islice(files, count)
            ]
            for one in self.files:
                try:
                    found, note = waiting.pop(0).result()
                except SSNError as error:
                    for other in waiting:
                        other.cancel()
                    raise type(error)(f"{_called(one.number, one)}: {error}") from None
                waiting += [
                    ahead.submit(read_member, following.paths, self.image)
                    for following in islice(files, 1)
                ]
                if note is not None:
                    remarks.setdefault(note, []).append(one)
                if one.labels is None and self._named_by_files and of_one_thing(found):
                    raise DataError(
                        f"{_called(one.number, one)} outlines one thing, and others have a file "
                        "for each label: which of these it is nobody can tell. Put an empty map "
                        "for each of the others beside it."
                    )
                found = renumbered(found, one.moves)
                if wanted is not None and one.labels is not None:
                    found = reordered(found, [one.labels.index(name) for name in wanted])
                yield found
                # Nobody holds it while the next but one is read.
                del found
        # What is so of several is said once.
        self.notes.extend(f"{self._all_called(ones)}: {note}." for note, ones in remarks.items())

    def _all_called(self, ones: Sequence[MemberFile]) -> str:
        """What some of them are called at the beginning of a sentence."""
        if len(ones) == 1:
            return _called(ones[0].number, ones[0])
        if len(ones) == len(self.files):
            return "All members"
        folds = [one.number if one.fold is None else one.fold for one in ones]
        return f"{'Members' if ones[0].fold is None else 'Folds'} {listed_as(folds)}"

    @property
    def _named_by_files(self) -> bool:
        """Whether a member has a file for each of several labels."""
        return any(len(one.paths) > 1 for one in self.files)

    def _ahead(self) -> int:
        """How many are read at once: two, where three of them are a small part of the memory."""
        if self.labels is None:
            return 1
        size = 4 * len(self.labels) * math.prod(self.image.space)
        return 2 if size <= _SMALL else 1

    def _layers(self) -> Iterator[tuple[MemberFile, Array]]:
        """Those that a layer could have been, with its values: labels, or one label's fractions."""
        for one in self.files:
            if one.paths[0].suffix.lower() == ".npz":
                continue
            found, _ = read_member(one.paths, self.image)
            found = renumbered(found, one.moves)
            if found.dtype == np.uint8:
                yield one, found
            elif len(found) == 2:
                yield one, found[1]

    @property
    def labels(self) -> tuple[str, ...] | None:
        """Names of the labels, background first; None where nobody says."""
        return next((one.labels for one in self.files if one.labels is not None), None)

    @property
    def names(self) -> tuple[str, ...]:
        """What each is called."""
        return tuple(
            f"fold {one.fold}" if one.fold is not None else str(one.number) for one in self.files
        )

    @property
    def sources(self) -> tuple[tuple[str, str], ...]:
        """Checksum and name of each."""
        return tuple((one.sha256, name) for one, name in zip(self.files, self.names, strict=True))

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files."""
        return tuple(path for one in self.files for path in one.paths)

    def some(self, sha256: Sequence[str]) -> MemberFiles:
        """Those with some checksums, in their order; DataError if one is missing.

        Of a map that was a layer the checksum is that of its values.
        """
        by = {one.sha256: one for one in self.files}
        if any(one not in by for one in sha256):
            by |= {map_hash(found): one for one, found in self._layers()}
        missing = sum(one not in by for one in sha256)
        if missing:
            which = f"{missing} are" if missing > 1 else "one is"
            it = "they are missing, or were" if missing > 1 else "it is missing, or was"
            raise DataError(
                f"Of the {len(sha256)} members that the sidecar names {which} not among these "
                f"{len(self)}: {it} changed."
            )
        return replace(self, files=tuple(by[one] for one in sha256))


def find_members(paths: Sequence[Path], image: Volume, name: str = "") -> MemberFiles:
    """The members of an ensemble that somebody names.

    One folder holds them: in folders of their own, as ``fold_0`` … of nnU-Net, or as files.
    Several paths are one each. A folder that is one member holds its archive (``.npz``), its label
    map or soft map, or a map for each label.

    Args:
        paths: that were named.
        image: that they are of.
        name: of its file; where a folder holds several images' maps, the one of that name is
            taken.

    Raises:
        DataError: there are fewer than two, or one of them holds nothing of this image, or labels
            of other names.
        ImageError: a folder is not there, or cannot be read.
    """
    case = _case_of(Path(name))
    for number, one in enumerate(paths, start=1):
        if not one.exists():
            which = f", for member {number} of {len(paths)}" if len(paths) > 1 else ""
            raise ImageError(f"There is no file or folder of that name{which}.")
    groups, notes = _groups(list(paths), case), list[str]()
    if len(groups) < 2:
        raise DataError(
            "An ensemble has two members or more: name their files, or a folder with a folder or "
            f"file for each ({len(groups) or 'none'} found)."
        )
    for number, (place, files) in enumerate(groups, start=1):
        if not files:
            raise DataError(f"{_called(number, _fold(place))} {nothing_in(place)}")
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda group: _member(*group), groups))
    folds = [one.fold for one in found]
    if len(set(folds)) == len(folds) and None not in folds:
        found.sort(key=lambda one: one.fold or 0)
        numbers = {one for one in folds if one is not None}
        if lack := sorted(set(range(max(numbers) + 1)) - numbers):
            which = listed_as(lack)
            no = "is no fold" if len(lack) == 1 else "are no folds"
            notes.append(f"There {no} {which}: the ensemble is of the {len(found)} others.")
    elif len(set(folds)) < len(folds):
        found = [replace(one, fold=None) for one in found]
    _check_labels(found)
    found = _in_one_order(found)
    if case and any(_otherwise(place, files, case) for place, files in groups):
        notes.append(
            "There are archives that are not named as the image: whether they are of it is not "
            "known here."
        )
    numbered = tuple(replace(one, number=number) for number, one in enumerate(found, start=1))
    notes.extend(repeated([(one.number, one.sha256) for one in numbered]))
    return MemberFiles(image, numbered, notes)


def without(files: MemberFiles, left_out: Collection[int]) -> MemberFiles:
    """All but those of some numbers, from 0."""
    kept = tuple(one for number, one in enumerate(files.files) if number not in left_out)
    return replace(files, files=kept)


def _case_of(path: Path) -> str:
    return _CHANNEL.sub("", stem(path))


def _otherwise(place: Path, files: Sequence[Path], case: str) -> bool:
    """Whether an archive was taken of a folder though the image has another name."""
    return place.is_dir() and files[0].suffix.lower() == ".npz" and stem(files[0]) != case


def _groups(paths: list[Path], case: str) -> list[tuple[Path, tuple[Path, ...]]]:
    """Place and files of each member."""
    if len(paths) > 1 or not paths or not paths[0].is_dir():
        return [(one, _in_folder(one, case) if one.is_dir() else (one,)) for one in paths]
    files, folders = listed(paths[0])
    folds = [one for one in folders if _FOLD.search(one.name)]
    inside = [(one, _in_folder(one, case)) for one in (folds or folders)]
    if folds or any(held for _, held in inside):
        # Without the name of a fold a folder may be about anything.
        return [one for one in inside if folds or one[1]]
    maps = maps_among(files) or pictures_among(files)
    own = [one for one in maps if stem(one) == case or _case_of(one) == case]
    if own and len(maps) > len(own):
        raise DataError(
            "The folder holds a file that is named as the image, and others that are not: "
            "name the files that are members, or a folder with one folder for each."
        )
    return [(one.parent, (one,)) for one in maps]


def _in_folder(folder: Path, case: str) -> tuple[Path, ...]:
    """Files of the member that a folder is; none where it holds nothing of the image."""
    maps = maps_among(listed(folder)[0])
    own = tuple(one for one in maps if stem(one) == case)
    if own or len(maps) < 2:
        return (own or tuple(maps))[:1]
    if any(one.suffix.lower() == ".npz" for one in maps):
        raise DataError(
            f"{_called(0, _fold(folder))} holds maps of {len(maps)} images, and none is named as "
            "the image: name the files."
        )
    return tuple(maps)


def _member(place: Path, files: tuple[Path, ...]) -> MemberFile:
    labels = None
    if len(files) > 1:
        labels = ("background", *label_names(files))
    elif (named := names_beside(files[0].parent)) is not None:
        labels = tuple(sorted(named, key=lambda name: named[name]))
    sums = [sum_of(one) for one in files]
    # Of several the sum of their sums: no file ends where another begins.
    sha256 = sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()
    fold = _fold(place if place.is_dir() else place.parent)
    names = segment_names(files[0]) if len(files) == 1 and labels is None else {}
    return MemberFile(files, sha256, fold, labels=labels, names=names)


def _in_one_order(found: list[MemberFile]) -> list[MemberFile]:
    """Members that are segmentations, with one number for what has one name."""
    known = next((one.labels for one in found if one.labels is not None), None)
    to, labels = one_order([one.names for one in found], known)
    return [
        replace(one, moves=moves, labels=labels or one.labels)
        for one, moves in zip(found, to, strict=True)
    ]


def _check_labels(found: Sequence[MemberFile]) -> None:
    """DataError if the labels of members have different names; another order is no matter."""
    first = next((one.labels for one in found if one.labels is not None), ())
    for number, one in enumerate(found, start=1):
        labels = first if one.labels is None else one.labels
        if set(labels) != set(first) or labels[:1] != first[:1]:
            theirs, ours = (", ".join(names[:_SAID]) for names in (labels, first))
            raise DataError(
                f"{_called(number, one)} has other labels ({theirs}) than the first ({ours}): all "
                "members outline the same."
            )


def _fold(place: Path) -> int | None:
    match = _FOLD.search(place.name)
    return None if match is None else int(match[1])


def _called(number: int, one: MemberFile | int | None) -> str:
    fold = one.fold if isinstance(one, MemberFile) else one
    if fold is not None:
        return f"Fold {fold}"
    return f"Member {number}" if number else "A folder of members"
