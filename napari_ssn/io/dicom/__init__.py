"""DICOM: series in, segmentations out. Needs the extra ``dicom``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from napari_ssn.io.dicom.series import DicomSeries

if TYPE_CHECKING:
    from napari_ssn.io.dicom.offered import SeriesInfo

__all__ = ["DicomSeries", "list_series"]


def list_series(path: str | os.PathLike[str]) -> tuple[SeriesInfo, ...]:
    """Series of images in a folder or zip, or the one that a file belongs to.

    ImageError, in one sentence, if nothing is there or there are no images.
    """
    # pydicom is an extra.
    from napari_ssn.io.dicom import read

    return read.list_series(Path(path))
