"""Volumes in nnU-Net's raw layout, with one rater or several.

``imagesTr/CASE_0000.nii.gz`` (one file per channel), ``labelsTr/CASE.nii.gz`` or, with several
raters, ``labelsTr/CASE__NAME.nii.gz`` each, and ``dataset.json`` with ``channel_names``,
``labels`` and ``file_ending``. A ``splits.json`` beside it may name lists of cases.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import re
import shutil
import tempfile
import weakref
import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from napari_ssn.documents.regular import hidden, read_text
from napari_ssn.errors import DataError, SSNError
from napari_ssn.geometry.arrays import Labels, Singles
from napari_ssn.geometry.orientation import letters_of
from napari_ssn.geometry.volume import Volume
from napari_ssn.io import read
from napari_ssn.io.archive import open_zip, unpack_zip
from napari_ssn.training.cases import Case, Cases

# Cases are kept in memory up to this much and read again beyond it.
_KEPT_BYTES = 4 * 2**30
# Label map and image lie in the same place if their affines agree to this, in mm.
_SAME_MM = 1e-2
_RATER = "__"


@dataclass(frozen=True)
class _Files:
    """Files of one case: one image per channel, one label map per rater."""

    images: tuple[Path, ...]
    raters: tuple[Path, ...]


@dataclass(eq=False)
class VolumeSet(Cases):
    """Volumes of one folder; see `load_nnunet`."""

    name: str
    files: dict[str, _Files]
    channels: tuple[str, ...]
    labels: tuple[str, ...]
    sha256: str = ""
    licence: str = ""
    _kept: dict[str, Case] = field(default_factory=dict)
    _geometry: list[tuple[tuple[int, ...], tuple[float, ...]]] = field(default_factory=list)
    _letters: list[str | None] = field(default_factory=list)
    _room: int = _KEPT_BYTES

    def __post_init__(self) -> None:
        self.names = tuple(self.files)
        self.patients = np.array(self.names)
        self.raters = max(len(f.raters) for f in self.files.values())

    def __getitem__(self, index: int) -> Case:
        name = self.names[index]
        return self._kept[name] if name in self._kept else self._read(name)

    def space(self, index: int) -> tuple[int, ...]:
        """Shape of the grid of a case."""
        return self._geometry[index][0]

    def spacing_mm(self, index: int) -> tuple[float, ...]:
        """Voxel size of a case."""
        return self._geometry[index][1]

    def orientation(self, index: int) -> str | None:
        """Where the axes of a case go in the patient."""
        return self._letters[index]

    def check(self) -> None:
        """Read every case once; DataError names the first thing that is wrong."""
        digest = hashlib.sha256()
        for name, files in self.files.items():
            for path in (*files.images, *files.raters):
                digest.update(path.name.encode())
                with path.open("rb") as stream:
                    for part in iter(functools.partial(stream.read, 2**20), b""):
                        digest.update(part)
            case = self._read(name)
            volume = case.volume
            known = volume.extent != "unknown"
            spacing = volume.spacing_mm if known else (math.nan,) * len(volume.space)
            self._geometry.append((volume.space, spacing))
            letters = letters_of(volume.affine, len(volume.space)) if volume.oriented else None
            self._letters.append(letters)
            size = volume.data.nbytes + case.raters.nbytes
            if size <= self._room:
                self._room -= size
                self._kept[name] = case
        dims = {len(space) for space, _ in self._geometry}
        if len(dims) > 1:
            raise DataError(f"{self.name!r} holds 2D and 3D images; a model needs one kind.")
        self.sha256 = digest.hexdigest()

    def _read(self, name: str) -> Case:
        files = self.files[name]
        channels = [_read_volume(path) for path in files.images]
        first = channels[0]
        for path, other in zip(files.images[1:], channels[1:], strict=True):
            _check_place(path.name, other, files.images[0].name, first)
        data = np.concatenate([c.data for c in channels])
        for channel, path in zip(data, files.images, strict=True):
            if not np.isfinite(channel).all():
                raise DataError(f"{path.name} holds voxels that are NaN or infinite.")
            if channel.min() == channel.max():
                raise DataError(f"{path.name} has the same value everywhere.")
        raters = []
        for path in files.raters:
            found = _read_volume(path)
            _check_place(path.name, found, files.images[0].name, first)
            raters.append(_label_map(path.name, found.data[0], len(self.labels)))
        volume = Volume(data, first.affine, first.extent, first.oriented)
        return _flat(Case(name, volume, np.stack(raters)))


def is_nnunet(path: Path) -> bool:
    """Whether a folder or zip holds a folder ``imagesTr``."""
    if path.is_dir():
        return (path / "imagesTr").is_dir()
    # A pipe would be waited for.
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    with open_zip(path) as archive:
        return any(re.search(r"(^|/)imagesTr/.", name) for name in archive.namelist())


def load_nnunet(path: Path, split: str | None = None) -> VolumeSet:
    """Read and check a dataset in nnU-Net's raw layout; DataError says what is wrong.

    Args:
        path: of a folder, or of a zip of it.
        split: name of a list of cases in ``splits.json``.
    """
    name, unpacked = path.name, None
    if not path.is_dir():
        unpacked = tempfile.mkdtemp(prefix="napari-ssn-")
        try:
            path = _unpack(path, Path(unpacked))
        except DataError:
            shutil.rmtree(unpacked, ignore_errors=True)
            raise
    about = _description(path)
    channels, labels = _channels(about), _labels(about)
    ending = about.get("file_ending", ".nii.gz")
    files = _files(path, ending, len(channels))
    if split is not None:
        files = _chosen(path, files, split)
    licence = about.get("licence") or about.get("license") or ""
    found = VolumeSet(name, files, channels, labels, licence=str(licence))
    if unpacked is not None:
        # The files go when the set goes, or at the end of the program.
        weakref.finalize(found, shutil.rmtree, unpacked, ignore_errors=True)
    found.check()
    return found


def splits(path: Path) -> dict[str, list[str]]:
    """Lists of cases in a folder's ``splits.json``; empty if there is none."""
    source = path / "splits.json"
    if not path.is_dir() or not source.is_file():
        return {}
    content = _json(source)
    if not isinstance(content, dict) or not all(
        isinstance(v, list) and all(isinstance(n, str) for n in v) for v in content.values()
    ):
        raise DataError("splits.json should hold lists of cases by name.")
    return content


def _json(path: Path) -> Any:
    try:
        return json.loads(read_text(path))
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise DataError(f"{path.name} is no JSON, or holds a value without an end.") from None


def _unpack(path: Path, target: Path) -> Path:
    """Unpack a zip and return the folder that holds imagesTr."""
    unpack_zip(path, target)
    tops = [
        one.parent
        for one in target.rglob("imagesTr")
        if one.is_dir() and not hidden(one.relative_to(target))
    ]
    if len(tops) != 1:
        raise DataError(f"{path.name!r} should hold one dataset, but holds {len(tops)}.")
    return tops[0]


def _description(path: Path) -> dict[str, Any]:
    if not (path / "dataset.json").is_file():
        raise DataError(f"{path.name!r} has no dataset.json, which names channels and labels.")
    about = _json(path / "dataset.json")
    if not isinstance(about, dict):
        raise DataError("dataset.json should hold a table.")
    return about


def _channels(about: dict[str, Any]) -> tuple[str, ...]:
    named = about.get("channel_names")
    if not isinstance(named, dict) or sorted(named) != [str(i) for i in range(len(named))]:
        raise DataError('dataset.json: channel_names should be {"0": name, "1": name, …}.')
    if not named:
        raise DataError("dataset.json names no channel.")
    return tuple(str(named[str(i)]) for i in range(len(named)))


def _labels(about: dict[str, Any]) -> tuple[str, ...]:
    named = about.get("labels")
    if not isinstance(named, dict) or not all(type(v) is int for v in named.values()):
        raise DataError(
            'dataset.json: labels should be {"background": 0, name: 1, …}; '
            "regions of several labels are not supported."
        )
    if sorted(named.values()) != list(range(len(named))) or len(named) < 2:
        raise DataError(
            "dataset.json: labels should be numbered 0, 1, 2, … without a gap, "
            f"and are {sorted(named.values())}."
        )
    return tuple(sorted(named, key=lambda name: named[name]))


def _ending(folder: Path, ending: str) -> list[Path]:
    """Files of a folder whose names end so; none where it is not there."""
    return sorted(one for one in folder.glob(f"*{ending}") if not hidden(PurePath(one.name)))


def _files(path: Path, ending: str, channels: int) -> dict[str, _Files]:
    """Files of each case; DataError for whatever has no partner."""
    images: dict[str, dict[int, Path]] = {}
    for file in _ending(path / "imagesTr", ending):
        stem = file.name[: -len(ending)]
        match = re.fullmatch(r"(.+)_(\d{4})", stem)
        if match is None:
            raise DataError(f"imagesTr/{file.name} does not end in a channel such as _0000.")
        images.setdefault(match[1], {})[int(match[2])] = file
    if not images:
        raise DataError(f"{path.name!r} holds no images (imagesTr/*_0000{ending}).")
    raters: dict[str, list[Path]] = {}
    for file in _ending(path / "labelsTr", ending):
        stem = file.name[: -len(ending)]
        # A case may itself have two underscores in its name.
        case = stem if stem in images else stem.rpartition(_RATER)[0] or stem
        raters.setdefault(case, []).append(file)
    found = {}
    for name, by_channel in images.items():
        if lack := sorted(set(range(channels)) - by_channel.keys()):
            raise DataError(f"imagesTr lacks {name}_{lack[0]:04d}{ending}.")
        if more := sorted(by_channel.keys() - set(range(channels))):
            raise DataError(
                f"imagesTr/{by_channel[more[0]].name} is a channel that dataset.json does not name."
            )
        if name not in raters:
            raise DataError(f"{name} has an image, but no label map in labelsTr.")
        found[name] = _Files(tuple(by_channel[c] for c in range(channels)), tuple(raters[name]))
    if lone := sorted(raters.keys() - images.keys()):
        raise DataError(f"labelsTr/{raters[lone[0]][0].name} has no image in imagesTr.")
    return found


def _chosen(path: Path, files: dict[str, _Files], split: str) -> dict[str, _Files]:
    known = splits(path)
    if split not in known:
        there = ", ".join(sorted(known)) or "none"
        raise DataError(f"splits.json of {path.name!r} has no list {split!r} (there: {there}).")
    if lost := [name for name in known[split] if name not in files]:
        raise DataError(f"splits.json names {lost[0]}, and there is no such case.")
    if not known[split]:
        raise DataError(f"splits.json: the list {split!r} is empty.")
    return {name: files[name] for name in known[split]}


def _read_volume(path: Path) -> Volume:
    try:
        return read(path)
    except SSNError as error:
        raise DataError(f"{path.name}: {error}") from None


def _check_place(name: str, found: Volume, of: str, image: Volume) -> None:
    if found.space != image.space:
        here, there = (" × ".join(map(str, v.space)) for v in (found, image))
        raise DataError(f"{name} has {here} voxels, but {of} has {there}.")
    if not np.allclose(found.affine, image.affine, rtol=0, atol=_SAME_MM):
        raise DataError(f"{name} lies in another place than {of}: their affines differ.")


def _label_map(name: str, values: Singles, classes: int) -> Labels:
    known = np.arange(classes, dtype=np.float32)
    odd = values[~np.isin(values, known)]
    if odd.size:
        raise DataError(
            f"{name} holds the label {odd.flat[0]:g}, which dataset.json does not name "
            f"({odd.size:,} voxels)."
        )
    return values.astype(np.uint8)


def _flat(case: Case) -> Case:
    """A volume of one slice as the 2D image it is."""
    volume = case.volume
    if len(volume.space) != 3 or 1 not in volume.space:
        return case
    if volume.space[2] != 1:
        raise DataError(f"{case.name} is a single slice that does not lie across its third axis.")
    flat = Volume(volume.data[..., 0], volume.affine, volume.extent, volume.oriented)
    return Case(case.name, flat, case.raters[..., 0])
