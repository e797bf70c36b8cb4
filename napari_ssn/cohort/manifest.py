"""What became of every scan of a cohort: an SQLite file with one writer.

Whatever is in it is so, however the process that wrote it ended: a scan is recorded after its files
are written, in one transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter

from napari_ssn.cohort.folders import NAME
from napari_ssn.documents.cohort import Found, Scan, Series, State, Wanted
from napari_ssn.errors import DataError, ExportError
from napari_ssn.io.files import make_folder
from napari_ssn.io.locks import hold

# Layout of the tables; another one is not read.
_LAYOUT = 1
# Seconds that somebody who only looks may keep the writer waiting.
_PATIENCE = 30.0

_TABLES = """
create table scans (
  id integer primary key,
  key text not null unique,
  scan text not null,
  stamp text not null,
  done_stamp text not null default '',
  wanted text not null default '',
  state text not null default 'waiting',
  reason text not null default '',
  deaths integer not null default 0,
  found text,
  seconds real,
  here integer not null default 1
);
create table about (
  one integer primary key check (one = 1),
  wanted text not null
);
create table places (
  path text primary key,
  stamp text not null,
  series text not null
);
"""
# What was done for another wish, or of other files, is to be done anew.
_CURRENT = "wanted = ? and stamp = done_stamp"
_ALL = (
    f"id, scan, wanted, case when {_CURRENT} then state else 'waiting' end, "
    f"case when {_CURRENT} then reason else '' end, found, seconds"
)
_SERIES = TypeAdapter(tuple[Series, ...])


@dataclass(frozen=True)
class Record:
    """A scan and what became of it.

    Attributes:
        id: its number, which it keeps.
        scan: what it is.
        wanted: key of what was wanted when it last came to an end.
        state, reason: what became of it, and why where that is no result; of what was done for
            another wish, or of other files, that it waits.
        found: the row of then; None where there is none.
        seconds: that it took.
    """

    id: int
    scan: Scan
    wanted: str
    state: State
    reason: str
    found: Found | None
    seconds: float | None


class Manifest:
    """The file, open for as long as the ``with`` lasts.

    Args:
        folder: of the cohort.
        write: whether scans are added and recorded: one process alone may do that.
    """

    def __init__(self, folder: Path, write: bool = False) -> None:
        self._path, self._write = folder / NAME, write
        self._release: Callable[[], None] | None = None

    def __enter__(self) -> Self:
        if self._write:
            make_folder(self._path.parent)
            self._release = hold(self._path.parent)
            if self._release is None:
                raise ExportError("Another process is working on this cohort: wait until it ends.")
        elif not self._path.is_file():
            raise DataError("There is no cohort in that folder.")
        try:
            self._open()
        except BaseException:
            self._let_go()
            raise
        return self

    def _open(self) -> None:
        with _reading():
            mode = "rwc" if self._write else "ro"
            uri = f"{self._path.absolute().as_uri()}?mode={mode}"
            self._base = sqlite3.connect(uri, _PATIENCE, isolation_level=None, uri=True)
            (layout,) = self._base.execute("pragma user_version").fetchone()
            if self._write and layout == 0:
                self._base.executescript(f"begin; {_TABLES} pragma user_version = {_LAYOUT}; end;")
                layout = _LAYOUT
            if layout != _LAYOUT:
                self._base.close()
                raise DataError("The cohort in that folder is of another version of napari-ssn.")
            if self._write:
                # A row is on the disk before the next scan is handed out.
                self._base.execute("pragma synchronous = full")

    def __exit__(self, *error: object) -> None:
        self._base.close()
        self._let_go()

    def _let_go(self) -> None:
        if self._release is not None:
            self._release()
            self._release = None

    def meet(self, scans: Iterable[tuple[Scan, str]], wanted: Wanted) -> int:
        """Take in scans that are there now, each with the stamp of its files, and what is wanted.

        What was there before keeps its number and what became of it.

        Returns:
            how many of before are not there any more.
        """
        with _writing(), self._base as base:
            base.execute("begin")
            base.execute("update scans set here = 0")
            base.executemany(
                "insert into scans (key, scan, stamp) values (?, ?, ?) "
                "on conflict (key) do update set scan = excluded.scan, stamp = excluded.stamp, "
                "here = 1",
                ((one.key, one.model_dump_json(), stamp) for one, stamp in scans),
            )
            base.execute("insert or replace into about values (1, ?)", (wanted.model_dump_json(),))
            (gone,) = base.execute("select count(*) from scans where here = 0").fetchone()
        return int(gone)

    @property
    def wanted(self) -> Wanted:
        """What is wanted of every scan; DataError before anything was."""
        with _reading():
            row = self._base.execute("select wanted from about").fetchone()
            if row is None:
                raise DataError("Nothing was asked of this cohort yet.")
            return Wanted.model_validate_json(row[0])

    def records(self) -> Iterator[Record]:
        """All scans that are there, in the order of their numbers."""
        key = self.wanted.key
        with _reading():
            rows = self._base.execute(
                f"select {_ALL} from scans where here order by id", (key, key)
            )
            for number, scan, wanted, state, reason, found, seconds in rows:
                read = None if found is None else Found.model_validate_json(found)
                one = Scan.model_validate_json(scan)
                yield Record(number, one, wanted, state, reason, read, seconds)

    def record(self, number: int) -> Record:
        """That of a number; DataError if there is none."""
        found = next((one for one in self.records() if one.id == number), None)
        if found is None:
            raise DataError(f"There is no scan {number} in this cohort.")
        return found

    def end(
        self,
        number: int,
        state: State,
        wanted: str,
        reason: str = "",
        found: Found | None = None,
        seconds: float | None = None,
    ) -> None:
        """What became of a scan."""
        row = None if found is None else found.model_dump_json()
        self._change(
            number,
            "state = ?, wanted = ?, reason = ?, found = ?, seconds = ?, deaths = 0, "
            "done_stamp = stamp",
            (state, wanted, reason, row, seconds),
        )

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is recorded inside is on the disk at its end, all of it at once.

        To wait for the disk after each would keep all workers waiting.
        """
        with _writing(), self._base as base:
            base.execute("begin immediate")
            yield

    def died(self, number: int) -> int:
        """A worker died of a scan; how many have by now."""
        self._change(number, "deaths = deaths + 1", ())
        (deaths,) = self._base.execute(
            "select deaths from scans where id = ?", (number,)
        ).fetchone()
        return int(deaths)

    def _change(self, number: int, what: str, values: tuple[object, ...]) -> None:
        with _writing():
            self._base.execute(f"update scans set {what} where id = ?", (*values, number))

    def series_at(self, path: str, stamp: str) -> tuple[Series, ...] | None:
        """Series that a folder or zip of DICOM holds; None where nobody has looked since."""
        with _reading():
            row = self._base.execute(
                "select series from places where path = ? and stamp = ?", (path, stamp)
            ).fetchone()
        return None if row is None else _SERIES.validate_json(row[0])

    def saw(self, path: str, stamp: str, series: tuple[Series, ...]) -> None:
        """Keep what a look at a folder or zip of DICOM has found."""
        text = _SERIES.dump_json(series).decode()
        with _writing():
            self._base.execute(
                "insert or replace into places values (?, ?, ?)", (path, stamp, text)
            )


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, ValueError) as error:
        # `from None`: the cause may hold a row, and the row a path.
        raise DataError(
            f"{NAME} cannot be read: it is damaged, or no cohort's ({type(error).__name__})."
        ) from None


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise ExportError(f"{NAME} cannot be written: {error}.") from None
    except sqlite3.DatabaseError:
        raise DataError(f"{NAME} is damaged: move it away to begin anew.") from None
