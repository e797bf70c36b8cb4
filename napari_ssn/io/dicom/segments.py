"""DICOM segmentations that are opened, whoever wrote them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_ssn.core.display import Display
from napari_ssn.core.errors import GeometryError, ImageError
from napari_ssn.core.orientation import Reorientation
from napari_ssn.io.content import PlainLabel
from napari_ssn.io.dicom.damage import reading
from napari_ssn.io.dicom.members import check_memory
from napari_ssn.io.opened import Opened

if TYPE_CHECKING:
    from pydicom import Dataset

_MISSING = (
    "DICOM segmentations are opened with a library that is not installed: "
    'pip install "napari-ssn[dicom]".'
)
_DAMAGED = "The DICOM segmentation is damaged or cut off: copy or export it again."
_NO_GRID = (
    "The frames of the DICOM segmentation do not lie on one regular grid of the patient: "
    "it is not opened."
)
_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
# Labels of one layer.
_MOST = 255


def read_dicom_seg(path: Path) -> tuple[Display, list[Opened]]:
    """Read a DICOM segmentation, on the grid of its own frames, with axes (column, row, slice).

    Segments that do not overlap share a layer, unless this plugin wrote them as labels of
    different hypotheses. Those of a FRACTIONAL one are layers of probabilities.

    Raises:
        ImageError: the file is missing, damaged or larger than memory, or the library is.
        GeometryError: its frames lie on no regular grid of the patient.
    """
    try:
        from highdicom.seg import segread
    except ImportError:
        raise ImageError(_MISSING) from None
    with reading(_DAMAGED):
        seg = segread(path)
        numbers = [int(number) for number in seg.segment_numbers]
        fractional = str(seg.SegmentationType) == "FRACTIONAL"
        grid = seg.get_volume_geometry()
    if grid is None or grid.coordinate_system.value != "PATIENT":
        raise GeometryError(_NO_GRID)
    shape = tuple(int(size) for size in grid.spatial_shape)
    check_memory(math.prod(shape) * (4 * len(numbers) if fractional else 8))
    # From (slice, row, column) towards left, posterior, superior.
    affine = (_LPS @ np.asarray(grid.affine, np.float64))[:, [2, 1, 0, 3]]
    # Slices run as `read_dicom` has them: right-handed with columns and rows.
    turned = bool(np.linalg.det(affine) < 0)
    if turned:
        affine[:, 3] += (shape[0] - 1) * affine[:, 2]
        affine[:, 2] *= -1
    space = shape[::-1]
    display = Display(Reorientation.for_display(affine, 3), affine, space)
    masks = _masks(seg, numbers, turned)
    if fractional:
        parts = [Opened(m.astype(np.float32), label.name, {1: label}) for label, _, m in masks]
    else:
        own = str(seg.get("ManufacturerModelName", "")) == "napari-ssn"
        parts = list(_packed(masks, space, own))
    return display, parts


def _masks(
    seg: Any, numbers: list[int], turned: bool
) -> Iterator[tuple[PlainLabel, str, NDArray[Any]]]:
    """Of each segment its label, the code of what it is, and its voxels (column, row, slice)."""
    for number in numbers:
        with reading(_DAMAGED):
            about = seg.get_segment_description(number)
            label = PlainLabel(str(about.get("SegmentLabel", f"segment {number}")), _colour(about))
            kind = _code(about)
            array = seg.get_volume(segment_numbers=[number]).array[..., 0]
        yield label, kind, (array[::-1] if turned else array).transpose(2, 1, 0)


def _packed(
    masks: Iterator[tuple[PlainLabel, str, NDArray[Any]]], space: tuple[int, ...], own: bool
) -> Iterator[Opened]:
    """Segments in as few label maps as hold them in their order."""
    label_map, labels, kinds = np.zeros(space, np.uint8), dict[int, PlainLabel](), set[str]()
    for label, kind, mask in masks:
        there = mask > 0
        taken = own and kind in kinds
        if labels and (taken or len(labels) == _MOST or bool((label_map[there] > 0).any())):
            yield Opened(label_map, _title(labels), labels)
            label_map, labels, kinds = np.zeros(space, np.uint8), {}, set()
        value = len(labels) + 1
        label_map[there] = value
        labels[value] = label
        kinds.add(kind)
    yield Opened(label_map, _title(labels), labels)


def _title(labels: dict[int, PlainLabel]) -> str:
    if len(labels) <= 2:
        return " + ".join(label.name for label in labels.values())
    return f"Segmentation · {len(labels)} segments"


def _code(about: Dataset) -> str:
    """What a segment is, and which part of it."""
    what = about.SegmentedPropertyTypeCodeSequence[0]
    parts = what.get("SegmentedPropertyTypeModifierCodeSequence") or []
    return " ".join(str(code.get("CodeValue", "")) for code in (what, *parts))


def _colour(about: Dataset) -> str:
    """``#rrggbb`` of the recommended colour; empty where there is none."""
    from highdicom.color import CIELabColor

    values = about.get("RecommendedDisplayCIELabValue")
    if values is None:
        return ""
    red, green, blue = CIELabColor.from_dicom_value(values).to_rgb()
    return f"#{red:02x}{green:02x}{blue:02x}"
