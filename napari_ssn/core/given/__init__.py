"""The distribution given clicks and conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_ssn.later import door

if TYPE_CHECKING:
    from napari_ssn.core.given import clicks as clicks
    from napari_ssn.core.given import suggestion as suggestion

__getattr__ = door(__name__)
