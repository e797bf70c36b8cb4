"""What was set before a run, folded into one line while its result is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QSizePolicy, QWidget
from superqt import QCollapsible

from napari_ssn.gui.widgets.parts import elided, row, rule
from napari_ssn.session import Session

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction

# Qt's own number for "no limit".
_ANY_HEIGHT = 16777215
_WHAT = "Image, model and region"


class _NoIcon(QIcon):
    """No icon, and yet true: superqt asks, and an empty one of PySide6 is false."""

    def __bool__(self) -> bool:
        return True


class Fold(QCollapsible):
    """Panels that make room for a result: they close when one is found.

    They open by themselves when another image or place is chosen, and whenever there is no
    result to look at; the line above them opens and closes them at any time.

    Args:
        session: whose result closes it.
        panels: from top to bottom.
        beside: stands at the end of the line above them, which is there with a result or without.
    """

    def __init__(self, session: Session, panels: Sequence[QWidget], beside: QWidget) -> None:
        super().__init__(expandedIcon=_NoIcon(), collapsedIcon=_NoIcon())
        self._session = session
        self.setDuration(0)
        self.head = self.toggleButton()
        self.head.setStyleSheet("")
        self.head.setProperty("role", "fold")
        self.head.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.head.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.layout().removeWidget(self.head)
        self.layout().insertWidget(0, rule())
        # Without the words what stands beside them stays at the end.
        self.layout().insertLayout(1, row([(self.head, 1000), 1, beside]))
        for layout in (self.layout(), self.content().layout()):
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(6)
        for panel in panels:
            self.content().layout().addWidget(panel)
        self._was_current = False
        self.toggled.connect(self._show_content)
        session.found.connect(self._found)
        session.changed.connect(self.refresh)
        self.expand()
        self.refresh()

    def _show_content(self, is_open: bool) -> None:
        # What is not seen is not reached by Tab either, and what is seen may grow.
        self.content().setVisible(is_open)
        self.content().setMaximumHeight(_ANY_HEIGHT)
        self._say()

    def _found(self, result: Prediction) -> None:
        self._was_current = True
        self.collapse()

    def refresh(self) -> None:
        """Open when what is chosen is no longer what the result is about."""
        session = self._session
        current = session.result is not None and not session.stale
        if self._was_current and not current:
            self.expand()
        self._was_current = current
        # Without a result there is nothing to make room for.
        self.head.setVisible(session.result is not None)
        self._say()

    def _say(self) -> None:
        words = _WHAT
        if not self.isExpanded():
            setup = self._session.setup
            title = setup.model.card.title if setup.model is not None else "no model"
            if setup.ensemble is not None:
                title = "Ensemble"
            words = f"{title} · {'around a point' if setup.around_point else 'whole image'}"
        self.head.setToolTip(words)
        self.head.setAccessibleName(words)
        self.head.setText(elided(self.head, f"{'▾' if self.isExpanded() else '▸'} {words}"))

    def resizeEvent(self, event: Any) -> None:
        """Say as much as there is room for."""
        super().resizeEvent(event)
        self._say()
