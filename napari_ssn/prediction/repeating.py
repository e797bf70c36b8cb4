"""A run as a sidecar states it: its model and device found, and the same run made again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from napari_ssn.documents.card import ModelCard, read_card
from napari_ssn.documents.ran import Software
from napari_ssn.documents.sidecar import Provenance
from napari_ssn.errors import DataError, DeviceError, ImageError, ModelError
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.hashes import image_hash
from napari_ssn.network.device import choose_device
from napari_ssn.network.models import Model
from napari_ssn.network.places import model_folders
from napari_ssn.network.plan import DEPTH_MM
from napari_ssn.network.question import How
from napari_ssn.network.threads import threads
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.recall import check_reach
from napari_ssn.text import repeating as said

OTHER_IMAGE = "This is not the image of the exported result: its values or its geometry differ."
_OTHER_IMAGES = (
    "These are not the images of the exported result, or not in its order: their values or their "
    "geometry differ."
)


def check_repeatable(record: Provenance) -> None:
    """DataError for a sidecar whose label map no model makes again."""
    for one in record.each():
        check_reach(one.choice)
    if record.choice.z is None and not record.choice.nothing:
        raise DataError(why_not(record))


def why_not(record: Provenance) -> str:
    """Why no model makes the label map of a sidecar without a z again."""
    if record.choice.kind == "probability":
        return said.PROBABILITY
    people = record.adjudicated
    # What was painted on after a hypothesis was fitted to their outline is a person's, too.
    return said.ADJUDICATED if people is not None and people.outline_sha256 is None else said.EDITED


def check_image(volume: Volume, record: Provenance) -> None:
    """ImageError if an image is not the one that a sidecar belongs to."""
    if image_hash(volume) != record.run.image_sha256:
        raise ImageError(OTHER_IMAGE if volume.channels == 1 else _OTHER_IMAGES)


def model_of(record: Provenance, folders: Iterable[Path] | None = None) -> Path | None:
    """Folder of the model that has a sidecar's weights; None if there is none.

    Args:
        record: the sidecar.
        folders: that are looked at; those of the installed models by default.
    """
    for folder in model_folders().values() if folders is None else folders:
        try:
            card = read_card(folder)
        except ModelError:
            # A damaged model of another name must not stand in the way.
            continue
        if card.weights_sha256 == record.model.weights_sha256:
            return folder
    return None


def device_of(record: Provenance) -> str:
    """The sidecar's device where this computer has it, else whichever is best."""
    try:
        choose_device(record.run.device)
    except DeviceError:
        return "auto"
    return record.run.device


def check_weights(card: ModelCard, record: Provenance) -> None:
    """ModelError if a model is not the one that a sidecar was made with."""
    if card.weights_sha256 != record.model.weights_sha256:
        raise ModelError(
            f"The model {card.name} {card.version} has other weights than the sidecar's "
            f"({record.model.name} {record.model.version}): name the right folder with --model."
        )


def rerun(record: Provenance, model: Model, run: Callable[..., Prediction]) -> Prediction:
    """Run a model as a sidecar states that it ran.

    Args:
        record: the sidecar.
        model: with its weights.
        run: `prediction.run.run` of that model on that image, or one that takes the same.
    """
    told = record.run
    how = How(
        tile=None if told.tile is None else tuple(told.tile),
        # Before the number of threads was written down it could tell in the last bits.
        divided=told.threads is None and told.device == "cpu",
        padded=told.unpadded is None,
        # Regions did not move before, nor where that would be less than a voxel or two.
        steady=told.moved_to is None,
        twice=told.looks is None,
    )
    centre = None if told.centre is None else tuple(told.centre)
    depth_mm = DEPTH_MM if told.depth_mm is None else told.depth_mm
    with threads(told.threads if model.device.type == "cpu" else None):
        # These are the values, by their hash: whether somebody insisted is compared later.
        return run(centre=centre, depth_mm=depth_mm, insist=True, how=how)


def circumstances(record: Provenance, found: Prediction) -> str:
    """What computed then and computes now, where that differs; one sentence."""
    then, now = record.software, Software.here()
    titles = {"napari_ssn": "napari-ssn", "machine": "processor", "system": "system"}
    differing = [
        (titles.get(name, name), getattr(then, name), getattr(now, name))
        for name in ("napari_ssn", "torch", "monai", "numpy", "system", "machine")
        if getattr(then, name) != getattr(now, name)
    ]
    if record.run.device_title != found.device_title:
        differing.append(("device", record.run.device_title, found.device_title))
    if record.run.instructions not in (None, found.instructions):
        here = found.instructions or "others"
        differing.append(("instructions", str(record.run.instructions), here))
    if not differing:
        return said.SAME_CIRCUMSTANCES
    words = ", ".join(f"{title} {old} (here {new})" for title, old, new in differing)
    return said.other_circumstances(words)
