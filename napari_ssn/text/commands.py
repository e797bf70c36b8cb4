"""What commands are for together, and what they say of what they did; imports nothing slow."""

from __future__ import annotations

from collections.abc import Iterable

OF_ARCHIVES = "Find, fetch and send in an archive (PACS) by DICOMweb."
DEPTH_NOT_USED = "The depth is not used: it is for 2D models around a point."
NO_NEED_TO_INSIST = "There was no need to insist."
SEVERAL_FRAMES_OF_REFERENCE = (
    "The slices name different frames of reference: the DICOM files name that of the first slice."
)
ON_REQUEST = "Nothing was written; with --insist it is outlined and measured all the same."
CARD_INSIDE = "The model's card is in the file's metadata, with what its data ask to be named."
LOOKING_AT_IMAGES = "Looking at the images"
NO_MODEL = "No model is installed."


def first_image_alone(channel: str) -> str:
    """``They refer to the first image alone, T1.``"""
    return f"They refer to the first image alone, {channel}."


def wrote(what: str) -> str:
    """``Wrote 17 label maps, and volumes.csv.``"""
    return f"Wrote {what}."


def card_changed(name: str) -> str:
    """``The card of the model X was changed.``"""
    return f"The card of the model {name} was changed."


def cases_took(count: int, seconds: float) -> str:
    """``120 cases in 35 s.``"""
    return f"{count:,} cases in {seconds:.0f} s."


def channels_line(channels: Iterable[str], images: Iterable[str]) -> str:
    """``Channels: T1 = first.nii.gz, T2 = second.nii.gz.``"""
    return f"Channels: {', '.join(f'{a} = {b}' for a, b in zip(channels, images, strict=True))}."


def of_nifti(caution: str) -> str:
    """``NIfTI: 3D Slicer … cannot open it.``"""
    return f"NIfTI: {caution}."


def own_models(folder: str) -> str:
    """``Models of your own go into /home/…``"""
    return f"Models of your own go into {folder}"


def departure_line(departure: float, limit: float) -> str:
    """``largest departure from torch 1.2e-06 (limit 1e-04)``."""
    return f"largest departure from torch {departure:.1e} (limit {limit:.0e})"
