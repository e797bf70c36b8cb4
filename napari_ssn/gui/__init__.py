"""The window: a dock for napari. It reads controls, asks the session, and shows what it says.

What commands show of it comes through a door, because napari takes seconds to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_ssn.later import door

if TYPE_CHECKING:
    from napari_ssn.gui import demo as demo
    from napari_ssn.gui import reviewing as reviewing

__getattr__ = door(__name__)
