"""What a sidecar states of the sizes and diameters of all hypotheses, counted again."""

from __future__ import annotations

import numpy as np

from napari_ssn.documents.sidecar import Provenance
from napari_ssn.documents.sizes import Sizes, Spans
from napari_ssn.geometry.affine import Affine
from napari_ssn.prediction.lengths import measure_lengths
from napari_ssn.prediction.ranges import count_ranges
from napari_ssn.prediction.recall import Recall
from napari_ssn.prediction.record import sizes_of, spans_of
from napari_ssn.text import verdicts

# How far stated sizes of many hypotheses, and their share, may be from those counted here.
_SHARE = 2e-3
#: Samples that are drawn again, and such as were given points or conditions, which take longer.
MOST_DRAWS, MOST_GIVEN = 1_000_000, 20_000
#: What is wrong with what is stated, None for nothing; and whether that could be told.
Verdict = tuple[str | None, bool]


def missized(record: Provenance, recall: Recall, alike: bool) -> Verdict:
    """What a sidecar says of the sizes of all hypotheses otherwise than they are."""
    choice, words = record.choice, verdicts.SIZES
    if record.sizes is None:
        return (None if record.together is None else words), True
    prediction, points, only = recall.asked(choice)
    if only and not len(prediction.given.outcome(points, only).z):
        return None, False
    count = max(one.draws for one in record.sizes.values())
    if count > (MOST_GIVEN if points or only else MOST_DRAWS):
        return None, False
    true = sizes_of(prediction, count_ranges(prediction, points, only, count))
    there, here = record.sizes, true["sizes"] or {}
    pairs = [(record.together, true["together"])]
    pairs += [(there.get(name), here.get(name)) for name in {*there, *here}]
    if all(one == other for one, other in pairs):
        return None, True
    if not alike and all(_near_sizes(*pair) for pair in pairs):
        # Another processor gives a voxel or two to another label, and somebody may have edited so.
        return None, False
    # The card of today may know other training images, and the range be another's.
    doubtful = bool(points or only) or bool(record.run.unlike) != (prediction.fit.kind == "unlike")
    return doubt(doubtful, alike, words)


def _near_sizes(one: Sizes | None, other: Sizes | None) -> bool:
    if one is None or other is None:
        return one is other
    counts = [(each.readers, each.shared, each.draws, len(each.voxels)) for each in (one, other)]
    return (
        counts[0] == counts[1]
        and abs(one.outlined - other.outlined) <= _SHARE
        and np.allclose(one.voxels, other.voxels, _SHARE, 1.0)
    )


def misspanned(record: Provenance, recall: Recall, alike: bool) -> Verdict:
    """What a sidecar says of the diameters of all hypotheses otherwise than they are."""
    choice = record.choice
    if record.spans is None:
        return None, True
    prediction, points, only = recall.asked(choice)
    if record.sizes is None or (only and not len(prediction.given.outcome(points, only).z)):
        return None, False
    ranges = count_ranges(prediction, points, only, 1)
    here = spans_of(prediction, ranges, measure_lengths(prediction, points, only)) or {}
    # One of before says nothing of the shorter ones.
    here = {
        name: one
        if name not in record.spans or record.spans[name].perpendicular_mm is not None
        else one.model_copy(update={"perpendicular_mm": None})
        for name, one in here.items()
    }
    if here == record.spans:
        return None, True
    # Another processor gives a voxel or two to another label, and somebody may have edited so.
    near = 0.5 * float(Affine(record.grid.affine).lengths.max())
    close = here.keys() == record.spans.keys() and all(
        _near_spans(one, here[name], near) for name, one in record.spans.items()
    )
    if close and not alike:
        return None, False
    return doubt(bool(points or only), alike, verdicts.DIAMETERS)


def _near_spans(one: Spans, other: Spans, near: float) -> bool:
    counts = [(each.draws, *map(len, _lines(each))) for each in (one, other)]
    return counts[0] == counts[1] and all(
        np.allclose(first, second, _SHARE, near)
        for first, second in zip(_lines(one), _lines(other), strict=True)
    )


def _lines(spans: Spans) -> tuple[list[float], list[float]]:
    return spans.longest_mm, spans.perpendicular_mm or []


def doubt(given: bool, alike: bool, words: str) -> Verdict:
    """A problem; or, where other software may have found another z, a thing that is not known."""
    return (None, False) if given and not alike else (words, True)
