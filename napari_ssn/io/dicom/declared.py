"""What the headers of a DICOM image say that it is of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_ssn.geometry.declared import MODALITIES, Declared, Weighting
from napari_ssn.io.dicom.modalities import each

if TYPE_CHECKING:
    from pydicom import Dataset

# Acquisition contrast of enhanced MR, in the words of DICOM (C.8.13.3.1).
_CONTRASTS: dict[str, Weighting] = {
    "T1": "T1",
    "T2": "T2",
    "FLUID_ATTENUATED": "FLAIR",
    "PROTON_DENSITY": "PD",
    "DIFFUSION": "diffusion",
}
# Times in ms between which a spin echo is weighted as textbooks have it; what lies in between is
# not called anything.
_T1_REPETITION, _LONG_REPETITION = 900.0, 1800.0
_SHORT_ECHO, _LONG_ECHO = 35.0, 60.0
# Fluid is nulled by a long inversion; a prepared gradient echo has a shorter echo than this.
_FLUID_INVERSION, _GRADIENT_ECHO = 1500.0, 10.0
# Degrees from which a spoiled gradient echo is weighted by T1.
_FLIP = 15.0


def declared_of(header: Dataset) -> Declared:
    """Modality and weighting; what the header does not say, or not clearly, is left open."""
    modality = str(header.get("Modality") or "").strip().upper()
    if modality not in MODALITIES:
        return Declared()
    return Declared(modality, _weighting(header) if modality == "MR" else None)


def _weighting(header: Dataset) -> Weighting | None:
    contrast = str(header.get("AcquisitionContrast") or "").strip().upper()
    if contrast:
        return _CONTRASTS.get(contrast)
    if (number(header.get("DiffusionBValue")) or 0) > 0:
        return "diffusion"
    sequence, variant = (
        {str(one).strip().upper() for one in each(header.get(name))}
        for name in ("ScanningSequence", "SequenceVariant")
    )
    repetition, echo = (number(header.get(name)) for name in ("RepetitionTime", "EchoTime"))
    if repetition is None or echo is None or "EP" in sequence:
        return None
    inversion = number(header.get("InversionTime")) or 0.0
    if inversion >= _FLUID_INVERSION and echo >= _LONG_ECHO:
        return "FLAIR"
    if "GR" in sequence:
        flip = number(header.get("FlipAngle")) or 0.0
        prepared = "IR" in sequence or "MP" in variant or inversion > 0
        steep = "SP" in variant and flip >= _FLIP
        return "T1" if echo <= _GRADIENT_ECHO and (prepared or steep) else None
    if "SE" not in sequence or "IR" in sequence:
        return None
    if repetition <= _T1_REPETITION and echo <= _SHORT_ECHO:
        return "T1"
    if repetition >= _LONG_REPETITION and echo >= _LONG_ECHO:
        return "T2"
    return "PD" if repetition >= _LONG_REPETITION and echo <= _SHORT_ECHO else None


def number(value: Any) -> float | None:
    """A number of a header; None where there is none, or something else."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
