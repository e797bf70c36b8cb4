"""A prediction made of other networks, of their maps, or of several people's label maps."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from napari_ssn._version import __version__
from napari_ssn.core.ensemble import USUAL, Taken, gathered
from napari_ssn.core.given.residual import Residual
from napari_ssn.core.kinds import DirectionKind
from napari_ssn.core.members import Members, Method
from napari_ssn.documents.card import Architecture, ModelCard, Training, card_of_others
from napari_ssn.errors import NEVER, Cancel, DataError
from napari_ssn.geometry.arrays import Array
from napari_ssn.geometry.intensity import seems_ct, some_values, units_of
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.hashes import image_hash, map_hash
from napari_ssn.io.member_maps import with_background
from napari_ssn.io.members import MemberFiles, find_members, without
from napari_ssn.network.device import device_title
from napari_ssn.network.others.finding import Views, find_networks
from napari_ssn.network.others.kinds import is_model
from napari_ssn.network.others.networks import Networks as Networks
from napari_ssn.network.threads import instructions
from napari_ssn.prediction.given import EDGE_SHARE
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.source import Source
from napari_ssn.text import ensembles as said
from napari_ssn.text.odd import odd_lines

# Okabe and Ito's colours, those of the background first.
_COLOURS = ("#000000", "#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#0072b2", "#d55e00", "#f0e442")


class Maps(Protocol):
    """Members of an ensemble on the grid of one image, each read when its turn comes."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Any: ...

    @property
    def labels(self) -> tuple[str, ...] | None:
        """Names of the labels, background first; None where nobody says."""

    @property
    def sources(self) -> tuple[tuple[str, str], ...]:
        """Checksum and name of each."""


@dataclass(frozen=True, eq=False)
class LayerMaps:
    """Maps that are at hand, as the members of an ensemble.

    Attributes:
        maps: of each, on the grid of the image: (*S) uint8 labels, or (*S) float32 probabilities
            of one label.
        numbers: of each among all that were chosen, from 1: their names may name a patient.
    """

    maps: tuple[Array, ...]
    numbers: tuple[int, ...]
    labels: None = None

    def __len__(self) -> int:
        return len(self.maps)

    def __iter__(self) -> Iterator[Array]:
        for one in self.maps:
            yield one if one.dtype == np.uint8 else with_background(one)

    @property
    def sources(self) -> tuple[tuple[str, str], ...]:
        """Checksum and number of each."""
        return tuple(
            (map_hash(one), str(number))
            for one, number in zip(self.maps, self.numbers, strict=True)
        )


def find(
    paths: Sequence[Path],
    image: Volume,
    name: str,
    left_out: Collection[int] = (),
    *,
    views: Views | None = None,
    device: str = "auto",
    cancel: Cancel = NEVER,
) -> MemberFiles | Networks:
    """Members in files, see `find_members`, or networks, see `find_networks`.

    Args:
        paths: files and folders of maps, or model folders.
        image: that they are of, or are run on.
        name: of its file.
        left_out: numbers of members, from 0, that are none.
        views, device, cancel: of networks.

    Raises:
        DataError, ImageError, ModelError: what is there are no members.
    """
    if not any(is_model(one) for one in paths):
        return without(find_members(paths, image, name), left_out)
    if not all(is_model(one) for one in paths):
        raise DataError(
            "Networks that are run here and maps are not members of one ensemble: name model "
            "folders alone, or maps alone."
        )
    return find_networks(paths, image, views, device, cancel).without(left_out)


def predict(
    maps: Maps,
    source: Source,
    taken: Taken = USUAL,
    *,
    kinds: Sequence[DirectionKind] = (),
    number: int = 1,
    step: Callable[[int, int], None] = lambda done, total: None,
    cancel: Cancel = NEVER,
) -> Prediction:
    """The distribution over label maps that the members of an ensemble are.

    Args:
        maps: of the members, on the grid of the image.
        source: the image.
        taken: how its members are.
        kinds: directions that are found at once, by how they are chosen.
        number: of the run, to tell it from others.
        step: is told how many members were read, of how many; of networks how many windows
            were seen, of all.
        cancel: looked at between them, and before each layer of a network.

    Raises:
        DataError: they are no members of one ensemble.
        ImageError: one of them, or the image, cannot be read.
        Cancelled: somebody stopped it.
    """
    done, running = 0, isinstance(maps, Networks)
    if isinstance(maps, Networks):
        maps = replace(maps, step=step, cancel=cancel)

    def between() -> None:
        nonlocal done
        cancel.check()
        done += 1
        if not running:
            step(min(done, len(maps)), len(maps))

    volume, sources = source.load(), maps.sources
    if not running:
        step(0, len(maps))
    made = gathered(
        maps,
        source.affine,
        taken,
        classes=None if maps.labels is None else len(maps.labels),
        between=between,
        names=[name for _, name in sources],
    )
    members = made.members
    if members.label_maps.shape[1:] != source.space:
        raise DataError("The members do not lie on the grid of the image.")
    dist = made.kept(cancel)
    del made
    cancel.check()
    values = some_values(volume.data[0])
    device = maps.device if isinstance(maps, Networks) else torch.device("cpu")
    on_cpu = running and device.type == "cpu"
    prediction = Prediction(
        run=number,
        source=replace(source, ct=seems_ct(values), units=units_of(values)),
        card=card_of(members, maps, source, dist.rank),
        device=str(device),
        device_title=device_title(device),
        tile=(),
        centre=None,
        depth_mm=None,
        dist=dist,
        image_sha256=image_hash(volume),
        residual=Residual().within(dist, volume.data[0], EDGE_SHARE),
        threads=torch.get_num_threads() if on_cpu else None,
        instructions=instructions() if on_cpu else None,
        members=members,
        sources=sources,
        networks=maps.ran if isinstance(maps, Networks) else (),
    )
    for kind in kinds:
        cancel.check()
        prediction.bases.find(kind, volume)
    return prediction


def card_of(members: Members, maps: Maps, source: Source, rank: int) -> ModelCard:
    """What there is to say of an ensemble in the place of a model."""
    # Of one thing outlined with several numbers none is its name.
    numbers = members.numbers if members.classes > 2 else None
    numbers = numbers or tuple(range(members.classes))
    names = maps.labels or ("background", *(f"label {c}" for c in numbers[1:]))
    count, method = len(members), members.method
    what = "probability maps" if method.kind == "probabilities" else "label maps"
    purpose = said.made_elsewhere(count, what)
    if isinstance(maps, Networks):
        weights = len({(one.kind, one.weights_sha256, one.plan_sha256) for one in maps.ran})
        purpose = said.run_here(count, weights)
    return card_of_others(
        name="ensemble",
        title=f"Ensemble of {count}",
        version=__version__,
        purpose=purpose,
        limits=[said.RANGE_OF_MEMBERS, said.BETWEEN_MEMBERS, said_of(members, maps.sources)],
        licence=said.LICENCE_OF_MEMBERS,
        architecture=Architecture(backbone="none", arguments={}, features=count, rank=rank),
        spatial_dims=2 if len(source.space) == 2 else 3,
        channels=["image"] * source.channels,
        labels=[
            (name, _COLOURS[0 if c == 0 else 1 + (c - 1) % (len(_COLOURS) - 1)])
            for c, name in enumerate(names[: members.classes])
        ],
        normalisation="stretch",
        region=list(source.space),
        centred=False,
        training=Training(
            data=said.DATA_OF_MEMBERS, licence=said.LICENCE_OF_MEMBERS, attribution=""
        ),
        weights_sha256=sum_of(sha256 for sha256, _ in maps.sources),
    )


def said_of(members: Members, sources: Sequence[tuple[str, str]]) -> str:
    """How the members became a distribution, and what of them may be amiss.

    Args:
        members: in words.
        sources: checksum and name of each.
    """
    lines = [_taken(members.method, members)]
    if members.hardened:
        lines.append(said.of_outlines_alone(members.hardened, len(members)))
    names = [f"member {name}" if name.isdecimal() else name for _, name in sources]
    return " ".join([*lines, *odd_lines(members.odd, names)])


def _taken(method: Method, members: Members) -> str:
    if method.kind == "distances":
        assert method.width_mm is not None
        taken = said.distances_line(method.width_mm)
        if members.numbers is None:
            return taken
        return f"{taken} {said.numbered_otherwise(members.numbers)}"
    share = float(np.mean(members.clipped)) / members.label_maps[0].size
    return said.clipped_line(method.low, method.high, 100 * share)


def sum_of(sums: Iterable[str]) -> str:
    """One checksum of several, in their order."""
    return hashlib.sha256("".join(sums).encode()).hexdigest()
