"""What is written, whatever the format: label maps or probabilities, and what labels mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

import numpy as np

from napari_ssn._version import __version__
from napari_ssn.core.hypotheses import Hypothesis, ProbabilityMap
from napari_ssn.documents.controls import without_controls
from napari_ssn.geometry.arrays import Array, Floats, Labels, Mask

if TYPE_CHECKING:
    from napari_ssn.documents import card
    from napari_ssn.documents.card import ModelCard, Terms
    from napari_ssn.documents.sidecar import Provenance

# Okabe and Ito's colours, for labels of which no model says the colour.
_COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#0072b2", "#d55e00", "#f0e442")


#: What a label is called and how it is drawn (``#rrggbb``), and its coded terms where it has some.
Label: TypeAlias = "PlainLabel | card.Label"
#: What a file says of the model.
Model: TypeAlias = "PlainModel | ModelCard"


@runtime_checkable
class Loaded(Protocol):
    """A model that was loaded: what a file says of it is on its card."""

    @property
    def card(self) -> Model:
        """Of the model."""
        ...


@dataclass(frozen=True)
class PlainLabel:
    """A `Label` that nobody has coded; whichever file names it, it holds no control characters."""

    name: str
    colour: str
    terms: Terms | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", without_controls(self.name))


@dataclass(frozen=True)
class PlainModel:
    """A `Model` of which only so much is known."""

    name: str
    version: str
    weights_sha256: str
    labels: Sequence[Label]


@dataclass(frozen=True)
class Segment:
    """One label of one hypothesis (or of the probability map).

    Attributes:
        name: of the label, and of the hypothesis where there are several.
        label: the label.
        value: its number in the label map.
        layer: which hypothesis, from 0.
        share: of the model's hypotheses that this one stands for; None if that is not known.
    """

    name: str
    label: Label
    value: int
    layer: int
    share: float | None = None


@dataclass(frozen=True, eq=False)
class Content:
    """What goes into one file.

    Attributes:
        hypotheses: on one grid; empty where the probability map is written.
        probability: the map; None where hypotheses are written.
        names: of the hypotheses.
        model: where they come from, and what its labels mean.
        unlike: whether the image is unlike those that the model was trained on.
        record: what a sidecar says of it; None where none is written.
        levels: (C − 1, *S) in how many of the outer, median and inner mask of each label a voxel
            lies; None where nothing is known of other hypotheses.
        members: what the hypotheses behind ``levels`` are where they are members of an ensemble, as
            ``4 label maps``; empty of a model.
    """

    hypotheses: tuple[Hypothesis, ...]
    probability: ProbabilityMap | None
    names: tuple[str, ...]
    model: Model
    unlike: bool = False
    record: Provenance | None = None
    levels: Labels | None = None
    members: str = ""

    def __post_init__(self) -> None:
        if bool(self.hypotheses) == (self.probability is not None):
            raise ValueError("content: expected either hypotheses or a probability map")
        if len(self.names) != len(self.hypotheses):
            raise ValueError(
                f"names: expected {len(self.hypotheses)} of them, got {len(self.names)}"
            )
        if len(self.model.labels) < self.classes:
            raise ValueError(f"model: expected {self.classes} labels, got {len(self.model.labels)}")
        for one in self.hypotheses[1:]:
            first = self.hypotheses[0]
            if one.label_map.shape != first.label_map.shape or not np.array_equal(
                one.affine, first.affine
            ):
                raise ValueError("hypotheses: expected one grid, got several")

    @classmethod
    def of(
        cls,
        what: Hypothesis | Sequence[Hypothesis] | ProbabilityMap,
        model: Model | None = None,
        names: Sequence[str] | None = None,
        unlike: bool = False,
        levels: Labels | None = None,
        members: str = "",
    ) -> Content:
        """Content of what a caller gives; what he leaves out gets plain names.

        Args:
            what: a hypothesis, several of them on one grid, or the probability map.
            model: its labels may be more than there are, not fewer.
            names: of the hypotheses; ``hypothesis 1`` … by default.
            unlike: whether the image is unlike those that the model was trained on.
            levels, members: see `Content`.
        """
        if isinstance(what, ProbabilityMap):
            return cls((), what, (), model or _unknown(what.classes), unlike)
        several = (what,) if isinstance(what, Hypothesis) else tuple(what)
        named = names or [f"hypothesis {i + 1}" for i in range(len(several))]
        classes = max((one.classes for one in several), default=2)
        known = model or _unknown(classes)
        return cls(several, None, tuple(named), known, unlike, levels=levels, members=members)

    @property
    def classes(self) -> int:
        """Number of labels C, background included."""
        if self.probability is not None:
            return self.probability.classes
        return max(one.classes for one in self.hypotheses)

    @property
    def affine(self) -> Floats:
        """4×4 of the grid, voxel index to mm."""
        return (self.probability or self.hypotheses[0]).affine

    @property
    def space(self) -> tuple[int, ...]:
        """Shape of the grid."""
        if self.probability is not None:
            return self.probability.values.shape[1:]
        return self.hypotheses[0].label_map.shape

    def segments(self) -> Iterator[Segment]:
        """Every label of every hypothesis but the background, hypothesis by hypothesis."""
        labels = list(enumerate(self.model.labels[: self.classes]))[1:]
        if self.probability is not None:
            yield from (
                Segment(f"{label.name}, probability", label, value, 0) for value, label in labels
            )
            return
        several = len(self.hypotheses) > 1
        for layer, (one, name) in enumerate(zip(self.hypotheses, self.names, strict=True)):
            for value, label in labels:
                words = f"{label.name}, {name}" if several else label.name
                yield Segment(words, label, value, layer, one.probability)


def as_volume(array: Array) -> Array:
    """A plane as a volume of one slice; a volume as it is."""
    return array if array.ndim == 3 else array[..., None]


def stacked(maps: Sequence[Array], axis: int = 3) -> Array:
    """Volumes along an axis more, (X, Y, Z, n) in Fortran's order, as files have them.

    Only where something is anything is copied: turning bytes around is slow in a large volume.
    """
    volumes = [as_volume(one) for one in maps]
    shape = [*volumes[0].shape]
    shape.insert(axis, len(volumes))
    out = np.zeros(shape, volumes[0].dtype, order="F")
    for one, layer in zip(volumes, np.moveaxis(out, axis, 0), strict=True):
        box = box_of(one != 0)
        layer[box] = one[box]
    return out


def box_of(mask: Mask) -> tuple[slice, ...]:
    """Smallest box around what is marked, one slice per axis; empty where nothing is."""
    ends = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        there = np.flatnonzero(mask.any(others))
        ends.append(slice(int(there[0]), int(there[-1]) + 1) if len(there) else slice(0, 0))
    return tuple(ends)


def plain_labels(names: Sequence[str]) -> tuple[Label, ...]:
    """Labels of which only the names are known, the background first."""
    colours = ("#000000", *(_COLOURS[i % len(_COLOURS)] for i in range(len(names))))
    return tuple(PlainLabel(name, colour) for name, colour in zip(names, colours, strict=False))


def _unknown(classes: int) -> Model:
    """What is said where no model is named: the program, and labels by their numbers."""
    labels = plain_labels(["background", *(f"label {i}" for i in range(1, classes))])
    return PlainModel("napari-ssn", __version__, "", labels)
