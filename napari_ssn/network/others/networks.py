"""Networks of others as the members of an ensemble: run one after the other on an image."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_ssn.documents.ran import EnsembleMember, MemberNetwork
from napari_ssn.errors import NEVER, Cancel, DataError, ModelError
from napari_ssn.geometry.brief import brief
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.forward import full, is_full
from napari_ssn.network.others.folders import Folder
from napari_ssn.network.others.kept import Kept
from napari_ssn.network.others.weights import Reader, Weights
from napari_ssn.network.others.window import View


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
            which = f"{missing} are" if missing > 1 else "one is"
            it = "they are missing, or their" if missing > 1 else "it is missing, or its"
            raise DataError(
                f"Of the {len(told)} members that the sidecar names {which} not among these "
                f"networks: {it} weights or plans were changed."
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
                    load_weights(network, self._weights(reader, *held))
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


def _sum_of(ran: MemberNetwork) -> str:
    """sha256 of what a member is."""
    told = f"{ran.kind}\n{ran.weights_sha256}\n{ran.plan_sha256}\n{ran.views}"
    return hashlib.sha256(told.encode()).hexdigest()


def load_weights(network: nn.Module, weights: Weights) -> None:
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
