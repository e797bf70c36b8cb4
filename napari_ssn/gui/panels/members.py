"""The members of an ensemble: how large, which is on show, and which are left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QTableWidgetItem
from superqt.utils import signals_blocked

from napari_ssn.gui.widgets.parts import Section, check
from napari_ssn.gui.widgets.table import Table
from napari_ssn.prediction.choice import Choice
from napari_ssn.session import Session
from napari_ssn.text.ensembles import MEMBER_COLUMNS, member_title
from napari_ssn.text.sizes import before_a_number

if TYPE_CHECKING:
    from napari_ssn.session import Row

_ROWS = 6
_IN, _SIZE = 0, 1


class MemberPanel(Section):
    """A row for each member: a click shows it, its tick leaves it out or takes it in.

    Args:
        session: whose members.
        compared: is asked, at a click, whether it names what is compared, and takes it.
    """

    def __init__(self, session: Session, compared: Callable[[Choice], bool]) -> None:
        tip = "How many of the members outline each voxel, beside the mean map"
        self.votes = check("Votes", tip)
        super().__init__("Members", beside=(self.votes,))
        self._session, self._compared = session, compared
        self._listed: Any = None
        self.table = Table(MEMBER_COLUMNS, _SIZE, _ROWS)
        self.below(self.table)
        self.table.cellClicked.connect(self._clicked)
        self.table.itemChanged.connect(self._ticked)
        self.votes.toggled.connect(lambda on: session.overviews.show("probability", on))
        self.hide()
        session.members.changed.connect(self.refresh)
        session.changed.connect(self.refresh)
        session.overviews.changed.connect(self.refresh)
        session.walk.moved.connect(self.follow)
        self.refresh()

    def _clicked(self, at: int, column: int) -> None:
        row, session = self._session.members.rows[at], self._session
        item = self.table.item(at, _IN)
        if (item.checkState() == Qt.CheckState.Checked) != (row.at is not None) or session.busy:
            # The tick itself was clicked.
            return
        choice = session.members.choice(at)
        if choice is not None and not self._compared(choice):
            session.members.show(at)
        self.follow()

    def _ticked(self, item: QTableWidgetItem) -> None:
        inside = item.checkState() == Qt.CheckState.Checked
        self._session.members.set_in(item.row(), inside)

    def refresh(self) -> None:
        """List the members of the result; greyed while others are read."""
        session, rows = self._session, self._session.members.rows
        self.setVisible(bool(rows) and session.result is not None)
        self.setEnabled(not session.stale and not session.busy)
        with signals_blocked(self.votes):
            self.votes.setChecked("probability" in session.overviews.wanted)
        if session.result is not None and rows:
            with signals_blocked(self.table):
                self._list(rows)
            self.follow()

    def _list(self, rows: tuple[Row, ...]) -> None:
        result = self._session.result
        assert result is not None
        self.table.set_rows(len(rows))
        for at, row in enumerate(rows):
            name = self.table.put(at, _IN, member_title(row.name, row.at))
            size = self.table.put(at, _SIZE, "")
            name.setFlags(name.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            inside = row.at is not None
            name.setCheckState(Qt.CheckState.Checked if inside else Qt.CheckState.Unchecked)
            if row.counts is not None:
                measure, voxels = result.measure, row.counts[1:]
                total = int(voxels.sum())
                size.setText(measure.amount_here(total) if total else "nothing outlined")
                labels = zip(result.labels[1:], voxels, strict=True)
                size.setToolTip(
                    "\n".join(
                        f"{before_a_number(one)} {measure.amount_here(int(n))}" for one, n in labels
                    )
                )

    def follow(self) -> None:
        """Mark the member that is on show, or that the slider started from."""
        member = self._session.walk.choice.member
        shown = [row.at for row in self._session.members.rows]
        if member is None or member not in shown:
            self.table.clearSelection()
        else:
            self.table.selectRow(shown.index(member))
