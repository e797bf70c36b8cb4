"""DICOM: series in, segmentations out. Needs the extra ``dicom``."""

from napari_ssn.io.dicom.series import DicomSeries

__all__ = ["DicomSeries"]
