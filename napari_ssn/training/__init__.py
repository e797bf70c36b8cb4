"""Training and evaluating a model on one's own data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_ssn.later import door

if TYPE_CHECKING:
    from napari_ssn.training import background as background
    from napari_ssn.training import clicking as clicking
    from napari_ssn.training import evaluate as evaluate
    from napari_ssn.training import fit as fit
    from napari_ssn.training import heads as heads
    from napari_ssn.training import likeness as likeness
    from napari_ssn.training import measuring as measuring
    from napari_ssn.training import memory as memory
    from napari_ssn.training import pictures as pictures
    from napari_ssn.training import reading as reading
    from napari_ssn.training import recipes as recipes

__getattr__ = door(__name__)
