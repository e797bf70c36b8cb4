"""What an image's file says that it is of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: How a picture of magnetic resonance is weighted.
Weighting = Literal["T1", "T2", "FLAIR", "PD", "diffusion"]

#: Modalities as DICOM names them, by what a person calls them; of no other is anything concluded.
MODALITIES = {
    "CT": "CT",
    "MR": "MRI",
    "PT": "PET",
    "NM": "nuclear medicine",
    "US": "ultrasound",
    "MG": "mammography",
    "CR": "radiography",
    "DX": "radiography",
    "XA": "angiography",
}


@dataclass(frozen=True)
class Declared:
    """What an image's file says that it is of; None where it does not say so.

    Attributes:
        modality: a key of `MODALITIES`.
        weighting: of magnetic resonance.
    """

    modality: str | None = None
    weighting: Weighting | None = None


#: Of a file that says nothing.
UNDECLARED = Declared()


def declared_by(source: object) -> Declared:
    """What the source of an image says that it is of, as its ``declared``; nothing without one."""
    found = getattr(source, "declared", None)
    return found if isinstance(found, Declared) else UNDECLARED
