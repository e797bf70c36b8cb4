"""What sets images of one series apart: echo, b-value, time, kind of picture.

Values of headers are compared and, but for numbers, never said: they may hold anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom import Dataset

#: Value of a trait; None where an image does not say it.
Value = str | float | tuple[Any, ...] | None
#: Traits of an image, in the order of `TRAITS`.
Traits = tuple[Value, ...]

# Digits of numbers that are the same, and of those that a scanner measures anew for each slice.
_EXACT, _ROUNDED = 9, 4
_SIEMENS = "SIEMENS MR HEADER"


@dataclass(frozen=True)
class Trait:
    """Something in which images may differ.

    Attributes:
        name: for a person, as ``echo time``.
        unit: of its value; "" for one without, None for one whose value is not said.
        strong: whether images that differ in it are never one image, even if they make a grid.
    """

    name: str
    unit: str | None
    strong: bool


#: In the order in which they are tried; `traits_of` and `frame_traits` follow it.
TRAITS = (
    Trait("kind of file", None, True),
    Trait("kind of picture", None, True),
    Trait("stack", None, True),
    Trait("echo time", "ms", True),
    Trait("echo", "", True),
    Trait("b-value", "s/mm²", True),
    Trait("diffusion direction", None, True),
    Trait("kernel", None, True),
    Trait("inversion time", "ms", True),
    Trait("flip angle", "°", True),
    Trait("tube voltage", "kV", True),
    Trait("time point", None, False),
    Trait("phase of the heart", "%", False),
    Trait("trigger time", "ms", False),
    Trait("acquisition", None, False),
    Trait("time", None, False),
    Trait("side of the body", None, False),
    Trait("contrast agent", None, False),
    Trait("sequence", None, False),
    Trait("description", None, False),
)
#: Elements of a header that `traits_of` reads.
KEYWORDS = (
    "SOPClassUID",
    "ImageType",
    "StackID",
    "EchoTime",
    "EchoNumbers",
    "DiffusionBValue",
    "DiffusionGradientOrientation",
    "ConvolutionKernel",
    "InversionTime",
    "FlipAngle",
    "KVP",
    "TemporalPositionIdentifier",
    "NominalPercentageOfCardiacPhase",
    "TriggerTime",
    "AcquisitionNumber",
    "FrameReferenceTime",
    "AcquisitionDate",
    "AcquisitionTime",
    "ImageLaterality",
    "Laterality",
    "ContrastBolusAgent",
    "SequenceName",
    "SeriesDescription",
)
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


def traits_of(header: Dataset) -> Traits:
    """Traits of an image of one slice, or of all frames of an instance."""
    b_value = header.get("DiffusionBValue")
    direction = header.get("DiffusionGradientOrientation")
    b_value = _of_siemens(header, _B_VALUE) if b_value is None else b_value
    direction = _of_siemens(header, _DIRECTION) if direction is None else direction
    time = header.get("FrameReferenceTime")
    if time is None and header.get("AcquisitionTime"):
        time = f"{header.get('AcquisitionDate', '')} {header.AcquisitionTime}"
    return (
        _text(header.get("SOPClassUID")),
        _text(header.get("ImageType")),
        _text(header.get("StackID")),
        _number(header.get("EchoTime"), _ROUNDED),
        _text(header.get("EchoNumbers")),
        _number(b_value),
        _text(direction),
        _text(header.get("ConvolutionKernel")),
        _number(header.get("InversionTime"), _ROUNDED),
        _number(header.get("FlipAngle")),
        _number(header.get("KVP")),
        _number(header.get("TemporalPositionIdentifier")),
        _number(header.get("NominalPercentageOfCardiacPhase")),
        _number(header.get("TriggerTime")),
        _number(header.get("AcquisitionNumber")),
        _text(time) if isinstance(time, str) else _number(time),
        _text(header.get("ImageLaterality") or header.get("Laterality")),
        _text(header.get("ContrastBolusAgent")),
        _text(header.get("SequenceName")),
        _text(header.get("SeriesDescription")),
    )


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

    def of(keyword: str, *names: str) -> Any:
        place = group(keyword)
        found = (place.get(name) for name in names) if place is not None else ()
        return next((value for value in found if value is not None), None)

    gradient = of("MRDiffusionSequence", "DiffusionGradientDirectionSequence")
    direction = gradient[0].get("DiffusionGradientOrientation") if gradient else None
    cardiac = "CardiacSynchronizationSequence"
    frame_type = [
        of(keyword, "FrameType")
        for keyword in ("MRImageFrameTypeSequence", "CTImageFrameTypeSequence")
    ]
    own: Traits = (
        None,
        _text([*(frame_type[0] or frame_type[1] or ())])
        + _text(of("MRImageFrameTypeSequence", "ComplexImageComponent")),
        _text(of("FrameContentSequence", "StackID")),
        _number(of("MREchoSequence", "EffectiveEchoTime"), _ROUNDED),
        None,
        _number(of("MRDiffusionSequence", "DiffusionBValue")),
        _text(direction) or _text(of("MRDiffusionSequence", "DiffusionDirectionality")),
        _text(of("CTReconstructionSequence", "ConvolutionKernel")),
        _number(of("MRModifierSequence", "InversionTimes")),
        _number(of("MRTimingAndRelatedParametersSequence", "FlipAngle")),
        _number(of("CTXRayDetailsSequence", "KVP")),
        _number(of("FrameContentSequence", "TemporalPositionIndex")),
        _number(of(cardiac, "NominalPercentageOfCardiacPhase")),
        _number(of(cardiac, "NominalCardiacTriggerDelayTime")),
        _number(of("FrameContentSequence", "FrameAcquisitionNumber")),
        _number(of("TemporalPositionSequence", "TemporalPositionTimeOffset")),
        _text(of("FrameAnatomySequence", "FrameLaterality")),
        _text(of("ContrastBolusUsageSequence", "ContrastBolusAgentNumber")),
        None,
        None,
    )
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


def _text(value: Any) -> str:
    """Value of an element as one text; empty where there is none."""
    if value is None:
        return ""
    if isinstance(value, str | bytes | int | float):
        return str(value).strip()
    try:
        return "\\".join(str(one).strip() for one in value)
    except TypeError:
        return str(value)


def _number(value: Any, digits: int = _EXACT) -> float | None:
    """First number of an element, rounded; None where there is none."""
    if value is None or value == "":
        return None
    first = value if isinstance(value, str | bytes | int | float) else next(iter(value), None)
    if first is None:
        return None
    try:
        return float(f"{float(first):.{digits}g}")
    except ValueError:
        return None
