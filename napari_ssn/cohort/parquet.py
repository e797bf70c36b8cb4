"""The table of a cohort in Parquet, which keeps numbers as numbers; pyarrow writes it."""

from __future__ import annotations

import io
from collections.abc import Iterable

import pyarrow
import pyarrow.parquet

from napari_ssn.cohort.manifest import Record
from napari_ssn.cohort.table import COLUMNS, NUMBERS, WHOLE, rows_of


def parquet_of(records: Iterable[Record], named: bool = True) -> bytes:
    """Content of ``cohort.parquet``: the columns of ``cohort.csv``, with types and all digits.

    What is not known is null. Texts are as they were written: no formula hides in them here.

    Args:
        records: of all scans.
        named: whether images are called by their paths, which may name patients.
    """
    kinds = {name: pyarrow.string() for name in COLUMNS}
    kinds |= dict.fromkeys(NUMBERS, pyarrow.float64())
    kinds |= dict.fromkeys(WHOLE, pyarrow.int64())
    schema = pyarrow.schema([(name, kinds[name]) for name in COLUMNS])
    table = pyarrow.Table.from_pylist(list(rows_of(records, named)), schema=schema)
    content = io.BytesIO()
    pyarrow.parquet.write_table(table, content)
    return content.getvalue()
