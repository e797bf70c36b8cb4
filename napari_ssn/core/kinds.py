"""Names of what there are several kinds of, without torch: documents and words name them too."""

from __future__ import annotations

from typing import Literal

#: How the numbers of a distribution are stored.
Form = Literal["dense", "packed"]
#: How directions are chosen, see `directions.principal.principal_directions`.
DirectionKind = Literal["label-weighted", "plain", "varimax"]
#: What walking a direction does to a label, see `directions.effects`.
EffectKind = Literal["none", "presence", "size", "edge", "shift", "border"]
#: What a label takes in, where the image tells: `core.directions.tissue`.
Tissue = Literal["glass", "vessel", "wall"]
#: What the members of an ensemble are taken as: logarithms of probabilities, or distances.
MemberKind = Literal["probabilities", "distances"]
#: Whose range it is: by what the card has learnt of several readers, of one, or the model's own.
RangeKind = Literal["calibrated", "adjusted", "model"]


def range_kind(readers: int) -> RangeKind:
    """Whose a range is that was widened or narrowed by so many readers of each image."""
    return "calibrated" if readers > 1 else "adjusted" if readers else "model"
