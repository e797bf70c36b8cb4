"""Names in the table of volumes that a spreadsheet would take for formulas."""

import csv
import io

import pytest

from napari_ssn.geometry.size import Size
from napari_ssn.io.table import Row, as_csv, volumes_table


@pytest.mark.parametrize(
    "name", ["=1+1", "+1.00 σ", "-1", "@sum", "\tx", "nodule", "a=b", "\n=1", "＝1"]
)
def test_a_name_is_never_a_formula(name: str) -> None:
    content = volumes_table([Row(name, name, 5)], Size("volume", 1.0, False)).decode()
    [_, row] = csv.reader(io.StringIO(content))
    expected = name if name in ("nodule", "a=b") else f"'{name}"
    assert row[0] == row[4] == expected and row[5] == "5"


def test_no_cell_of_any_table_is_a_formula() -> None:
    """A remark begins with a card's title, which anybody may have written."""
    title = '=HYPERLINK("x") was trained on MRI, and this looks like a CT.'
    content = volumes_table([Row("mean", "nodule", 5)], Size("volume", 1.0, False), title).decode()
    [_, row] = csv.reader(io.StringIO(content))
    assert row[-1] == f"'{title}"
    [cells] = csv.reader(io.StringIO(as_csv([["-1.5", "+2e-05", "-1+cmd", "'=1", ""]])))
    assert cells == ["-1.5", "+2e-05", "'-1+cmd", "'=1", ""]
