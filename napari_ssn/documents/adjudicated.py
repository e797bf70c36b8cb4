"""What a file says of the people whose outlines something was made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from napari_ssn.documents.chosen import Count, Share
from napari_ssn.documents.closed import Exact, Sha256

#: How one outline is made of several, see `Adjudicated`.
How = Literal["pick", "majority", "staple", "blend"]


class ReaderShare(Exact):
    """One of several people behind an outline.

    ``sha256`` is of the person's own label map, uint8 in C order on the grid; ``share`` is the
    weight in what was made of all, null where nobody has one (STAPLE); ``dice`` the overlap of
    that with the person's own, by label, the background left out, and null where it was painted
    on after it was written: the person's own was not at hand then.
    """

    name: Annotated[str, Field(min_length=1, max_length=64)]
    sha256: Sha256
    share: Share | None = None
    dice: Annotated[list[Share], Field(min_length=1)] | None


class Adjudicated(Exact):
    """How one outline was made of several people's.

    ``pick`` is one of them, ``majority`` what most say, ``staple`` the likeliest truth behind them
    all, ``blend`` where the weighted mean of signed distances to their edges is above 0.
    ``corrected_voxels`` of that were painted otherwise before it was written, or before the
    hypothesis nearest to it was looked for: shares are of what was made, ``dice`` is of it as it
    was painted. It is null in sidecars of before, and where it was painted on after it was written.

    ``outline_sha256`` is of that outline, uint8 in C order on the grid, where what was written is
    another one that was come by from it: the hypothesis nearest to it, corrected by points or
    walked on from, or such a one painted on; it is null where the outline itself was written.
    """

    how: How
    readers: Annotated[list[ReaderShare], Field(min_length=2)]
    corrected_voxels: Count | None = None
    outline_sha256: Sha256 | None = None


def painted_on(told: Adjudicated) -> Adjudicated:
    """What is still known of an outline that was painted on after it was written, by whomever.

    Shares are of what was made, and stay. How many voxels are others now, and how far each person
    agrees, nobody can say without the outlines that it was made of.

    Args:
        told: of the outline as it was written.
    """
    readers = [one.model_copy(update={"dice": None}) for one in told.readers]
    return told.model_copy(update={"readers": readers, "corrected_voxels": None})
