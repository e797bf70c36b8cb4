"""DICOM secondary captures: a page as a picture, for viewers that show nothing else."""

from __future__ import annotations

import numpy as np
from highdicom.sc import SCImage
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from napari_ssn.geometry.arrays import Pixels
from napari_ssn.io.dicom import making
from napari_ssn.io.dicom.damage import data_set, reading
from napari_ssn.io.dicom.pixels import check_decodable, complete
from napari_ssn.io.dicom.series import DicomSeries
from napari_ssn.io.dicom.source import sources
from napari_ssn.io.known import MANUFACTURER

_SERIES_NUMBER = 9104
_DAMAGED = "The DICOM picture is damaged or cut off: copy or export it again."


def encode_picture(pixels: Pixels, model: str, unlike: bool, series: DicomSeries) -> bytes:
    """A picture (h, w, 3) in the study of a series, which it says nothing of.

    Args:
        pixels: RGB.
        model: name of the one that made what is on it.
        unlike: whether the image is unlike those that the model was trained on.
        series: whose patient and study it has.
    """
    with making.refused():
        header = sources(series, [0], np.zeros((1, 1, 1)))[0][0]
        made = SCImage(
            pixel_array=pixels,
            photometric_interpretation="RGB",
            bits_allocated=8,
            coordinate_system="PATIENT",
            patient_orientation=("L", "F"),
            study_instance_uid=header.StudyInstanceUID,
            **making.whom(header),
            **making.made_by(model, _SERIES_NUMBER, "report"),
            transfer_syntax_uid=ExplicitVRLittleEndian,
        )
        # A page does not lie in the patient, and nothing on it names one.
        made.PatientOrientation, made.Laterality, made.BurnedInAnnotation = "", "", "NO"
        made.ImageComments = making.notice(unlike)
        return making.written(made, series)


def read_page(whole: bytes) -> Pixels | None:
    """A page that was written here, (h, w, 3) RGB; None for any other file.

    ImageError if it is damaged.
    """
    found = data_set(whole, _DAMAGED)
    with reading(_DAMAGED):
        file = complete(found)
        kind, maker = file.get("SOPClassUID"), file.get("Manufacturer")
        if (kind, maker) != (SecondaryCaptureImageStorage, MANUFACTURER):
            return None
        check_decodable(file, "The DICOM picture is")
        return np.array(file.pixel_array, np.uint8)
