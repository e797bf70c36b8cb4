"""What a form of the window asks for, said beside the type of each field."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def asked(default: Any, title: str, tip: str = "", **how: Any) -> Any:
    """A field of a frozen dataclass with the words of its control.

    A form is a dataclass and no more: ``gui.widgets.forms`` has magicgui make a control of each
    field from its type, so that a new question to a person is a new line here.

    Args:
        default: of the field.
        title: before the control, and what is read aloud.
        tip: one line more.
        how: magicgui's options for the control, as ``min``, ``max``, ``step``, ``choices`` (pairs
            of words and value) and ``widget_type``; besides ``suffix``, ``decimals``, ``unset``
            (shown instead of the least value), ``tips`` (by value), and ``section`` (a heading).
    """
    return field(default=default, metadata={"title": title, "tooltip": tip, **how})
