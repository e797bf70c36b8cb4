"""What this computer and one that computes for it say to each other, beside the numbers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from napari_ssn.documents.closed import Exact, Sha256

#: Of what is said; another one is not understood.
PROTOCOL = 1

_Count = Annotated[int, Field(ge=0, le=1 << 40)]
_Axes = Annotated[tuple[_Count, ...], Field(min_length=2, max_length=3, strict=False)]
_Size = Annotated[
    tuple[Annotated[int, Field(ge=1, le=1 << 20)], ...],
    Field(min_length=2, max_length=3, strict=False),
]
_Row = Annotated[
    tuple[Annotated[float, Field(allow_inf_nan=False)], ...],
    Field(min_length=4, max_length=4, strict=False),
]
Affine = Annotated[tuple[_Row, ...], Field(min_length=4, max_length=4, strict=False)]
Words = Annotated[str, Field(max_length=2000)]


class Piece(Exact):
    """An array in a message: its name, form, and bytes it is packed in."""

    name: Annotated[str, Field(pattern=r"^[a-z_]{1,20}$")]
    kind: Literal["float16", "float32", "float64", "int16", "int32", "int64", "uint8"]
    shape: Annotated[tuple[_Count, ...], Field(max_length=5, strict=False)]
    packed: _Count


class Head(Exact):
    """Beginning of a message: what it says, and which arrays follow."""

    says: dict[str, Any]
    pieces: Annotated[tuple[Piece, ...], Field(max_length=16, strict=False)]


class Asks(Exact):
    """A question without its intensities: see `network.question.Question`."""

    model: Sha256
    space: _Size
    channels: Annotated[int, Field(ge=1, le=64)]
    affine: Affine
    extent: Literal["unknown", "plane", "volume"]
    oriented: bool
    centre: _Axes | None
    depth_mm: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    tile: _Size | None
    divided: bool
    look_at: (
        Annotated[tuple[_Count | None, ...], Field(min_length=2, max_length=3, strict=False)] | None
    )


class Found(Exact):
    """What a run found without its numbers: see `network.inference.Inference`."""

    form: Literal["dense", "packed"]
    space: _Size
    affine: Affine
    start: _Axes
    image_space: _Size
    presence: Annotated[float, Field(gt=0, le=1)]
    device: Annotated[str, Field(pattern=r"^(cpu|cuda|mps)(:\d{1,3})?$")]
    title: Annotated[str, Field(max_length=200)]
    tile: _Size
    depth_mm: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    threads: Annotated[int, Field(ge=1, le=1 << 16)] | None
    instructions: Annotated[str, Field(max_length=100)] | None
