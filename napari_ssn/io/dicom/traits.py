"""What sets images of one series apart: echo, b-value, time, kind of picture.

Values of headers are compared and, but for numbers, never said: they may hold anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydicom import Dataset

from napari_ssn.io.dicom.modalities import each

#: Value of a trait; None where an image does not say it.
Value = str | float | tuple[Any, ...] | None
#: Traits of an image, in the order of `TRAITS`.
Traits = tuple[Value, ...]

# Digits of numbers that are the same, and of those that a scanner measures anew for each slice.
_EXACT, _ROUNDED = 9, 4
_SIEMENS = "SIEMENS MR HEADER"
# What Siemens keeps to itself: number of tiles, b-value and direction, in a group of its own.
_GROUP, _TILES, _B_VALUE, _DIRECTION = 0x00190000, 0x0A, 0x0C, 0x0E
# Whoever writes a file has a block there that is free; most take the first.
_BLOCKS = range(0x10, 0x20)
#: And elements that makers keep to themselves, and whose they are.
PRIVATE = tuple(_GROUP | block for block in _BLOCKS) + tuple(
    _GROUP | block << 8 | element for block in _BLOCKS for element in (_TILES, _B_VALUE, _DIRECTION)
)
# What images are called that are many slices tiled in one picture: by Siemens, by United Imaging.
_TILED = {"MOSAIC", "VFRAME"}


def _text(value: Any) -> str:
    """Values of an element as one text; empty where there is none."""
    return "\\".join(str(one).strip() for one in each(value))


def _number(value: Any, digits: int = _EXACT) -> float | None:
    """First number of an element, rounded; None where there is none."""
    try:
        return float(f"{float(next(iter(each(value)), '')):.{digits}g}")
    except ValueError:
        return None


_measured = partial(_number, digits=_ROUNDED)


def _moment(value: Any) -> Value:
    """A time of the day, which is a text, or one since the first image."""
    return _text(value) if isinstance(value, str) else _number(value)


@dataclass(frozen=True)
class Trait:
    """Something in which images may differ.

    Attributes:
        name: for a person, as ``echo time``.
        unit: of its value; "" for one without, None for one whose value is not said.
        strong: whether images that differ in it are never one image, even if they make a grid.
        value: what is compared of what an element says.
        keyword: of the element of a header.
    """

    name: str
    unit: str | None
    strong: bool
    value: Callable[[Any], Value]
    keyword: str


#: In the order in which they are tried.
TRAITS = (
    Trait("kind of file", None, True, _text, "SOPClassUID"),
    Trait("kind of picture", None, True, _text, "ImageType"),
    Trait("stack", None, True, _text, "StackID"),
    Trait("echo time", "ms", True, _measured, "EchoTime"),
    Trait("echo", "", True, _text, "EchoNumbers"),
    Trait("b-value", "s/mm²", True, _number, "DiffusionBValue"),
    Trait("diffusion direction", None, True, _text, "DiffusionGradientOrientation"),
    Trait("kernel", None, True, _text, "ConvolutionKernel"),
    Trait("inversion time", "ms", True, _measured, "InversionTime"),
    Trait("flip angle", "°", True, _number, "FlipAngle"),
    Trait("tube voltage", "kV", True, _number, "KVP"),
    Trait("time point", None, False, _number, "TemporalPositionIdentifier"),
    Trait("phase of the heart", "%", False, _number, "NominalPercentageOfCardiacPhase"),
    Trait("trigger time", "ms", False, _number, "TriggerTime"),
    Trait("acquisition", None, False, _number, "AcquisitionNumber"),
    Trait("time", None, False, _moment, "FrameReferenceTime"),
    Trait("side of the body", None, False, _text, "ImageLaterality"),
    Trait("contrast agent", None, False, _text, "ContrastBolusAgent"),
    Trait("sequence", None, False, _text, "SequenceName"),
    Trait("description", None, False, _text, "SeriesDescription"),
)
#: Elements of a header that `traits_of` reads.
KEYWORDS = (*(one.keyword for one in TRAITS), "AcquisitionDate", "AcquisitionTime", "Laterality")
# Of frames of an enhanced instance: functional group, and the element in it.
_IN_FRAMES = {
    "stack": ("FrameContentSequence", "StackID"),
    "echo time": ("MREchoSequence", "EffectiveEchoTime"),
    "b-value": ("MRDiffusionSequence", "DiffusionBValue"),
    "diffusion direction": ("MRDiffusionSequence", "DiffusionDirectionality"),
    "kernel": ("CTReconstructionSequence", "ConvolutionKernel"),
    "inversion time": ("MRModifierSequence", "InversionTimes"),
    "flip angle": ("MRTimingAndRelatedParametersSequence", "FlipAngle"),
    "tube voltage": ("CTXRayDetailsSequence", "KVP"),
    "time point": ("FrameContentSequence", "TemporalPositionIndex"),
    "phase of the heart": ("CardiacSynchronizationSequence", "NominalPercentageOfCardiacPhase"),
    "trigger time": ("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime"),
    "acquisition": ("FrameContentSequence", "FrameAcquisitionNumber"),
    "time": ("TemporalPositionSequence", "TemporalPositionTimeOffset"),
    "side of the body": ("FrameAnatomySequence", "FrameLaterality"),
    "contrast agent": ("ContrastBolusUsageSequence", "ContrastBolusAgentNumber"),
}


def traits_of(header: Dataset) -> Traits:
    """Traits of an image of one slice, or of all frames of an instance."""
    return tuple(one.value(_said(header, one)) for one in TRAITS)


def _said(header: Dataset, trait: Trait) -> Any:
    """What a header says of a trait, where it need not be in the element that is meant for it."""
    found = header.get(trait.keyword)
    if found not in (None, ""):
        return found
    match trait.name:
        case "b-value":
            return _of_siemens(header, _B_VALUE)
        case "diffusion direction":
            return _of_siemens(header, _DIRECTION)
        case "time" if header.get("AcquisitionTime"):
            return f"{header.get('AcquisitionDate', '')} {header.AcquisitionTime}"
        case "side of the body":
            return header.get("Laterality")
    return None


def is_mosaic(header: Dataset) -> bool:
    """Whether an image is many slices tiled in one picture, by its kind or its number of tiles."""
    if _TILED & set(_text(header.get("ImageType")).upper().split("\\")):
        return True
    tiles = _of_siemens(header, _TILES)
    return isinstance(tiles, int) and tiles > 1


def frame_traits(all_frames: Traits, group: Callable[[str], Dataset | None]) -> Traits:
    """Traits of a frame of an enhanced instance, by its functional groups.

    Args:
        all_frames: of the instance.
        group: returns the item of a functional group by its keyword.
    """

    def of(keyword: str, name: str) -> Any:
        place = group(keyword)
        return None if place is None else place.get(name)

    said = {name: of(*where) for name, where in _IN_FRAMES.items()}
    gradient = of("MRDiffusionSequence", "DiffusionGradientDirectionSequence")
    direction = gradient[0].get("DiffusionGradientOrientation") if gradient else None
    if direction:
        said["diffusion direction"] = direction
    kinds = (of(f"{one}ImageFrameTypeSequence", "FrameType") for one in ("MR", "CT"))
    part = of("MRImageFrameTypeSequence", "ComplexImageComponent")
    said["kind of picture"] = _text([*next(filter(None, kinds), ())]) + _text(part)
    own = [one.value(said.get(one.name)) for one in TRAITS]
    return tuple(a if a not in (None, "") else b for a, b in zip(own, all_frames, strict=True))


def at_time(traits: Traits, point: Value) -> Traits:
    """Traits of a frame at another point of time."""
    where = next(i for i, one in enumerate(TRAITS) if one.name == "time point")
    return traits if point is None else (*traits[:where], point, *traits[where + 1 :])


def differing(traits: Sequence[Traits], strong: bool = False) -> list[int]:
    """Indices of `TRAITS` in which images differ."""
    found = [i for i in range(len(TRAITS)) if len({one[i] for one in traits}) > 1]
    return [i for i in found if TRAITS[i].strong or not strong]


def words(keys: Sequence[int], traits: Traits, among: Sequence[Traits]) -> str:
    """What sets an image apart from others: ``echo time 10 ms``, ``time point 2 of 5``."""
    said = []
    for key in keys:
        values = sorted({one[key] for one in among}, key=_order)
        value, trait = traits[key], TRAITS[key]
        if _is_localizer(value):
            said.append("localizer")
        elif trait.unit is not None and isinstance(value, float):
            number = f"{trait.name} {value:.4g}"
            said.append(f"{number} {trait.unit}".replace(" °", "°").strip())
        else:
            said.append(f"{trait.name} {values.index(value) + 1} of {len(values)}")
    return " · ".join(said)


def order(keys: Sequence[int], traits: Traits) -> list[tuple[int, float, str]]:
    """Where images that are set apart by some traits come, to sort them by."""
    return [_order(traits[key]) for key in keys]


def _is_localizer(value: Value) -> bool:
    return isinstance(value, str) and "LOCALIZER" in value.split("\\")


def _order(value: Value) -> tuple[int, float, str]:
    """Numbers by their size, then texts, and last what is not said."""
    if isinstance(value, float):
        return 0, value, ""
    return (2, 0.0, "") if value is None else (1, 0.0, str(value))


def _of_siemens(header: Dataset, element: int) -> Any:
    """Value of an element in the block that Siemens has in a file; None where it has none."""
    for block in _BLOCKS:
        owner, found = header.get(_GROUP | block), header.get(_GROUP | block << 8 | element)
        if found is not None and owner is not None and str(owner.value).rstrip() == _SIEMENS:
            return found.value
    return None
