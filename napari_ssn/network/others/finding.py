"""From folders of others' networks to the members of an ensemble."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Literal

from napari_ssn.errors import NEVER, Cancel, DataError, ModelError
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.device import choose_device
from napari_ssn.network.others.folders import Folder, read_folder
from napari_ssn.network.others.kinds import is_model
from napari_ssn.network.others.networks import Member, Networks
from napari_ssn.network.others.window import View, all_views

#: What becomes of mirrored views: their logits' mean is the network's, as nnU-Net has it; each is
#: a member; or the image is seen as it is alone.
Views = Literal["average", "each", "none"]

_PLAIN: tuple[View, ...] = ((),)
_ALONE = "An ensemble has two members or more, and here is one network"
_ANOTHER = "name another one beside it, or a folder of several folds."


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
        if how == "each":
            raise DataError(f"{_ALONE} that was not trained on mirrored images: {_ANOTHER}")
        raise DataError(f"{_ALONE}, whose mirrored views are no members here: {_ANOTHER}")
    notes = [note for one in found for note in one.notes]
    # Named twice by mistake it would have two votes in silence.
    weights = [one for folder in found for one in folder.sums]
    if len(set(weights)) < len(weights):
        notes.append("Some networks have the very same weights, which count more than once.")
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
