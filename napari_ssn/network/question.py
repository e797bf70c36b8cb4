"""What a network is asked: the intensities at its nodes, and where in an image they lie.

Everything that a run needs beyond the network, so that another computer can do it: neither the
image nor where it comes from is part of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_ssn.core.decodable import Decodable
from napari_ssn.errors import ImageError
from napari_ssn.geometry.arrays import Floats, Singles
from napari_ssn.geometry.channels import Placed
from napari_ssn.geometry.volume import Extent
from napari_ssn.network.plan import DEPTH_MM, Plan

#: Index of a plane in an image's own grid, None along the axes that lie in it.
Plane = tuple[int | None, ...]


@dataclass(frozen=True, eq=False)
class Place:
    """Where an image is, without its intensities; as `Placed` has it."""

    space: tuple[int, ...]
    channels: int
    affine: Floats
    extent: Extent
    oriented: bool

    @classmethod
    def of(cls, image: Placed) -> Place:
        """That of an image."""
        return cls(image.space, image.channels, image.affine, image.extent, image.oriented)


@dataclass(frozen=True)
class How:
    """What of a run is done in another way than it is by itself; to make again what was made so.

    Attributes:
        tile: voxels of a tile per axis of the network, where no other will do.
        divided: whether every layer is computed in all threads, so that the last bits may hang on
            their number.
        padded: whether padding far below air counts as it is.
        steady: whether the region stays where it was placed, whatever the card says.
        twice: whether it moves once at most, and no short way.
    """

    tile: tuple[int, ...] | None = None
    divided: bool = False
    padded: bool = False
    steady: bool = False
    twice: bool = False


USUAL = How()


@dataclass(frozen=True, eq=False)
class Question:
    """One look at a region of an image, or at all of it.

    Attributes:
        data: (channels, *nodes) float32, as `inference.prepare` gives it.
        image: where the image is.
        centre: of the region, in the image's own grid; None for the whole image.
        depth_mm: as for `Model.infer`.
        tile, divided: as in `How`.
        look_at: plane whose tiles come first.
        packed: whether a large result is packed as it comes, as `compact` would pack it.
        enough: asked of a distribution that has the mean's label map, and perhaps nothing else,
            whether that will do. Where an answer comes over a line it may have no more then.
        aside: whether numbers of a large result may lie on a disk, see `Shelf`.
    """

    data: Singles
    image: Placed
    centre: tuple[int, ...] | None = None
    depth_mm: float = DEPTH_MM
    tile: tuple[int, ...] | None = None
    divided: bool = False
    look_at: Plane | None = None
    packed: bool = False
    enough: Callable[[Decodable], bool] | None = None
    aside: bool = True

    def check(self, plan: Plan) -> None:
        """ImageError if the data are not those of a plan, or are not finite."""
        if self.data.shape != (self.image.channels, *plan.nodes):
            raise ImageError(
                "What was asked does not fit the image it is said to be of: "
                f"{self.data.shape[1:]} values, and {plan.nodes} are expected."
            )
        if not np.isfinite(self.data).all():
            raise ImageError("What was asked holds values that are not finite.")
