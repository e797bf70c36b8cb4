"""Models: building, loading and saving them."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.documents.card import CARD_NAME, WEIGHTS_NAME, ModelCard, read_card
from napari_ssn.errors import NEVER, Cancel, ExportError, ModelError
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.building import build_network, check_network, unique_state
from napari_ssn.network.device import choose_device, free_bytes
from napari_ssn.network.inference import Asked, Inference, Watch, answer
from napari_ssn.network.places import find_model
from napari_ssn.network.plan import DEPTH_MM
from napari_ssn.network.question import Plane, Question
from napari_ssn.network.ssn import SSN


class Model(Asked):
    """A network with its card, ready to segment.

    Attributes:
        card: what the model is.
        network: the SSN, in evaluation mode.
        device: where it computes.
        folder: where it was loaded from.
    """

    def __init__(self, card: ModelCard, network: SSN, device: torch.device, folder: Path) -> None:
        self.card = card
        self.network = network.to(device).eval()
        self.device = device
        self.folder = folder

    def segment(
        self,
        volume: Volume,
        centre: tuple[int, ...] | None = None,
        *,
        depth_mm: float = DEPTH_MM,
        look_at: Plane | None = None,
        preview: Callable[[LogitDistribution], None] | None = None,
        progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        say: Callable[[str], None] | None = None,
        insist: bool = False,
    ) -> LogitDistribution:
        """Predict the distribution over label maps of an image or a region of it.

        The network sees the image in the orientation and voxel size that the card states; the
        distribution lies on the image's own grid. A 2D model sees a volume slice by slice.

        Args:
            volume: the image.
            centre: index in the image's own voxel grid of the region's middle; None for the
                whole image. Where the card says so the region moves from there to the middle of
                what is outlined at the point.
            depth_mm: how far a 2D model looks along a volume to either side of the centre.
            look_at: plane, as an index in the image's own grid with None along the axes that
                lie in it, whose tiles come first. The result does not depend on it.
            preview: gets the distribution of that plane before the whole is done.
            progress: called with (tiles done, tiles in all).
            cancelled: asked before every tile and every layer of the network; if it says True,
                `Cancelled` is raised.
            say: gets a sentence when a full GPU is answered by smaller tiles or by the CPU.
            insist: take the values for Hounsfield units, whatever they seem to be. Nobody has to
                insist on outlines: `LogitDistribution.presence` says whether there is anything.

        Raises:
            ModelError: the model does not fit the image, or reads Hounsfield units and the
                values seem to be none.
            ImageError: the image is constant or holds NaN or infinity.
            GeometryError: the centre lies outside the image.
            DeviceError: there is not memory enough.
        """
        cancel = NEVER if cancelled is None else Cancel(cancelled)
        watch = Watch(look_at, preview, progress, cancel, say)
        found = self.infer(volume, centre, depth_mm=depth_mm, watch=watch, insist=insist).dist
        assert isinstance(found, LogitDistribution)
        return found

    def room(self) -> int:
        """Free bytes where a result may be kept: the computer's or, if that has more, its GPU's."""
        return free_bytes(self.device)

    def answer(self, question: Question, watch: Watch) -> Inference:
        """Run the network once, on what another computer may have asked.

        Raises:
            ModelError, ImageError, GeometryError, DeviceError: as `segment`.
            Cancelled: ``cancelled`` said so.
        """
        return answer(self, question, watch)


def load_model(name: str | os.PathLike[str], device: str = "auto") -> Model:
    """Load a model by its name or the path of its folder.

    Nothing is unpickled and nothing is downloaded. ModelError if the folder is unknown, the
    card invalid, the checksum wrong or a tensor missing; DeviceError for the device.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> model = ssn.load_model("lidc-2d")
        >>> model.card.region, [label.name for label in model.card.labels]
        ([128, 128], ['background', 'nodule'])
        >>> disc = np.hypot(*(np.indices((128, 128)) - 64)) < 10
        >>> dist = model.segment(ssn.Volume(disc[None].astype(np.float32), np.eye(4)))
        >>> dist.classes, dist.rank, dist.space
        (2, 10, (128, 128))
        >>> bool((dist.label_map() == disc).mean() > 0.95)
        True
    """
    folder = find_model(name)
    target = choose_device(device)
    card = read_card(folder)
    try:
        content = (folder / WEIGHTS_NAME).read_bytes()
    except OSError as error:
        raise ModelError(f"Model {card.name!r} has no readable {WEIGHTS_NAME}.") from error
    if hashlib.sha256(content).hexdigest() != card.weights_sha256:
        raise ModelError(
            f"The weights of model {card.name!r} are damaged: their sha256 is not the card's."
        )
    try:
        tensors = load_tensors(content)
    except SafetensorError as error:
        raise ModelError(f"The weights of model {card.name!r} cannot be read: {error}.") from error
    network = build_network(card.architecture, len(card.channels), card.classes, card.spatial_dims)
    expected = unique_state(network)
    if missing := sorted(expected.keys() - tensors.keys()):
        raise ModelError(f"The weights of model {card.name!r} lack the tensor {missing[0]!r}.")
    if extra := sorted(tensors.keys() - expected.keys()):
        raise ModelError(f"The weights of model {card.name!r} hold an unknown {extra[0]!r}.")
    for key, tensor in sorted(tensors.items()):
        if tensor.shape != expected[key].shape:
            raise ModelError(
                f"The tensor {key!r} of model {card.name!r} has shape {tuple(tensor.shape)}, "
                f"the card asks for {tuple(expected[key].shape)}."
            )
        if not math.isfinite(float(tensor.double().sum())):
            raise ModelError(f"The tensor {key!r} of model {card.name!r} is not finite.")
    check_network(network, len(card.channels), tuple(card.region))
    # Not strict: the other names of tensors that have two are the same tensors.
    network.load_state_dict({k: v.to(expected[k].dtype) for k, v in tensors.items()}, strict=False)
    return Model(card, network, target, folder)


def save_model(folder: Path, card: ModelCard, tensors: dict[str, torch.Tensor]) -> ModelCard:
    """Write a model folder, weights and card together, each beside its target and renamed.

    The card is returned as written, with the checksum of these weights.
    """
    make_folder(folder)
    content = save_tensors({k: v.detach().cpu().contiguous() for k, v in tensors.items()})
    written = card.model_copy(update={"weights_sha256": hashlib.sha256(content).hexdigest()})
    replace_files({folder / WEIGHTS_NAME: content, folder / CARD_NAME: _text_of(written)})
    return written


def save_card(folder: Path, card: ModelCard) -> None:
    """Write a card beside the old one and put it in its place."""
    replace_file(folder / CARD_NAME, _text_of(card))


def _text_of(card: ModelCard) -> bytes:
    return (card.model_dump_json(indent=2) + "\n").encode()


def make_folder(folder: Path) -> None:
    """Make a folder for models or checkpoints; ExportError if that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        # `from None`: the system's own message holds the path.
        raise ExportError(f"The folder cannot be made: {error.strerror}.") from None


def replace_file(path: Path, content: bytes) -> None:
    """Write a file beside its target and put it in its place; see `replace_files`."""
    replace_files({path: content})


def replace_files(contents: Mapping[Path, bytes]) -> None:
    """Write files beside their targets and then put all in their places, or leave all as it was.

    Files that belong together change together: all are written before the first is renamed, so
    that who is stopped meanwhile finds the old ones. Each keeps the rights of the file whose place
    it takes. ExportError if the disk is full or the folder may not be written to.
    """
    parts: dict[Path, Path] = {}
    path = Path()
    try:
        for path, content in contents.items():
            parts[path] = part = path.with_name(f".{path.name}.part")
            # One that a killed process left behind may have other rights.
            part.unlink(missing_ok=True)
            mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
            part.touch(mode=0o666 if mode is None else 0o600, exist_ok=False)
            part.write_bytes(content)
            if mode is not None:
                part.chmod(mode)
        for path, part in parts.items():
            part.replace(path)
    except OSError as error:
        for part in parts.values():
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        raise ExportError(f"{path.name} cannot be written: {error.strerror}.") from None
