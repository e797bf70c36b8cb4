"""From an image to the parameters of a logit distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_ssn.later import door

if TYPE_CHECKING:
    from napari_ssn.network import device as device
    from napari_ssn.network import fit as fit
    from napari_ssn.network import inference as inference
    from napari_ssn.network import interchange as interchange
    from napari_ssn.network import likeness as likeness
    from napari_ssn.network import models as models
    from napari_ssn.network import places as places

__getattr__ = door(__name__)
