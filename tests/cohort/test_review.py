"""The page of a cohort, and who may ask for it."""

from __future__ import annotations

import csv
import http.client
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ssn.cohort import review, served
from napari_ssn.cohort.folders import PICTURE, folder_of
from napari_ssn.cohort.manifest import Manifest
from napari_ssn.documents.cohort import Found, Measured, Scan, Wanted
from napari_ssn.text.cohort import AGAIN, reasons_lines, states_line
from napari_ssn.text.pictures import png_of

WANTED = Wanted(model="m <1>", weights_sha256="0" * 64, card_sha256="1" * 64)
SIZE = Measured(
    label="nodule",
    unit="mL",
    mean=1.5,
    median=1.4,
    low=0.7,
    high=2.1,
    level=0.9,
    kind="calibrated",
    longest_mm=15.0,
    perpendicular_mm=12.0,
    cut_off_by=("region",),
    apart=0.2,
)
FOUND = Found(
    image_sha256="2" * 64,
    labels=(SIZE,),
    presence=0.86,
    fit="unlike",
    distance=1.25,
    doubt="Unlike.",
    files=("mean.nii.gz", "mean.json", PICTURE),
)


def test_why_there_is_no_result_is_said_by_how_often() -> None:
    assert reasons_lines({}) == []
    why = {f"Reason {k}.": k for k in range(1, 8)}
    said = [f"{k} × Reason {k}." for k in (7, 6, 5, 4, 3)]
    assert reasons_lines(why) == [*said, "3 for other reasons, which cohort.csv has."]


def test_the_table_in_parquet_is_that_in_csv_with_types(folder: Path) -> None:
    reader = pytest.importorskip("pyarrow.parquet")
    from napari_ssn.cohort.parquet import parquet_of

    with Manifest(folder) as manifest:
        review.write(manifest, folder, parquet=parquet_of)
    table = reader.read_table(folder / review.PARQUET)
    with (folder / "cohort.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert table.column_names == list(rows[0])
    kinds = {name: str(table.schema.field(name).type) for name in table.column_names}
    assert kinds["scan"] == "int64" and kinds["median"] == kinds["presence"] == "double"
    assert kinds["image"] == kinds["state"] == "string"
    found = table.to_pylist()
    assert len(found) == len(rows) == 3
    for one, row in zip(found, rows, strict=True):
        for name, value in one.items():
            if kinds[name] == "string":
                # A quote that keeps spreadsheets from reading a formula is of the CSV alone.
                assert (value or "") == row[name].removeprefix("'")
            else:
                assert (value is None) == (row[name] == "")
                assert value is None or value == pytest.approx(float(row[name]), rel=1e-2)
    assert found[0]["median"] == 1.4 and found[0]["cut_off_by"] == "region"
    assert found[1]["image"] == "=two" and found[1]["median"] is None
    with Manifest(folder) as manifest:
        review.write(manifest, folder, named=False, parquet=parquet_of)
    names = reader.read_table(folder / review.PARQUET).column("image").to_pylist()
    assert names == [None, None, None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    names = ('<b>"one"', "=two", "three")
    with Manifest(tmp_path, write=True) as manifest:
        manifest.meet(((Scan(paths=(f"/d/{n}",), image=n), "s") for n in names), WANTED)
        manifest.end(1, "done", WANTED.key, found=FOUND, seconds=1.0)
        manifest.end(2, "refused", WANTED.key, "It is <no> image.")
    folder_of(tmp_path, 1).mkdir(parents=True)
    (folder_of(tmp_path, 1) / PICTURE).write_bytes(png_of(np.zeros((4, 4, 3), np.uint8)))
    return tmp_path


def test_the_page_and_the_table_say_the_same(folder: Path) -> None:
    with Manifest(folder) as manifest:
        counts = review.write(manifest, folder)
    assert states_line(counts) == "3 scans: 1 done, 1 refused, 1 waiting."
    page = (folder / "review.html").read_text()
    assert "&lt;b&gt;&quot;one&quot;" in page and "<b>&quot;one" not in page.replace("<b>1</b>", "")
    assert AGAIN in page and "Sorts by doubt" in page
    assert "It is &lt;no&gt; image." in page and "m &lt;1&gt;" in page
    assert f'src="scans/000001/{PICTURE}"' in page
    first = re.search(r'<tr data-scan="1".*?</tr>', page, re.S)
    assert first is not None
    for words in (
        'data-width="1"',
        'data-presence="0.86"',
        "1.4 mL",
        "0.70–2.10 mL · readers’ range, 90 %",
        "86 %",
        "unlike them",
        "it may be larger",
        "0.2 mL of nodule lies apart",
    ):
        assert words in first[0].replace("<span>", "").replace("</span>", ""), words
    # In a narrow page the range goes on in the next line, and only there.
    assert "<span>0.70–2.10 mL ·</span> <span>readers’ range, 90 %</span>" in first[0]
    # A click on a head sorts by a number that each row has, or none; what is chosen is one of them.
    for key in re.findall(r'<th data-key="(\w+)"', page):
        found = re.findall(rf'<tr [^>]*data-{key}="([^"]*)"', page)
        assert len(found) == 3 and any(found) and all(re.fullmatch(r"[\d.]*", one) for one in found)
    states = re.findall(r'data-state="(\d)"', page)
    assert set(re.findall(r'<option value="(\d)"', page)) == set(states)
    # Nothing is asked of any other place.
    assert not re.search(r"https?://", page)
    table = (folder / "cohort.csv").read_text().splitlines()
    assert len(table) == 4
    assert table[1].startswith('1,"<b>""one""",,done,,nodule,mL,1.4,0.7,2.1,0.9,calibrated,1.5')
    assert table[2].startswith("2,'=two,,refused,It is <no> image.,")
    with Manifest(folder) as manifest:
        review.write(manifest, folder, named=False)
    for name in ("review.html", "cohort.csv"):
        assert "two" not in (folder / name).read_text()


@pytest.fixture
def page(folder: Path) -> Iterator[tuple[Any, list[int]]]:
    opened: list[int] = []
    with served.Served(folder, opened.append) as one:
        yield one, opened


def ask(address: str, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    host, _, rest = address.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request(method, f"/{rest}{path}", headers=headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def test_a_click_opens_a_scan(page: tuple[Any, list[int]]) -> None:
    one, opened = page
    status, content = ask(one.address, "")
    assert status == 200 and b"const SERVED = true" in content and b"3 scans" in content
    assert ask(one.address, f"scans/000001/{PICTURE}")[1].startswith(b"\x89PNG")
    assert ask(one.address, "open/1", "POST")[0] == 200 and opened == [1]


def test_nothing_else_is_answered(page: tuple[Any, list[int]]) -> None:
    one, opened = page
    assert one.address.startswith("http://127.0.0.1:")
    port = one.address.split("/")[2]
    for address, path, method, headers in (
        (f"http://{port}/", "", "GET", {}),
        (f"http://{port}/", "open/1", "POST", {}),
        (one.address, "open/1", "GET", {}),
        (one.address, "open/9", "POST", {}),
        (one.address, "cohort.sqlite", "GET", {}),
        (one.address, "scans/000002/" + PICTURE, "GET", {}),
        # A name of another place that leads here, as pages from there would use it.
        (one.address, "", "GET", {"Host": "elsewhere.example"}),
        (one.address, "open/1", "POST", {"Host": "elsewhere.example"}),
    ):
        status, content = ask(address, path, method, **headers)
        assert status == 404 and b"SQLite" not in content, (path, method)
    assert not opened
