"""What waits for a turn of the window ends with the program."""

from __future__ import annotations

from typing import Any

import pytest

from napari_ssn.gui.layers.first_time import FirstTime


def test_it_is_let_go_of_when_qt_was_faster(qapp: Any) -> None:
    """A window that goes down with the program has destroyed its timers; an error there aborts."""
    sip = pytest.importorskip("PyQt6.sip")
    drawn: list[int] = []
    one = FirstTime(lambda: drawn.append(1))
    assert not one.over()
    sip.delete(one._turn)
    one.close()
    qapp.processEvents()
    assert not drawn
