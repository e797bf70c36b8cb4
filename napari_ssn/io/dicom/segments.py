"""DICOM segmentations that are opened, whoever wrote them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from highdicom.color import CIELabColor
from highdicom.seg import Segmentation
from pydicom import Dataset

from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.geometry.arrays import Array, Floats, Labels
from napari_ssn.geometry.display import Display
from napari_ssn.geometry.transforms import NEAR_MM
from napari_ssn.io.content import PlainLabel
from napari_ssn.io.dicom.damage import data_set, quiet, reading
from napari_ssn.io.dicom.lattice import backwards, lattice_of
from napari_ssn.io.dicom.members import member
from napari_ssn.io.dicom.mending import is_background, label_of, segmentation
from napari_ssn.io.dicom.pixels import undecodable
from napari_ssn.io.opened import Opened, named_after
from napari_ssn.io.source import check_memory

_DAMAGED = "The DICOM segmentation is damaged or cut off: copy or export it again."
_NO_GRID = (
    "The frames of the DICOM segmentation do not lie on one regular grid of the patient: "
    "it is not opened."
)
# Labels of one layer.
_MOST = 255


@dataclass(frozen=True, eq=False)
class _Segments:
    """A DICOM segmentation whose frames make a grid with axes (column, row, slice)."""

    seg: Any
    about: dict[int, Dataset]
    affine: Floats
    space: tuple[int, ...]
    turned: bool
    how: Mapping[str, float]

    @classmethod
    def of(cls, whole: bytes) -> _Segments:
        """Read the content of a file; ImageError or GeometryError if that cannot be.

        Slices run as `read_dicom` has them: right-handed with columns and rows.
        """
        mended, about = segmentation(whole, _DAMAGED)
        with reading(_DAMAGED):
            seg = Segmentation.from_dataset(mended, copy=False)
        grid = lattice_of(seg, _DAMAGED, _NO_GRID)
        with reading(_DAMAGED):
            segments = {number: one for number, one in about.items() if not is_background(one)}
        if not segments:
            raise ImageError("The DICOM segmentation holds nothing but background.")
        found = cls(seg, segments, grid.affine, grid.space, False, grid.how)
        return found if np.linalg.det(grid.affine) > 0 else found.reversed()

    def reversed(self) -> _Segments:
        """The same with its slices in the reverse order."""
        affine = backwards(self.affine, self.space[2])
        return replace(self, affine=affine, turned=not self.turned)

    @property
    def fractional(self) -> bool:
        return str(self.seg.get("SegmentationType")) == "FRACTIONAL"

    def masks(self) -> Iterator[tuple[PlainLabel, Array]]:
        """Of each segment its label and its voxels."""
        check_memory(math.prod(self.space) * (4 * len(self.about) if self.fractional else 8))
        syntax = self.seg.file_meta.TransferSyntaxUID
        packed = syntax.is_encapsulated and undecodable(self.seg, "The pixels of the segmentation")
        damaged, how = packed or _DAMAGED, self.how
        whole = None
        if str(self.seg.get("SegmentationType")) == "LABELMAP":
            with reading(damaged):
                # Once, and not for each segment as four bytes a voxel.
                kind = np.min_scalar_type(max(self.seg.segment_numbers))
                whole = self.seg.get_volume(combine_segments=True, dtype=kind, **how).array
        for number, about in self.about.items():
            with reading(damaged):
                label = PlainLabel(label_of(number, about), _colour(about))
                if whole is not None:
                    array = whole == number
                elif self.fractional:
                    array = self.seg.get_volume(segment_numbers=[number], **how).array[..., 0]
                else:
                    only: dict[str, Any] = {"segment_numbers": [number], "dtype": np.uint8}
                    array = self.seg.get_volume(**only, **how).array[..., 0]
            yield label, (array[::-1] if self.turned else array).transpose(2, 1, 0)
            del array


def read_dicom_seg(
    whole: bytes, frames: Collection[str] = ()
) -> tuple[Display, list[Opened]] | None:
    """Read a DICOM segmentation, on the grid of its own frames, with axes (column, row, slice).

    Segments that do not overlap share a layer, unless this plugin wrote them as labels of
    different hypotheses. Those of a FRACTIONAL one are layers of probabilities.

    Args:
        whole: content of the file.
        frames: of reference (their UIDs); one of another is left aside, None. Empty: any.

    Raises:
        ImageError: the file is damaged or larger than memory, or the library is missing.
        GeometryError: its frames lie on no regular grid of the patient.
    """
    # Elements are looked at when they are asked for, and what is wrong with one is said then.
    with quiet():
        found = _Segments.of(whole)
        if frames and str(found.seg.get("FrameOfReferenceUID")) not in frames:
            return None
        if found.fractional:
            parts = [
                Opened(values.astype(np.float32), label.name, {1: label})
                for label, values in found.masks()
            ]
        else:
            own = str(found.seg.get("ManufacturerModelName", "")) == "napari-ssn"
            parts = list(packed(found.masks(), found.space, own))
    return Display.on(found.affine, found.space), parts


def label_maps(
    files: Sequence[Path], affine: Floats, shape: Sequence[int], count: int, labels: int
) -> Labels:
    """Label maps of hypotheses that this plugin wrote, on the grid of their image.

    Args:
        files: the last has a segment per label and hypothesis; a report may come before it.
        affine, shape: of the grid.
        count: of hypotheses.
        labels: of each, without the background.

    Returns:
        (count, *shape).

    Raises:
        ImageError, GeometryError: see `read_dicom_seg`; the file holds something else, or lies
            elsewhere.
    """
    found, space = _Segments.of(member(files[-1]).whole()), (*shape, 1)[:3]
    if np.linalg.det(affine) < 0:
        found = found.reversed()
    if found.fractional or len(found.about) != count * labels:
        raise ImageError("The DICOM segmentation holds other segments than expected.")
    corners = np.ones((4, 8))
    corners[:3] = np.indices((2, 2, 2)).reshape(3, 8) * (np.array(found.space) - 1)[:, None]
    index = np.linalg.inv(affine) @ found.affine @ corners
    first = np.rint(index[:3, 0]).astype(int)
    there = corners + np.array([*first, 0])[:, None]
    off_mm = np.abs(affine @ (index - there)).max()
    if off_mm > NEAR_MM or first.min() < 0 or (first + found.space > space).any():
        raise GeometryError("The DICOM segmentation does not lie on the grid of its image.")
    out = np.zeros((count, *space), np.uint8)
    box = tuple(slice(a, a + size) for a, size in zip(first, found.space, strict=True))
    for k, (_, mask) in enumerate(found.masks()):
        part = out[k // labels][box]
        np.copyto(part, k % labels + 1, where=mask > 0)
    return out.reshape(count, *shape)


@dataclass(frozen=True)
class Said:
    """What a DICOM segmentation says beside its voxels.

    Attributes:
        names: of its segments, in their order.
        patient: values of `WHOSE`, in its order; None for what such a file has no room for.
        series: UIDs of the series that it refers to.
        instances: UIDs of their instances.
        named: whether it names the patient, and is not said to have been made not to.
    """

    names: list[str]
    patient: Sequence[str | None]
    series: set[str]
    instances: set[str]
    named: bool


#: Of whom and where an image and its segmentation are; the same in both.
WHOSE = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "StudyInstanceUID",
    "FrameOfReferenceUID",
)


def whose(header: Dataset, named: bool = True) -> list[str]:
    """Values of `WHOSE` in a header; of a header that is to name nobody, its UIDs alone."""
    kept = WHOSE if named else [keyword for keyword in WHOSE if keyword.endswith("UID")]
    # An element is decoded when it is asked for.
    with reading("A DICOM file is damaged: copy or export it again."):
        return [str(header.get(keyword) or "") if keyword in kept else "" for keyword in WHOSE]


def said(path: Path) -> Said:
    """What a DICOM segmentation says beside its voxels; ImageError if it is damaged."""
    header = data_set(member(path).whole(), _DAMAGED)
    with reading(_DAMAGED):
        series = list(header.ReferencedSeriesSequence)
        referred = [one for each in series for one in each.ReferencedInstanceSequence]
        referred += [
            one
            for frame in header.PerFrameFunctionalGroupsSequence
            for source in frame.get("DerivationImageSequence", ())
            for one in source.get("SourceImageSequence", ())
        ]
        return Said(
            [str(segment.SegmentLabel) for segment in header.SegmentSequence],
            whose(header),
            {str(one.SeriesInstanceUID) for one in series},
            {str(one.ReferencedSOPInstanceUID) for one in referred},
            str(header.get("PatientIdentityRemoved") or "") != "YES",
        )


def packed(
    masks: Iterator[tuple[PlainLabel, Array]], space: tuple[int, ...], own: bool
) -> Iterator[Opened]:
    """Segments in as few label maps as hold them in their order.

    Args:
        masks: (X, Y, Z) of each.
        space: X, Y, Z.
        own: whether this plugin wrote them: labels of several hypotheses share no layer.
    """
    # In the order that frames have in memory: slices first.
    label_map, labels, before = np.zeros(space[::-1], np.uint8), dict[int, PlainLabel](), ""
    for label, mask in masks:
        slices = mask.transpose()
        # This plugin writes ``anterior, hypothesis 1``.
        hypothesis = label.name.rpartition(", ")[2] if own and ", " in label.name else ""
        full = len(labels) == _MOST or hypothesis != before
        if labels and (full or _overlap(slices, label_map)):
            yield Opened(label_map.transpose(), named_after(labels), labels)
            label_map, labels = np.zeros(space[::-1], np.uint8), {}
        value, before = len(labels) + 1, hypothesis
        _lay(slices, label_map, value)
        # One is read when the one before is gone.
        del mask, slices
        labels[value] = label
    yield Opened(label_map.transpose(), named_after(labels), labels)


def _lay(mask: Array, label_map: Labels, value: int) -> None:
    """Label where a mask is, slice by slice: nothing of its size is made."""
    for one, two in zip(mask, label_map, strict=True):
        two[one > 0] = value


def _overlap(mask: Array, label_map: Labels) -> bool:
    """Whether a mask has a voxel that is labelled, slice by slice."""
    return any(two[one > 0].any() for one, two in zip(mask, label_map, strict=True))


def _colour(about: Dataset) -> str:
    """``#rrggbb`` of the recommended colour; empty where there is none."""
    values = about.get("RecommendedDisplayCIELabValue")
    if values is None:
        return ""
    # Colours that screens cannot show become the nearest that they can.
    numbers = [int(value) for value in values]
    red, green, blue = CIELabColor.from_dicom_value(numbers).to_rgb(clip=True)
    return f"#{red:02x}{green:02x}{blue:02x}"
