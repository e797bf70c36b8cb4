"""The change between two scans of one lesion, as their results or sidecars tell of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from napari_ssn.core.change import GROWTH_MM, Change, Lengthening, Quantity, change_of
from napari_ssn.core.few import ENSEMBLE
from napari_ssn.documents.sidecar import Provenance
from napari_ssn.documents.sizes import Sizes
from napari_ssn.errors import DataError
from napari_ssn.prediction.scan import Scan, scan_in
from napari_ssn.text import change as said

# Slices whose thickness differs by more change what is seen of a lesion.
_THICKER = 1.1
_TELLS_NOTHING = (
    "The exported result of the {when} scan says nothing of the range of sizes: it was edited by "
    "hand, is a probability map, or was written by an older napari-ssn. Export it again."
)
_ONE_IMAGE = "Both are of one and the same image: there is no growth in it."
_BACKWARDS = "The later scan is the earlier one, by these dates: name the earlier one first."
_ENDS = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, eq=False)
class Growth:
    """What became of a lesion, and what a reader has to know of how that was found.

    Attributes:
        change: of the sizes.
        what: whose size: the name of a label, or ``all labels``.
        readers: of each image that the ranges of both scans are calibrated on, 0 for the model's
            own: by a point or a spread that one of them has, its range is that.
        cautions: parts of sentences, none where nothing differs but the scans.
        longest: of the longest diameter; None where that was not measured in both.
        across: of the longest across it; None likewise.
        model: name and version of what outlined both.
    """

    change: Change
    what: str
    readers: tuple[int, int]
    cautions: tuple[str, ...]
    longest: Lengthening | None = None
    across: Lengthening | None = None
    model: str = ""


def growth(
    before: Provenance, after: Provenance, label: str | None = None, days: float | None = None
) -> Growth:
    """`growth_between` of two sidecars."""
    return growth_between(scan_in(before), scan_in(after), label, days)


def growth_between(
    before: Scan, after: Scan, label: str | None = None, days: float | None = None
) -> Growth:
    """Compare two scans that one model has outlined.

    Args:
        before, after: of the earlier and the later scan.
        label: whose size; of all labels together where it is left out.
        days: between the scans.

    Raises:
        DataError: they are of one image, of two models, of ensembles, or of hypotheses spread
            differently, one says nothing of the range, sizes are not known in mL, or there is no
            such label.
    """
    if before.ensemble or after.ensemble:
        raise DataError(ENSEMBLE)
    if before.image_sha256 == after.image_sha256:
        raise DataError(_ONE_IMAGE)
    if before.weights_sha256 != after.weights_sha256:
        raise DataError(
            "The two are of different models, which outline differently: compare two of one model."
        )
    if before.spread != after.spread:
        raise DataError("The hypotheses of the two are spread differently: set the same spread.")
    first, second = _sizes(before, label, "earlier"), _sizes(after, label, "later")
    found = change_of(
        np.array(first.voxels) * before.voxel_ml,
        np.array(second.voxels) * after.voxel_ml,
        (first.outlined, second.outlined),
        days,
        min(first.shared, second.shared),
    )
    what = label or (before.labels[0] if len(before.labels) == 1 else "all labels")
    readers = (first.readers, second.readers)
    cautions = tuple(_cautions(before, after, days))
    spans = [(one.spans or {}).get(what) for one in (before, after)]
    longest = _lengthening([one.longest_mm if one else None for one in spans])
    across = _lengthening([one.perpendicular_mm if one else None for one in spans])
    return Growth(found, what, readers, cautions, longest, across, before.model)


def day_in(words: str) -> date:
    """A day as somebody has typed it; DataError where it is none."""
    try:
        return date.fromisoformat(words.strip())
    except ValueError:
        raise DataError("A date is written as in 2025-03-01.") from None


def days_between(first: date | None, second: date | None) -> float | None:
    """Days from one scan to the next, 0 on one day; None where either day is not known.

    DataError where the second is earlier.
    """
    if first is None or second is None:
        return None
    if second < first:
        raise DataError(_BACKWARDS)
    return float((second - first).days)


def _sizes(scan: Scan, label: str | None, when: str) -> Sizes:
    if scan.sizes is None:
        raise DataError(_TELLS_NOTHING.format(when=when))
    if not scan.measured:
        raise DataError(
            f"The size of the {when} scan is not known in mL: only volumes are compared, no slices "
            "and no voxels."
        )
    if label is not None and label not in scan.sizes:
        raise DataError(f"There is no label of that name: it is one of {', '.join(scan.sizes)}.")
    found = scan.all_sizes if label is None else scan.sizes[label]
    assert found is not None
    return found


def _lengthening(mm: Sequence[Sequence[float] | None]) -> Lengthening | None:
    before, after = mm
    if before is None or after is None:
        return None
    return Lengthening(np.array(before), np.array(after))


def _cautions(before: Scan, after: Scan, days: float | None) -> Iterator[str]:
    one, two = before.acquired, after.acquired
    if one.of_another(two):
        yield said.OTHER_PATIENTS
    if one.series and one.series == two.series:
        yield said.ONE_SERIES
    if days is not None and one.day is not None and two.day is not None:
        # What the headers say, where somebody has stated others.
        between = (two.day - one.day).days
        if abs(between - days) >= 1:
            yield said.other_days(between)
    if differs := [*_slices(before, after), *_acquired(before, after)]:
        yield said.wider(differs)
    cautions = {
        said.ALIKE_UNKNOWN: None in (one.kernel, one.thickness_mm, two.kernel, two.thickness_mm),
        said.POINTS_OF_ONE: bool(before.points) != bool(after.points),
        said.CONDITIONS_OF_ONE: bool(before.conditions) != bool(after.conditions),
        said.CUT_OFF: before.cut_off or after.cut_off,
        said.UNLIKE: before.unlike or after.unlike,
        said.INSISTED: before.insisted or after.insisted,
    }
    yield from (words for words, is_so in cautions.items() if is_so)


def _slices(before: Scan, after: Scan) -> Iterator[str]:
    steps = [max(one.steps_mm) for one in (before, after)]
    if max(steps) > _THICKER * min(steps):
        yield said.slices_differ(steps, "apart")


def _acquired(before: Scan, after: Scan) -> Iterator[str]:
    """What differs in how they were acquired."""
    one, two = before.acquired, after.acquired
    if one.thickness_mm is not None and two.thickness_mm is not None:
        thick = (one.thickness_mm, two.thickness_mm)
        if max(thick) > _THICKER * min(thick):
            yield said.slices_differ(thick, "thick")
    if one.kernel is not None and two.kernel is not None and one.kernel != two.kernel:
        yield said.KERNELS


def told_of(found: Growth, least: float) -> said.Told:
    """What is said of a growth, in sentences; ``least`` is the growth that is asked about."""
    parts = (found.change, found.what, least, found.readers, found.cautions)
    return said.tell(*parts, found.longest, found.across, GROWTH_MM)


def figures_of(found: Growth, least: float) -> dict[str, Any]:
    """What is said of a growth, as numbers; None where there is none.

    Args:
        found: the growth.
        least: growth that is asked about.
    """
    one, rates = found.change, bool(found.change.days)
    longest, across = found.longest, found.across
    return {
        "label": found.what,
        "calibrated_on_readers": min(found.readers),
        "days": one.days,
        "before_ml": _quantiles(one.sizes_ml[0]),
        "after_ml": _quantiles(one.sizes_ml[1]),
        "outlined": list(one.outlined),
        "appeared": one.appeared,
        "vanished": one.vanished,
        "in_both": one.in_both,
        "ratio": _quantiles(one.ratio),
        "ratio_if_both_err_alike": _quantiles(one.alike),
        "as_two_readers_of_one_scan": _as_readers(one, least) if one.shared else None,
        "difference_ml": _quantiles(one.difference_ml),
        "rate_per_day": _quantiles(one.rate) if rates else None,
        "doubling_days_of_the_median": _number(one.doubling_days.median) if rates else None,
        "doubling_in_less_than_400_days": _number(one.doubled_within()) if rates else None,
        "growth": least,
        "probability": _number(one.probability(least)),
        "probability_without_change": _number(one.without_change(least)),
        "longest_diameter": None if longest is None else _lengths(longest),
        "perpendicular_diameter": None if across is None else _lengths(across),
        "cautions": list(found.cautions),
    }


def _as_readers(found: Change, least: float) -> dict[str, Any]:
    return {
        "shared": found.shared,
        "ratio": _quantiles(found.as_readers),
        "probability": _number(found.probability(least, as_readers=True)),
        "probability_without_change": _number(found.without_change(least, as_readers=True)),
    }


def _lengths(found: Lengthening) -> dict[str, Any]:
    return {
        "before_mm": _quantiles(found.lengths_mm[0]),
        "after_mm": _quantiles(found.lengths_mm[1]),
        "ratio": _quantiles(found.ratio),
        "difference_mm": _quantiles(found.difference_mm),
        "growth_mm": GROWTH_MM,
        "probability": _number(found.probability()),
        "probability_without_change": _number(found.without_change()),
    }


def _quantiles(of: Quantity) -> dict[str, float | None]:
    return {f"{q:g}": _number(of.quantile(q)) for q in _ENDS}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
