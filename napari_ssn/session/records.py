"""What the session is made of: immutable records that pass between threads and the window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_ssn.core.declared import UNDECLARED, Declared
from napari_ssn.core.orientation import Reorientation
from napari_ssn.core.scale import scale_of
from napari_ssn.core.spread import Spread
from napari_ssn.core.volume import Extent, Volume, check_affine
from napari_ssn.core.windows import Units
from napari_ssn.session.choice import Choice as Choice
from napari_ssn.session.told import Point as Point
from napari_ssn.session.told import Question as Question
from napari_ssn.wording.image import TAKEN_FOR_HU
from napari_ssn.wording.presence import Presence as Presence
from napari_ssn.wording.sizes import Measure

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.core.decodable import Decodable
    from napari_ssn.core.directions import Directions, Kind
    from napari_ssn.core.histogram import Histogram
    from napari_ssn.core.measures import Range
    from napari_ssn.core.residual import Residual
    from napari_ssn.network.card import ModelCard
    from napari_ssn.network.fit import Fit
    from napari_ssn.network.likeness import Cut
    from napari_ssn.session.bases import Bases
    from napari_ssn.session.given import Given

State = Literal["no image", "ready", "loading", "running", "result", "exporting", "error"]
Stage = Literal["loading", "running"]

#: A plane of an image by its index in the image's own grid, None along the axes it extends over.
Plane = tuple[int | None, ...]


@dataclass(frozen=True)
class Source:
    """An image to segment, before its intensities are read.

    Attributes:
        token: tells images, and an image before and after a change, apart.
        space: voxels per axis of the source's own grid.
        channels: number of channels.
        affine: 4×4 of that grid, voxel index to mm.
        extent: what the voxel size is known to measure.
        oriented: whether the axes are known to be the patient's.
        load: reads the intensities; called in the worker.
        problem: why this image cannot be used at all, one sentence.
        ct: whether it seems to be a CT; None where nobody has looked, which claims nothing.
        units: what they would be counted in as a CT; None where nobody has looked.
        series: `Volume.source` of an image from DICOM, for a result that refers to it.
        declared: what its file says that it is of.
        cut: reads a part of it, (channels, *cut); None where that takes more than a moment.
        shown: how the window turns the grid; None where that is as for any volume.
        frame: which one it is of a time series, from 0; None for an image without time.
    """

    token: int
    space: tuple[int, ...]
    channels: int
    affine: NDArray[np.float64]
    extent: Extent
    oriented: bool
    load: Callable[[], Volume]
    problem: str | None = None
    shown: Reorientation | None = None
    frame: int | None = None
    ct: bool | None = None
    units: Units | None = None
    series: object = None
    declared: Declared = UNDECLARED
    cut: Cut | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "affine", check_affine(self.affine))

    @property
    def turn(self) -> Reorientation:
        """From the grid to the picture that the user sees of it."""
        return self.shown or Reorientation.for_display(self.affine, len(self.space))

    @property
    def spacing_mm(self) -> tuple[float, ...] | None:
        """Voxel size per axis of the grid; None where it is unknown."""
        if self.extent == "unknown":
            return None
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        return tuple(float(x) for x in lengths[: len(self.space)])

    @property
    def thickness_mm(self) -> float | None:
        """Thickness of a 2D image; None where it is unknown or there are three axes."""
        if len(self.space) == 3 or self.extent != "volume":
            return None
        return float(np.linalg.norm(self.affine[:3, 2]))

    @cached_property
    def measure(self) -> Measure:
        """How a number of this image's voxels is said."""
        return Measure(*scale_of(self.space, self.affine, self.extent))


@dataclass(frozen=True)
class ModelEntry:
    """A model that can be chosen: its folder and what its card says."""

    folder: Path
    card: ModelCard


@dataclass(frozen=True)
class Survey:
    """What this computer offers: models, their problems, and the device in words."""

    models: tuple[ModelEntry, ...]
    device: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """What a user may set beside the main path.

    Attributes:
        device: auto, cpu, cuda or mps.
        hypotheses: drawn to state a range.
        samples: hypotheses that previous and next step through.
        reach: standard deviations the slider goes either way.
        cards: hypotheses at most that are chosen to stand for all.
    """

    device: str = "auto"
    hypotheses: int = 1000
    samples: int = 16
    reach: float = 3.0
    cards: int = 4


@dataclass(frozen=True)
class Request:
    """A run, in plain values."""

    source: Source
    model: Path
    device: str
    centre: tuple[int, ...] | None
    depth_mm: float
    look_at: Plane | None = None
    basis: Kind = "label-weighted"
    #: Whether the values are taken for Hounsfield units, whatever they seem to be.
    insist: bool = False


@dataclass(frozen=True)
class Step:
    """How far a run is: pieces done of those in all, 0 where that is not known."""

    stage: Stage
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class Remark:
    """A sentence on a run that goes on in another way than it was asked to."""

    text: str


@dataclass(frozen=True, eq=False)
class Preview:
    """First labels of a run: those of the plane that was looked at when it began.

    Attributes:
        source: the image.
        card: of the model that runs.
        start: first voxel of the plane in the source's grid.
        label_map: of the mean, as many axes as the image.
    """

    source: Source
    card: ModelCard
    start: tuple[int, ...]
    label_map: NDArray[np.uint8]


#: What a run tells while it lasts.
News = Step | Remark | Preview


@dataclass(frozen=True)
class Result:
    """What a run found.

    Attributes:
        run: number of the run in this session.
        source: the image as it was.
        card: of the model that ran.
        device, device_title: where it ran, by torch's name and in words.
        tile: voxels that the network saw at once.
        centre: of the region, in the source's grid; None for the whole image.
        depth_mm: how far a 2D model looked along a volume; None for everything else.
        dist, directions: the model's answer, with its spread, and the axes of its uncertainty.
        image_sha256: of the intensities the network was given.
        seconds: the run took.
        residual: how a point acts where the model cannot explain it; None for the model alone.
        spread: of the hypotheses; another than the model's own if a user changed it.
        origin: the result with the model's own spread; None if this is it.
        threads, instructions: of the CPU, where it ran there.
        insisted: whether values that seem to be none were taken for Hounsfield units.
        distance: of the image from the training images, see `likeness_to_training`; None where
            it is not known.
        given: the same given what was pointed at.
        bases: the directions, and such as were chosen in another way.
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
    directions: Directions
    image_sha256: str
    seconds: float
    residual: Residual | None = None
    spread: Spread = field(default_factory=Spread)
    origin: Result | None = None
    threads: int | None = None
    instructions: str | None = None
    insisted: bool = False
    distance: float | None = None
    given: Given = field(init=False, repr=False, compare=False)
    bases: Bases = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        from napari_ssn.session.bases import Bases
        from napari_ssn.session.given import Given

        object.__setattr__(self, "given", Given(self.dist, self.residual))
        object.__setattr__(self, "bases", Bases(self.dist, self.source, self.directions))

    @property
    def fit(self) -> Fit:
        """Whether the model suits the image, with all that the run could see of it."""
        from napari_ssn.network.fit import check_fit

        source = self.source
        return check_fit(self.card, source, source.ct, source.declared, self.distance)

    @property
    def doubt(self) -> str:
        """Why all that it says deserves doubt, one sentence; empty where nothing speaks for it."""
        return TAKEN_FOR_HU if self.insisted else self.fit.caution or ""

    @property
    def voxel_ml(self) -> float:
        """Millilitres the core counts a voxel as."""
        return float(abs(np.linalg.det(self.dist.affine[:3, :3])) / 1000)

    @cached_property
    def measure(self) -> Measure:
        """How a number of voxels is said, of the part of the image that was segmented."""
        return Measure(*scale_of(self.dist.space, self.source.affine, self.source.extent))

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels, background first."""
        return tuple(label.name for label in self.card.labels)


@dataclass(frozen=True)
class Ranges:
    """Range of each foreground label's voxel count over many hypotheses of one run.

    Attributes:
        run: that it belongs to.
        count: hypotheses that they are about.
        ranges: one per foreground label.
        absent: share of the hypotheses in which each of them does not occur.
        bars: how often each size came up, one per foreground label.
        points, only: that the hypotheses were drawn given.
        spread: of these hypotheses.
        presence: whether a reader outlines anything. Where the model tells that apart, ranges,
            absent and bars are of those hypotheses alone that outline something.
    """

    run: int
    count: int
    ranges: tuple[Range, ...]
    absent: tuple[float, ...]
    bars: tuple[Histogram, ...]
    points: tuple[Point, ...] = ()
    only: tuple[Question, ...] = ()
    spread: Spread = field(default_factory=Spread)
    presence: Presence = field(default_factory=lambda: Presence(1.0, False, ()))

    @property
    def unlike(self) -> bool:
        """Whether the image is unlike those that the model was trained on."""
        return self.presence.unlike


@dataclass(frozen=True)
class Decoded:
    """One hypothesis as a label map on the source's grid, frozen.

    Attributes:
        result: it came from.
        choice: which hypothesis it is.
        kept: whether the user asked to keep it; else it is one of the added samples.
        label_map: (*S) uint8.
        provenance: content of its sidecar.
    """

    result: Result
    choice: Choice
    kept: bool
    label_map: NDArray[np.uint8]
    provenance: dict[str, Any]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Voxels of each label, (C,)."""
        return np.bincount(self.label_map.reshape(-1), minlength=self.result.dist.classes)


@dataclass(frozen=True)
class Exported:
    """What an export wrote: the folder, the names of the files in it, and a word on the first."""

    folder: Path
    files: tuple[str, ...]
    caution: str = ""
