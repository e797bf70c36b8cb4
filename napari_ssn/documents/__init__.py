"""What is written down about a model or a result: cards and sidecars, checked by pydantic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_ssn.later import door

if TYPE_CHECKING:
    from napari_ssn.documents import card as card

__getattr__ = door(__name__)
