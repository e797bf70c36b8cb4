"""What the session is made of: immutable records that pass between threads and the window."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_ssn.core.counts import count_labels
from napari_ssn.core.kinds import DirectionKind
from napari_ssn.network.others.kept import Kept
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.held import Drawn
from napari_ssn.prediction.source import Source
from napari_ssn.prediction.wish import CARDS, FEWEST, MOST
from napari_ssn.remote.elsewhere import Elsewhere
from napari_ssn.text.forms import asked

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.documents.card import ModelCard
    from napari_ssn.prediction.prediction import Prediction

State = Literal["no image", "ready", "loading", "running", "result", "exporting", "error"]
Stage = Literal["loading", "running"]

#: A plane of an image by its index in the image's own grid, None along the axes it extends over.
Plane = tuple[int | None, ...]


#: Buttons beside which something is told.
Beside = Literal["run", "export"]


@dataclass(frozen=True)
class Note:
    """The last thing worth telling: one sentence, whether something went wrong, and where."""

    text: str
    error: bool = False
    #: Beside which button it is said.
    at: Beside = "run"


@dataclass(frozen=True)
class ModelEntry:
    """A model that can be chosen: its folder and what its card says."""

    folder: Path
    card: ModelCard


@dataclass(frozen=True)
class Survey:
    """What this computer offers: models, their problems, and the device in words.

    It is a server's where that runs the models, ``elsewhere``.
    """

    models: tuple[ModelEntry, ...]
    device: str
    problems: tuple[str, ...] = ()
    elsewhere: bool = False


_DEVICES = (("Automatic", "auto"), ("CPU", "cpu"), ("GPU (CUDA)", "cuda"), ("GPU (Apple)", "mps"))
_computing = partial(asked, section="Computing")
_hypotheses = partial(asked, section="Hypotheses")
_slider = partial(asked, suffix=" σ", section="Boundary slider")


@dataclass(frozen=True)
class Settings:
    """What a user may set beside the main path; each field says what it is."""

    device: str = _computing(
        "auto", "Device", "Where the model runs; automatic takes the fastest", choices=_DEVICES
    )
    hypotheses: int = _computing(
        1000, "Hypotheses for the range", "More is steadier", min=100, max=10_000, step=100
    )
    cards: int = _hypotheses(
        CARDS, "Cards at most", "Hypotheses that are shown to stand for all", min=FEWEST, max=MOST
    )
    samples: int = _hypotheses(
        16, "Samples to step through", "How many previous and next show", min=1, max=200
    )
    seed: int = _hypotheses(
        0, "Seed of the samples", "The same seed draws the same samples", min=0, max=9999
    )
    reach: float = _slider(
        3.0, "Reaches", "Standard deviations to either side", min=1, max=5, step=0.5, decimals=1
    )
    #: That runs models in the place of this computer; asked for by a form of its own.
    server: Elsewhere | None = None

    @property
    def kept(self) -> tuple[int, int, float, int]:
        """What a study keeps of them, as `within` takes it."""
        return self.hypotheses, self.samples, self.reach, self.cards

    def within(self, hypotheses: int, samples: int, reach: float, cards: int) -> Settings:
        """The same with what a study has kept, each as far as it may be set."""
        wanted = {"hypotheses": hypotheses, "samples": samples, "reach": reach, "cards": cards}
        limits = {one.name: one.metadata for one in fields(self)}
        found = {
            name: min(max(value, limits[name]["min"]), limits[name]["max"])
            for name, value in wanted.items()
        }
        return replace(self, **found)


@dataclass(frozen=True, eq=False)
class Chosen:
    """Members that somebody chose for an ensemble, in the place of a model.

    Attributes:
        paths: files and folders; none while nothing is chosen.
        maps: of layers, (*S) on the image's grid: uint8 labels, or float32 probabilities of one.
        names: of these layers, which are shown beside them and nowhere else.
        image_name: of the image's file, by which its maps are told from those of other images.
        kept: what networks made, lest one that is left out make the others run again.
    """

    paths: tuple[Path, ...] = ()
    maps: tuple[NDArray[Any], ...] = ()
    names: tuple[str, ...] = ()
    image_name: str = ""
    kept: Kept = field(default_factory=Kept)

    @property
    def nothing(self) -> bool:
        """Whether nothing is chosen yet."""
        return not (self.paths or self.maps)


@dataclass(frozen=True)
class Request:
    """A run, in plain values."""

    source: Source
    model: Path
    settings: Settings
    centre: tuple[int, ...] | None
    depth_mm: float
    look_at: Plane | None = None
    basis: DirectionKind = "label-weighted"
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
class Decoded:
    """One hypothesis as a label map on the source's grid, frozen.

    All that takes as long as the image is large was done where it was decoded, not in the window.

    Attributes:
        result: it came from.
        choice: which hypothesis it is.
        kept: whether the user asked to keep it; else it is one of the added samples.
        label_map: (*S) uint8.
        provenance: content of its sidecar.
        edited: whether it was painted on since it was decoded.
        shown: the label map as the window turns it, a copy for the one layer that is made of it.
        digest: of ``shown``, see `digest_of`.
        counts: voxels of each label, (C,).
    """

    result: Prediction
    choice: Choice
    kept: bool
    label_map: NDArray[np.uint8]
    provenance: dict[str, Any]
    edited: bool
    shown: NDArray[np.uint8]
    digest: bytes
    counts: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        result: Prediction,
        choice: Choice,
        kept: bool,
        label_map: NDArray[np.uint8],
        provenance: dict[str, Any],
        edited: bool = False,
    ) -> Decoded:
        """Turn, count and tell apart a label map, which is frozen."""
        label_map.flags.writeable = False
        shown = result.source.turn.apply(label_map).copy()
        counts = count_labels(label_map, result.dist.classes)
        digest = digest_of(shown)
        return cls(result, choice, kept, label_map, provenance, edited, shown, digest, counts)

    @cached_property
    def drawn(self) -> Drawn:
        """It, as a study keeps it."""
        return Drawn(self.choice, self.label_map, self.edited)


def digest_of(labels: NDArray[np.uint8]) -> bytes:
    """What tells whether somebody has painted on labels since.

    The window asks for it, every few seconds, of all that was kept: a checksum takes a fifth of the
    time that a hash does, and nobody means to deceive themselves.
    """
    checksum = zlib.crc32(np.ascontiguousarray(labels).data)
    return checksum.to_bytes(4, "big") + repr((labels.shape, labels.dtype.str)).encode()
