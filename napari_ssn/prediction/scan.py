"""One of two scans of a lesion: all that a comparison has to know of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from napari_ssn.documents.chosen import Spread
from napari_ssn.documents.sidecar import Provenance
from napari_ssn.documents.sizes import Sizes, Spans
from napari_ssn.geometry.acquired import UNACQUIRED, Acquired, acquired_by
from napari_ssn.geometry.affine import Affine
from napari_ssn.prediction.choice import Choice, Conditions, Points
from napari_ssn.prediction.decode import across_in, hypothesis_of
from napari_ssn.prediction.lengths import Lengths
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.ranges import Ranges
from napari_ssn.prediction.record import sizes_of, spans_of, spread_of


@dataclass(frozen=True, eq=False)
class Scan:
    """What a comparison has to know of a scan.

    Attributes:
        image_sha256, weights_sha256: which image and which model.
        model: name and version of that.
        labels: its names, background left out.
        measured: whether sizes are known in mL.
        voxel_ml: of its grid.
        steps_mm: voxel size along each axis.
        sizes: of each label over all hypotheses; None where they are not stated.
        together: of all labels.
        spans: longest diameters; None where they were not measured.
        spread: of the hypotheses; None as the model has them.
        ensemble: whether it is of an ensemble.
        points, conditions: how many were given.
        cut_off: whether its outline is cut off by an edge.
        unlike: whether its image is unlike those that the model was trained on.
        insisted: whether values that seem to be none were taken for Hounsfield units.
        acquired: when and how, as far as is known.
    """

    image_sha256: str
    weights_sha256: str
    model: str
    labels: tuple[str, ...]
    measured: bool
    voxel_ml: float
    steps_mm: tuple[float, ...]
    sizes: Mapping[str, Sizes] | None
    together: Sizes | None
    spans: Mapping[str, Spans] | None
    spread: Spread | None
    ensemble: bool
    points: int
    conditions: int
    cut_off: bool
    unlike: bool
    insisted: bool
    acquired: Acquired = UNACQUIRED

    @property
    def all_sizes(self) -> Sizes | None:
        """Of all labels together; None where sizes are not stated."""
        if self.sizes is None:
            return None
        return self.together or next(iter(self.sizes.values()))

    @property
    def median_ml(self) -> float | None:
        """Of them; None where that is not known."""
        sizes = self.all_sizes
        if sizes is None or not self.measured:
            return None
        return sizes.voxels[len(sizes.voxels) // 2] * self.voxel_ml


def scan_in(record: Provenance) -> Scan:
    """What a sidecar tells of its scan."""
    grid, choice, run = Affine(record.grid.affine), record.choice, record.run
    dicom = run.dicom
    return Scan(
        image_sha256=run.image_sha256,
        weights_sha256=record.model.weights_sha256,
        model=f"{record.model.name} {record.model.version}",
        labels=tuple(record.volumes),
        measured=all(one.unit == "mL" for one in record.volumes.values()),
        voxel_ml=grid.voxel_ml,
        steps_mm=grid.spacing_mm(),
        sizes=record.sizes,
        together=record.together,
        spans=record.spans,
        spread=choice.spread,
        ensemble=run.ensemble is not None,
        points=0 if choice.pointing is None else len(choice.pointing.points),
        conditions=len(choice.conditions or ()),
        cut_off=any(one.cut_off_by for one in record.volumes.values()),
        unlike=bool(run.unlike),
        insisted=bool(run.insisted),
        acquired=UNACQUIRED
        if dicom is None
        else Acquired(
            None,
            dicom.kernel_sha256,
            dicom.slice_thickness_mm,
            series=dicom.series_instance_uid or "",
        ),
    )


def of_image(scan: Scan, acquired: Acquired) -> Scan:
    """What a sidecar tells of its scan, with what the image itself tells beside."""
    known = scan.acquired
    return replace(
        scan,
        acquired=replace(
            acquired,
            kernel=acquired.kernel or known.kernel,
            thickness_mm=acquired.thickness_mm or known.thickness_mm,
        ),
    )


def scan_of(
    prediction: Prediction,
    points: Points,
    only: Conditions,
    ranges: Ranges,
    lengths: Lengths | None,
) -> Scan:
    """What a result tells of its scan, as its sidecar would.

    Args:
        prediction: the result.
        points, only: that its hypotheses are given.
        ranges: of their sizes.
        lengths: of their diameters.
    """
    middle = hypothesis_of(prediction, Choice(points=points, only=only), None)
    stated, card = sizes_of(prediction, ranges), prediction.card
    grid = Affine(prediction.source.affine)
    return Scan(
        image_sha256=prediction.image_sha256,
        weights_sha256=card.weights_sha256,
        model=f"{card.name} {card.version}",
        labels=prediction.labels[1:],
        measured=prediction.measure.extent == "volume",
        voxel_ml=grid.voxel_ml,
        steps_mm=grid.spacing_mm(),
        sizes=stated["sizes"],
        together=stated["together"],
        spans=spans_of(prediction, ranges, lengths),
        spread=spread_of(prediction),
        ensemble=prediction.members is not None,
        points=len(points),
        conditions=len(only),
        cut_off=any(one.cut_off_by for one in across_in(prediction, middle.label_map)),
        unlike=prediction.fit.kind == "unlike",
        insisted=prediction.insisted,
        acquired=acquired_by(prediction.source.series),
    )
