"""A study: the results of a session, what was chosen in them, and which images they are of.

It names images by their hashes and by nothing else: no path, no name, no identifier. Numbers that
fill arrays lie beside it in pieces, each named by its own hash.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Annotated, Literal, get_args

from pydantic import Field, FiniteFloat, model_validator

from napari_ssn.core.kinds import DirectionKind, EffectKind, Form, Tissue
from napari_ssn.documents.adjudicated import Adjudicated
from napari_ssn.documents.card import ModelCard
from napari_ssn.documents.chosen import Condition, Count, Drawing, Point, Spread
from napari_ssn.documents.closed import Affine, Exact, Index, Sha256, Shape
from napari_ssn.documents.problems import parsed
from napari_ssn.documents.ran import Run, Software
from napari_ssn.geometry.declared import Weighting
from napari_ssn.geometry.intensity import Units
from napari_ssn.geometry.volume import Extent

#: Of the form below; a study of a later one holds what this program does not know.
STUDY_VERSION = 1
# More of each are no person's.
_MOST_RESULTS, _MOST_KEPT, _MOST_POINTS = 1000, 1000, 100
_MOST_LABELS, _MOST_DRAWS = 256, 100_000
_MOST_KINDS = len(get_args(DirectionKind))
# What a piece holds beside its large arrays: names and shapes of them, and how its voxels are
# ordered.
_BESIDE = 4 << 20

Sigma = Annotated[FiniteFloat, Field(ge=-100, le=100)]
Positive = Annotated[FiniteFloat, Field(gt=0)]


class Piece(Exact):
    """Arrays beside the study, as safetensors: named by their sha256, so many ``size`` bytes."""

    sha256: Sha256
    size: Annotated[int, Field(ge=8)]


class Image(Exact):
    """An image by what tells it from all others, and by what a result needs to know of it.

    ``sha256`` is as in a sidecar; ``ct`` and ``units`` say what its values seem to be, null where
    nobody has looked; ``modality`` and ``weighting`` are what its file says that it is of.
    ``pixels`` are null unless somebody asked for them to be kept.
    """

    sha256: Sha256
    space: Shape
    channels: Annotated[int, Field(ge=1)] = 1
    affine: Affine
    extent: Extent
    oriented: bool
    frame: Annotated[int, Field(ge=1)] | None = None
    ct: bool | None = None
    units: Units | None = None
    modality: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    weighting: Weighting | None = None
    pixels: Piece | None = None


class Distribution(Exact):
    """The model's answer: ``form`` says how its numbers are stored, ``piece`` holds them.

    It lies on a grid of its own, ``space`` voxels that begin at ``start`` of the image. Where the
    others were on a server still, ``piece`` holds those that label maps need of z no longer than
    ``reach``; null where it holds all.
    """

    form: Form
    piece: Piece
    classes: Annotated[int, Field(ge=2, le=_MOST_LABELS)]
    rank: Annotated[int, Field(ge=0, le=4096)]
    space: Shape
    affine: Affine
    start: Index
    image_space: Shape
    presence: Annotated[FiniteFloat, Field(gt=0, le=1)]
    reach: Positive | None = None


class Effect(Exact):
    """What walking a direction does to a label, see `napari_ssn.core.directions.effects`."""

    kind: EffectKind
    label: Count
    low_ml: FiniteFloat
    high_ml: FiniteFloat
    ml_per_sigma: FiniteFloat
    side: tuple[FiniteFloat, FiniteFloat, FiniteFloat]
    mm_per_sigma: FiniteFloat = 0.0
    others: tuple[Effect, ...] = Field(default=(), max_length=_MOST_LABELS)
    tissue: Tissue | None = None


class Directions(Exact):
    """The axes of the uncertainty, chosen in one way: basis and shares are in ``piece``."""

    kind: DirectionKind
    piece: Piece
    effects: Annotated[list[Effect], Field(max_length=4096)]


class Correction(Exact):
    """How a point acts where the model cannot explain it, see `Pointing` of a sidecar."""

    length_mm: Positive
    amplitude: Positive
    chance: Annotated[FiniteFloat, Field(gt=0, le=1)]
    edge_share: Positive


class Nearest(Drawing):
    """A drawing, where the hypothesis nearest to it stands, and whose outlines it was made of."""

    z: Annotated[list[FiniteFloat], Field(min_length=1)]
    adjudicated: Adjudicated | None = None


class Chosen(Exact):
    """Which hypothesis is meant: draws, directions and lesions are counted from where code does.

    ``sample``, ``direction`` and ``member`` count from 0, lesions in ``own`` from 1.
    """

    sample: Annotated[int, Field(ge=0, lt=_MOST_DRAWS)] | None = None
    seed: Annotated[int, Field(ge=0, lt=1 << 32)] = 0
    direction: Count = 0
    sigma: Sigma = 0.0
    own: Annotated[list[tuple[Annotated[int, Field(ge=1)], Sigma]], Field(max_length=256)] = Field(
        default_factory=list
    )
    points: Annotated[list[Point], Field(max_length=_MOST_POINTS)] = Field(default_factory=list)
    only: Annotated[list[Condition], Field(max_length=_MOST_POINTS)] = Field(default_factory=list)
    basis: DirectionKind = "label-weighted"
    nothing: bool = False
    drawing: Nearest | None = None
    member: Count | None = None


class Kept(Exact):
    """A hypothesis that somebody kept, as a label map on the image's grid in ``piece``.

    ``edited`` is true where it was painted on since, so that ``choice`` does not lead to it.
    """

    choice: Chosen
    piece: Piece
    edited: bool = False


class Result(Exact):
    """What one run found, and what a person has done with it.

    ``image`` is its place among the study's. ``run`` is as in a sidecar, but without UIDs.
    ``distance`` is the image's from those that the model was trained on, null where not known.
    ``shown`` is the hypothesis on show. ``members`` are those of an ensemble, which ``run`` names.
    """

    image: Count
    run: Run
    card: ModelCard
    distribution: Distribution
    directions: list[Directions] = Field(default_factory=list, max_length=_MOST_KINDS)
    spread: Spread | None = None
    correction: Correction | None = None
    tolerance: Annotated[FiniteFloat, Field(ge=0)]
    slip: Annotated[FiniteFloat, Field(ge=0, lt=0.5)]
    distance: FiniteFloat | None = None
    members: Piece | None = None
    shown: Chosen = Field(default_factory=Chosen)
    kept: Annotated[list[Kept], Field(max_length=_MOST_KEPT)] = Field(default_factory=list)

    @property
    def pieces(self) -> list[Piece]:
        """All that it refers to."""
        parts = [self.distribution.piece, *(one.piece for one in self.directions)]
        parts += [] if self.members is None else [self.members]
        return [*parts, *(one.piece for one in self.kept)]


class Settings(Exact):
    """What was set beside the main path; see the window's settings."""

    hypotheses: Annotated[int, Field(ge=1, le=1_000_000)]
    samples: Annotated[int, Field(ge=1, le=10_000)]
    reach: Annotated[FiniteFloat, Field(gt=0, le=100)]
    cards: Annotated[int, Field(ge=1, le=100)]


class Study(Exact):
    """Content of ``study.json``; ``shown`` is the place of the result on show, null for none."""

    schema_version: Literal[1] = 1
    #: `text.problems.RESEARCH_ONLY`; a literal, so that the schema says it too.
    notice: Literal["Research use only – not a medical device"] = (
        "Research use only – not a medical device"
    )
    saved: str = Field(max_length=64)
    software: Software
    images: Annotated[list[Image], Field(max_length=_MOST_RESULTS)]
    results: Annotated[list[Result], Field(max_length=_MOST_RESULTS)]
    shown: Count | None = None
    settings: Settings | None = None

    @model_validator(mode="after")
    def _refers_to_what_there_is(self) -> Study:
        for result in self.results:
            if result.image >= len(self.images):
                raise ValueError("a result is of an image that is not among the images")
            image, dist = self.images[result.image], result.distribution
            if dist.image_space != image.space or result.run.image_sha256 != image.sha256:
                raise ValueError("a result and its image contradict each other")
            if (result.members is None) != (result.run.ensemble is None):
                raise ValueError("a result and its run say otherwise whether it has members")
            if dist.classes != len(result.card.labels):
                raise ValueError("a result has not the labels of its model")
        if any(piece.size > most + _BESIDE for piece, most in self._bounds()):
            raise ValueError("a piece is larger than what it is said to hold")
        if self.shown is not None and self.shown >= len(self.results):
            raise ValueError("the result on show is not among the results")
        return self

    def _bounds(self) -> Iterator[tuple[Piece, int]]:
        """Each piece and the bytes that arrays of the told shapes fill at most, in any form."""
        for image in self.images:
            if image.pixels is not None:
                yield image.pixels, 4 * image.channels * prod(image.space)
        for result in self.results:
            told = result.distribution
            voxels, rank = prod(told.space), told.rank
            yield told.piece, voxels * (7 + told.classes * (4 * rank + 9))
            yield from ((one.piece, 8 * rank * (rank + 1)) for one in result.directions)
            if result.members is not None and result.run.ensemble is not None:
                yield result.members, len(result.run.ensemble.members) * (voxels + 8 * (rank + 1))
            yield from ((one.piece, prod(told.image_space)) for one in result.kept)

    @property
    def pieces(self) -> list[Piece]:
        """All that it refers to, each once."""
        return list({piece.sha256: piece for piece, _ in self._bounds()}.values())

    def to_json(self) -> str:
        """Text of the document; numbers are written so that reading gives the same bits."""
        return self.model_dump_json(indent=1) + "\n"


def parse_study(text: str) -> Study:
    """Check the text of a study; DataError, in one sentence, if it is damaged or too new."""
    return parsed(Study, text, "study", STUDY_VERSION)
