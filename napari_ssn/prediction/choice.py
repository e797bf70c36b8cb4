"""Which hypothesis is meant, in plain values that two runs may share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from napari_ssn.core.kinds import DirectionKind
from napari_ssn.documents.adjudicated import How
from napari_ssn.documents.chosen import Asked
from napari_ssn.text.asking import where_so
from napari_ssn.text.directions import KIND_WORDS
from napari_ssn.text.drawing import NEAREST
from napari_ssn.text.lesions import moved_alone


@dataclass(frozen=True, order=True)
class Point:
    """A voxel that somebody has given a label.

    Attributes:
        index: of the voxel, in the source's grid.
        label: 0 for the background.
    """

    index: tuple[int, ...]
    label: int


@dataclass(frozen=True, order=True)
class Question:
    """Something that is so in some hypotheses and not in others.

    Attributes:
        kind: the label is ``voxels`` large at least, or at most, or reaches the voxel ``index``.
        label: that it is about.
        voxels: of a size.
        index: of a voxel, in the source's grid.
    """

    kind: Asked
    label: int
    voxels: float = 0.0
    index: tuple[int, ...] = ()

    @property
    def asked(self) -> tuple[Asked, float, tuple[int, ...]]:
        """What is asked, without the label: see `text.asking.question_line`."""
        return self.kind, self.voxels, self.index


Points = tuple[Point, ...]
Conditions = tuple[Question, ...]

#: What a voxel is beside a drawing: drawn where no hypothesis has it, left out where all have it.
BEYOND, LEFT_OUT = 1, 2


@dataclass(frozen=True)
class Person:
    """One of the people behind an outline that was made of several.

    Attributes:
        name: of the person.
        sha256: of the person's own labels, as of a `Drawing`.
        share: in what was made of all; None where nobody has one.
        dice: of the outline with the person's own, by label, the background left out; None where
            it was painted on since, without the person's own at hand.
    """

    name: str
    sha256: str
    share: float | None
    dice: tuple[float, ...] | None


@dataclass(frozen=True)
class MadeOf:
    """The people whose outlines a drawing was made of.

    Attributes:
        how: see `prediction.readers.adjudicate`.
        people: each of them.
        corrected: voxels that were painted otherwise since; None where nobody counted.
    """

    how: How
    people: tuple[Person, ...]
    corrected: int | None


@dataclass(frozen=True)
class Drawing:
    """The hypothesis nearest to an outline that somebody has drawn.

    Attributes:
        z: where it stands, in full precision: all that the label map hangs on.
        sha256: of the drawing's labels, uint8 in C order on the source's grid.
        tolerance, length_mm: that it was found with, see `core.given.drawing`.
        made_of: whose outlines it was made of; None where somebody drew it.
    """

    z: tuple[float, ...]
    sha256: str
    tolerance: float
    length_mm: float
    made_of: MadeOf | None = None


@dataclass(frozen=True)
class Choice:
    """The hypothesis on show: ``z = z_anchor + sigma · v_direction``.

    Attributes:
        sample: which draw is the anchor, from 0; None for the model's mean.
        seed: of the draws.
        direction: index of the direction the slider walks.
        sigma: where the slider is.
        own: lesions that have a position of their own on that direction, by their numbers.
        points: in the order they were placed; mean and draws are those given these.
        only: what is so in all hypotheses that mean and draws are taken from; a walk from there
            may leave it.
        basis: how the directions are chosen that one of is walked.
        nothing: whether it is a reader who outlines nothing: an empty label map, whatever z. Of a
            draw that presence leaves empty, or without a sample the hypothesis "nothing outlined".
        member: which member of an ensemble is the anchor, from 0; None for the mean or a draw.
        drawing: that the anchor is nearest to, instead of mean or draw; points placed since hold
            beside it, by a correction near them.
    """

    sample: int | None = None
    seed: int = 0
    direction: int = 0
    sigma: float = 0.0
    own: tuple[tuple[int, float], ...] = ()
    points: Points = ()
    only: Conditions = ()
    basis: DirectionKind = "label-weighted"
    nothing: bool = False
    member: int | None = None
    drawing: Drawing | None = None

    @property
    def kind(self) -> Literal["mean", "sample", "walk", "nothing", "member", "drawing"]:
        """What it is: mean, draw, member, nearest to a drawing, a walk from one; or nothing.

        A draw that is left empty is a draw, and a member that outlines nothing a member.
        """
        if self.nothing and self.sample is None and self.member is None:
            return "nothing"
        if self.sigma != 0 or self.own:
            return "walk"
        if self.member is not None:
            return "member"
        if self.drawing is not None:
            return "drawing"
        return "mean" if self.sample is None else "sample"

    @property
    def anchor(self) -> Choice:
        """The hypothesis the walk starts from, outlined: who walks asks where the border is."""
        if self.member is not None and not self.nothing:
            return Choice(points=self.points, only=self.only, member=self.member)
        if self.sample is None:
            return Choice(points=self.points, only=self.only, drawing=self.drawing)
        return Choice(self.sample, self.seed, points=self.points, only=self.only)

    @property
    def farthest(self) -> float:
        """The largest distance of anything in it from its anchor, in σ."""
        return max(abs(self.sigma), *(abs(at) for _, at in self.own), 0.0)

    @property
    def resting(self) -> Choice | None:
        """What a walk starts from, or nothing, if it is on show itself; None on a walk from it."""
        return None if self.kind == "walk" else replace(self.anchor, nothing=self.nothing)

    @property
    def outlined(self) -> Choice:
        """With something outlined; who outlines nothing stands where the mean does."""
        member = None if self.nothing else self.member
        return replace(self, member=member, nothing=False)

    def begun(self, **changes: Any) -> Choice:
        """With every lesion at the beginning of a walk, and something outlined."""
        return replace(self.outlined, **{"sigma": 0.0, "own": (), **changes})

    @property
    def unanswered(self) -> Choice:
        """Without what was found out of other hypotheses, or lesions."""
        return replace(self, own=(), only=(), drawing=None)

    @property
    def title(self) -> str:
        """``mean``, ``sample 3``, ``sample 3, direction 1 at +0.50 σ, lesion 2 at −1.00 σ``."""
        start = "mean" if self.sample is None else f"sample {self.sample + 1}"
        if self.member is not None:
            start = f"member {self.member + 1}"
        if self.drawing is not None:
            start = NEAREST
        if self.points:
            start += f" given {len(self.points)} point{'s' if len(self.points) > 1 else ''}"
        if self.only:
            start += f" {where_so(len(self.only))}"
        if self.nothing:
            start = start.replace("mean", "nothing outlined", 1)
            alone = self.sample is None and self.member is None
            return start if alone else f"{start}, nothing outlined"
        if self.kind != "walk":
            return start
        words = (
            f"{start}, {KIND_WORDS[self.basis].one} {self.direction + 1} at {_sigma(self.sigma)}"
        )
        if len(self.own) > 2:
            return f"{words}, {moved_alone(len(self.own))}"
        return words + "".join(f", lesion {number} at {_sigma(at)}" for number, at in self.own)


def _sigma(value: float) -> str:
    return f"{value:+.2f} σ".replace("-", "−")
