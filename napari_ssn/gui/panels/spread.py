"""How far apart the hypotheses lie, overall and label by label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QVBoxLayout

from napari_ssn.core.spread import Spread
from napari_ssn.gui.widgets.parts import Section, button, line, row, text
from napari_ssn.session import Session
from napari_ssn.text.sizes import capital

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction

_MOST, _STEP = 3.0, 0.1


class SpreadPanel(Section):
    """A factor for all labels and one for each; every hypothesis follows at once."""

    def __init__(self, session: Session) -> None:
        self.reset = button("Reset", "Back to the spread that the model has learnt", "small")
        super().__init__("Spread of the hypotheses", beside=(self.reset,))
        self._session = session
        self.overall = _factor("How far from the mean all hypotheses lie; 0 is the mean alone")
        self.body.addLayout(_line("Overall", self.overall))
        self.per_label: list[QDoubleSpinBox] = []
        self._rows = QVBoxLayout()
        self._rows.setSpacing(4)
        self.body.addLayout(self._rows)
        self.body.addWidget(
            text(
                "1 × is the model's own spread. With another one no range is calibrated; "
                "a new run begins with 1 ×.",
                "muted",
            )
        )
        # Of which result there are boxes.
        self._run: int | None = None
        self.overall.valueChanged.connect(self._changed)
        self.reset.clicked.connect(self._reset)
        session.found.connect(self._found)
        session.changed.connect(self.refresh)
        self.refresh()

    def _found(self, result: Prediction) -> None:
        """A box for each label, where there are more than one; the background last."""
        while self._rows.count():
            pair = self._rows.takeAt(0)
            while pair.count():
                pair.takeAt(0).widget().deleteLater()
        self.per_label = []
        if len(result.labels) == 2:
            # Of two labels the mean of both factors counts: a second one would say the same.
            return
        for _ in result.labels:
            box = _factor("How far this label's own part of the uncertainty reaches")
            box.valueChanged.connect(self._changed)
            self.per_label.append(box)
        for label in (*range(1, len(result.labels)), 0):
            name = capital(result.labels[label])
            self._rows.addLayout(_line(f"    {name}", self.per_label[label]))

    def _changed(self) -> None:
        factors = tuple(box.value() for box in self.per_label)
        self._session.set_spread(Spread(self.overall.value(), factors))

    def _reset(self) -> None:
        self._show(Spread())
        self._session.set_spread(Spread())

    def refresh(self) -> None:
        """Show whether there is anything to spread, and how far it is if that is another run's."""
        result = self._session.result
        self.setEnabled(result is not None and not self._session.stale)
        if result is not None and result.run != self._run:
            self._run = result.run
            self._show(result.spread)

    def _show(self, spread: Spread) -> None:
        factors = spread.per_label or (1.0,) * len(self.per_label)
        for box, factor in zip(
            (self.overall, *self.per_label), (spread.overall, *factors), strict=True
        ):
            box.blockSignals(True)
            box.setValue(factor)
            box.blockSignals(False)


def _factor(tip: str) -> QDoubleSpinBox:
    made = QDoubleSpinBox()
    made.setRange(0, _MOST)
    made.setCorrectionMode(QDoubleSpinBox.CorrectionMode.CorrectToNearestValue)
    made.setSingleStep(_STEP)
    made.setDecimals(2)
    made.setSuffix(" ×")
    made.setValue(1)
    made.setAlignment(Qt.AlignmentFlag.AlignRight)
    made.setToolTip(tip)
    # One change for a number typed, not one for each of its digits.
    made.setKeyboardTracking(False)
    made.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    return made


def _line(words: str, control: QDoubleSpinBox) -> QHBoxLayout:
    name = line()
    name.setText(words)
    # A long name must not widen the dock.
    name.setToolTip(words.strip())
    return row([(name, 3), (control, 2)])
