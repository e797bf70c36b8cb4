"""What a sidecar says of sizes and of presence, as numbers for a structured report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from napari_ssn.core.kinds import RangeKind, range_kind
from napari_ssn.documents.sidecar import Provenance, Unit
from napari_ssn.errors import ExportError
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.cutoff import Edge

# Percent of the hypotheses between the ends of a range, and outside either of them.
LEVEL, _TAIL = 90, 5


@dataclass(frozen=True)
class Spread:
    """How the size or a diameter of a label spreads over all hypotheses that outline anything.

    Attributes:
        low, median, high: of the range of 90 %, in the unit of the size, or mm.
        kind: as the window calls it: learnt from several readers of an image, from one, or the
            model's own.
    """

    low: float
    median: float
    high: float
    kind: RangeKind


@dataclass(frozen=True)
class Measured:
    """What is known of one label of one hypothesis.

    Attributes:
        size: in ``unit``.
        unit: mL, mm2 or voxels.
        across: longest diameter and that at a right angle to it, mm; None where nothing is
            outlined, or where the voxel size is unknown.
        spread: of the size; None where that is not known.
        presence: how likely a reader outlines anything; None where the model does not tell.
        cut_off_by: edges that it reaches, so that it may be larger.
        apart: how much of it is no part of the lesion that was pointed at, in ``unit``.
        spans: of the two of ``across``; None where that is not known.
    """

    size: float
    unit: Unit
    across: tuple[float, float] | None
    spread: Spread | None
    presence: float | None
    cut_off_by: Sequence[Edge]
    apart: float = 0.0
    spans: tuple[Spread | None, Spread | None] = (None, None)


def measured(record: Provenance) -> list[Measured]:
    """What a sidecar says of each label of each of its hypotheses, in the order of the segments.

    ExportError where it says nothing of sizes, as of a probability map.
    """
    if not record.volumes:
        raise ExportError(
            "A structured report states sizes, and probabilities have none: write them as .dcm "
            "or .pm.dcm."
        )
    voxel, found = _voxel(record), []
    for one in record.each():
        for name, label in one.volumes.items():
            size = {"mL": label.ml, "mm2": label.mm2, "voxels": float(label.voxels)}[label.unit]
            if size is None:
                raise ExportError("The sidecar states a size in a unit that it has none in.")
            sizes, spans = (record.sizes or {}).get(name), (record.spans or {}).get(name)
            apart = size * (label.apart_voxels or 0) / max(1, label.voxels)
            spread = None
            if sizes is not None and voxel is not None:
                spread = _spread(sizes.voxels, voxel, range_kind(sizes.readers))
            across = label.across if label.voxels else None
            edges, presence = tuple(label.cut_off_by or ()), one.choice.presence
            told = Measured(size, label.unit, across, spread, presence, edges, apart)
            # Sidecars of before, which tell of the longer diameter alone, have reports that tell of
            # neither.
            if spans is not None and spans.perpendicular_mm is not None:
                both = _spread(spans.longest_mm), _spread(spans.perpendicular_mm)
                told = replace(told, spans=both)
            found.append(told)
    return found


def _voxel(record: Provenance) -> float | None:
    """How much a voxel counts in the unit of the sizes; None for a plane without any outline."""
    labels = [label for one in record.each() for label in one.volumes.values()]
    if labels[0].unit == "mL":
        return Affine(record.grid.affine).voxel_ml
    if labels[0].unit == "voxels":
        return 1.0
    # Which plane of a volume was segmented is not stated, but how much of it was outlined is.
    areas = ((label.mm2, label.voxels) for label in labels)
    return next((mm2 / voxels for mm2, voxels in areas if mm2 and voxels), None)


def _spread(
    quantiles: Sequence[float], unit: float = 1.0, kind: RangeKind = "model"
) -> Spread | None:
    """None where the ends of the range are none of the stated quantiles."""
    steps = len(quantiles) - 1
    if steps * _TAIL % 100:
        return None
    tail = steps * _TAIL // 100
    low, median, high = (quantiles[i] * unit for i in (tail, steps // 2, steps - tail))
    return Spread(low, median, high, kind)
