"""What a run will compute, known before any intensity is read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

from napari_ssn.core.columns import LARGE
from napari_ssn.core.columns.disk import folder_for
from napari_ssn.documents.card import ModelCard
from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.geometry.channels import Placed
from napari_ssn.network.frame import Frame, frame_of
from napari_ssn.network.lattice import Line
from napari_ssn.network.tiles import Tile, check_centre, layout

#: How far a 2D network looks along a volume to either side of a point, in mm: nodules are at
#: most 3 cm across.
DEPTH_MM = 15.0
# The same in slices, where their distance is not known.
_DEPTH_SLICES = 5
# Bytes of a voxel: its label, twice, its place and who is in that; what sorting takes beside.
_PLACING, _SORTING = 10, 20


@dataclass(frozen=True)
class Plan:
    """Part of an image that a run looks at, and the network's grid on it.

    Every tuple has one entry per axis as the network sees them, see `Frame.turn`.

    Attributes:
        frame: how the image's axes become the network's.
        lines: nodes of the network's grid.
        first: of the only tile along each axis, a node that may lie before the first; None
            where tiles cover the axis.
        voxels: of the image for which there will be a result.
        size: nodes of a tile that the model was made for.
    """

    frame: Frame
    lines: tuple[Line, ...]
    first: tuple[int | None, ...]
    voxels: tuple[range, ...]
    size: tuple[int, ...]

    @property
    def nodes(self) -> tuple[int, ...]:
        """Shape of the network's grid."""
        return tuple(line.count for line in self.lines)

    @property
    def resampled(self) -> bool:
        """Whether the network's grid is another than the image's."""
        return not all(line.plain for line in self.lines)

    @property
    def start(self) -> tuple[int, ...]:
        """First voxel of the result, in the order of the image's own axes."""
        return tuple(r.start for r in self.of_image())

    @property
    def space(self) -> tuple[int, ...]:
        """Shape of the result, in the order of the image's own axes."""
        return tuple(len(r) for r in self.of_image())

    def of_image(self, voxels: tuple[range, ...] | None = None) -> tuple[range, ...]:
        """Ranges of voxels along the image's own axes; of the whole result by default."""
        turn, out = self.frame.turn, [range(0)] * len(self.lines)
        for axis, back, line, r in zip(
            turn.order, turn.flip, self.lines, voxels or self.voxels, strict=True
        ):
            out[axis] = range(line.size - r.stop, line.size - r.start) if back else r
        return tuple(out)

    def plane(self, look_at: tuple[int | None, ...] | None) -> tuple[range, ...] | None:
        """Voxels of a plane of the image per axis of the network; None if there is none of it here.

        Args:
            look_at: index of the plane in the image's own grid, None along the axes that lie in it.
        """
        if look_at is None:
            return None
        turn, out = self.frame.turn, []
        for axis, back, line, voxels in zip(
            turn.order, turn.flip, self.lines, self.voxels, strict=True
        ):
            at = look_at[axis]
            if at is None:
                out.append(voxels)
                continue
            index = line.size - 1 - at if back else at
            if index not in voxels:
                return None
            out.append(range(index, index + 1))
        return tuple(out)

    def tiles(self, size: tuple[int, ...] | None = None) -> list[Tile]:
        """Tiles of a run, of the model's size or another."""
        size = size or self.size
        whole = (
            f if s == own else None for f, s, own in zip(self.first, size, self.size, strict=True)
        )
        return layout(self.nodes, size, list(whole))


def plan_for(
    card: ModelCard,
    image: Placed,
    centre: tuple[int, ...] | None = None,
    depth_mm: float = DEPTH_MM,
) -> Plan:
    """Plan a run on a whole image, or on a region around a point.

    Args:
        card: of the model.
        image: to segment.
        centre: index, in the image's own grid, of the region's middle; None for the whole.
        depth_mm: how far a 2D model looks along a volume to either side of the point; five
            slices where their distance is not known.

    Raises:
        ModelError: the model does not read such images.
        GeometryError: the centre lies outside the image, or is missing where it is needed.
    """
    if not 0 <= depth_mm < math.inf:
        raise ValueError(f"depth_mm: expected 0 or more, got {depth_mm}")
    frame = frame_of(card, image)
    space = frame.turn.shape(image.space)
    at = None
    if centre is not None:
        check_centre(centre, image.space)
        at = frame.turn.index_to_display(centre, image.space)
    elif card.centred:
        if not _fits_region(card, frame, space, depth_mm):
            region = " × ".join(map(str, card.region))
            raise GeometryError(
                f"{card.title} looks at {region} voxels around one lesion, and this image has "
                f"{' × '.join(map(str, image.space))}: place the centre on the lesion."
            )
        at = tuple(n // 2 for n in space)
    size = (1,) * frame.sliced + tuple(card.region)
    lines: list[Line] = []
    first: list[int | None] = []
    for axis, (n, step) in enumerate(zip(space, frame.steps, strict=True)):
        if at is None:
            line, before = Line.whole(n, step), None
        elif frame.sliced and axis == 0:
            reach = _reach(frame, depth_mm)
            line, before = Line.around(at[0], 2 * reach + 1, 1.0, n)[0], None
        else:
            line, cut = Line.around(at[axis], size[axis], step, n)
            before = -cut
        lines.append(line)
        first.append(before)
    voxels = tuple(range(line.size) if at is None else line.covered for line in lines)
    return Plan(frame, tuple(lines), tuple(first), voxels, size)


def needs_point(card: ModelCard, image: Placed) -> bool:
    """Whether a model wants a point on the lesion: it looks around one, and the image is larger.

    ModelError if the model does not read such images.
    """
    frame = frame_of(card, image)
    return card.centred and not _fits_region(card, frame, frame.turn.shape(image.space), DEPTH_MM)


def _fits_region(card: ModelCard, frame: Frame, space: tuple[int, ...], depth_mm: float) -> bool:
    """Whether a region around the middle of an image is all of it."""
    most = (2 * _reach(frame, depth_mm) + 1,) * frame.sliced + tuple(card.region)
    return all(
        Line.whole(n, step).count <= size
        for n, step, size in zip(space, frame.steps, most, strict=True)
    )


def _reach(frame: Frame, depth_mm: float) -> int:
    """Slices to either side of the point."""
    if frame.spacing_mm is None:
        return _DEPTH_SLICES
    # A hair more, so that 15 mm are five slices of 3 mm however their size was rounded.
    return int(depth_mm / frame.spacing_mm[0] * (1 + 1e-6))


def is_large(card: ModelCard, plan: Plan) -> bool:
    """Whether the result of a plan is kept packed, see `compact`."""
    return 4 * _numbers(card) * math.prod(plan.space) >= LARGE


def _numbers(card: ModelCard) -> int:
    """Of a voxel: μ, the columns of P and √D of each class."""
    return (card.architecture.rank + 2) * card.classes


def needed_bytes(card: ModelCard, plan: Plan, packed: bool = False, aside: bool = False) -> int:
    """Memory that the result of a run takes at its peak.

    ``(1 + R + 1) · C`` float32 numbers per voxel: μ, the columns of P and √D; the same once more
    per node where the image is resampled. The check for NaN and the image itself come on top.

    Args:
        card: of the model.
        plan: of the run.
        packed: whether what is large is packed as it comes: half as many bytes for each number,
            and of the dense ones those of a layer of tiles and what overlaps it.
        aside: whether the packed numbers may lie on a disk, see `aside_for`.
    """
    voxels, nodes = math.prod(plan.space), math.prod(plan.nodes)
    rest = 8 * len(card.channels) * nodes
    twice = 2 if plan.resampled else 1
    if packed and is_large(card, plan):
        disk = aside and aside_for(card, plan) is not None
        # A layer lies on the network's grid, and where that is another one on the image's too.
        layer = (nodes + (twice - 1) * voxels) * _at_once(plan, disk)
        # Where they are sorted no layer is there any more.
        beside = max(int(4 * _numbers(card) * layer), _SORTING * voxels)
        return (0 if disk else _packed_bytes(card)) * voxels + _PLACING * voxels + beside + rest
    result = 4 * _numbers(card) * (voxels + (twice - 1) * nodes)
    return result + 8 * card.classes * voxels + rest


def aside_for(card: ModelCard, plan: Plan) -> Path | None:
    """Folder of a disk for the packed numbers of a run; None where they are kept in memory."""
    return folder_for(_packed_bytes(card) * math.prod(plan.space))


def _at_once(plan: Plan, disk: bool) -> float:
    """Share of the nodes at most whose dense numbers are in memory at once, see `slabs`.

    Of a layer of tiles the half that the next one overlaps, a row of tiles in full, and, where a
    plane in the middle came first and there is no disk, the half before that.
    """
    layers = [(min(size, n) / n) for size, n in zip(plan.size, plan.nodes, strict=True)]
    waiting = 0.5 if disk else 1.0
    shares = [
        layer * min(1.0 + waiting / 2, waiting + row)
        for layer, row in permutations(layers, 2)
        if layer < 1
    ]
    return min(1.0, max(shares, default=1.0))


def _packed_bytes(card: ModelCard) -> int:
    """Of a voxel: margins and deviations, names of rivals, what the farther ones need."""
    rivals, rank = card.classes - 1, card.architecture.rank
    return 2 * rivals * (rank + 1) + 2 * card.classes + rivals + 2


def check_memory(
    card: ModelCard, plan: Plan, free: int, packed: bool = False, aside: bool = False
) -> None:
    """ImageError, with the estimate, if so many bytes of free memory cannot hold the result."""
    needed = needed_bytes(card, plan, packed, aside)
    if needed <= free:
        return
    way_out = "choose a region around a point"
    if all(f is not None for f in plan.first[plan.frame.sliced :]):
        way_out = "close other programs or use a computer with more memory"
    raise ImageError(
        f"Segmenting {' × '.join(map(str, plan.space))} voxels needs about {_gb(needed)} of "
        f"memory, and {_gb(free)} are free: {way_out}."
    )


def _gb(count: int) -> str:
    value = count / 1e9
    return f"{value:.0f} GB" if value >= 10 else f"{value:.1f} GB"
