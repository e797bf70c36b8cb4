"""The card of a model: everything about it that is not a weight."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from napari_ssn.documents.architecture import Architecture as Architecture
from napari_ssn.documents.closed import Closed, Sha256
from napari_ssn.documents.controls import without_controls
from napari_ssn.documents.likeness import Likeness
from napari_ssn.documents.problems import later_version, wrong_in
from napari_ssn.documents.regular import read_text
from napari_ssn.documents.trained import Training as Training
from napari_ssn.errors import ModelError
from napari_ssn.geometry.orientation import named_directions

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from napari_ssn.core.measures import Range

CARD_NAME = "model.json"
WEIGHTS_NAME = "weights.safetensors"
CARD_VERSION = 1
# Labels that a label map of bytes can hold, and voxels of the largest region.
_MOST_LABELS, _MOST_VOXELS = 256, 1 << 30
# Less than this of readers are as good as none.
_LEAST_PRESENCE = 1e-6

Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]


class Code(Closed):
    """A term of a coding scheme, as SCT 27925004 "Nodule"."""

    value: str = Field(min_length=1, max_length=16)
    scheme: str = Field(min_length=1, max_length=16)
    meaning: str = Field(min_length=1, max_length=64)


class Terms(Closed):
    """What a label is in coded terms, for DICOM and 3D Slicer.

    ``category`` is one of CID 7150 and ``type`` one of CID 7151 of the DICOM standard,
    ``modifier`` says which part of it, ``region`` where in the body.
    """

    category: Code
    type: Code
    modifier: Code | None = None
    region: Code | None = None


def _one_line(name: str) -> str:
    """Of names that look alike one is made, so that they are found to be the same."""
    if not (words := without_controls(name).split()):
        raise ValueError("is empty")
    return " ".join(words)


class Label(Closed):
    """One label; the first of a card is the background."""

    name: Annotated[str, AfterValidator(_one_line)] = Field(min_length=1, max_length=200)
    colour: Colour
    terms: Terms | None = None


class Factors(Closed):
    """Factors on the distance from the median to both ends of a range.

    ``shared`` is what readers of one image have in common: the correlation of their sizes, each in
    standard deviations of the model's (`core.change.Change`); 0 where it was not learnt.
    """

    below: float = Field(ge=0, allow_inf_nan=False)
    above: float = Field(ge=0, allow_inf_nan=False)
    shared: float = Field(default=0.0, ge=0, le=1)


class Calibration(Closed):
    """Factors on the volume range that made it cover ``level`` of the readers' volumes.

    Learnt in one of two ways. With ``patients`` the unit is a patient, a reader who outlined
    nothing does not count, the range is that of the hypotheses that are not empty, and every
    label has factors of its own (`core.summaries.conformal`). Without, as cards were made before,
    readings were pooled, empty ones among them, over all labels, and the range is that of all
    hypotheses.
    """

    level: float = Field(gt=0, lt=1)
    #: For every label; where labels have their own, the largest of them.
    below: float = Field(ge=0)
    above: float = Field(ge=0)
    data: str
    #: Readers of each image it was learnt from. One says nothing of how readers differ.
    readers: int = Field(ge=1)
    #: Patients with an outline, of the label with the fewest; 0 where readings were pooled.
    patients: int = Field(default=0, ge=0)
    #: One for each label but the background; null where too little was known of it.
    labels: list[Factors | None] = Field(default_factory=list)

    @model_validator(mode="after")
    def _by_label(self) -> Calibration:
        if (self.patients > 0) != bool(self.labels):
            raise ValueError("factors of each label and a number of patients go together")
        return self

    def factors(self, label: int) -> tuple[float, float] | None:
        """Factors below and above the median of a label's range; None where it has none.

        Args:
            label: from 1, as in the label map.
        """
        if not self.labels:
            return self.below, self.above
        found = self.labels[label - 1]
        return None if found is None else (found.below, found.above)

    def shared(self, label: int) -> float:
        """What readers of one image have in common in a label's sizes; 0 where that is not known.

        Args:
            label: from 1, as in the label map.
        """
        found = self.labels[label - 1] if self.labels else None
        return 0.0 if found is None else found.shared


class PresenceCalibration(Closed):
    """How what the network says of presence becomes a probability: ``σ(scale · logit + shift)``.

    Learnt on validation data by patient, for points of which ``base_rate`` of the readers
    outlined something.
    """

    scale: float = Field(gt=0)
    shift: float
    base_rate: float = Field(gt=0, lt=1)
    data: str


class ModelCard(Closed):
    """A model's card, ``model.json``."""

    card_version: int = CARD_VERSION
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    title: str
    version: str
    purpose: str
    limits: list[str] = Field(default_factory=list)
    licence: str
    architecture: Architecture
    spatial_dims: Literal[2, 3]
    channels: list[str] = Field(min_length=1)
    labels: list[Label] = Field(min_length=2, max_length=_MOST_LABELS)
    #: How intensities reach the network: the region's minimum to 0 and maximum to 1; its mean to
    #: 0 and standard deviation to 1; or Hounsfield units clipped to ``window_hu``, whose ends
    #: become 0 and 1.
    normalisation: Literal["stretch", "standardise", "hu"]
    #: Lower and upper end in HU; what lies below, the padding of a scanner too, is the lower end.
    window_hu: tuple[float, float] | None = None
    #: Whether they are rounded to half precision then, here as on a server, to which fewer bytes
    #: go.
    half_intensities: bool = False
    #: In-plane (or isotropic) voxel sizes seen in training, in mm.
    spacing_range_mm: tuple[float, float] | None = None
    #: Where each axis of the network's grid goes in the patient, a letter of RLAPSI each, as
    #: ``RAS`` or, for rows towards the back and columns towards the left, ``PL``. If null, axes
    #: come as the image stores them.
    orientation: str | None = None
    #: Voxel size the network sees, in mm, one per axis of its grid or one for all: images of
    #: another are resampled. If null, voxels come as they are.
    spacing_mm: list[Annotated[float, Field(gt=0)]] | None = None
    #: Voxels of the region the network looks at.
    region: list[Annotated[int, Field(ge=1)]]
    #: Whether the region must be placed around the lesion.
    centred: bool
    #: Whether it then moves to the middle of what is outlined at the point, for a second look.
    recentred: bool = False
    training: Training
    calibration: Calibration | None = None
    metrics: dict[str, dict[str, Any]] = Field(default_factory=dict)
    #: Of what the network says of presence; as it says it if null.
    presence: PresenceCalibration | None = None
    #: What the training images were like; where it is null nothing is claimed of another image.
    likeness: Likeness | None = None
    weights_sha256: Sha256

    @field_validator("orientation")
    @classmethod
    def _directions(cls, value: str | None) -> str | None:
        if value is not None:
            named_directions(value)
        return value

    @field_validator("card_version")
    @classmethod
    def _known(cls, value: int) -> int:
        if value != CARD_VERSION:
            raise ValueError(
                f"version {value} of the card format; this program reads version {CARD_VERSION}"
            )
        return value

    @model_validator(mode="after")
    def _fits(self) -> ModelCard:
        names = [label.name for label in self.labels]
        if len(set(names)) < len(names):
            raise ValueError("two labels have one name")
        if math.prod(self.region) > _MOST_VOXELS:
            raise ValueError("the region is larger than any network can see")
        if len(self.region) != self.spatial_dims:
            raise ValueError(f"region has {len(self.region)} axes, not {self.spatial_dims}")
        if self.orientation is not None and len(self.orientation) != self.spatial_dims:
            raise ValueError(f"orientation {self.orientation} is not of {self.spatial_dims} axes")
        if (self.window_hu is None) == (self.normalisation == "hu"):
            raise ValueError("window_hu is stated where the normalisation is hu, and nowhere else")
        if self.window_hu is not None and not self.window_hu[0] < self.window_hu[1]:
            raise ValueError(f"window_hu goes from {self.window_hu[0]} to {self.window_hu[1]}")
        offsets = self.architecture.offset_columns
        if offsets and len(offsets) != self.spatial_dims:
            raise ValueError(f"offset_columns has {len(offsets)} axes, not {self.spatial_dims}")
        radius = self.architecture.centre_radius
        if isinstance(radius, list) and len(radius) != self.spatial_dims:
            raise ValueError(f"centre_radius has {len(radius)} axes, not {self.spatial_dims}")
        if self.spacing_mm is not None and len(self.spacing_mm) not in (1, self.spatial_dims):
            raise ValueError(f"spacing_mm has {len(self.spacing_mm)} axes, not {self.spatial_dims}")
        extent = None if self.likeness is None else self.likeness.size_mm
        if extent is not None and len(extent) != self.spatial_dims:
            raise ValueError(f"size_mm has {len(extent)} axes, not {self.spatial_dims}")
        known = 0 if self.calibration is None else len(self.calibration.labels)
        if known not in (0, self.classes - 1):
            raise ValueError(f"calibration is of {known} labels, not {self.classes - 1}")
        return self

    @property
    def voxel_mm(self) -> tuple[float, ...] | None:
        """Voxel size the network sees along each axis of its grid; None for any."""
        if self.spacing_mm is None:
            return None
        return tuple(self.spacing_mm * self.spatial_dims)[: self.spatial_dims]

    def range_of(self, values: ArrayLike, space: Sequence[int] = (), label: int = 1) -> Range:
        """Range of a label's size over hypotheses, calibrated where this model is.

        Calibrated by patient it is the range of the hypotheses that are not empty, as it was
        learnt; where all are empty there is nothing to state of readers.

        Args:
            values: of the hypotheses.
            space: shape of their grid. What a 2D model learnt of areas says nothing about
                volumes that it made of several slices.
            label: from 1, as in the label map.
        """
        # Here, because listing models must not wait for torch.
        from napari_ssn.core.measures import central_range, outlined_range

        found = self.calibration
        stacked = sum(size > 1 for size in space) > self.spatial_dims
        factors = None if found is None or stacked else found.factors(label)
        if found is None or factors is None:
            return central_range(values)
        if found.patients == 0:
            return central_range(values, found.level, factors, found.readers)
        given = outlined_range(values, found.level, factors, found.readers, found.patients)
        return central_range(values) if given is None else given

    def presence_of(self, logit: float | None) -> float:
        """Probability that a reader outlines anything, in (0, 1], of what the network says.

        None, from a network that does not ask, is 1.
        """
        if logit is None:
            return 1.0
        if self.presence is not None:
            logit = self.presence.scale * logit + self.presence.shift
        # Not quite 0: nothing that a network says is impossible.
        return max(_LEAST_PRESENCE, 1 / (1 + math.exp(-max(logit, -700.0))))

    @property
    def classes(self) -> int:
        """Number of labels, background included."""
        return len(self.labels)


def read_card(folder: Path) -> ModelCard:
    """Read and check the card of a model folder; ModelError says what is wrong with it."""
    path = folder / CARD_NAME
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"Model {folder.name!r} has no readable card ({CARD_NAME}).") from error
    if later_version(text, "card_version", CARD_VERSION) is not None:
        raise ModelError(
            f"Model {folder.name!r} was made for a newer napari-ssn: update the program to use it."
        )
    try:
        card = ModelCard.model_validate_json(text)
        if card.architecture.backbone == "none":
            raise ModelError(f"The card of model {folder.name!r} is invalid: it names no network.")
        return card
    except ValidationError as error:
        place, what = wrong_in(error)
        raise ModelError(
            f"The card of model {folder.name!r} is invalid: {place or 'the file'}: {what}."
        ) from None


def card_of_others(labels: Sequence[tuple[str, str]], **content: Any) -> ModelCard:
    """A card whose labels others named; ModelError, in one sentence, where these make none.

    Args:
        labels: name and colour of each, the background first.
        content: of the card's other fields.
    """
    named = [{"name": name, "colour": colour} for name, colour in labels]
    try:
        return ModelCard(labels=named, **content)  # type: ignore[arg-type]
    except ValidationError as error:
        place, what = wrong_in(error)
        raise ModelError(f"The model cannot be described: {place or 'its card'}: {what}.") from None
