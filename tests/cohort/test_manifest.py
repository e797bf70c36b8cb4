"""The manifest: what is in it is so, however the process that wrote it ended."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from napari_ssn.cohort.folders import NAME
from napari_ssn.cohort.manifest import Manifest
from napari_ssn.documents.cohort import Found, Scan, Series, Wanted
from napari_ssn.errors import DataError, ExportError

WANTED = Wanted(model="m 1", weights_sha256="0" * 64, card_sha256="1" * 64)
FOUND = Found(image_sha256="2" * 64, files=("mean.nii.gz",))


def scan(name: str, **more: object) -> Scan:
    return Scan(paths=(f"/data/{name}",), image=name, **more)  # type: ignore[arg-type]


def test_scans_keep_their_numbers_and_what_became_of_them(tmp_path: Path) -> None:
    a, b, c = (scan(name) for name in "abc")
    with Manifest(tmp_path, write=True) as manifest:
        assert manifest.meet([(a, "s"), (b, "s")], WANTED) == 0
        manifest.end(1, "done", WANTED.key, found=FOUND, seconds=1.5)
    with Manifest(tmp_path, write=True) as manifest:
        assert manifest.meet([(c, "s"), (a.model_copy(update={"image": "A"}), "s")], WANTED) == 1
        records = list(manifest.records())
    assert [(one.id, one.scan.image, one.state) for one in records] == [
        (1, "A", "done"),
        (3, "c", "waiting"),
    ]
    assert records[0].found == FOUND and records[0].seconds == 1.5


def test_what_was_done_for_another_wish_or_of_other_files_waits(tmp_path: Path) -> None:
    a, b = scan("a"), scan("b")
    other = WANTED.model_copy(update={"samples": 4})
    with Manifest(tmp_path, write=True) as manifest:
        manifest.meet([(a, "s"), (b, "s")], WANTED)
        for number in (1, 2):
            manifest.end(number, "refused", WANTED.key, "Why.", found=FOUND)
        manifest.meet([(a, "s"), (b, "another")], WANTED)
        states = [(one.state, one.reason) for one in manifest.records()]
        assert states == [("refused", "Why."), ("waiting", "")]
        manifest.meet([(a, "s"), (b, "s")], other)
        assert {one.state for one in manifest.records()} == {"waiting"}
        manifest.meet([(a, "s"), (b, "s")], WANTED)
        assert {one.state for one in manifest.records()} == {"refused"}


def test_deaths_are_counted_until_a_scan_comes_to_an_end(tmp_path: Path) -> None:
    with Manifest(tmp_path, write=True) as manifest:
        manifest.meet([(scan("a"), "s"), (scan("b"), "s")], WANTED)
        assert [manifest.died(1), manifest.died(1), manifest.died(2)] == [1, 2, 1]
        manifest.end(1, "aside", WANTED.key, "Twice.")
        assert manifest.died(1) == 1


def test_there_is_one_writer(tmp_path: Path) -> None:
    with Manifest(tmp_path, write=True) as manifest:
        manifest.meet([(scan("a"), "s")], WANTED)
        with pytest.raises(ExportError, match="Another process"), Manifest(tmp_path, write=True):
            pass
        # Whoever looks is let in.
        with Manifest(tmp_path) as seen:
            assert len(list(seen.records())) == 1
            with pytest.raises(ExportError, match="cannot be written"):
                seen.end(1, "done", WANTED.key)
    with Manifest(tmp_path, write=True):
        pass


def test_what_was_recorded_outlives_the_process(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path\n"
        "from napari_ssn.cohort.manifest import Manifest\n"
        "from tests.cohort.test_manifest import FOUND, WANTED, scan\n"
        "m = Manifest(Path(sys.argv[1]), write=True).__enter__()\n"
        "m.meet([(scan('a'), 's'), (scan('b'), 's')], WANTED)\n"
        "m.end(2, 'done', WANTED.key, found=FOUND)\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path], check=False)
    assert done.returncode == -9
    with Manifest(tmp_path, write=True) as manifest:
        assert [one.state for one in manifest.records()] == ["waiting", "done"]


def test_what_is_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no cohort"), Manifest(tmp_path):
        pass
    (tmp_path / NAME).write_bytes(b"no data base at all, but long enough to look like one" * 20)
    with pytest.raises(DataError, match="damaged"), Manifest(tmp_path, write=True):
        pass
    (tmp_path / NAME).unlink()
    with sqlite3.connect(tmp_path / NAME) as base:
        base.execute("pragma user_version = 7")
    base.close()
    with pytest.raises(DataError, match="another version"), Manifest(tmp_path):
        pass
    (tmp_path / NAME).unlink()
    with Manifest(tmp_path, write=True) as manifest:
        with pytest.raises(DataError, match="Nothing was asked"):
            list(manifest.records())
        manifest.meet([(scan("a"), "s")], WANTED)
        with pytest.raises(DataError, match="no scan 2"):
            manifest.record(2)


def test_a_look_into_a_folder_is_kept_until_it_changes(tmp_path: Path) -> None:
    series = (Series(uid="1.2", title="CT"), Series(uid="1.3", part="echo 2"))
    with Manifest(tmp_path, write=True) as manifest:
        assert manifest.series_at("/data/ct", "s") is None
        manifest.saw("/data/ct", "s", series)
        assert manifest.series_at("/data/ct", "s") == series
        assert manifest.series_at("/data/ct", "t") is None


def test_what_is_recorded_together_is_there_together(tmp_path: Path) -> None:
    def states() -> list[str]:
        with Manifest(tmp_path) as other:
            return [one.state for one in other.records()]

    with Manifest(tmp_path, write=True) as manifest:
        manifest.meet([(scan("a"), "s"), (scan("b"), "s")], WANTED)
        with manifest.together():
            manifest.end(1, "done", WANTED.key, found=FOUND)
            assert manifest.died(2) == 1
            # Somebody who looks sees none of it, and holds up nobody.
            assert states() == ["waiting", "waiting"]
            manifest.end(2, "done", WANTED.key, found=FOUND)
        assert states() == ["done", "done"]
        with suppress(KeyError), manifest.together():
            manifest.end(1, "aside", WANTED.key, "Why.")
            raise KeyError
        assert states() == ["done", "done"]
