"""DICOM segmentations of the newer kind, LABELMAP: one number a voxel, which few viewers read yet.

Reading back and comparing is as with any other segmentation.
"""

from __future__ import annotations

from pathlib import Path

from napari_ssn.errors import ExportError
from napari_ssn.io.content import Content
from napari_ssn.io.dicom import making
from napari_ssn.io.dicom.segmentation import checked as checked
from napari_ssn.io.dicom.segmentation import make_segmentation
from napari_ssn.io.dicom.segments import label_maps as label_maps
from napari_ssn.io.dicom.series import DicomSeries

_ONE = "A DICOM label map holds one hypothesis, and no probabilities: write the file as .dcm."


def encode(content: Content, path: Path, series: DicomSeries) -> bytes:
    """Content of a DICOM label map; ExportError for more than one hypothesis."""
    if len(content.hypotheses) != 1:
        raise ExportError(_ONE)
    made = make_segmentation(content, series, label_map=True)
    with making.refused():
        return making.written(made.segmentation, series)
