"""What a DICOM header says that the image is of."""

import pytest
from pydicom import Dataset

from napari_ssn.geometry.declared import UNDECLARED, Declared, declared_by
from napari_ssn.io.dicom.declared import declared_of
from napari_ssn.io.dicom.series import DicomSeries

SPIN = {"Modality": "MR", "ScanningSequence": "SE", "SequenceVariant": "SK"}
GRADIENT = {"Modality": "MR", "ScanningSequence": ["GR", "IR"], "SequenceVariant": ["SP", "MP"]}


@pytest.mark.parametrize(
    ("elements", "found"),
    [
        ({}, Declared()),
        ({"Modality": "CT"}, Declared("CT")),
        # What is made of pictures is of any modality.
        ({"Modality": "OT"}, Declared()),
        ({"Modality": "MR"}, Declared("MR")),
        (SPIN | {"RepetitionTime": 500, "EchoTime": 12}, Declared("MR", "T1")),
        (SPIN | {"RepetitionTime": 4500, "EchoTime": 100}, Declared("MR", "T2")),
        (SPIN | {"RepetitionTime": 2500, "EchoTime": 20}, Declared("MR", "PD")),
        # Between the two: nobody calls it either.
        (SPIN | {"RepetitionTime": 1300, "EchoTime": 45}, Declared("MR")),
        (
            SPIN
            | {
                "ScanningSequence": ["SE", "IR"],
                "RepetitionTime": 9000,
                "EchoTime": 120,
                "InversionTime": 2500,
            },
            Declared("MR", "FLAIR"),
        ),
        (
            GRADIENT | {"RepetitionTime": 2300, "EchoTime": 2.9, "InversionTime": 900},
            Declared("MR", "T1"),
        ),
        (
            {"Modality": "MR", "ScanningSequence": "EP", "RepetitionTime": 5000, "EchoTime": 80},
            Declared("MR"),
        ),
        ({"Modality": "MR", "DiffusionBValue": 1000.0}, Declared("MR", "diffusion")),
        ({"Modality": "MR", "AcquisitionContrast": "FLUID_ATTENUATED"}, Declared("MR", "FLAIR")),
        ({"Modality": "MR", "AcquisitionContrast": "PERFUSION"}, Declared("MR")),
    ],
)
def test_modality_and_weighting(elements: dict[str, object], found: Declared) -> None:
    header = Dataset()
    for name, value in elements.items():
        setattr(header, name, value)
    assert declared_of(header) == found
    assert declared_by(DicomSeries((header,))) == found


def test_what_is_no_series_says_nothing() -> None:
    assert declared_by(None) == declared_by("T2") == UNDECLARED
