"""What is written of a cohort: a table, a row for each label of each scan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from napari_ssn.cohort.manifest import Record
from napari_ssn.documents.cohort import Measured
from napari_ssn.io.table import as_csv, as_text

_SCAN = ("scan", "image", "lesion", "state", "reason")
_SIZES = ("label", "unit", "median", "low", "high", "level", "range", "mean")
_LENGTHS = ("longest_mm", "perpendicular_mm", "longest_low_mm", "longest_high_mm")
# By people, who write what they like.
_WRITTEN = {"image", "lesion", "label"}
_DIGITS = {"seconds": 3}
_REST = ("cut_off_by", "apart", "presence", "fit", "distance", "doubt", "seconds")


#: Of all columns, in their order; those of numbers, and of whole ones.
COLUMNS = (*_SCAN, *_SIZES, *_LENGTHS, *_REST)
WHOLE = frozenset({"scan"})
NUMBERS = frozenset(
    {
        "median",
        "low",
        "high",
        "level",
        "mean",
        *_LENGTHS,
        "apart",
        "presence",
        "distance",
        "seconds",
    }
)

Row = dict[str, str | float | None]


def rows_of(records: Iterable[Record], named: bool = True) -> Iterator[Row]:
    """A row for each label of each scan: what is known of it, by the name of the column.

    Args:
        records: of all scans.
        named: whether images are called by their paths, which may name patients.
    """
    for one in records:
        found = one.found if one.state in ("done", "nothing") else None
        row: Row = {"scan": one.id, "state": one.state, "reason": one.reason}
        if named:
            row |= {"image": one.scan.image, "lesion": one.scan.lesion}
        if found is not None:
            row |= {
                "presence": found.presence,
                "fit": found.fit,
                "distance": found.distance,
                "doubt": found.doubt,
                "seconds": one.seconds,
            }
        for label in found.labels if found is not None else ():
            yield row | _sizes(label)
        if found is None or not found.labels:
            yield row


def table_of(records: Iterable[Record], named: bool = True) -> bytes:
    """Content of ``cohort.csv``; arguments as for `rows_of`."""
    rows = ([_cell(name, row.get(name)) for name in COLUMNS] for row in rows_of(records, named))
    return as_csv([COLUMNS, *rows]).encode()


def _sizes(one: Measured) -> Row:
    return {
        "label": one.label,
        "unit": one.unit,
        "median": one.median,
        "low": one.low,
        "high": one.high,
        "level": one.level,
        "range": one.kind,
        "mean": one.mean,
        "longest_mm": one.longest_mm,
        "perpendicular_mm": one.perpendicular_mm,
        "longest_low_mm": one.longest_low_mm,
        "longest_high_mm": one.longest_high_mm,
        "cut_off_by": " and ".join(one.cut_off_by),
        "apart": one.apart,
    }


def _cell(name: str, value: str | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        # What people wrote may look like a number to a spreadsheet, too.
        return as_text(value) if name in _WRITTEN else value
    return str(value) if name in WHOLE else f"{value:.{_DIGITS.get(name, 6)}g}"
