"""Asks for the voxel size of an image that does not tell it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from napari_ssn.gui.widgets.forms import Form
from napari_ssn.gui.widgets.parts import Block, button, text
from napari_ssn.text.dock import size_unknown
from napari_ssn.text.forms import asked

# Millimetres; no scanner and no microscope in a clinic is beyond these.
_LEAST = 0.001
# Nothing is assumed: a size that nobody has entered is no number.
_HOW: dict[str, Any] = {"min": 0, "max": 100, "decimals": 3, "unset": "–"}


@dataclass(frozen=True)
class Millimetres:
    """Size of a voxel, columns first; 0 is what nobody has entered."""

    across: float = asked(0.0, "Width of a voxel, in mm", **_HOW)
    down: float = asked(0.0, "Height of a voxel, in mm", **_HOW)
    between: float = asked(0.0, "From slice to slice, in mm", **_HOW)


class VoxelSize(Block):
    """Boxes for the size of a voxel, columns first.

    Args:
        given: is called with the size in mm, columns first, when somebody has entered it.
    """

    def __init__(self, given: Callable[[Sequence[float]], None]) -> None:
        super().__init__(spacing=2)
        self._given, self._axes = given, 3
        self._form = Form(Millimetres(), self._check)
        self.boxes = [box for _, box in self._form.items()]
        self.mark = text("×", "muted", wrap=False)
        self.set = button("Set", "Measure this image with that size instead of counting voxels")
        self.set.clicked.connect(self._pressed)
        across, down, between = ((box, 1) for box in self.boxes)
        self.question = text("", "warn")
        signs = (text("×", "muted", wrap=False), text("mm", "muted", wrap=False))
        self.below(self.question, [across, signs[0], down, self.mark, between, signs[1], self.set])

    def show_axes(self, axes: int) -> None:
        """Ask for so many sizes, 2 or 3."""
        self._axes = axes
        for widget in (self.boxes[2], self.mark):
            widget.setVisible(axes == 3)
        what = "Voxel" if axes == 3 else "Pixel"
        self.question.setText(size_unknown(what))
        self._check(self._form.value)

    def _check(self, size: Millimetres) -> None:
        self.set.setEnabled(all(one >= _LEAST for one in astuple(size)[: self._axes]))

    def forget(self) -> None:
        """What was entered was of another image."""
        self._form.show(Millimetres())
        self._check(Millimetres())

    def _pressed(self) -> None:
        self._given(astuple(self._form.value)[: self._axes])
        self.forget()
