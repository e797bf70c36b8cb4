"""Networks of others as the members of an ensemble: run one after the other on an image."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_ssn.documents.ran import EnsembleMember, MemberNetwork
from napari_ssn.errors import NEVER, Cancel, DataError, ModelError
from napari_ssn.geometry.brief import brief
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.device import choose_device
from napari_ssn.network.forward import full, is_full
from napari_ssn.network.others.folders import Folder, read_folder
from napari_ssn.network.others.kept import Kept
from napari_ssn.network.others.kinds import is_model
from napari_ssn.network.others.weights import Reader, Weights
from napari_ssn.network.others.window import View, all_views

#: What becomes of mirrored views: their logits' mean is the network's, as nnU-Net has it; each is
#: a member; or the image is seen as it is alone.
Views = Literal["average", "each", "none"]

_PLAIN: tuple[View, ...] = ((),)
_ALONE = (
    "An ensemble has two members or more, and here is one network that was not trained on "
    "mirrored images: name another one beside it, or a folder of several folds."
)


@dataclass(frozen=True)
class Member:
    """One network, and how it sees the image.

    Attributes:
        folder, weights: by their numbers.
        views: whose logits' mean it is.
        name: for a person.
    """

    folder: int
    weights: int
    views: tuple[View, ...]
    name: str


@dataclass(frozen=True, eq=False)
class Networks:
    """Networks of others as the members of an ensemble of an image; made by `networks`.

    Iterated over, each is run when its turn comes, and gives its probabilities on the image's
    grid, (C, *S) float16: one network and one member are in memory at a time.

    Attributes:
        image: that they are run on.
        folders: of the models.
        members: in their order.
        device: where they compute.
        notes: what a person should know of them.
        step: is told how many windows were seen, of how many.
        cancel: looked at before every layer.
        kept: where what they make is kept, and which image it is of; None where it is not.
    """

    image: Volume
    folders: tuple[Folder, ...]
    members: tuple[Member, ...]
    device: torch.device
    notes: list[str] = field(default_factory=list)
    step: Callable[[int, int], None] = lambda done, total: None
    cancel: Cancel = NEVER
    kept: tuple[Kept, int] | None = None

    __repr__ = brief

    def __len__(self) -> int:
        return len(self.members)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels, background first."""
        return self.folders[0].plan.labels

    @property
    def names(self) -> tuple[str, ...]:
        """What each is called."""
        return tuple(one.name for one in self.members)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Files of the weights."""
        return tuple(path for one in self.folders for path, _ in one.weights)

    @property
    def sources(self) -> tuple[tuple[str, str], ...]:
        """Checksum and name of each: of its weights, its plan and its views."""
        return tuple((_sum_of(told), name) for told, name in zip(self.ran, self.names, strict=True))

    @property
    def ran(self) -> tuple[MemberNetwork, ...]:
        """What a sidecar says of each."""
        return tuple(
            MemberNetwork(
                kind=self.folders[one.folder].plan.kind,
                weights_sha256=self.folders[one.folder].sums[one.weights],
                plan_sha256=self.folders[one.folder].plan_sha256,
                views=[list(view) for view in one.views],
            )
            for one in self.members
        )

    def without(self, left_out: Collection[int]) -> Networks:
        """All but those of some numbers, from 0."""
        kept = tuple(one for number, one in enumerate(self.members) if number not in left_out)
        return replace(self, members=kept)

    def some(self, told: Sequence[EnsembleMember]) -> Networks:
        """Those that a sidecar tells of, in its order; DataError if one is missing."""
        found = []
        for one in told:
            ran = one.network
            at = None if ran is None or _sum_of(ran) != one.sha256 else self._place(ran)
            if ran is not None and at is not None:
                views = tuple(tuple(view) for view in ran.views)
                found.append(Member(*at, views, one.name))
        if missing := len(told) - len(found):
            raise DataError(
                f"Of the {len(told)} members that the sidecar names {missing} are not among these "
                "networks: they are missing, or their weights or plans were changed."
            )
        return replace(self, members=tuple(found))

    def _place(self, ran: MemberNetwork) -> tuple[int, int] | None:
        for number, one in enumerate(self.folders):
            if one.plan_sha256 == ran.plan_sha256 and ran.weights_sha256 in one.sums:
                return number, one.sums.index(ran.weights_sha256)
        return None

    def __iter__(self) -> Iterator[NDArray[np.float16]]:
        known = [self._known(sha256) for sha256, _ in self.sources]
        prepared: dict[int, Any] = {}
        counts = []
        for one, found in zip(self.members, known, strict=True):
            plan = self.folders[one.folder].plan
            if found is None and one.folder not in prepared:
                prepared[one.folder] = plan.prepare(self.image)
                self.cancel.check()
            counts.append(0 if found is not None else plan.windows(prepared[one.folder]))
        done, total = 0, sum(counts)

        def seen() -> None:
            nonlocal done
            done = min(done + 1, total)
            self.step(done, total)

        self.step(0, total)
        network: nn.Module | None = None
        held: tuple[int, int] | None = None
        with Reader(self.cancel) as reader:
            for number, (one, before) in enumerate(zip(self.members, known, strict=True)):
                if before is not None:
                    yield before
                    continue
                plan = self.folders[one.folder].plan
                if held is None or held[0] != one.folder or network is None:
                    network = plan.build().to(self.device).eval()
                if held != (one.folder, one.weights):
                    held = (one.folder, one.weights)
                    _load(network, self._weights(reader, *held))
                try:
                    found = plan.run(network, prepared[one.folder], one.views, seen, self.cancel)
                except RuntimeError as error:
                    if not is_full(error):
                        raise
                    raise full(self.device) from None
                done = sum(counts[: number + 1])
                if self.kept is not None:
                    keep, image = self.kept
                    keep.put(image, self.sources[number][0], found)
                yield found

    def _known(self, sha256: str) -> NDArray[np.float16] | None:
        if self.kept is None:
            return None
        keep, image = self.kept
        return keep.get(image, sha256)

    def _weights(self, reader: Reader, folder: int, number: int) -> Weights:
        held = self.folders[folder]
        if number == 0 and held.first is not None:
            return held.first
        return reader.read(held.weights[number][0])


def networks(
    folders: str | PathLike[str] | Sequence[str | PathLike[str]],
    volume: Volume,
    *,
    views: Views | None = None,
    device: str = "auto",
    progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] | None = None,
) -> Networks:
    """Networks of others, to be run on an image as the members of an ensemble.

    Model folders of nnU-Net v2 (``plans.json``, ``dataset.json``, ``fold_0`` …) and bundles of
    MONAI (``configs``, ``models``). Images are prepared as their files say. Nothing of them is
    executed: networks and steps are a few known by name, weights are read from safetensors, or
    from pickles by torch's ``weights_only`` in a process of its own.

    Args:
        folders: one, or several of the same labels.
        volume: the image.
        views: ``average``: the logits of mirrored views are averaged, as nnU-Net does; ``each``
            is a member; ``none`` are looked at. If left out ``average`` where there are two
            networks or more, else ``each``. Mirrored are the axes that training mirrored.
        device: auto, cuda, mps or cpu.
        progress: called with (windows seen, windows in all) while they run.
        cancelled: asked before every layer whether to stop.

    Returns:
        for `ensemble`: of each member its probabilities (C, *S), run when its turn comes.

    Raises:
        ModelError: a folder is no such model, is damaged, asks for what is not taken, or does not
            fit the image.
        DataError: there are fewer than two members, or their labels differ.
        DeviceError: there is no such device, or its memory is full.

    Source: Isensee et al., Nature Methods 2021; Cardoso et al., MONAI, 2022.

    Examples:
        >>> import json, tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from monai.networks.nets import UNet
        >>> from safetensors.torch import save_file
        >>> import napari_ssn as ssn
        >>> held = tempfile.TemporaryDirectory()
        >>> bundle = Path(held.name)
        >>> net = {"spatial_dims": 3, "in_channels": 1, "out_channels": 2}
        >>> net |= {"channels": [4, 8], "strides": [2]}
        >>> windows = {"_target_": "SlidingWindowInferer", "roi_size": [16, 16, 16]}
        >>> told = {"network_def": {"_target_": "UNet", **net}, "inferer": windows}
        >>> flips = {"transforms": [{"_target_": "RandFlipd", "spatial_axis": 0}]}
        >>> texts = {"inference": told, "metadata": {}, "train": flips}
        >>> for name in ("configs", "models"):
        ...     (bundle / name).mkdir()
        >>> for name, text in texts.items():
        ...     _ = (bundle / "configs" / f"{name}.json").write_text(json.dumps(text))
        >>> save_file(UNet(**net).state_dict(), bundle / "models" / "model.safetensors")
        >>> image = np.random.default_rng(0).normal(size=(1, 16, 20, 16)).astype(np.float32)
        >>> volume = ssn.Volume(image, np.eye(4))
        >>> found = ssn.networks(bundle, volume, device="cpu")
        >>> found.names
        ('view 1 of 2', 'view 2 of 2')
        >>> dist = ssn.ensemble(found, volume.affine, distances=False)
        >>> held.cleanup()
        >>> dist.rank
        1
    """
    paths = [folders] if isinstance(folders, str | PathLike) else list(folders)
    cancel = NEVER if cancelled is None else Cancel(cancelled)
    found = find_networks([Path(one) for one in paths], volume, views, device, cancel)
    return replace(found, step=progress)


def find_networks(
    paths: Sequence[Path],
    volume: Volume,
    views: Views | None = None,
    device: str = "auto",
    cancel: Cancel = NEVER,
    *,
    all_said: bool = True,
) -> Networks:
    """As `networks`; ``all_said`` is false where a sidecar says which of them are members."""
    for path in paths:
        if not is_model(path):
            raise ModelError(
                "A folder is neither a model of nnU-Net v2 (plans.json, dataset.json, fold_0 …) "
                "nor a bundle of MONAI (configs, models)."
            )
    found = tuple(read_folder(path, cancel) for path in paths)
    for one in found:
        _check(one, found[0], volume)
    count = sum(len(one.weights) for one in found)
    how = views or ("average" if count > 1 else "each")
    members = [
        member
        for number, one in enumerate(found)
        for member in _members(one, number, how, len(found), count)
    ]
    if all_said and len(members) < 2:
        raise DataError(_ALONE)
    notes = [note for one in found for note in one.notes]
    return Networks(volume, found, tuple(members), choose_device(device), notes, cancel=cancel)


def _members(
    folder: Folder, number: int, views: Views, folders: int, networks: int
) -> Iterator[Member]:
    """Members that the networks of a folder are."""
    every = _PLAIN if views == "none" else all_views(folder.axes)
    for at, (_, fold) in enumerate(folder.weights):
        words = [f"model {number + 1}"] if folders > 1 else []
        words += [f"fold {fold}"] if fold is not None else []
        if views != "each":
            yield Member(number, at, every, ", ".join(words) or "network")
            continue
        for count, view in enumerate(every, start=1):
            seen = [f"view {count} of {len(every)}"] if len(every) > 1 or networks == 1 else []
            yield Member(number, at, (view,), ", ".join([*words, *seen]) or "network")


def _check(folder: Folder, first: Folder, volume: Volume) -> None:
    wanted, there = folder.plan.channels, volume.channels
    if len(wanted) != there:
        s, was = "" if len(wanted) == 1 else "s", "was" if there == 1 else "were"
        raise ModelError(
            f"The networks read {len(wanted)} image{s} ({', '.join(wanted)}), and {there} {was} "
            "named."
        )
    if folder.plan.labels != first.plan.labels:
        raise DataError("The models outline other labels, or in another order: all have the same.")


def _sum_of(ran: MemberNetwork) -> str:
    """sha256 of what a member is."""
    told = f"{ran.kind}\n{ran.weights_sha256}\n{ran.plan_sha256}\n{ran.views}"
    return hashlib.sha256(told.encode()).hexdigest()


def _load(network: nn.Module, weights: Weights) -> None:
    """Give a network its weights; ModelError if they are another network's."""
    own = network.state_dict()
    tensors = weights.tensors
    same = set(tensors) <= set(own) and all(
        own[name].shape == tensor.shape for name, tensor in tensors.items()
    )
    # Layers that are listed twice may be in the file once.
    given = {own[name].data_ptr() for name in tensors if name in own}
    if not same or any(own[name].data_ptr() not in given for name in set(own) - set(tensors)):
        raise ModelError("The weights are of another network than the one that its files say.")
    if not all(bool(one.isfinite().all()) for one in tensors.values() if one.is_floating_point()):
        raise ModelError("The weights of a network are not finite.")
    network.load_state_dict(tensors, strict=False)
