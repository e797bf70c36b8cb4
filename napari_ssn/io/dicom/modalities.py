"""Kinds of images that DICOM knows, so that nothing else is shown as one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# PS3.3 C.7.3.1.1.1, and retired ones of images.
_KNOWN = frozenset(
    # ruff: noqa: SIM905 - a list of them fills the screen.
    "AR ASMT AU BDUS BI BMD CFM CR CT CTPROTOCOL DG DMS DOC DX ECG EEG EMG EOG EPS ES FID GM HC HD "
    "IO IOL IVOCT IVUS KER KO LEN LS MG MR M3D NM OAM OCT OP OPM OPT OPTBSV OPTENF OPV OSS OT PA "
    "PLAN POS PR PT PX REG RESP RF RG RTDOSE RTIMAGE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN "
    "RTSTRUCT RWV SEG SM SMR SR SRF STAIN TEXTUREMAP TG US VA XA XAPROTOCOL XC".split()
)


def shown_modality(value: str) -> str:
    """A modality as it may be shown: one that the standard knows, else DICOM.

    An element can hold anything, a name or control characters too.
    """
    return value if value in _KNOWN else "DICOM"


def each(value: Any) -> list[Any]:
    """Values of an element that may have none, one or several."""
    if value is None:
        return []
    alone = isinstance(value, str | bytes) or not isinstance(value, Iterable)
    return [value] if alone else list(value)


def shown_text(value: str) -> str:
    """A text of a header as it may be shown: on one line, without control characters."""
    plain = "".join(one if one.isprintable() else " " for one in value)
    return " ".join(plain.split())[:64]
