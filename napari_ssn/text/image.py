"""What is said of an image and of a model's origin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_ssn.geometry.volume import Extent

#: Said wherever a result is that somebody insisted on.
TAKEN_FOR_HU = "Taken for Hounsfield units by request: sizes and ranges may mean nothing."

#: Said of an image of which a model may claim what it was found to.
FITS = "Like the images that the model was trained on."


def progress_line(doing: str, done: int, total: int) -> str:
    """``Reading 34 of 133 …``; without a number where it is not known."""
    return f"{doing} {done} of {total} …" if total else f"{doing} …"


def geometry(
    size: Sequence[int],
    spacing_mm: Sequence[float] | None,
    extent: Extent,
    plane: str = "",
    thickness_mm: float | None = None,
) -> str:
    """``512 × 512 × 36 · 0.76 × 0.76 × 1.0 mm · axial``.

    Args:
        size: voxels per axis, columns first.
        spacing_mm: voxel size in the same order; None when unknown.
        extent: what the voxel size is known to measure.
        plane: the slices' direction in the patient, where it is known.
        thickness_mm: of a single slice, where it is known.
    """
    parts = [" × ".join(str(n) for n in size)]
    if extent == "unknown" or spacing_mm is None:
        parts.append("voxel size unknown")
    else:
        shown = list(spacing_mm) if extent == "volume" else list(spacing_mm[:2])
        if extent == "volume" and thickness_mm is not None:
            shown.append(thickness_mm)
        parts.append(" × ".join(_millimetres(s) for s in shown) + " mm")
        if extent == "plane":
            parts.append("thickness unknown")
    if plane:
        parts.append(plane)
    return " · ".join(parts)


def place(tilt_degrees: float, moved: bool, oriented: bool = True) -> str:
    """What is to be known of an image that is not shown as it lies; empty if it is.

    Args:
        tilt_degrees: between the true grid and the picture that shows it straight.
        moved: whether somebody has turned or moved the picture.
        oriented: whether the patient's sides are known.
    """
    words = []
    if moved:
        words.append("Cropped or moved by hand: exported where it lies now.")
    elif tilt_degrees:
        angle = f"{tilt_degrees:.0f}" if tilt_degrees >= 9.5 else f"{tilt_degrees:.1f}"
        words.append(f"Shown straight; exported at its true {angle}°.")
    if not oriented:
        words.append("Side unknown: left and right cannot be told.")
    return " ".join(words)


def _millimetres(value: float) -> str:
    text = f"{value:.2f}"
    return text[:-1] if text.endswith("0") else text


def origin(licence: str, data: str) -> str:
    """``CC BY 3.0 · trained on LIDC-IDRI``: what stands before the colon names the data."""
    return f"{licence} · trained on {data.split(':')[0]}"


def changed_line(attribution: str, changed: str) -> str:
    """Whose an image is, and what was changed of it."""
    return f"{attribution} Changed: {changed}."
