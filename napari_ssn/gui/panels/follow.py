"""The tab of two scans of one lesion: has it grown?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QGridLayout,
    QSizePolicy,
    QSlider,
    QWidget,
)

from napari_ssn.gui.layers.picture import Picture
from napari_ssn.gui.layers.scene import Scene
from napari_ssn.gui.panels.output import with_suffix
from napari_ssn.gui.panels.shown import entry_words
from napari_ssn.gui.widgets.dialogs import Ask, ask_for_existing, ask_for_file
from napari_ssn.gui.widgets.forms import Form, lay_out
from napari_ssn.gui.widgets.parts import (
    Block,
    Lines,
    Section,
    button,
    check,
    combo,
    fill,
    line,
    say,
    text,
)
from napari_ssn.gui.widgets.thumbnail import SIDE, Thumbnail
from napari_ssn.gui.widgets.wheel import unturned
from napari_ssn.session import Session
from napari_ssn.session.follow import BEFORE
from napari_ssn.session.results import Entry
from napari_ssn.text.follow import HOW_TO_BEGIN, TITLE, offset_line, sidecar_line
from napari_ssn.text.forms import asked
from napari_ssn.text.sizes import capital

_WAIT = "Counting…"
_ALL = ""
# Pixels: of a picture's side at most, which two have to be beside each other for, and of margins.
_MOST, _MARGIN = 256, 16
# By less they do not change: a scroll bar that comes and goes with their height would never rest.
_STEADY = 12


@dataclass(frozen=True)
class Question:
    """What is asked of the change, and when the scans were taken."""

    before: str = asked("", "Date before", "As in 2025-03-01; from DICOM where that is known")
    after: str = asked("", "Date after", "As in 2025-09-01; from DICOM where that is known")
    percent: float = asked(
        25.0,
        "Growth of",
        "That is asked about: guidelines on lung nodules act on 25 %; below 0 is shrinking",
        min=-99,
        max=1000,
        step=5,
        decimals=0,
        suffix=" %",
    )


@dataclass(frozen=True)
class Whose:
    """Of several labels, whose size."""

    label: str = asked(_ALL, "Whose size", choices=(("All labels", _ALL),))


class FollowPanel(Section):
    """Which two scans, what became of the lesion, and both beside each other.

    Args:
        viewer: in which either is shown.
        picture, scene: know images and where results lie in them.
        session: has the results.
    """

    def __init__(self, viewer: Viewer, picture: Picture, scene: Scene, session: Session) -> None:
        super().__init__(TITLE, ruled=False)
        self._viewer, self._picture, self._scene = viewer, picture, scene
        self._session = session
        self.ask: Ask = ask_for_file
        self.ask_which: Callable[[QWidget], str] = partial(
            ask_for_existing, title="Exported result", pattern="Exported result (*.json)"
        )
        self.hint = text(HOW_TO_BEGIN, "muted")
        self.boxes = (combo("The earlier scan's result"), combo("The later scan's result"))
        self.swap = button("Swap", "The other one is the earlier", "small")
        self.open = button(
            "Exported…",
            "Take the earlier scan from a result that was exported (its .json)",
            "small",
        )
        self._form = Form(Question(), self._asked)
        self._whose, self.whose = Form(Whose(), self._asked_whose), Block()
        self.unnamed = check(
            "Leave out whom they are of",
            "And when they were taken, where the page is a DICOM picture",
        )
        self.headline, self.beside, self.about = text("", "headline"), text("", "section"), Lines()
        self.cautions, self.told = text("", "warn"), text("")
        self.pictures = (Thumbnail("Before"), Thumbnail("After"))
        self.offset = unturned(QSlider(Qt.Orientation.Horizontal))
        self.where = line("muted", 8)
        self.linked = text("", "muted")
        self.jump = button("Show in the other scan", "The same place, by what links them")
        self.place = button("Link here", "The place on show lies on that of the other scan")
        self.lay = button(
            "Align", "Turn and shift the later scan onto the earlier one, by what both show around"
        )
        self.lay.setCheckable(True)
        self.report = button("Report…", "One page with pictures, to print")
        self.table = button("Table…", "Add a row to a table (CSV)")
        self._build()
        self._connect()
        self.refresh()

    def _build(self) -> None:
        choice = QGridLayout()
        for at, (words, box, extra) in enumerate(
            zip(("Before", "After"), self.boxes, (self.open, self.swap), strict=True)
        ):
            title = text(words, wrap=False)
            title.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
            for column, widget in enumerate((title, box, extra)):
                choice.addWidget(widget, at, column)
        choice.setColumnStretch(1, 1)
        self.below(choice, self.hint)
        lay_out((self._form,), self.body)
        for name in ("before", "after"):
            self._form[name].setPlaceholderText("not known")
        lay_out((self._whose,), self.whose.body)
        self.offset.setAccessibleName("Slice of both scans")
        self.offset.setToolTip("Slices of both, in mm from the places that lie on each other")
        # What a number is to be doubted for stands below it, and not where nobody scrolls to.
        self.below(self.whose, self.headline, self.beside, self.cautions)
        self.below([(one, 1) for one in self.pictures], [(self.offset, 1), self.where])
        self.below(self.linked, self.jump, [(self.place, 1), (self.lay, 1)])
        self.below(self.about, self.unnamed, [(self.report, 1), (self.table, 1)], self.told)
        self.body.addStretch(1)

    def _connect(self) -> None:
        follow = self._session.follow
        for which, box in enumerate(self.boxes):
            box.activated.connect(partial(self._choose, which))
        self.swap.clicked.connect(follow.swap)
        self.open.clicked.connect(self._open)
        self.offset.valueChanged.connect(self._draw)
        self.jump.clicked.connect(self._jump)
        self.place.clicked.connect(self._link)
        self.lay.clicked.connect(follow.beside.lay)
        self.report.clicked.connect(self._report)
        self.table.clicked.connect(self._table)
        follow.changed.connect(self.refresh)
        # Layers have other names, or another result is on show.
        self._session.changed.connect(self.refresh)

    # ---- From a person

    def _choose(self, which: int, index: int) -> None:
        entry = self.boxes[which].itemData(index)
        if entry is not None:
            self._session.follow.choose(which, entry)

    def _open(self) -> None:
        answer = self.ask_which(self)
        if answer:
            self._session.follow.open_sidecar(BEFORE, Path(answer))

    def _asked(self, question: Question) -> None:
        follow = self._session.follow
        for which, words in enumerate((question.before, question.after)):
            if words.strip() != follow.dates[which]:
                follow.set_date(which, words)
        follow.ask(replace(follow.asked, growth=question.percent / 100))

    def _asked_whose(self, whose: Whose) -> None:
        follow = self._session.follow
        follow.ask(replace(follow.asked, label=whose.label or None))

    def _jump(self) -> None:
        self._session.follow.beside.go_across(self._voxel())

    def _link(self) -> None:
        self._session.follow.beside.link(self._voxel())

    def _voxel(self) -> tuple[int, ...] | None:
        """Of the image on show, in the middle of the picture; None where that is beside it."""
        dims, place = self._viewer.dims, list(self._viewer.dims.point)
        centre = self._viewer.scene.camera.center
        for at, axis in enumerate(dims.order[-dims.ndisplay :], start=3 - dims.ndisplay):
            place[axis] = centre[at]
        return self._picture.voxel_at(tuple(place))

    def _report(self) -> None:
        patterns = ["Web page (*.html)"]
        if self._session.follow.series is not None:
            patterns.append("DICOM picture (*.sc.dcm)")
        answer = self.ask(self, "change.html", ";;".join(patterns))
        if answer:
            captured = len(patterns) > 1 and answer.lower().endswith(".sc.dcm")
            path = with_suffix(answer, ".sc.dcm" if captured else ".html")
            # Of the very name that was given the dialog has asked.
            unnamed = captured and self.unnamed.isChecked()
            self._session.follow.export_report(path, str(path) == answer, unnamed)

    def _table(self) -> None:
        answer = self.ask(self, "changes.csv", "Table (*.csv)")
        if answer:
            self._session.follow.add_to_table(with_suffix(answer, ".csv"))

    # ---- What is shown

    def resizeEvent(self, event: Any) -> None:
        """Pictures become as large as two beside each other can be."""
        super().resizeEvent(event)
        side = min(_MOST, max(SIDE, self.width() // 2 - 2 * _MARGIN))
        if abs(side - self.pictures[0].side) > _STEADY:
            for one in self.pictures:
                one.set_side(side)
            if self._session.follow.attended and self._session.follow.beside.linked:
                self._draw()

    def refresh(self) -> None:
        """Show what is chosen, what is known, and what can be done."""
        follow = self._session.follow
        if not follow.attended:
            return
        for which, box in enumerate(self.boxes):
            self._list(which, box)
        both = all(side.chosen for side in follow.sides)
        say(self.hint, "" if both else HOW_TO_BEGIN)
        self._show_question()
        told = follow.told
        wait = _WAIT if follow.waiting or (both and told is None and not follow.problem) else ""
        headline, *beside = ("" if told is None else told.headline).split(" · ")
        say(self.headline, wait or headline.removesuffix(" of pairs"))
        say(self.beside, capital(" · ".join(beside)))
        self.about.say(() if told is None else told.below)
        words = [follow.problem] if told is None else list(told.cautions)
        say(self.cautions, "\n".join(words))
        say(self.told, follow.note[0], "error" if follow.note[1] else "muted")
        self.about.setEnabled(not follow.waiting)
        self._show_pictures()
        there = told is not None and not follow.waiting
        for one in (self.report, self.table):
            one.setEnabled(there)
        self.unnamed.setVisible(follow.series is not None)
        self.swap.setEnabled(both)

    def _list(self, which: int, box: Any) -> None:
        side = self._session.follow.sides[which]
        parts = (self._session, self._picture, self._scene)
        entries = self._session.results.entries
        lines: list[tuple[str, Entry | None]] = [(entry_words(one, *parts), one) for one in entries]
        if side.sidecar is not None:
            lines.append((sidecar_line(side.sidecar.model, side.sidecar.median_ml), None))
        shown = [(box.itemText(at), box.itemData(at)) for at in range(box.count())]
        chosen = entries.index(side.entry) if side.entry in entries else -1
        chosen = len(entries) if side.sidecar is not None else chosen
        if lines != shown:
            fill(box, lines, chosen)
        box.setCurrentIndex(chosen)
        box.setEnabled(bool(lines))

    def _show_question(self) -> None:
        follow = self._session.follow
        known = follow.labels
        choices = (("All labels", _ALL), *((capital(name), name) for name in known))
        label = follow.asked.label if follow.asked.label in known else _ALL
        box = self._whose["label"]
        if [box.itemText(at) for at in range(box.count())] != [words for words, _ in choices]:
            self._whose.offer("label", choices, label)
        self._whose.show(Whose(label or _ALL))
        self.whose.setVisible(bool(known))
        for name, side in zip(("before", "after"), follow.sides, strict=True):
            self._form[name].setEnabled(side.chosen)
        before, after = follow.dates
        self._form.show(Question(before, after, 100 * follow.asked.growth))

    def _show_pictures(self) -> None:
        follow = self._session.follow
        seen = bool(follow.beside.linked)
        shown = (*self.pictures, self.offset, self.where, self.jump, self.place, self.lay)
        for widget in shown:
            widget.setVisible(seen)
        self.lay.setChecked(follow.beside.wanted)
        say(self.linked, follow.beside.linked)
        on_show = follow.beside.on_show is not None and not self._session.stale
        self.jump.setEnabled(on_show)
        self.place.setEnabled(on_show)
        if seen:
            low, high = follow.beside.reach_mm
            self.offset.setRange(round(low), round(high))
            self._draw()

    def _draw(self, value: int = 0) -> None:
        follow, offset = self._session.follow, float(self.offset.value())
        self.where.setText(offset_line(offset))
        found = zip(
            self.pictures,
            follow.beside.pictures(offset, self.pictures[0].side),
            follow.dates,
            strict=False,
        )
        for thumbnail, pixels, day in found:
            thumbnail.show_pixels(pixels, day)
