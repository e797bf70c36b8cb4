"""What an OME-Zarr folder says of its images: axes, levels, voxel sizes; nothing is unpacked."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_ssn.documents.regular import open_regular
from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Floats
from napari_ssn.geometry.volume import Extent

#: Files that make a folder one of zarr's, of version 2 or 3.
MARKS = (".zattrs", ".zgroup", "zarr.json")
_DAMAGED = "What the OME-Zarr says of its images is damaged: export it again."
# More of it is no description; more levels and axes no image has.
_LONGEST, _MOST_LEVELS, _MOST_IMAGES = 16 << 20, 32, 200
_READ = ("0.4", "0.5")
# The units of the format (UDUNITS-2), in mm and s.
_MM = {
    "angstrom": 1e-7, "nanometer": 1e-6, "micrometer": 1e-3, "micron": 1e-3, "millimeter": 1.0,
    "centimeter": 10.0, "meter": 1000.0, "inch": 25.4,
}  # fmt: skip
_SECONDS = {"millisecond": 1e-3, "second": 1.0, "minute": 60.0, "hour": 3600.0}
# As a picture lies: x towards the left, y towards the back, z towards the head. The format does not
# say how that is in a patient.
_TOWARDS = {"x": (-1.0, 0.0, 0.0), "y": (0.0, -1.0, 0.0), "z": (0.0, 0.0, 1.0)}


@dataclass(frozen=True)
class Axis:
    """An axis of the stored array: its name, its kind (space, time, channel), its unit."""

    name: str
    kind: str
    unit: str | None


@dataclass(frozen=True)
class Level:
    """One resolution of an image.

    Attributes:
        group: folder of the image inside the OME-Zarr; empty for itself.
        path: of the array in that.
        axes: of the array.
        scale, shift: per axis: where an index lies, in the axis's unit.
        stated: whether the file says so, or scale and shift are 1 and 0.
        labels: whether the image calls itself one of labels.
    """

    group: str
    path: str
    axes: tuple[Axis, ...]
    scale: tuple[float, ...]
    shift: tuple[float, ...]
    stated: bool
    labels: bool

    @property
    def space(self) -> tuple[int, ...]:
        """Numbers of the axes in space, in the order of the array."""
        return tuple(n for n, axis in enumerate(self.axes) if axis.kind == "space")

    @property
    def over(self) -> tuple[int, ...]:
        """Numbers of the other axes: time and channels, of which each voxel has several values."""
        return tuple(n for n, axis in enumerate(self.axes) if axis.kind != "space")

    @property
    def extent(self) -> Extent:
        """What its voxel sizes measure."""
        known = all(self.axes[n].unit in _MM for n in self.space)
        if not known or not self.stated:
            return "unknown"
        return "volume" if len(self.space) == 3 else "plane"

    @property
    def affine(self) -> Floats:
        """4×4 from the index in the axes of space to mm; GeometryError if a plane has no area."""
        out, free = np.eye(4), list(_TOWARDS.values())[: len(self.space)][::-1]
        named = all(self.axes[n].name in _TOWARDS for n in self.space)
        for column, n in enumerate(self.space):
            axis = self.axes[n]
            unit = _MM.get(axis.unit or "", 1.0) if self.extent != "unknown" else 1.0
            towards = np.array(_TOWARDS[axis.name] if named else free[column])
            out[:3, column] = unit * self.scale[n] * towards
            out[:3, 3] += unit * self.shift[n] * towards
        if len(self.space) == 2:
            return Affine(out).upright() + 0.0
        return out + 0.0

    @property
    def step_s(self) -> float | None:
        """Seconds between points in time; None where there is no time, or nobody says."""
        for n in self.over:
            if self.axes[n].kind == "time" and self.stated and self.axes[n].unit in _SECONDS:
                return self.scale[n] * _SECONDS[str(self.axes[n].unit)]
        return None


def is_zarr(path: Path) -> bool:
    """Whether a folder is one of zarr's, told by the files in it or by its name."""
    if not path.is_dir():
        return False
    return path.suffix.lower() == ".zarr" or any((path / mark).exists() for mark in MARKS)


def levels_of(path: Path) -> list[Level]:
    """All levels of all images in a folder, the finest of each image first.

    ImageError or GeometryError, in one sentence, if there is none or it is of another version.
    """
    found = attributes(path)
    if "plate" in found or "well" in found:
        raise ImageError("This is a plate of many images: open the folder of one of them.")
    if "multiscales" in found:
        return list(_levels("", found))
    groups = list(_groups(path, found))
    out = [level for group in groups for level in _levels(group, attributes(path / group))]
    if not out:
        raise ImageError(
            "The folder holds no image of OME-Zarr: open the folder with the levels of one image."
        )
    return out


def labels_of(path: Path, group: str) -> list[str]:
    """Folders of the label images that an image says it has."""
    folder = path / group / "labels"
    if not any((folder / mark).exists() for mark in MARKS):
        return []
    names = attributes(folder).get("labels")
    if not isinstance(names, list) or len(names) > _MOST_IMAGES:
        return []
    inside = [str(Path(group) / "labels" / str(name)) for name in names if _is_inside(name)]
    return [one for one in inside if (path / one).is_dir()]


def attributes(folder: Path) -> dict[str, Any]:
    """What a group says; of version 0.5 what stands under ``ome``. ImageError if it is damaged."""
    new, found = _json(folder / "zarr.json"), _json(folder / ".zattrs")
    if new is None and found is None:
        if not any((folder / mark).exists() for mark in MARKS):
            raise ImageError("The folder holds no OME-Zarr: choose the one that ends in .zarr.")
        return {}
    if new is None:
        return found or {}
    inner = new.get("attributes", {})
    ome = inner.get("ome", inner) if isinstance(inner, dict) else None
    if not isinstance(ome, dict):
        raise ImageError(_DAMAGED)
    return ome


def _json(path: Path) -> dict[str, Any] | None:
    """Content of a small file; None if it is not there."""
    try:
        with open_regular(path) as stream:
            raw = stream.read(_LONGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = error.strerror or "no reason given"
        raise ImageError(f"The OME-Zarr cannot be opened ({reason}).") from None
    if len(raw) > _LONGEST:
        raise ImageError(_DAMAGED)
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise ImageError(_DAMAGED) from None
    if not isinstance(found, dict):
        raise ImageError(_DAMAGED)
    return found


def _is_inside(name: object) -> bool:
    """Whether a path leads to something in its folder."""
    if not isinstance(name, str) or not name or len(name) > 200 or "\0" in name:
        return False
    parts = name.replace("\\", "/").split("/")
    return not name.startswith("/") and ".." not in parts and ":" not in parts[0]


def _groups(path: Path, found: Mapping[str, Any]) -> Iterator[str]:
    """Folders of the images of a collection, as bioformats2raw makes it."""
    if "bioformats2raw.layout" not in found:
        return
    series = None
    if any((path / "OME" / mark).exists() for mark in MARKS):
        series = attributes(path / "OME").get("series")
    if isinstance(series, list) and all(map(_is_inside, series)):
        yield from series[:_MOST_IMAGES]
        return
    number = 0
    while number < _MOST_IMAGES and (path / str(number)).is_dir():
        yield str(number)
        number += 1


def _levels(group: str, found: Mapping[str, Any]) -> Iterator[Level]:
    several = found.get("multiscales")
    if not isinstance(several, list) or not several or not isinstance(several[0], dict):
        raise ImageError(_DAMAGED)
    one = several[0]
    version = one.get("version", found.get("version"))
    axes = one.get("axes")
    if version is None and isinstance(axes, list) and axes and isinstance(axes[0], dict):
        version = "0.4"  # which first had axes of this form
    if str(version) not in _READ:
        words = str(version)[:12] if str(version)[:12].isascii() and version is not None else "none"
        raise ImageError(
            f"The OME-Zarr is of version {words}; {' and '.join(_READ)} are read: convert it."
        )
    known = _axes(axes)
    datasets = one.get("datasets")
    if not isinstance(datasets, list) or not 0 < len(datasets) <= _MOST_LEVELS:
        raise ImageError(_DAMAGED)
    whole = _transform(one.get("coordinateTransformations"), len(known))
    for each in datasets:
        if not isinstance(each, dict) or not _is_inside(each.get("path")):
            raise ImageError(_DAMAGED)
        own = _transform(each.get("coordinateTransformations"), len(known))
        (scale, shift), stated = own or ((1.0,) * len(known), (0.0,) * len(known)), own is not None
        if whole is not None:
            shift = tuple(a * b + c for a, b, c in zip(whole[0], shift, whole[1], strict=True))
            scale = tuple(a * b for a, b in zip(whole[0], scale, strict=True))
        label = "image-label" in found
        yield Level(group, str(each["path"]), known, scale, shift, stated, label)


def _axes(found: Any) -> tuple[Axis, ...]:
    if not isinstance(found, list) or not all(isinstance(axis, dict) for axis in found):
        raise ImageError(_DAMAGED)
    out = []
    for axis in found:
        name, unit = axis.get("name"), axis.get("unit")
        if not isinstance(name, str):
            raise ImageError(_DAMAGED)
        guess = {"t": "time", "c": "channel"}.get(name, "space" if name in "xyz" else "other")
        kind = str(axis.get("type", guess))
        if kind not in ("space", "time", "channel"):
            raise GeometryError(
                "The image has an axis that is neither space, time nor channels: it is not read."
            )
        out.append(Axis(name, kind, unit if isinstance(unit, str) else None))
    count = sum(axis.kind == "space" for axis in out)
    if count not in (2, 3) or len(out) > 5 or len({axis.name for axis in out}) < len(out):
        raise GeometryError(f"The image has {count} axes in space; two or three can be segmented.")
    return tuple(out)


def _transform(found: Any, count: int) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Scale and shift per axis of a list of transformations, one after the other; None of none."""
    if found is None:
        return None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ImageError(_DAMAGED)
    scale, shift = np.ones(count), np.zeros(count)
    stated = False
    for one in found:
        kind = one.get("type")
        if kind == "identity":
            continue
        if kind not in ("scale", "translation"):
            raise GeometryError(
                "The image is placed by more than scale and translation, which is not read."
            )
        values = _numbers(one.get(kind), count)
        stated = stated or kind == "scale"
        if kind == "scale":
            scale, shift = scale * values, shift * values
        else:
            shift = shift + values
    return (tuple(scale.tolist()), tuple(shift.tolist())) if stated else None


def _numbers(found: Any, count: int) -> Floats:
    each = found if isinstance(found, Sequence) and len(found) == count else (None,)
    if not all(isinstance(one, int | float) and math.isfinite(one) for one in each):
        raise ImageError(_DAMAGED)
    return np.array(each, np.float64)
