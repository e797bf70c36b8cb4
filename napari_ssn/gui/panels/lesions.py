"""The lesions of a result, where there are several: how large, how sure, and each on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_ssn.gui.widgets.later import Later
from napari_ssn.gui.widgets.parts import Section, button, check, say, strip, text
from napari_ssn.gui.widgets.table import Table
from napari_ssn.session import Session
from napari_ssn.text import lesions as said
from napari_ssn.text.ensembles import lesion_tips
from napari_ssn.text.sizes import percent

if TYPE_CHECKING:
    # A type only: the module imports torch.
    from napari_ssn.core.summaries.lesions import Lesions
    from napari_ssn.prediction.prediction import Prediction

_ROWS = 4


class LesionPanel(Section):
    """A row for each lesion. A click shows it, and a tick lets the slider move it alone."""

    def __init__(self, session: Session) -> None:
        self.dropped = text("", "muted", wrap=False)
        super().__init__("Lesions", beside=(self.dropped,))
        self._session = session
        # What was found last, and the same where it is several.
        self._seen: Lesions | None = None
        self._listed: Lesions | None = None
        self.table = Table(said.COLUMNS, 2, _ROWS)
        self.alone = check("", "The boundary slider then moves this lesion, and no other")
        self.all = button("All lesions", "Back to moving all that do not stand alone", "small")
        self.chosen = strip([(self.alone, 1), self.all])
        self.below(self.table, self.chosen)
        self.table.cellClicked.connect(self._clicked)
        self.alone.clicked.connect(self._ticked)
        self.all.clicked.connect(lambda: session.walk.select(None))
        self.hide()
        session.changed.connect(self.refresh)
        self._later = Later(self, self.follow, lambda: session.walk.held)
        session.walk.moved.connect(self._later.ask)
        self.refresh()

    def _clicked(self, at: int, column: int) -> None:
        if self._listed is None:
            return
        lesion = self._listed.found[at]
        self._session.walk.select(lesion.number)
        self._session.places.look_at(lesion.centre, centred=True)

    def _ticked(self, on: bool) -> None:
        if (number := self._session.walk.selected) is not None:
            self._session.walk.set_alone(number, on)

    def refresh(self) -> None:
        """Show whether there is anything to choose among."""
        self.setEnabled(self._session.result is not None and not self._session.stale)
        self.follow()

    def follow(self) -> None:
        """Show the sizes in the hypothesis on show, and which lesion the slider moves."""
        walk, result = self._session.walk, self._session.result
        lesions = walk.lesions if result is not None else None
        if lesions is not self._seen:
            self._seen = lesions
            self._list(lesions, result)
        if self._listed is None or result is None:
            return
        self._say_dropped(self._listed, result)
        counts = walk.here.lesion_counts
        for at, lesion in enumerate(self._listed.found):
            words = "…"
            if counts is not None:
                words = result.measure.amount_here(int(counts[lesion.number, 1:].sum()))
            self.table.item(at, 1).setText(words)
        self._show_selected(self._listed)

    def _list(self, lesions: Lesions | None, result: Prediction | None) -> None:
        lesions = lesions if lesions is not None and lesions.several else None
        self._listed = lesions
        self.setVisible(lesions is not None)
        if lesions is None or result is None:
            self.table.setRowCount(0)
            return
        members = self._session.walk.here.members
        self.table.horizontalHeaderItem(2).setToolTip("" if members else said.RANGE_TIP)
        self.table.set_rows(len(lesions.found))
        for at, lesion in enumerate(lesions.found):
            size = lesion.size
            cells = (
                str(lesion.number),
                "…",
                result.measure.short_interval(size.low, size.high),
                percent(lesion.existence),
            )
            for column, words in enumerate(cells):
                self.table.put(at, column, words)
            share, error = lesion.existence, lesion.existence_error
            tips = (said.RANGE_TIP, said.presence_tip(share, error, lesions.rules.draws))
            if members:
                tips = lesion_tips(share, members, result.noun)
            for column, tip in enumerate(tips, start=2):
                self.table.item(at, column).setToolTip(tip)

    def _say_dropped(self, lesions: Lesions, result: Prediction) -> None:
        walk = self._session.walk
        if walk.choice.points:
            # Lesions are told apart once, so that no number changes its lesion.
            say(self.dropped, said.WITHOUT_POINTS)
            return
        if walk.choice.only:
            say(self.dropped, said.OF_ALL)
            return
        smallest = result.measure.amount_here(lesions.rules.smallest)
        say(self.dropped, said.left_out(lesions.dropped, smallest))

    def _show_selected(self, lesions: Lesions) -> None:
        walk = self._session.walk
        own = dict(walk.choice.own)
        for at, lesion in enumerate(lesions.found):
            words = f"{lesion.number} · alone" if lesion.number in own else str(lesion.number)
            self.table.item(at, 0).setText(words)
        self.chosen.setVisible(walk.selected is not None)
        self.alone.setChecked(walk.alone is not None)
        if walk.selected is None:
            self.table.clearSelection()
        else:
            self.table.selectRow(walk.selected - 1)
            self.alone.setText(said.alone_line(walk.selected))
