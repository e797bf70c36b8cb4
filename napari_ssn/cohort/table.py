"""What is written of a cohort: a table, a row for each label of each scan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from napari_ssn.cohort.manifest import Record
from napari_ssn.documents.cohort import Measured
from napari_ssn.io.table import as_csv, as_text

_SCAN = ("scan", "image", "lesion", "state", "reason")
_SIZES = ("label", "unit", "median", "low", "high", "level", "range", "mean")
_LENGTHS = ("longest_mm", "perpendicular_mm", "longest_low_mm", "longest_high_mm")
_REST = ("cut_off_by", "apart", "presence", "fit", "distance", "doubt", "seconds")


def table_of(records: Iterable[Record], named: bool = True) -> bytes:
    """Content of ``cohort.csv``.

    Args:
        records: of all scans.
        named: whether images are called by their paths, which may name patients.
    """
    rows = (row for one in records for row in _rows(one, named))
    return as_csv([[*_SCAN, *_SIZES, *_LENGTHS, *_REST], *rows]).encode()


def _rows(one: Record, named: bool) -> Iterator[list[str]]:
    found = one.found if one.state in ("done", "nothing") else None
    scan = [
        str(one.id),
        as_text(one.scan.image) if named else "",
        as_text(one.scan.lesion) if named else "",
        one.state,
        one.reason,
    ]
    rest = [""] * 5
    if found is not None:
        rest = [
            _number(found.presence),
            found.fit,
            _number(found.distance),
            found.doubt,
            _number(one.seconds, 3),
        ]
    if found is None or not found.labels:
        yield [*scan, *[""] * (len(_SIZES) + len(_LENGTHS) + 2), *rest]
        return
    for label in found.labels:
        yield [*scan, *_sizes(label), *rest]


def _sizes(one: Measured) -> list[str]:
    return [
        as_text(one.label),
        one.unit,
        *(_number(size) for size in (one.median, one.low, one.high, one.level)),
        one.kind,
        _number(one.mean),
        _number(one.longest_mm),
        _number(one.perpendicular_mm),
        _number(one.longest_low_mm),
        _number(one.longest_high_mm),
        " and ".join(one.cut_off_by),
        _number(one.apart),
    ]


def _number(value: float | None, digits: int = 6) -> str:
    return "" if value is None else f"{value:.{digits}g}"
