"""Names in the table of volumes that a spreadsheet would take for formulas."""

import csv
import io

import pytest

from napari_ssn.geometry.size import Size
from napari_ssn.io.table import Row, volumes_table


@pytest.mark.parametrize("name", ["=1+1", "+1.00 σ", "-1", "@sum", "\tx", "nodule", "a=b"])
def test_a_name_is_never_a_formula(name: str) -> None:
    content = volumes_table([Row(name, name, 5)], Size("volume", 1.0, False)).decode()
    [_, row] = csv.reader(io.StringIO(content))
    expected = name if name in ("nodule", "a=b") else f"'{name}"
    assert row[0] == row[4] == expected and row[5] == "5"
