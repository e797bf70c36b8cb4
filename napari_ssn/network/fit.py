"""Whether a model suits an image, said before anything is computed.

All that is known of it comes together here: what the file says, the grid, what the values look
like, and how far they are from the training images. What nobody has looked at is unknown, and of
what is unknown nothing is claimed.
"""

from __future__ import annotations

from dataclasses import dataclass

from napari_ssn.documents.card import ModelCard
from napari_ssn.documents.likeness import FitKind
from napari_ssn.errors import ModelError
from napari_ssn.geometry.channels import Placed
from napari_ssn.geometry.declared import MODALITIES, UNDECLARED, Declared
from napari_ssn.geometry.intensity import Units, some_values, units_of
from napari_ssn.geometry.orientation import named_directions
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.frame import Frame, frame_of
from napari_ssn.network.likeness import feature_names, size_mm
from napari_ssn.network.plan import needs_point

# Voxels coarser than the network's by more than this: most of what it sees is interpolated.
_COARSE = 1.5
# A little slack: 0.98 against 0.977 mm is the same scanner protocol.
_SLACK = 1.1
# How channels are called, MR, MRI, T1, CT, by the modality that they are of.
_MR = "MR"
_CHANNELS = {"MR": "MR", "T1": "MR", "T2": "MR", "FLAIR": "MR", "CT": "CT", "PT": "PT", "PET": "PT"}
# An image is as large as those of the training, give or take this factor.
_SIZE_SLACK = 1.25
_PLANES = ("sagittal", "coronal", "axial")


@dataclass(frozen=True)
class Fit:
    """Whether a model suits an image.

    Attributes:
        problem: why it cannot run, one sentence; None when it can.
        caution: why its result deserves doubt, one sentence; None when nothing speaks for it.
        needs_point: whether it must be shown the lesion, because the image is larger than it sees.
        known: whether all was looked at that tells the training images from others.
        unclaimed: why a calibrated model claims nothing of any image, one sentence; None where it
            may, or where it has nothing to claim.
    """

    problem: str | None = None
    caution: str | None = None
    needs_point: bool = False
    known: bool = False
    unclaimed: str | None = None

    @property
    def kind(self) -> FitKind:
        """What it comes to; only of an image that fits may a model claim what it was found to."""
        if self.problem is not None:
            return "refused"
        if self.caution is not None:
            return "unlike"
        return "fits" if self.known else "unknown"


def other_modality(card: ModelCard, ct: bool | None) -> bool:
    """Whether a model was trained on MR and an image looks like a CT; not where nobody looked."""
    return bool(ct) and _of_mr(card)


def _of_mr(card: ModelCard) -> bool:
    return any(_modality_of(name) == _MR for name in card.channels)


def foreign_units(card: ModelCard, units: Units) -> str | None:
    """Why a model that reads Hounsfield units should not see values of some units."""
    if card.normalisation != "hu" or units == "hu":
        return None
    if units == "shifted":
        return (
            f"{card.title} reads Hounsfield units, and these seem to be 1,024 too high: air is "
            "near 0 and not near −1,000."
        )
    return (
        f"{card.title} reads Hounsfield units, as a CT has them, and these values do not look "
        "like it: no air is among them."
    )


def foreign_values(card: ModelCard, volume: Volume) -> str | None:
    """Why a model should not see the values of an image, see `foreign_units`."""
    if card.normalisation != "hu":
        return None
    return foreign_units(card, units_of(some_values(volume.data[0])))


def check_fit(
    card: ModelCard,
    image: Placed,
    ct: bool | None = None,
    declared: Declared = UNDECLARED,
    distance: float | None = None,
) -> Fit:
    """Say whether a model suits an image, before anything is computed.

    Args:
        card: of the model.
        image: the image.
        ct: whether it seems to be a CT; None where nobody has looked.
        declared: what its file says that it is of.
        distance: from the training images, see `likeness_to_training`; None where it is not known.
    """
    try:
        frame = frame_of(card, image)
    except ModelError as error:
        return Fit(problem=str(error))
    if image.channels != len(card.channels):
        return Fit(
            problem=f"{card.title} needs {len(card.channels)} "
            f"channel{'' if len(card.channels) == 1 else 's'} ({', '.join(card.channels)}), and "
            f"this image has {image.channels}."
        )
    if (problem := _other_machine(card, declared)) is not None:
        return Fit(problem=problem)
    caution = _plane(card, frame) or _spacing(card, frame) or _orientation(card, image)
    caution = _size(card, image) or _weighting(card, declared) or caution
    if other_modality(card, ct):
        caution = f"{card.title} was trained on {card.channels[0]}, and this looks like a CT."
    elif caution is None and distance is not None and distance > 1:
        caution = (
            f"In brightness and texture this is unlike the images that {card.title} was trained on."
        )
    return Fit(
        caution=caution,
        needs_point=needs_point(card, image),
        known=distance is not None and not (ct is None and _of_mr(card)),
        unclaimed=_unclaimed(card),
    )


def in_calibration(card: ModelCard, image: Placed, fit: Fit) -> bool:
    """Whether an image is like those that a model's range was calibrated on.

    Those were no smaller than what the model sees around a point, their voxels were of a known
    size, within what it was trained on, and their values like those of the training. What nobody
    has looked at, or could compare, is not known to be like them, and nothing is claimed.

    Args:
        card: of the model.
        image: the image.
        fit: what `check_fit` says of the two.
    """
    cares = card.voxel_mm is not None or card.spacing_range_mm is not None
    if fit.kind != "fits" or (cares and image.extent == "unknown"):
        return False
    return not card.centred or _holds_region(card, image)


def _unclaimed(card: ModelCard) -> str | None:
    if card.calibration is None:
        return None
    if card.likeness is None:
        return (
            "This model's card says nothing of the images that it was trained on: whether this one "
            "is like them is unknown, and no range is called calibrated."
        )
    if card.likeness.features != feature_names(card):
        return (
            "This model's card describes the images that it was trained on by what this version "
            "does not measure: whether this one is like them is unknown, and no range is called "
            "calibrated."
        )
    return None


def _other_machine(card: ModelCard, declared: Declared) -> str | None:
    wanted = {_modality_of(name) for name in card.channels}
    if declared.modality not in MODALITIES or None in wanted or declared.modality in wanted:
        return None
    return (
        f"{card.title} reads {', '.join(card.channels)}, and by its header this is "
        f"{MODALITIES[declared.modality]}."
    )


def _modality_of(channel: str) -> str | None:
    name = channel.upper()
    return next((kind for start, kind in _CHANNELS.items() if name.startswith(start)), None)


def _weighting(card: ModelCard, declared: Declared) -> str | None:
    known = None if card.likeness is None else card.likeness.weighting
    if known is None or declared.weighting in (None, known):
        return None
    return (
        f"{card.title} was trained on {known}-weighted images, and by its header this is "
        f"{declared.weighting}-weighted."
    )


def _size(card: ModelCard, image: Placed) -> str | None:
    known = None if card.likeness is None else card.likeness.size_mm
    there = size_mm(card, image)
    if known is None or there is None or card.centred:
        return None
    if all(
        low / _SIZE_SLACK <= mm <= high * _SIZE_SLACK
        for mm, (low, high) in zip(there, known, strict=True)
    ):
        return None
    seen = " × ".join(f"{low:.0f}–{high:.0f}" for low, high in known)
    return (
        f"{card.title} was trained on images of {seen} mm, and this one measures "
        f"{' × '.join(f'{mm:.0f}' for mm in there)} mm."
    )


def _holds_region(card: ModelCard, image: Placed) -> bool:
    """Whether an image is no smaller than what a model sees around a point.

    Along the slices of a model whose voxels are longer there it may be: the stacks that such a
    model learns from end where readers do.
    """
    voxel = card.voxel_mm
    if voxel is None or len(set(voxel)) == 1:
        sizes = [size for size in image.space if size > 1]
        return len(sizes) >= card.spatial_dims and min(sizes) >= min(card.region)
    frame = frame_of(card, image)
    first = int(frame.sliced)
    space, steps = frame.turn.shape(image.space)[first:], frame.steps[first:]
    return all(
        size >= most * step if mm < max(voxel) else size > 1
        for size, step, most, mm in zip(space, steps, card.region, voxel, strict=True)
    )


def _plane(card: ModelCard, frame: Frame) -> str | None:
    if card.spatial_dims == 3 or card.orientation is None or frame.upright is None:
        return None
    across = ({0, 1, 2} - {axis for axis, _ in named_directions(card.orientation)}).pop()
    if across == frame.upright:
        return None
    return f"{card.title} knows {_PLANES[across]} slices, and this one is {_PLANES[frame.upright]}."


def _spacing(card: ModelCard, frame: Frame) -> str | None:
    known = None if frame.spacing_mm is None else frame.spacing_mm[frame.sliced :]
    wanted = card.voxel_mm
    if wanted is not None:
        shown = " × ".join(f"{size:g}" for size in wanted)
        if known is None:
            return f"The voxel size is not known, and {card.title} expects {shown} mm."
        # Slices may lie as far apart as in training, which may be more than the network's do.
        seen = 0.0 if card.spacing_range_mm is None else _SLACK * card.spacing_range_mm[1]
        most = [max(_COARSE * w, seen if w == max(wanted) else 0.0) for w in wanted]
        if any(k > m for k, m in zip(known, most, strict=True)):
            return (
                f"Made for voxels of {shown} mm; these are {_mm(known)}, "
                "so that much of what it sees is interpolated."
            )
        return None
    if card.spacing_range_mm is None or known is None:
        return None
    low, high = card.spacing_range_mm
    if min(known) < 0.9 * low or max(known) > _SLACK * high:
        return f"Trained on voxels of {low:g}–{high:g} mm; these are {_mm(known)}."
    return None


def _orientation(card: ModelCard, image: Placed) -> str | None:
    if card.orientation is None or image.oriented or len(image.space) == 2:
        return None
    return "The image does not say how it lies in the patient: it is read as it is shown."


def _mm(sizes: tuple[float, ...]) -> str:
    return " × ".join(f"{size:.2f}" for size in sizes) + " mm"
