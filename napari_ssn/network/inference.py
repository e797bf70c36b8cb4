"""From an image to a logit distribution on the image's own grid."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_ssn.core.columns.columns import Columns
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.tensors import tensor_of
from napari_ssn.documents.card import ModelCard
from napari_ssn.errors import NEVER, Cancel, ModelError
from napari_ssn.geometry.arrays import Singles
from napari_ssn.geometry.declared import declared_by
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.blend import Blender, Parameters
from napari_ssn.network.device import device_title
from napari_ssn.network.fit import check_fit, foreign_values
from napari_ssn.network.forward import Attempt, Forward, attempts, full, is_full
from napari_ssn.network.intensity import Scale, normalise_slices, unpadded
from napari_ssn.network.lattice import sample
from napari_ssn.network.placing import dense, placed
from napari_ssn.network.plan import (
    DEPTH_MM,
    Plan,
    aside_for,
    check_memory,
    is_large,
    plan_for,
)
from napari_ssn.network.question import USUAL, How, Place, Plane, Question
from napari_ssn.network.recentring import Enough, settle
from napari_ssn.network.slabs import Slabs, order
from napari_ssn.network.threads import instructions
from napari_ssn.network.tiles import Tile

if TYPE_CHECKING:
    from napari_ssn.network.models import Model


@dataclass(frozen=True, eq=False)
class Inference:
    """What a run found, and how it was done.

    Attributes:
        dist: the distribution over label maps.
        device: where the network computed in the end.
        tile: voxels of a tile, per axis of the network.
        depth_mm: how far a 2D model looked along a volume; None for everything else.
        threads, instructions: of the CPU, where the network computed on it.
        insisted: whether values that seem to be none were taken for Hounsfield units.
        unpadded: whether padding, below air, was taken for air, see `intensity.unpadded`.
        moved_to: voxel in the middle of the region, where that is not the point it was placed
            around, see `recentring.outlined_middle`.
        looks: that were taken where it moved; None where it did not, and of what was made `twice`.
        elsewhere: words for the device where it is another computer's.
    """

    dist: Decodable
    device: torch.device
    tile: tuple[int, ...]
    depth_mm: float | None
    threads: int | None = None
    instructions: str | None = None
    insisted: bool = False
    unpadded: bool = False
    moved_to: tuple[int, ...] | None = None
    looks: int | None = None
    elsewhere: str | None = None

    @property
    def title(self) -> str:
        """Words for the device."""
        return self.elsewhere or device_title(self.device)


@dataclass(frozen=True)
class Watch:
    """Who is told of a run while it lasts; all may be left out.

    Attributes:
        look_at: plane that is seen first.
        preview: gets the distribution of that plane as soon as it is what it will be.
        progress: is called with (tiles done, tiles in all).
        cancel: is looked at before every tile and layer.
        say: gets a sentence when the run goes on in another way than it was asked to.
    """

    look_at: Plane | None = None
    preview: Callable[[LogitDistribution], None] | None = None
    progress: Callable[[int, int], None] | None = None
    cancel: Cancel = NEVER
    say: Callable[[str], None] | None = None


class Asked(ABC):
    """Who answers what a network is asked: a model here, or one on another computer.

    Attributes:
        card: what the model is.
        aside: whether numbers of a large result may lie on a disk of this computer, see `Shelf`.
    """

    card: ModelCard
    aside: bool = True

    @abstractmethod
    def room(self) -> int:
        """Free bytes where a result may be kept while it is made."""

    @abstractmethod
    def answer(self, question: Question, watch: Watch) -> Inference:
        """Run the network once; raises as `infer` does."""

    def infer(
        self,
        volume: Volume,
        centre: tuple[int, ...] | None = None,
        *,
        depth_mm: float = DEPTH_MM,
        watch: Watch | None = None,
        insist: bool = False,
        packed: bool = False,
        how: How = USUAL,
    ) -> Inference:
        """As `Model.segment`, and say how it was done: what it takes to do the same again.

        Args:
            volume, centre, depth_mm: as for `Model.segment`.
            watch: who is told while it lasts.
            insist: as for `Model.segment`.
            packed: whether a large result is packed as it comes, as `compact` would pack it.
            how: what is done in another way than it is by itself.
        """
        watch, card = watch or Watch(), self.card
        if watch.look_at is not None and len(watch.look_at) != len(volume.space):
            raise ValueError(f"look_at: expected {len(volume.space)} axes, got {watch.look_at}")
        fit = check_fit(card, volume, declared=declared_by(volume.source))
        if fit.problem is not None:
            raise ModelError(fit.problem)
        foreign = foreign_values(card, volume)
        if foreign is not None and not insist:
            raise ModelError(foreign)

        def look(centre: tuple[int, ...] | None, enough: Enough | None) -> Inference:
            """Run the network once, on a region or on all."""
            plan = plan_for(card, volume, centre, depth_mm)
            check_memory(card, plan, self.room(), packed, self.aside)
            values = volume.data if how.padded else unpadded(card, volume.data)
            data = prepare(card, plan, replace(volume, data=values))
            watch.cancel.check()
            about = (centre, depth_mm, how.tile, how.divided, watch.look_at, packed, enough)
            question = Question(data, Place.of(volume), *about, self.aside)
            found = self.answer(question, watch)
            return replace(found, insisted=foreign is not None, unpadded=values is not volume.data)

        if how.steady or centre is None or not card.recentred:
            return look(centre, None)
        found, place, looks = settle(look, centre, how.twice)
        if place == centre:
            return found
        return replace(found, moved_to=place, looks=None if how.twice else looks)


def answer(model: Model, question: Question, watch: Watch) -> Inference:
    """See `Model.answer`."""
    image, divided = question.image, question.divided
    plan = plan_for(model.card, image, question.centre, question.depth_mm)
    question.check(plan)
    check_memory(model.card, plan, model.room(), question.packed, question.aside)
    ways = attempts(model, question.tile, divided)
    for way in ways:
        if way is not ways[0] and watch.say is not None:
            watch.say(way.words)
        found = None
        try:
            found = _scan(model, plan, question, way, watch)
        except RuntimeError as error:
            if not is_full(error):
                raise
        if found is None:
            # Out of the handler, because the error holds on to the tensors that filled the memory.
            if way.device.type == "cuda":
                torch.cuda.empty_cache()
            continue
        reach = question.depth_mm if plan.frame.sliced and None not in plan.first[1:] else None
        count, how = None, None
        if way.device.type == "cpu" and not divided:
            count, how = torch.get_num_threads(), instructions()
        dist = placed(image, plan, *found)
        return Inference(dist, way.device, way.tile, reach, count, how)
    raise full(ways[-1].device)


def prepare(card: ModelCard, plan: Plan, volume: Volume) -> Singles:
    """Intensities at the nodes of a plan, as the network expects them, (channels, *nodes).

    Rounded to half precision where the card says so, see `ModelCard.half_intensities`.

    ``stretch`` goes by what the network looks at, ``standardise`` by the whole image; a 2D
    network's image is a slice. ``hu`` clips before it resamples, so that the padding of a
    scanner, far below air, does not darken what lies beside it. ImageError as `normalise`.
    """
    found = _scaled(card, plan, volume)
    return found.astype(np.float16).astype(np.float32) if card.half_intensities else found


def _scaled(card: ModelCard, plan: Plan, volume: Volume) -> Singles:
    how, window = card.normalisation, card.window_hu
    turned = plan.frame.turn.apply(volume.data)
    if how == "hu":
        reached = tuple(slice(*line.reach) for line in plan.lines)
        near = turned[(slice(None), *reached)]
        scaled = Scale.of(near, how, window).apply(near)
        return sample(scaled, [line.cut(*line.reach) for line in plan.lines])
    seen = sample(turned, plan.lines)
    if plan.frame.sliced:
        slices = plan.voxels[0]
        whole = turned[:, slices.start : slices.stop] if how == "standardise" else None
        return normalise_slices(seen, how, whole)
    scale = Scale.of(np.ascontiguousarray(turned) if how == "standardise" else seen, how)
    return scale.check().apply(seen)


def _scan(
    model: Model, plan: Plan, question: Question, way: Attempt, watch: Watch
) -> tuple[Parameters | Columns, float]:
    """Run the network over all tiles, those of the plane on show first; also the presence.

    In layers where the result is packed as it comes.
    """
    sliced = plan.frame.sliced
    tiles = plan.tiles((1,) * sliced + way.tile)
    plane = plan.plane(question.look_at)
    nodes = plane and [
        None if len(r) > 1 else line.nodes_of(r.start)
        for line, r in zip(plan.lines, plane, strict=True)
    ]
    coming = None
    if question.packed and is_large(model.card, plan):
        coming = order(tiles, plan, nodes)
        nodes = None if coming.first is None else nodes
    elif nodes is not None:
        tiles.sort(key=lambda tile: not tile.meets(nodes))
    early = 0 if nodes is None else sum(tile.meets(nodes) for tile in tiles)
    single = len(tiles) == (plan.nodes[0] if sliced else 1)
    stop = watch.cancel
    soon = plane and early < len(tiles) and watch.preview is not None
    blender: Blender | Slabs
    if coming is None:
        blender = Blender(plan, way.home, single)
    else:
        folder = aside_for(model.card, plan) if question.aside else None
        shown = plane if soon else None
        beside = way.device.type != "cpu"
        blender = Slabs(plan, way.home, single, tiles, coming, shown, folder, beside, stop)
    forward = Forward(model, way.device, watch.cancel, way.divided)
    for done, tile in enumerate(tiles):
        watch.cancel.check()
        if watch.progress is not None:
            watch.progress(done, len(tiles))
        cut = tensor_of(_cut(question.data, tile))
        if sliced:
            found = forward(cut[:, 0])
            found = Parameters(*(part.unsqueeze(-3) for part in found))
        else:
            found = forward(cut)
        blender.add(tile, found)
        # Not kept while the network looks at the next one.
        del found, cut
        if plane and soon and watch.preview is not None and done + 1 == early:
            there = model.card.presence_of(forward.presence)
            watch.preview(dense(question.image, plan, blender.slab(plane), there, plane))
        blender.settle()
    if watch.progress is not None:
        watch.progress(len(tiles), len(tiles))
    # Asked of the one region around a point.
    there = model.card.presence_of(forward.presence)
    return blender.finish(stop.check), there


def _cut(data: Singles, tile: Tile) -> Singles:
    """Part of (channels, *nodes) in a tile; beyond the grid its edge is repeated."""
    window = tile.window
    inside = data[(slice(None), *window.inside)]
    overhang = list(zip(window.before, window.after, strict=True))
    if any(before or after for before, after in overhang):
        return np.pad(inside, [(0, 0), *overhang], mode="edge")
    return inside
