"""From an image to the parameters of a logit distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_ssn.later import door

if TYPE_CHECKING:
    from napari_ssn.network import interchange as interchange
    from napari_ssn.network import models as models
    from napari_ssn.network import places as places

__getattr__ = door(__name__, ("interchange", "models", "places"))
