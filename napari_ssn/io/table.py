"""The table of volumes, as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from napari_ssn.geometry.size import Size

_COLUMNS = ("hypothesis", "share", "level", "seed", "label", "voxels", "ml", "mm2")
_LENGTHS = ("longest_mm", "perpendicular_mm")
# The full-width ones are signs too, where somebody writes Japanese or Chinese.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_CUT, _APART = "cut_off_by", "apart_voxels"


@dataclass(frozen=True)
class Row:
    """Size of one label in one hypothesis, or one end of its range.

    Attributes:
        hypothesis: what it is called; ``range low``, ``range median`` or ``range high``;
            ``nothing outlined``.
        label: name of the label.
        voxels: whole for a hypothesis, not always for a range.
        share: of the model's hypotheses that this one stands for.
        level: share of the hypotheses (or readers) that a range is about.
        seed: of the draw that it is.
        across: longest diameter in a slice and its perpendicular, in mm; None where these are
            unknown, and of a range.
        cut_off_by: edges that the label reaches, so that it may be larger.
        apart: voxels of it that are no part of the lesion that was pointed at; None where nobody
            pointed at any, and of a range.
    """

    hypothesis: str
    label: str
    voxels: float
    share: float | None = None
    level: float | None = None
    seed: int | None = None
    across: tuple[float, float] | None = None
    cut_off_by: Sequence[str] = ()
    apart: int | None = None


def range_rows(label: str, low: float, median: float, high: float, level: float) -> list[Row]:
    """The three rows of a label's range, in voxels."""
    ends = (("low", low), ("median", median), ("high", high))
    return [Row(f"range {end}", label, value, level=level) for end, value in ends]


def nothing_rows(labels: Iterable[str], share: float) -> list[Row]:
    """Of each label the row of the readers who outline nothing at all, a share of all readers."""
    return [Row("nothing outlined", label, 0, share) for label in labels]


def volumes_table(rows: Iterable[Row], size: Size, remark: str = "") -> bytes:
    """Content of ``volumes.csv``; a size that the voxels do not tell is empty.

    Args:
        rows: in the order of the table.
        size: what a voxel counts for.
        remark: why all of it deserves doubt, in a column of its own; without one there is none.
    """
    remarks = [remark] if remark else []
    table: list[list[str]] = [[*_COLUMNS, *_LENGTHS, _CUT, _APART, *(["remark"] if remark else [])]]
    for row in rows:
        seed = "" if row.seed is None else str(row.seed)
        cells = (as_number(row.share), as_number(row.level), seed)
        lengths = [as_number(one) for one in row.across or (None, None)]
        amounts = [as_number(size.ml(row.voxels)), as_number(size.mm2(row.voxels))]
        sizes = [as_number(row.voxels), *amounts, *lengths, " and ".join(row.cut_off_by)]
        sizes.append("" if row.apart is None else str(row.apart))
        table.append([as_text(row.hypothesis), *cells, as_text(row.label), *sizes, *remarks])
    return as_csv(table).encode()


def as_csv(rows: Iterable[Iterable[str]]) -> str:
    """Lines of CSV of which no cell is a formula, whatever was put into it: see `as_text`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        writer.writerow([cell if _is_number(cell) else as_text(cell) for cell in row])
    return text.getvalue()


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def as_text(value: str) -> str:
    """A text that no spreadsheet takes for a formula: one that looks like it gets a quote."""
    return f"'{value}" if value.startswith(_FORMULA) else value


def as_number(value: float | None) -> str:
    """Ten digits: what is beyond them is the rounding of binary fractions (4.3100000000000005)."""
    return "" if value is None else f"{value:.10g}"
