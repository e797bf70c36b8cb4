"""Outlines that people have drawn of an image, in files of any program, on the image's grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_ssn.errors import GeometryError, ImageError, SSNError
from napari_ssn.geometry.arrays import Array, Floats
from napari_ssn.geometry.label_order import one_order, renumbered
from napari_ssn.geometry.onto import onto
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.dicom.members import may_be_dicom, member
from napari_ssn.io.formats import is_nrrd, stored_of
from napari_ssn.io.known import NRRD_SUFFIX, SEGMENTS
from napari_ssn.io.labelled import seems_a_picture
from napari_ssn.io.nrrd_image import read_nrrd_fields
from napari_ssn.io.nrrd_segments import is_segmentation, segments
from napari_ssn.io.opened import Opened, label_maps
from napari_ssn.io.stored import Stored

_PICTURE = (
    "The file holds whole numbers that lie as in a picture, not as labels do: it is no outline."
)
_NO_LABELS = "The file holds other numbers than labels: it is no outline."


@dataclass(frozen=True, eq=False)
class Outline:
    """A label map that somebody drew.

    Attributes:
        values: (*S) whole numbers on the image's grid, 0 the background.
        names: of its labels, where the file says them.
    """

    values: Array
    names: dict[int, str]


def read_outlines(path: Path, image: Volume) -> list[Outline]:
    """The outlines of a file: one, or one for each layer of a segmentation whose parts overlap.

    NIfTI and whatever else is read as an image, ``.seg.nrrd``, and DICOM segmentations.

    Args:
        path: of the file.
        image: that it was drawn on.

    Raises:
        ImageError: the file is missing, damaged, or holds no labels.
        GeometryError: it lies on another grid than the image.
    """
    found, affine = _parts(path)
    if image.extent == "unknown" and {one.values.shape for one in found} == {image.space}:
        # Of an image without a place nobody can tell more.
        affine = image.affine
    return [
        Outline(
            onto(one.values, affine, image.affine, image.space),
            {value: label.name for value, label in one.labels.items()},
        )
        for one in found
    ]


def read_outline(path: Path, image: Volume) -> Outline:
    """As `read_outlines`, of a file with one; ImageError where it has several."""
    found = read_outlines(path, image)
    if len(found) > 1:
        raise ImageError(
            f"The file holds {len(found)} outlines over each other: give one with a single one."
        )
    return found[0]


def in_one_order(outlines: Sequence[Outline], labels: Sequence[str] | None = None) -> list[Array]:
    """Values of several outlines, with one number for what has one name; see `one_order`."""
    to, _ = one_order([one.names for one in outlines], labels)
    return [renumbered(one.values, moves) for one, moves in zip(outlines, to, strict=True)]


def segment_names(path: Path) -> dict[int, str]:
    """Names of a segmentation's labels by number; empty where it is none, or cannot be read."""
    if not holds_segments(path):
        return {}
    try:
        found, _ = _parts(path)
    except SSNError:
        # Said when it is read.
        return {}
    return (
        {value: label.name for value, label in found[0].labels.items()} if len(found) == 1 else {}
    )


def holds_segments(path: Path) -> bool:
    """Whether a file is a segmentation, of 3D Slicer's kind by its name, or of DICOM."""
    return path.name.lower().endswith(NRRD_SUFFIX) or _is_dicom(path)


def _is_dicom(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in ("", ".dcm") and may_be_dicom(path)


def _parts(path: Path) -> tuple[list[Opened], Floats]:
    if path.is_dir():
        raise ImageError("An outline is a file, not a folder.")
    if is_nrrd(path):
        stored, fields = read_nrrd_fields(path)
        if is_segmentation(fields):
            return segments(stored.values, fields), stored.affine
        return _labels(stored), stored.affine
    if _is_dicom(path):
        known = SEGMENTS.known().read_dicom_seg(member(path).whole())
        assert known is not None
        display, parts = known
        return parts, display.affine
    stored = stored_of(path)
    return _labels(stored), stored.affine


def _labels(stored: Stored) -> list[Opened]:
    if stored.channels > 1:
        raise GeometryError("The outline has more than three axes: give one image of labels.")
    found = label_maps(stored.values, spend=True)
    if found is None:
        raise ImageError(_NO_LABELS)
    if any(seems_a_picture(one.values) for one in found):
        raise ImageError(_PICTURE)
    return found
