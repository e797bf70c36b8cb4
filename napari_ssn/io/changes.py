"""The table of changes, as CSV: a row for each pair of scans."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_ssn.documents.regular import read_text
from napari_ssn.errors import ExportError
from napari_ssn.io.files import write_files
from napari_ssn.io.locks import alone
from napari_ssn.io.table import as_csv, as_number, as_text

_LOW, _MIDDLE, _HIGH = "0.05", "0.5", "0.95"
# Columns, each with where its number is among the figures of a change.
_ENDS = (("low", _LOW), ("median", _MIDDLE), ("high", _HIGH))
_RANGES = (
    ("before_ml", ("before_ml",)),
    ("after_ml", ("after_ml",)),
    ("ratio", ("ratio",)),
    ("difference_ml", ("difference_ml",)),
    ("rate_per_day", ("rate_per_day",)),
    ("longest_before_mm", ("longest_diameter", "before_mm")),
    ("longest_after_mm", ("longest_diameter", "after_mm")),
    ("longest_difference_mm", ("longest_diameter", "difference_mm")),
)
_NUMBERS = (
    "days",
    "growth",
    "probability",
    "probability_without_change",
    "doubling_days_of_the_median",
    "doubling_in_less_than_400_days",
    "appeared",
    "vanished",
    "calibrated_on_readers",
)
_HASHES = ("image_before_sha256", "image_after_sha256", "weights_sha256")


def change_row(figures: Mapping[str, Any], hashes: tuple[str, str, str]) -> dict[str, str]:
    """Cells of a change by their columns; empty where there is no number.

    Args:
        figures: as `figures_of` gives them.
        hashes: of the image before, that after, and the model's weights.
    """
    row = {"label": as_text(str(figures["label"]))}
    row |= {name: as_number(figures[name]) for name in _NUMBERS}
    for name, path in _RANGES:
        found: Any = figures
        for key in path:
            found = None if found is None else found[key]
        row |= {f"{name}_{end}": as_number(None if found is None else found[q]) for end, q in _ENDS}
    row["cautions"] = as_text("; ".join(figures["cautions"]))
    return row | dict(zip(_HASHES, hashes, strict=True))


def add_row(path: Path, row: Mapping[str, str]) -> None:
    """Add a row to the table of that name, which is made where there is none.

    ExportError if the file is another table, or cannot be read or written.
    """
    # Two that add at a time would each write what it read and one row: the other's is lost.
    with alone(path.parent):
        before, columns = _before(path), list(row)
        rows = [list(row.values())]
        if not before:
            rows.insert(0, columns)
        elif next(csv.reader(io.StringIO(before)), []) != columns:
            raise ExportError("The table of that name has other columns: choose another name.")
        joined = before if not before or before.endswith("\n") else f"{before}\n"
        write_files({path: f"{joined}{as_csv(rows)}".encode()}, overwrite=bool(before))


def _before(path: Path) -> str:
    # `from None`: the causes' messages hold the path, and the path may hold a patient's name.
    try:
        return read_text(path)
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError):
        raise ExportError("The table of that name cannot be read: choose another name.") from None
