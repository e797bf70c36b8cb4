"""From slices to one grid: their order, their affine, and why they may be none.

Nothing is guessed: slices that do not make an even stack are refused by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_ssn.errors import GeometryError
from napari_ssn.geometry.affine import LPS, Affine
from napari_ssn.geometry.arrays import Floats, Mask
from napari_ssn.geometry.volume import Extent
from napari_ssn.io.dicom.planes import Plane

# Direction cosines that differ by more are another orientation: 0.006°.
_SAME_DIRECTION = 1e-4
# Voxel sizes that differ by a larger share are others.
_SAME_SIZE = 1e-4
# Direction cosines may be rounded to three digits.
_UNIT = 2e-3
# Slices that are closer, mm, lie at the same place.
SAME_PLACE_MM = 1e-3
# How far from its place on an even grid a slice may lie, as a share of their distance:
# scanners round positions.
_EVEN = 0.05
# Steps that positions may be rounded to, mm: a coarser one would hide that slices are missing.
_ROUNDED_MM = (0.1, 0.01)
#: And how much of the distance of slices is laid to that at most.
MOST_ROUNDED = 0.4
# How many gaps are named.
_NAMED = 3


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices that make one grid.

    Attributes:
        order: which of the planes given is slice k.
        affine: 4×4 float64, voxel (column, row, slice) to mm, right, anterior, superior.
        space: columns, rows, slices.
        extent: "plane" for a single slice of unknown thickness.
        note: what is to be doubted of it, one sentence; None where there is nothing.
    """

    order: tuple[int, ...]
    affine: Floats
    space: tuple[int, int, int]
    extent: Extent
    note: str | None = None

    @property
    def spacing_mm(self) -> tuple[float, ...]:
        """Distance between neighbouring voxels along each axis."""
        return Affine(self.affine).spacing_mm()


def stack(planes: Sequence[Plane]) -> Stack:
    """Order slices along their normal ``across × down`` and find their affine.

    With slice positions p_k the affine's columns are ``across · spacing``, ``down · spacing``,
    ``(p_last − p_0) / (n − 1)`` and ``p_0``. The third need not stand upright on the slices: a
    scan with a tilted gantry is sheared, and its affine says so.

    Raises:
        GeometryError: sizes or orientations are mixed, slices are missing, doubled, unevenly
            spaced or not in line, or numbers make no sense.
    """
    first = planes[0]
    _check_numbers(planes)
    _check_alike(planes)
    across, down = np.array(first.across), np.array(first.down)
    normal = np.cross(across, down)
    normal /= np.linalg.norm(normal)
    places = np.array([plane.position for plane in planes])
    along = places @ normal
    order = np.argsort(along, kind="stable")
    places, along = places[order], along[order]
    extent: Extent = "volume"
    if len(planes) > 1:
        rounded = rounded_mm(places)
        _check_gaps(np.diff(along), float(np.abs(normal) @ rounded))
        step = (places[-1] - places[0]) / (len(planes) - 1)
        _check_line(places, step, float(np.linalg.norm(rounded)))
    else:
        step = normal * (first.thickness_mm or 1.0)
        extent = "plane" if first.thickness_mm is None else "volume"
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = across * first.spacing_mm[0], down * first.spacing_mm[1]
    affine[:3, 2], affine[:3, 3] = step, places[0]
    found, space = tuple(int(i) for i in order), (*first.size, len(planes))
    # Adding zero turns −0.0 into 0.0.
    return Stack(found, LPS @ affine + 0.0, space, extent, _frames_note(planes))


def rounded_mm(places: Floats) -> Floats:
    """Step to which each coordinate of positions is rounded, mm, (3,); 0 for hardly at all."""
    steps = np.zeros(3)
    for unit in reversed(_ROUNDED_MM):
        whole = np.abs(places - unit * np.rint(places / unit)).max(axis=0) < 1e-6
        steps[whole] = unit
    # What never changes is not rounded on its way.
    steps[np.ptp(places, axis=0) == 0] = 0.0
    return steps


def _frames_note(planes: Sequence[Plane]) -> str | None:
    """What is said of slices of several frames of reference.

    Archives that replace UIDs may give each slice one of its own (LIDC-IDRI's do). That slices
    of one series make an even grid says more than that: they are taken for one volume.
    """
    frames = len({plane.frame_of_reference for plane in planes} - {""})
    if frames < 2:
        return None
    each = "each slice names" if frames == len(planes) else f"the {len(planes)} slices name"
    which = "another" if frames == len(planes) else f"{frames} different ones"
    return (
        f"The frame of reference is not one: {each} {which}. As they make one even grid they are "
        "taken for one image; look whether they fit together."
    )


def _check_numbers(planes: Sequence[Plane]) -> None:
    for plane in planes:
        numbers = (*plane.position, *plane.across, *plane.down, *plane.spacing_mm)
        if not np.isfinite((*numbers, plane.slope, plane.intercept)).all():
            raise GeometryError("A slice's place, voxel size or rescale is not a finite number.")
        if not min(plane.spacing_mm) > 0:
            raise GeometryError("The images do not say how large their pixels are.")
        across, down = np.array(plane.across), np.array(plane.down)
        lengths = np.linalg.norm(across), np.linalg.norm(down)
        if max(abs(lengths[0] - 1), abs(lengths[1] - 1), abs(across @ down)) > _UNIT:
            raise GeometryError("A slice's rows and columns do not stand upright on each other.")


def _check_alike(planes: Sequence[Plane]) -> None:
    """GeometryError if the slices are not of one size and orientation."""
    where, groups = by_direction(planes)
    if len(groups) > 1:
        raise GeometryError(_mixed_orientations(planes, groups, where))
    sizes = Counter(plane.size for plane in planes)
    if len(sizes) > 1:
        words = ", ".join(f"{n} of {c} × {r} pixels" for (c, r), n in sizes.most_common(_NAMED))
        raise GeometryError(f"The slices are of different sizes: {words}.")
    spacings = np.array([plane.spacing_mm for plane in planes])
    if (np.abs(spacings / spacings[0] - 1) > _SAME_SIZE).any():
        raise GeometryError("The slices have pixels of different sizes.")


def by_direction(planes: Sequence[Plane]) -> tuple[list[int], list[Floats]]:
    """Which of the orientations found each slice has, and those, (across, down)."""
    groups: list[Floats] = []
    where = []
    for plane in planes:
        direction = np.array((*plane.across, *plane.down))
        found = next(
            (i for i, one in enumerate(groups) if np.abs(one - direction).max() < _SAME_DIRECTION),
            len(groups),
        )
        if found == len(groups):
            groups.append(direction)
        where.append(found)
    return where, groups


def _mixed_orientations(
    planes: Sequence[Plane], groups: Sequence[Floats], where: Sequence[int]
) -> str:
    """``Orientations are mixed: 36 axial slices and 1 sagittal slice (a localizer) …``."""
    words = []
    for group, count in Counter(where).most_common(_NAMED):
        kind = plane_name(groups[group])
        scouts = all(p.scout for p, at in zip(planes, where, strict=True) if at == group)
        said = f"{count} {kind} {'slice' if count == 1 else 'slices'}"
        words.append(said + (" (localizer)" if scouts else ""))
    more = len(groups) - len(words)
    if more > 0:
        words.append(f"{more} {'other' if more == 1 else 'others'}")
    return (
        f"The series mixes orientations: {', '.join(words[:-1])} and {words[-1]}; "
        "take all but one of them out."
    )


def plane_name(direction: Floats) -> str:
    """``axial``, ``tilted sagittal``, of the directions across and down."""
    normal = np.abs(np.cross(direction[:3], direction[3:]))
    name = ("sagittal", "coronal", "axial")[int(np.argmax(normal))]
    return name if normal.max() > 1 - _SAME_DIRECTION else f"tilted {name}"


def _check_gaps(gaps: Floats, rounded: float) -> None:
    """GeometryError if slices are doubled, missing or unevenly spaced along the normal.

    Args:
        gaps: distance from slice k to the next, mm, none negative.
        rounded: how much rounded positions may change a gap, mm.
    """
    doubled = gaps < SAME_PLACE_MM
    if doubled.any():
        raise GeometryError(_doubled(doubled))
    # The lower median, so that one gap among two is not taken for half a gap; then the mean of
    # those that are like it, which rounding leaves where it is.
    usual = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    usual = float(gaps[np.round(gaps / usual) == 1].mean())
    times = np.round(gaps / usual)
    odd = times < 1
    tolerance = min(rounded, MOST_ROUNDED * usual)
    odd |= np.abs(gaps - times * usual) > np.maximum(_EVEN * usual * times, tolerance)
    if odd.any():
        k = int(np.argmax(np.where(odd, np.abs(gaps - usual), -1)))
        raise GeometryError(
            f"The slices are not evenly spaced: slices {k + 1} and {k + 2} are {gaps[k]:.3g} mm "
            f"apart and most others {usual:.3g} mm."
        )
    missing = np.flatnonzero(times > 1)
    if len(missing):
        raise GeometryError(_missing(gaps, times, missing, usual))


def _doubled(doubled: Mask) -> str:
    sizes = np.diff(np.flatnonzero(np.concatenate([[True], ~doubled, [True]])))
    if sizes.min() == sizes.max() and len(sizes) > 1:
        return (
            f"There are {sizes[0]} slices at each place: the series holds several phases, echoes "
            "or repetitions; save one of them as a series of its own."
        )
    k = int(np.flatnonzero(doubled)[0])
    more = int(doubled.sum()) - 1
    others = f", and {more} more such {'pair' if more == 1 else 'pairs'}" if more else ""
    return f"Slices {k + 1} and {k + 2} lie at the same place{others}: take the doubles out."


def _missing(gaps: Floats, times: Floats, missing: NDArray[np.intp], usual: float) -> str:
    """``1 slice is missing after slice 17: a gap of 2 mm, where others are 1 mm apart.``."""
    total = int((times[missing] - 1).sum())
    verb = "slice is" if total == 1 else "slices are"
    if len(missing) == 1:
        k = int(missing[0])
        return (
            f"{total} {verb} missing after slice {k + 1}: a gap of {gaps[k]:.3g} mm, where others "
            f"are {usual:.3g} mm apart."
        )
    named = [f"{int(times[k]) - 1} after slice {int(k) + 1}" for k in missing[:_NAMED]]
    rest = " and more" if len(missing) > _NAMED else ""
    widest = float(gaps[missing].max())
    return (
        f"{total} {verb} missing: {', '.join(named)}{rest}; the widest gap is {widest:.3g} mm, "
        f"where others are {usual:.3g} mm apart."
    )


def _check_line(places: Floats, step: Floats, rounded: float) -> None:
    """GeometryError if slices are not evenly spaced on one straight line.

    Positions rounded to steps of ``rounded`` mm lie within one of them.
    """
    expected = places[0] + np.arange(len(places))[:, None] * step
    off = np.linalg.norm(places - expected, axis=1)
    length = float(np.linalg.norm(step))
    if off.max() > max(_EVEN * length, min(rounded, MOST_ROUNDED * length)):
        k = int(np.argmax(off))
        raise GeometryError(
            f"The slices do not lie in line: slice {k + 1} is {off[k]:.3g} mm away from where the "
            "others would have it."
        )
