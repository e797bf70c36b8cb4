"""What was set before a run, folded into one line while its result is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_ssn.gui.widgets.parts import line, row, rule
from napari_ssn.session import Session

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction


class Fold(QWidget):
    """Panels that make room for a result: they close when one is found.

    They open by themselves when another image or place is chosen, and whenever there is no
    result to look at; the arrow opens and closes them at any time.

    Args:
        session: whose result closes it.
        panels: from top to bottom.
    """

    def __init__(self, session: Session, panels: Sequence[QWidget]) -> None:
        super().__init__()
        self._session = session
        self._panels = tuple(panels)
        self.arrow = QToolButton()
        self.arrow.setAutoRaise(True)
        self.arrow.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.arrow.setFixedSize(22, 20)
        self.summary = line()
        self.head = QWidget()
        self.head.setLayout(row([self.arrow, (self.summary, 1)]))
        self.head.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        body = QVBoxLayout(self)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(6)
        body.addWidget(rule())
        body.addWidget(self.head)
        for panel in self._panels:
            body.addWidget(panel)
        self._open = True
        self._was_current = False
        self.arrow.clicked.connect(self.toggle)
        session.found.connect(self._found)
        session.changed.connect(self.refresh)
        self.refresh()

    @property
    def is_open(self) -> bool:
        """Whether the panels are shown."""
        return self._open

    def toggle(self) -> None:
        """Open or close."""
        self._set_open(not self._open)

    def _found(self, result: Prediction) -> None:
        self._was_current = True
        self._set_open(False)

    def refresh(self) -> None:
        """Open when what is chosen is no longer what the result is about."""
        session = self._session
        current = session.result is not None and not session.stale
        if self._was_current and not current:
            self._set_open(True)
        self._was_current = current
        # Without a result there is nothing to make room for.
        self.head.setVisible(session.result is not None)
        if session.result is not None:
            self.summary.setText(self._words())
            self.summary.setToolTip(self.summary.text())

    def _words(self) -> str:
        if self._open:
            return "Image, model and region"
        setup = self._session.setup
        title = setup.model.card.title if setup.model is not None else "no model"
        where = "around a point" if setup.around_point else "whole image"
        return f"{title} · {where}"

    def _set_open(self, is_open: bool) -> None:
        self._open = is_open
        for panel in self._panels:
            panel.setVisible(is_open)
        self.arrow.setText("▾" if is_open else "▸")
        tip = "Make room for the result" if is_open else "Image, model and region"
        self.arrow.setToolTip(tip)
        if self._session.result is not None:
            self.summary.setText(self._words())
