"""Follow-up: two scans of one lesion, compared as the hypotheses of either change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_ssn import prediction
from napari_ssn.documents.sidecar import read_sidecar
from napari_ssn.errors import Cancel, SSNError
from napari_ssn.io.dicom.series import DicomSeries
from napari_ssn.prediction.shown import series_of
from napari_ssn.session.beside import Beside
from napari_ssn.session.derived import Derived
from napari_ssn.session.part import silence
from napari_ssn.session.results import Entry, Results
from napari_ssn.session.runner import Runner, own
from napari_ssn.session.sides import Given, Side, follow
from napari_ssn.session.summary import Summary
from napari_ssn.session.walk import Walk
from napari_ssn.text.commands import wrote
from napari_ssn.text.follow import NO_CHANGE, added_line

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.growth import Growth
    from napari_ssn.prediction.scan import Scan
    from napari_ssn.text.change import Told

#: Which of two scans.
BEFORE, AFTER = 0, 1


@dataclass(frozen=True)
class Asked:
    """What is asked of a change.

    Attributes:
        label: whose; None for all together.
        growth: of how much, 0.25 for a quarter.
    """

    label: str | None = None
    growth: float = 0.25


class FollowUp:
    """Compares two results, or a result with a sidecar, and keeps that in step with both.

    Attributes:
        changed: signal: something else is known, chosen or told.
        sides: the earlier and the later scan.
        asked: what is asked of the change.
        growth: the change; None while either scan is not known, and where they are not compared.
        problem: why they are not compared, one sentence; empty where they are.
        note: what was told last, and whether something went wrong.
        attended: whether somebody looks at it.
        beside: both as they are seen, on one another.

    Args:
        runner: finds out what takes a while.
        walk: points and conditions of the result on show.
        summary: ranges of that, which are not counted twice.
        results: to choose from.
        count: says how many hypotheses are behind a range.
    """

    changed = Signal()

    def __init__(
        self,
        runner: Runner,
        walk: Walk,
        summary: Summary,
        results: Results,
        count: Callable[[], int],
    ) -> None:
        self._runner, self._walk, self._summary = runner, walk, summary
        self._results, self._count = results, count
        self.sides = (
            Side(Derived(runner, "follow-before", follow, self._failed)),
            Side(Derived(runner, "follow-after", follow, self._failed)),
        )
        self.asked = Asked()
        self.growth: Growth | None = None
        self.problem, self.note = "", ("", False)
        self.attended = False
        self.beside = Beside(runner, self.sides, results, self.refresh, self._tell)
        # Dates that somebody has typed, by images.
        self._typed: dict[str, str] = {}
        for side in self.sides:
            side.found.changed.connect(self._judge)
        walk.moved.connect(self._moved)
        summary.changed.connect(self._moved)
        results.changed.connect(self._listed)

    # ---- What is compared

    def attend(self, attended: bool) -> None:
        """Somebody looks at the comparison, or looks away: nothing is found out for nobody."""
        self.attended = attended
        if attended:
            self._summary.show_lengths()
            self._propose()
            self.refresh()

    def choose(self, which: int, entry: Entry) -> None:
        """Take a result as one of the two scans."""
        self._take(which, entry)

    def open_sidecar(self, which: int, path: Path) -> None:
        """Take what a sidecar says as one of the two scans."""
        self._runner.submit(
            "follow-sidecar",
            lambda progress, cancel: prediction.scan.scan_in(read_sidecar(path)),
            lambda scan: self._take(which, None, scan),
            self._failed,
        )

    def _take(self, which: int, entry: Entry | None, scan: Scan | None = None) -> None:
        self.sides[which].take(entry, scan)
        self._tell("")
        self.refresh()

    def swap(self) -> None:
        """The other one is the earlier."""
        one, two = self.sides
        left, right = one.found.leave(), two.found.leave()
        taken = (one.entry, one.sidecar)
        one.take(two.entry, two.sidecar)
        two.take(*taken)
        one.found.resume(right)
        two.found.resume(left)
        self.refresh()

    def ask(self, asked: Asked) -> None:
        """Ask about another label, or another growth."""
        self.asked = asked
        self._judge()

    def set_date(self, which: int, words: str) -> None:
        """State when one was taken, as in 2025-03-01; empty where that is not known."""
        image = self.sides[which].image
        if image is not None:
            self._typed[image] = words.strip()
        self._judge()

    @property
    def dates(self) -> tuple[str, str]:
        """Of both scans, as typed or as DICOM has it; empty where not known."""
        one, two = (self._typed.get(side.image or "", side.day) for side in self.sides)
        return one, two

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels that can be asked about; none where there is but one."""
        known = [side.scan.labels for side in self.sides if side.scan is not None]
        return known[0] if known and len(known[0]) > 1 else ()

    def _propose(self) -> None:
        """Two results of one model and different images, the earlier one first."""
        entries = self._results.entries
        if any(side.chosen for side in self.sides):
            return
        for later in range(len(entries) - 1, 0, -1):
            for earlier in range(later - 1, -1, -1):
                if _comparable(entries[earlier], entries[later]):
                    self.sides[BEFORE].take(entries[earlier])
                    self.sides[AFTER].take(entries[later])
                    first, second = (side.day for side in self.sides)
                    if first and second and second < first:
                        self.sides[BEFORE].take(entries[later])
                        self.sides[AFTER].take(entries[earlier])
                    return

    # ---- Finding out

    def refresh(self) -> None:
        """Find out what is not known of either scan."""
        if self.attended:
            for side in self.sides:
                given = self._given(side)
                if given is not None and side.found.key != given:
                    self._want(side, given)
        self.beside.keep_up()
        self._judge()

    def _want(self, side: Side, given: Given) -> None:
        if side.entry is not self._results.current:
            side.found.want(given)
            return
        # Of the result on show everything is being counted already.
        ranges, lengths = self._summary.ranges, self._summary.lengths
        if ranges is None or lengths is None:
            return
        counted = (ranges.run, ranges.points, ranges.only, ranges.spread)
        if counted == (given.result.run, given.points, given.only, given.result.spread):
            side.found.want(replace(given, ranges=ranges, lengths=lengths))

    def _given(self, side: Side) -> Given | None:
        entry = side.entry
        if entry is None:
            return None
        choice = self._walk.choice if entry is self._results.current else entry.choice
        place = self.beside.place_of(entry)
        return Given(entry.prediction, choice.points, choice.only, self._count(), place)

    @property
    def waiting(self) -> bool:
        """Whether something that is compared is being found out."""
        if not (self.attended and all(side.chosen for side in self.sides)):
            return False
        return any(side.entry and side.found.key != self._given(side) for side in self.sides)

    def _judge(self) -> None:
        self.growth, self.problem = None, ""
        one, two = (side.scan for side in self.sides)
        if one is not None and two is not None:
            try:
                days = prediction.growth.days_between(*self.days)
                self.growth = prediction.growth.growth_between(one, two, self.asked.label, days)
            except SSNError as error:
                self.problem = str(error)
        self.changed.emit()

    @property
    def days(self) -> tuple[date | None, date | None]:
        """`dates`; DataError where something else was typed."""
        read = prediction.growth.day_in
        one, two = (read(words) if words else None for words in self.dates)
        return one, two

    @property
    def told(self) -> Told | None:
        """What is said of the change; None while nothing is."""
        if self.growth is None:
            return None
        return prediction.growth.told_of(self.growth, self.asked.growth)

    @property
    def series(self) -> DicomSeries | None:
        """Of the later scan, in whose study a page may be; None where it is not at hand."""
        later = self.sides[AFTER].entry
        return None if later is None else series_of(later.prediction)

    # ---- Files

    def export_report(
        self, path: Path, overwrite: bool = False, deidentified: bool = False
    ) -> None:
        """Write a page about the change; an existing one only if told to.

        Args:
            path: where it ends in ``.sc.dcm`` it is a picture in the study of the later scan.
            overwrite: whether a file of that name may be replaced.
            deidentified: whether that picture leaves out whom it is of, and when.
        """
        there = self._there()
        if there is None:
            return
        found, scans = there
        days, least, series = self.days, self.asked.growth, self.series
        views, linked = self.beside.views, self.beside.linked
        write = partial(prediction.change_report.write_change, path, found, scans, least, days)
        self._write(
            lambda cancel: write(views, linked, overwrite, cancel, series, deidentified),
            wrote(path.name),
        )

    def add_to_table(self, path: Path) -> None:
        """Add a row to a table of changes, which is made where there is none."""
        there = self._there()
        if there is None:
            return
        found, scans = there
        least = self.asked.growth
        self._write(
            lambda cancel: prediction.change_report.add_to_table(path, found, scans, least),
            added_line(path.name),
        )

    def _there(self) -> tuple[Growth, tuple[Scan, Scan]] | None:
        """What there is to write; None, which is told, where nothing is."""
        one, two = (side.scan for side in self.sides)
        if self.growth is None or one is None or two is None or self.waiting:
            self._failed(self.problem or NO_CHANGE)
            return None
        return self.growth, (one, two)

    def _write(self, job: Callable[[Cancel], str | None], done: str) -> None:
        self._runner.submit(
            own("follow-export"),
            lambda progress, cancel: job(cancel),
            lambda remark: self._tell(f"{done} {remark or ''}".strip()),
            self._failed,
        )

    def _failed(self, words: str) -> None:
        self._tell(words, True)

    def _tell(self, words: str, error: bool = False) -> None:
        self.note = (words, error)
        self.changed.emit()

    def _moved(self) -> None:
        if self.attended and not self._walk.held:
            self.refresh()

    def _listed(self) -> None:
        """Of results that made room those that took their place are compared."""
        entries = self._results.entries
        for side in self.sides:
            before = side.entry
            if before is not None and before not in entries:
                side.take(next((one for one in entries if one.place == before.place), None))
        if self.attended:
            self._propose()
        self.refresh()

    def close(self) -> None:
        """Let go of everything and of who listens."""
        for side in self.sides:
            side.take(None)
            side.found.close()
        self.beside.close()
        self.growth = None
        silence(self)


def _comparable(earlier: Entry, later: Entry) -> bool:
    one, two = earlier.prediction, later.prediction
    same_model = one.card.weights_sha256 == two.card.weights_sha256
    return same_model and one.image_sha256 != two.image_sha256
