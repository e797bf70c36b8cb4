"""The commands: `app` names them all, and a file each does what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_ssn.later import door

if TYPE_CHECKING:
    from napari_ssn.cli import ensembles as ensembles
    from napari_ssn.cli import repeat as repeat
    from napari_ssn.cli import segmenting as segmenting
    from napari_ssn.cli import verifying as verifying

__getattr__ = door(__name__)
