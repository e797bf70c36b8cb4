"""The wheel scrolls the page: it turns no control that the mouse happens to pass."""

from __future__ import annotations

from typing import Any, TypeVar

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QAbstractSlider, QAbstractSpinBox, QComboBox, QWidget

_Control = TypeVar("_Control", bound=QWidget)
#: Whatever Qt turns by the wheel.
TURNED = (QAbstractSlider, QAbstractSpinBox, QComboBox)


class _Past(QObject):
    """Lets the wheel through to what lies behind, unless a control was come to by keys."""

    def eventFilter(self, control: Any, event: Any) -> bool:
        """Ignored it goes on to the page."""
        if event.type() != QEvent.Type.Wheel or control.hasFocus():
            return False
        event.ignore()
        return True


def unturned(control: _Control) -> _Control:
    """Let the wheel pass a control, and whatever it consists of."""
    past = _Past(control)
    for part in (control, *control.findChildren(QWidget)):
        if isinstance(part, TURNED):
            part.installEventFilter(past)
    return control
