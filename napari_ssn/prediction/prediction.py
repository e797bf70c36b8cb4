"""What a run found: the one record that everything else is said of."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.directions.principal import Directions
from napari_ssn.core.given.residual import Residual
from napari_ssn.core.members import Members
from napari_ssn.core.spread import Spread
from napari_ssn.documents.card import ModelCard
from napari_ssn.documents.ran import MemberNetwork
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Ints
from napari_ssn.network.fit import Fit, check_fit, in_calibration
from napari_ssn.prediction.bases import Bases
from napari_ssn.prediction.given import SLIP, TOLERANCE, Given
from napari_ssn.prediction.source import Source
from napari_ssn.text.image import TAKEN_FOR_HU
from napari_ssn.text.sizes import Measure


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a run found.

    Attributes:
        run: number of the run in this session.
        source: the image as it was.
        card: of the model that ran.
        device, device_title: where it ran, by torch's name and in words.
        tile: voxels that the network saw at once.
        centre: that the region was placed around, in the source's grid; None for the whole image.
        depth_mm: how far a 2D model looked along a volume; None for everything else.
        dist: the model's answer, with its spread.
        image_sha256: of the intensities the network was given.
        residual: how a point acts where the model cannot explain it; None for the model alone.
        spread: of the hypotheses; another than the model's own if a user changed it.
        origin: the result with the model's own spread; None if this is it.
        threads, instructions: of the CPU, where it ran there.
        insisted: whether values that seem to be none were taken for Hounsfield units.
        unpadded: whether padding, below air, was taken for air.
        moved_to: middle of the region, where it went from there to what was found.
        looks: that this took; None where it did not, or was made as before there were several.
        distance: of the image from the training images, see `likeness_to_training`; None where
            it is not known.
        members: of the ensemble that it is made of; None of a model.
        sources: checksum and name of each of them, in their order.
        networks: what was run for each of them; none where maps were read.
        tolerance, slip: how exactly a point is meant, and how likely it is a slip of the hand.
        given: the same given what was pointed at.
        bases: the axes of its uncertainty, by how they are chosen.
    """

    run: int
    source: Source
    card: ModelCard
    device: str
    device_title: str
    tile: tuple[int, ...]
    centre: tuple[int, ...] | None
    depth_mm: float | None
    dist: Decodable
    image_sha256: str
    residual: Residual | None = None
    spread: Spread = field(default_factory=Spread)
    origin: Prediction | None = None
    tolerance: float = TOLERANCE
    slip: float = SLIP
    threads: int | None = None
    instructions: str | None = None
    insisted: bool = False
    unpadded: bool = False
    moved_to: tuple[int, ...] | None = None
    looks: int | None = None
    distance: float | None = None
    members: Members | None = None
    sources: tuple[tuple[str, str], ...] = ()
    networks: tuple[MemberNetwork, ...] = ()
    given: Given = field(init=False, repr=False, compare=False)
    bases: Bases = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        given = Given(self.dist, self.residual, self.slip, self.tolerance)
        object.__setattr__(self, "given", given)
        object.__setattr__(self, "bases", Bases(self.dist, self.source))

    @property
    def directions(self) -> Directions:
        """Axes of the uncertainty, label-weighted; found when they are first asked for."""
        return self.bases.find("label-weighted")

    @cached_property
    def fit(self) -> Fit:
        """Whether the model suits the image, with all that the run could see of it."""
        source = self.source
        return check_fit(self.card, source, source.ct, source.declared, self.distance)

    @cached_property
    def in_calibration(self) -> bool:
        """Whether the image is like those that the model's range was calibrated on.

        Nothing was calibrated on values in other units, or with another spread.
        """
        if self.spread.changed or self.insisted:
            return False
        return in_calibration(self.card, self.source, self.fit)

    @property
    def doubt(self) -> str:
        """Why all that it says deserves doubt, one sentence; empty where nothing speaks for it."""
        return TAKEN_FOR_HU if self.insisted else self.fit.caution or ""

    @property
    def nbytes(self) -> int:
        """Bytes of the distribution, and of the one with the model's own spread."""
        own = 0 if self.origin is None else self.origin.dist.nbytes
        return own + self.dist.nbytes

    @property
    def voxel_ml(self) -> float:
        """Millilitres the core counts a voxel as."""
        return Affine(self.dist.affine).voxel_ml

    @cached_property
    def measure(self) -> Measure:
        """How a number of voxels is said, of the part of the image that was segmented."""
        return Measure.of(*(self.dist.space, self.source.affine, self.source.extent))

    @property
    def nothing_counts(self) -> Ints:
        """Voxels of each label where nothing is outlined, (C,): all are background."""
        counts = np.zeros(self.dist.classes, np.int64)
        counts[0] = np.prod(self.dist.space)
        return counts

    @property
    def noun(self) -> str:
        """What the members of an ensemble are: of label maps nobody knows who made them.

        Networks of which some see the image several times, mirrored, are not so many networks.
        """
        if self.members and self.members.method.kind == "distances":
            return "label maps"
        weights = {(one.kind, one.weights_sha256, one.plan_sha256) for one in self.networks}
        return "views" if len(weights) < len(self.networks) else "networks"

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels, background first."""
        return tuple(label.name for label in self.card.labels)
