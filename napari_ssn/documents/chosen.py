"""What a sidecar says of the hypothesis itself: which it is, and what it hangs on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from napari_ssn.core.kinds import DirectionKind
from napari_ssn.documents.closed import Exact, Index, Sha256

Count = Annotated[int, Field(ge=0)]
Share = Annotated[FiniteFloat, Field(ge=0, le=1)]


class LesionMove(Exact):
    """A lesion with a position of its own: its number, a voxel of it, sigma and z."""

    lesion: Annotated[int, Field(ge=1)]
    centre: Index
    sigma: FiniteFloat
    z: list[FiniteFloat]


class LesionMoves(Exact):
    """Lesions that have a z of their own, and how lesions are told apart.

    A core is a connected set (corners count) of at least ``smallest_voxels`` voxels, each of
    which is foreground in ``share`` of the ``draws`` hypotheses of ``seed`` or more; every voxel
    of the grid goes with the core nearest in mm. Cores are numbered by the median of their size,
    the largest first. The voxels that go with a lesion in ``own`` are decoded with its z, all
    others with the choice's.
    """

    smallest_voxels: Annotated[int, Field(ge=1)]
    share: Annotated[FiniteFloat, Field(gt=0, le=1)]
    draws: Annotated[int, Field(ge=1)]
    seed: Count
    found: Annotated[int, Field(ge=2)]
    own: Annotated[list[LesionMove], Field(min_length=1)]


class Point(Exact):
    """A voxel of the file's own grid that somebody has given a label, 0 for the background."""

    index: Index
    label: Count


class Pointing(Exact):
    """What somebody pointed at, in order, and how far that counts.

    The label map is ``argmax (mean + factor · z + xi(z))``: ``tolerance`` is the deviation of a
    point's own error in those of its margin; xi is a correction, correlated over ``length_mm``
    and of ``amplitude`` deviations of the margin, that stops at the edges of the image's first
    channel, a step of ``edge_share`` of the region's range counting like one length.

    xi(z) is its mean given z and the points. A draw has ``rest`` besides, in the numbers that hold
    xi, and does not follow the points numbered in ``slips``, from 1; null for what is no draw, or
    was drawn before xi was. It was drawn with ``chance`` that xi has a share in it. ``slip`` is how
    likely a point is a slip of the hand; ``stray`` is the same number, for what is drawn, and
    another one in files of before they were one.
    """

    points: Annotated[list[Point], Field(min_length=1)]
    tolerance: Annotated[FiniteFloat, Field(ge=0)]
    length_mm: Annotated[FiniteFloat, Field(gt=0)]
    amplitude: Annotated[FiniteFloat, Field(gt=0)]
    edge_share: Annotated[FiniteFloat, Field(gt=0)]
    chance: Annotated[FiniteFloat, Field(gt=0, le=1)] = 1.0
    stray: Annotated[FiniteFloat, Field(ge=0, lt=0.5)] = 0.0
    rest: list[FiniteFloat] | None = None
    slips: list[Annotated[int, Field(ge=1)]] | None = None
    slip: Annotated[FiniteFloat, Field(ge=0, lt=0.5)] = 0.0


#: What is asked of a label, see `Condition`.
Asked = Literal["at least", "at most", "reaches"]


class Condition(Exact):
    """What is so in all hypotheses that mean and draws were taken from.

    A label has at least, or at most, so many voxels of the segmented grid, or it reaches a voxel
    of the file's own grid.
    """

    kind: Asked
    label: Count
    voxels: Annotated[FiniteFloat, Field(ge=0)] | None = None
    index: Index | None = None


class Spread(Exact):
    """Factors of what z adds to the mean, ``per_label`` from the background on.

    The label map is ``argmax (mean_c + s_c · (factor_c − mean of all factor_c) · z)`` with
    ``s_c = overall · per_label_c``.
    """

    overall: Annotated[FiniteFloat, Field(ge=0)]
    per_label: Annotated[list[Annotated[FiniteFloat, Field(ge=0)]], Field(min_length=2)]


class Drawing(Exact):
    """An outline that somebody drew, whose nearest hypothesis was looked for.

    ``sha256`` is of its labels, uint8 in C order on the grid of the image; with ``tolerance``, in
    standard deviations of a margin, and ``length_mm``, over which neighbours say the same, the z
    follows from it. The label map follows from the z alone.
    """

    sha256: Sha256
    tolerance: Annotated[FiniteFloat, Field(gt=0)]
    length_mm: Annotated[FiniteFloat, Field(gt=0)]


class Choice(Exact):
    """Which hypothesis: its z, and how it was come by.

    ``sample`` counts from 1 within the draws of ``seed``, ``direction`` from 1 as the window
    shows it, among ``directions`` of that kind; ``z = anchor + sigma · direction`` for a walk.
    ``lesions`` says which lesions stand elsewhere on that direction; null when all stand where
    ``z`` says. ``pointing`` says what mean, draws and anchor are given; null when nobody pointed
    at anything. ``conditions`` says what is so in the hypotheses that mean, draws and anchor were
    taken from, null when they are all; a walk may leave it. ``spread`` says how far apart the
    hypotheses lie; null where as far as the model has them. ``z`` is null for a label map that
    was edited by hand, which the model cannot make again, for the probability map, which is
    about all z, and for the hypothesis that there is nothing.

    ``presence`` is how likely a reader outlines anything, given ``pointing`` and ``conditions``;
    null where the model does not tell that apart from where the border runs. ``nothing`` is true
    where the label map is empty because a reader outlines nothing: a draw whose reader does, or,
    of kind ``nothing``, the hypothesis itself; null everywhere else. ``member`` counts the members
    of an ensemble from 1: the one that it is, or that its walk starts from.

    ``drawing`` is what a hypothesis of kind ``drawing``, or the anchor of a walk, is nearest to;
    null everywhere else. Points that stand beside it correct it near them and move no z.
    """

    kind: Literal[
        "mean",
        "sample",
        "walk",
        "representative",
        "conditioned",
        "edited",
        "probability",
        "nothing",
        "member",
        "drawing",
    ]
    seed: Count | None = None
    sample: Annotated[int, Field(ge=1)] | None = None
    direction: Annotated[int, Field(ge=1)] | None = None
    directions: DirectionKind | None = None
    sigma: FiniteFloat | None = None
    anchor: list[FiniteFloat] | None = None
    z: list[FiniteFloat] | None
    lesions: LesionMoves | None = None
    pointing: Pointing | None = None
    conditions: Annotated[list[Condition], Field(min_length=1)] | None = None
    spread: Spread | None = None
    presence: Share | None = None
    nothing: Literal[True] | None = None
    member: Annotated[int, Field(ge=1)] | None = None
    drawing: Drawing | None = None
