"""How the sizes of all hypotheses of a run spread, as a sidecar states it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, FiniteFloat

from napari_ssn.documents.closed import Closed

#: Steps between the quantiles that are stated, so that every whole percent is among them.
STEPS = 100

Voxels = Annotated[FiniteFloat, Field(ge=0)]
Length = Annotated[FiniteFloat, Field(gt=0)]


class Sizes(Closed):
    """Voxels of a label over the hypotheses that a choice was taken from.

    ``voxels`` are the quantiles at k/n for k from 0 to n, smallest first: of 101 the sixth is the
    lower end of a range of 90 %. They are 0 where a hypothesis has no such label; ``draws`` were
    made. With ``readers`` above 0 they are widened or narrowed about their median as the model's
    card has learnt from so many readers of an image, else they are the model's own; ``shared`` is
    what the card has learnt of what these have in common (`core.change.Change`). ``outlined`` is
    how likely anything is outlined, which they are given; 1 where the model does not tell that
    apart.
    """

    voxels: Annotated[list[Voxels], Field(min_length=2, max_length=1000)]
    draws: Annotated[int, Field(ge=1)]
    readers: Annotated[int, Field(ge=0)] = 0
    shared: Annotated[FiniteFloat, Field(ge=0, le=1)] = 0.0
    outlined: Annotated[FiniteFloat, Field(ge=0, le=1)] = 1.0


class Spans(Closed):
    """Longest diameters in mm of a label over the hypotheses that outline it, in any one slice.

    ``longest_mm`` are the quantiles at k/n for k from 0 to n, smallest first, ``perpendicular_mm``
    those of the longest across it (null in sidecars of before); ``draws`` were made, of which those
    that outline nothing are left out. They are the model's own: nothing is calibrated.
    """

    longest_mm: Annotated[list[Length], Field(min_length=2, max_length=1000)]
    perpendicular_mm: Annotated[list[Length], Field(min_length=2, max_length=1000)] | None = None
    draws: Annotated[int, Field(ge=1)]
