"""What this computer and one that computes for it say to each other, beside the numbers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from napari_ssn.core.kinds import Form
from napari_ssn.documents.closed import Exact, Sha256
from napari_ssn.geometry.volume import Extent

#: Of what is said; another one is not understood.
PROTOCOL = 2

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

    key: Sha256
    space: _Size
    channels: Annotated[int, Field(ge=1, le=64)]
    affine: Affine
    extent: Extent
    oriented: bool
    centre: _Axes | None
    depth_mm: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    tile: _Size | None
    divided: bool
    look_at: (
        Annotated[tuple[_Count | None, ...], Field(min_length=2, max_length=3, strict=False)] | None
    )


class Found(Exact):
    """What a run found without its numbers: see `network.inference.Inference`.

    reach: where only a part of them comes at first, see `core.begun.packed.Begin`.
    """

    form: Form
    reach: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
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


class Offered(Exact):
    """A model that a server has: by what its card says, and the key of that card."""

    key: Sha256
    name: Annotated[str, Field(max_length=200)]
    title: Annotated[str, Field(max_length=500)]


class Hello(BaseModel):
    """Of what a server says of itself, what is read before all else; other fields may be others."""

    protocol: int
    version: Annotated[str, Field(max_length=100)]


class Greeting(Exact):
    """What a server says of itself.

    Attributes:
        protocol: that it speaks.
        version: of its napari-ssn.
        device: where it computes, in words.
        most_bytes: of a question, as it is sent.
        lease_s: seconds after which it forgets a run that nobody asks after.
        models: that it has.
    """

    protocol: int
    version: Annotated[str, Field(max_length=100)]
    device: Annotated[str, Field(max_length=200)]
    most_bytes: Annotated[int, Field(ge=1)]
    lease_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    models: Annotated[tuple[Offered, ...], Field(max_length=1000, strict=False)]


class State(Exact):
    """How far a run is.

    Attributes:
        state: what becomes of it.
        place: how many come before it.
        done, total: tiles.
        said: sentences on a run that goes on in another way than it was asked to.
        glimpse: whether there is a first plane to look at.
        kind, words: of what went wrong: the name of its class in `errors`, and one sentence.
    """

    state: Literal["waiting", "running", "done", "failed"]
    place: _Count = 0
    done: _Count = 0
    total: _Count = 0
    said: Annotated[tuple[Words, ...], Field(max_length=100, strict=False)] = ()
    glimpse: bool = False
    kind: Annotated[str, Field(max_length=40)] = ""
    words: Words = ""


class Refusal(Exact):
    """Why a server does not do what it was asked."""

    words: Words
