"""Asks for the voxel size of an image that does not tell it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractSpinBox, QDoubleSpinBox, QVBoxLayout, QWidget

from napari_ssn.gui.widgets.parts import button, row, text

_TIPS = ("Width of a voxel, in mm", "Height of a voxel, in mm", "From slice to slice, in mm")
# Millimetres; no scanner and no microscope in a clinic is beyond these.
_LEAST, _MOST = 0.001, 100.0


class VoxelSize(QWidget):
    """Boxes for the size of a voxel, columns first.

    Args:
        given: is called with the size in mm, columns first, when somebody has entered it.
    """

    def __init__(self, given: Callable[[Sequence[float]], None]) -> None:
        super().__init__()
        self._given = given
        self.boxes = [self._box(tip) for tip in _TIPS]
        self.between = [text("×", "muted", wrap=False) for _ in _TIPS[1:]]
        self.set = button("Set", "Measure this image with that size instead of counting voxels")
        self.set.clicked.connect(self._pressed)
        items: list[QWidget | int | tuple[QWidget, int]] = [(self.boxes[0], 1)]
        for mark, box in zip(self.between, self.boxes[1:], strict=True):
            items += [mark, (box, 1)]
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        self.question = text("", "warn")
        layout.addWidget(self.question)
        layout.addLayout(row([*items, text("mm", "muted", wrap=False), self.set]))

    def _box(self, tip: str) -> QDoubleSpinBox:
        made = QDoubleSpinBox()
        made.setDecimals(3)
        made.setRange(0.0, _MOST)
        # Nothing is assumed: a size that nobody has entered is no number.
        made.setSpecialValueText("–")
        made.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        made.setAlignment(Qt.AlignmentFlag.AlignRight)
        made.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        made.setToolTip(tip)
        made.valueChanged.connect(self._check)
        return made

    def show_axes(self, axes: int) -> None:
        """Ask for so many sizes, 2 or 3."""
        for widget in (self.boxes[2], self.between[1]):
            widget.setVisible(axes == 3)
        what = "Voxel" if axes == 3 else "Pixel"
        self.question.setText(f"{what} size unknown: enter it in mm.")
        self._check()

    def _asked(self) -> list[QDoubleSpinBox]:
        return [box for box in self.boxes if box.isVisibleTo(self)]

    def _check(self) -> None:
        self.set.setEnabled(all(box.value() >= _LEAST for box in self._asked()))

    def forget(self) -> None:
        """What was entered was of another image."""
        for box in self.boxes:
            box.setValue(0.0)

    def _pressed(self) -> None:
        self._given([box.value() for box in self._asked()])
        self.forget()
