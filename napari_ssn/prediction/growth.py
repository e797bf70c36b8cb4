"""The change between two scans of one lesion, as their sidecars tell of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_ssn.core.change import Change, change_of
from napari_ssn.documents.sidecar import Provenance
from napari_ssn.documents.sizes import Sizes
from napari_ssn.errors import DataError
from napari_ssn.geometry.affine import Affine

# Slices whose thickness differs by more change what is seen of a lesion.
_THICKER = 1.1
_TELLS_NOTHING = (
    "The sidecar of the {when} scan says nothing of the range of sizes: it is of a label map that "
    "was edited by hand, of a probability map, or was written by an older napari-ssn. Export it "
    "again."
)
_ENSEMBLE = (
    "A sidecar is of an ensemble: whether the same networks, or people, outlined both scans is not "
    "known, and so their sizes are not compared."
)


@dataclass(frozen=True)
class Growth:
    """What became of a lesion, and what a reader has to know of how that was found.

    Attributes:
        change: of the sizes.
        what: whose size: the name of a label, or ``all labels``.
        readers: of each image that both ranges are calibrated on; 0 where one is the model's own.
        cautions: parts of sentences, none where nothing differs but the scans.
    """

    change: Change
    what: str
    readers: int
    cautions: tuple[str, ...]


def growth(
    before: Provenance, after: Provenance, label: str | None = None, days: float | None = None
) -> Growth:
    """Compare two sidecars of one model.

    Args:
        before, after: of the earlier and the later scan.
        label: whose size; of all labels together where it is left out.
        days: between the scans.

    Raises:
        DataError: they are of two models, of ensembles, or of hypotheses spread differently, one
            says nothing of the range, sizes are not known in mL, or there is no such label.
    """
    if before.run.ensemble is not None or after.run.ensemble is not None:
        raise DataError(_ENSEMBLE)
    if before.model.weights_sha256 != after.model.weights_sha256:
        raise DataError(
            "The two are of different models, which outline differently: compare two of one model."
        )
    if before.choice.spread != after.choice.spread:
        raise DataError("The hypotheses of the two are spread differently: set the same spread.")
    sizes = [
        _sizes(record, label, when) for record, when in ((before, "earlier"), (after, "later"))
    ]
    draws = [
        np.array(one.voxels) * Affine(record.grid.affine).voxel_ml
        for record, one in zip((before, after), sizes, strict=True)
    ]
    found = change_of(draws[0], draws[1], (sizes[0].outlined, sizes[1].outlined), days)
    names = list(before.volumes)
    what = label or (names[0] if len(names) == 1 else "all labels")
    readers = min(sizes[0].readers, sizes[1].readers)
    return Growth(found, what, readers, tuple(_cautions(before, after)))


def _sizes(record: Provenance, label: str | None, when: str) -> Sizes:
    if record.sizes is None:
        raise DataError(_TELLS_NOTHING.format(when=when))
    if any(volume.unit != "mL" for volume in record.volumes.values()):
        raise DataError(
            f"The size of the {when} scan is not known in mL: only volumes are compared, no slices "
            "and no voxels."
        )
    if label is not None and label not in record.sizes:
        raise DataError(f"There is no label of that name: it is one of {', '.join(record.sizes)}.")
    if label is not None:
        return record.sizes[label]
    return record.together or next(iter(record.sizes.values()))


def _cautions(before: Provenance, after: Provenance) -> list[str]:
    out = []
    if before.run.image_sha256 == after.run.image_sha256:
        out.append("both are of one image, so that no growth can be in it")
    steps = [max(Affine(one.grid.affine).lengths) for one in (before, after)]
    if max(steps) > _THICKER * min(steps):
        out.append(
            f"the slices are {steps[0]:.3g} and {steps[1]:.3g} mm apart, which alone changes sizes"
        )
    if (before.choice.pointing is None) != (after.choice.pointing is None):
        out.append("only one of them was corrected by points")
    if (before.choice.conditions is None) != (after.choice.conditions is None):
        out.append("only one of them was given conditions")
    if any(one.cut_off_by for record in (before, after) for one in record.volumes.values()):
        out.append("an outline is cut off by the edge, so that it may be larger")
    if before.run.unlike or after.run.unlike:
        out.append("an image is unlike those that the model was trained on")
    return out
