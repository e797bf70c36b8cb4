"""The one way from counted hypotheses to the ranges that are stated, for window and commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_ssn.wording.presence import Presence

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.core.measures import Range
    from napari_ssn.network.card import ModelCard


@dataclass(frozen=True, eq=False)
class Stated:
    """What is stated of the sizes.

    Attributes:
        ranges: one per foreground label.
        absent: share of the hypotheses in which each label does not occur.
        counts: (m, C − 1) voxels in the hypotheses that all this is about.
        presence: whether a reader outlines anything; where that is told apart, only hypotheses
            that outline anything are counted above.
    """

    ranges: tuple[Range, ...]
    absent: tuple[float, ...]
    counts: NDArray[np.int64]
    presence: Presence

    @property
    def unlike(self) -> bool:
        """Whether the image is unlike those that the model was trained on."""
        return self.presence.unlike


def state_ranges(
    card: ModelCard,
    counts: NDArray[np.int64],
    space: tuple[int, ...],
    presence: float | None,
    own: bool,
    unlike: bool = False,
) -> Stated:
    """Ranges of the sizes of hypotheses.

    Args:
        card: of the model, with its calibration.
        counts: (n, C) voxels of each label in hypotheses given presence.
        space: shape of their grid.
        presence: how likely a reader outlines anything; None where the model does not tell that
            apart from where the border runs.
        own: whether the range is the model's own, whatever the card says: for hypotheses or images
            that the calibration was not learnt on.
        unlike: whether the image is unlike those that the model was trained on.
    """
    from napari_ssn.core.measures import central_range

    labels, sizes = tuple(label.name for label in card.labels[1:]), counts[:, 1:]
    said = Presence(1.0, False, labels, unlike)
    if presence is not None:
        there = sizes.any(1)
        said = Presence(presence * float(there.mean()), True, labels, unlike)
        sizes = sizes[there] if there.any() else sizes
        # What was learnt of all readings, empty ones too, is no range of outlines.
        own = own or card.calibration is None or card.calibration.patients == 0
    ranges = tuple(
        central_range(column) if own else card.range_of(column, space, label)
        for label, column in enumerate(sizes.T, start=1)
    )
    absent = tuple(float(share) for share in (sizes == 0).mean(0))
    return Stated(ranges, absent, sizes, said)
