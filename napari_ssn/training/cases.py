"""What a network learns from and is measured on: images with the label maps of their raters."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_ssn.errors import DataError
from napari_ssn.geometry.arrays import Labels, Singles
from napari_ssn.geometry.volume import Extent, Volume


@dataclass(frozen=True, eq=False)
class Case:
    """One image and what its raters made of it.

    Attributes:
        name: of the case, as in its files.
        volume: the image, (channels, *S).
        raters: (K, *S) uint8 label maps, one per rater.
        centre: voxel that a model of one object is pointed at; None for the middle or the whole.
        notes: what each rater noted besides, by name; NaN where nothing.
    """

    name: str
    volume: Volume
    raters: Labels
    centre: tuple[int, ...] | None = None
    notes: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


class Cases(ABC):
    """Cases of one set, read when they are asked for.

    Attributes:
        name: of the set, for messages and cards.
        names: of the cases.
        patients: of each case: what a bootstrap resamples.
        channels: names of the image's channels.
        labels: names of the labels, background first.
        raters: number of raters of the case that has most.
        sha256: of everything read, so that a result names its data.
        licence: of the data; empty where it is not stated.
    """

    name: str
    names: tuple[str, ...]
    patients: NDArray[np.generic]
    channels: tuple[str, ...]
    labels: tuple[str, ...]
    raters: int
    sha256: str
    licence: str = ""

    def __len__(self) -> int:
        return len(self.names)

    @abstractmethod
    def __getitem__(self, index: int) -> Case:
        """Case ``index``, 0 … len − 1."""

    @abstractmethod
    def space(self, index: int) -> tuple[int, ...]:
        """Shape of the grid of a case."""

    @abstractmethod
    def spacing_mm(self, index: int) -> tuple[float, ...]:
        """Voxel size of a case; NaN where it is not known."""

    def orientation(self, index: int) -> str | None:
        """Where the axes of a case go in the patient, as in a card; None where it is not known."""
        return None

    @property
    def spatial_dims(self) -> int:
        """2 or 3."""
        return len(self.space(0))


class Subset(Cases):
    """Some cases of a set.

    Args:
        whole: the set.
        chosen: indices of the cases.
    """

    def __init__(self, whole: Cases, chosen: Sequence[int]) -> None:
        self.whole, self.chosen = whole, list(map(int, chosen))
        self.name, self.licence, self.raters = whole.name, whole.licence, whole.raters
        self.channels, self.labels = whole.channels, whole.labels
        self.names = tuple(whole.names[i] for i in self.chosen)
        self.patients = whole.patients[self.chosen]
        part = "\n".join((whole.sha256, *self.names))
        self.sha256 = hashlib.sha256(part.encode()).hexdigest()

    def __getitem__(self, index: int) -> Case:
        return self.whole[self.chosen[index]]

    def space(self, index: int) -> tuple[int, ...]:
        """Shape of the grid of a case."""
        return self.whole.space(self.chosen[index])

    def spacing_mm(self, index: int) -> tuple[float, ...]:
        """Voxel size of a case."""
        return self.whole.spacing_mm(self.chosen[index])

    def orientation(self, index: int) -> str | None:
        """Where the axes of a case go in the patient."""
        return self.whole.orientation(self.chosen[index])


def hold_out(cases: Cases, share: float = 0.2, seed: int = 0) -> tuple[Cases, Cases]:
    """Split a set by patient into one to learn from and one to watch, at least one patient each.

    DataError if there is a single patient.
    """
    patients = np.unique(cases.patients)
    if len(patients) < 2:
        raise DataError("The data is of a single patient: name data to watch with --val.")
    order = np.random.default_rng(seed).permutation(len(patients))
    watched = patients[order[: max(1, round(share * len(patients)))]]
    held = np.isin(cases.patients, watched)
    return Subset(cases, np.flatnonzero(~held).tolist()), Subset(
        cases, np.flatnonzero(held).tolist()
    )


def plain_volume(image: Singles, extent: Extent = "unknown") -> Volume:
    """An image (channels, *S) whose place in the patient is not known."""
    return Volume(image, np.eye(4), extent, oriented=False)


def check_alike(sets: Sequence[Cases]) -> None:
    """DataError unless sets have the same channels, labels and dimensions as the first."""
    first = sets[0]
    for other in sets[1:]:
        for what in ("spatial_dims", "channels", "labels"):
            here, there = getattr(first, what), getattr(other, what)
            if here != there:
                raise DataError(
                    f"{other.name!r} has other {what.replace('_', ' ')} than {first.name!r}: "
                    f"{_shown(there)} against {_shown(here)}."
                )


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
