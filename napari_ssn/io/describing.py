"""Sidecars of results, made now with this software."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from napari_ssn.core.hypotheses import Hypothesis, ProbabilityMap
from napari_ssn.documents.adjudicated import painted_on
from napari_ssn.documents.chosen import Choice
from napari_ssn.documents.ran import ModelIdentity, Run, Software
from napari_ssn.documents.sidecar import UNITS, Grid, LabelVolume, Member, Provenance
from napari_ssn.geometry.arrays import Floats
from napari_ssn.geometry.size import Size, across_of, corners_of
from napari_ssn.geometry.volume import Extent
from napari_ssn.io.hashes import label_map_hash, probability_hash


def grid_of(shape: Sequence[int], affine: Floats) -> Grid:
    """A grid as the sidecar has it."""
    return Grid(
        shape=[int(size) for size in shape],
        affine=[[float(value) for value in row] for row in affine],
    )


def describe(
    hypothesis: Hypothesis,
    *,
    model: ModelIdentity,
    run: Run,
    choice: Choice,
    labels: Sequence[str],
    extent: Extent,
    space: Sequence[int] | None = None,
    start: Sequence[int] | None = None,
) -> Provenance:
    """Provenance of a hypothesis, made now with this software.

    Args:
        hypothesis: on the image's grid.
        model, run, choice: where it comes from.
        labels: names of all labels, background first.
        extent: what the image's voxel size is known to measure.
        space, start: shape of the part that was segmented, one slice of a volume perhaps, and
            its first voxel; all by default.
    """
    if len(labels) != hypothesis.classes:
        raise ValueError(f"labels: expected {hypothesis.classes} names, got {len(labels)}")
    z = None if hypothesis.z is None else [float(value) for value in hypothesis.z]
    if choice.z != z:
        raise ValueError("choice: its z is not the hypothesis's")
    # Of a label map on the grid that the region's centre is a voxel of.
    centre = run.moved_to or run.centre
    point = centre if centre is not None and len(centre) == hypothesis.label_map.ndim else None
    label_map, affine = hypothesis.label_map, hypothesis.affine
    size = Size.of(label_map.shape if space is None else space, affine, extent)
    found = across_of(label_map, affine, hypothesis.classes, extent, space, start, point)
    known, volumes = extent != "unknown", {}
    for label, voxels, one, (first, last) in zip(
        labels[1:], hypothesis.counts[1:], found, corners_of(label_map, len(labels)), strict=True
    ):
        volumes[label] = LabelVolume(
            voxels=int(voxels),
            ml=size.ml(int(voxels)),
            mm2=size.mm2(int(voxels)),
            unit=UNITS[size.extent],
            longest_mm=one.longest if known else None,
            perpendicular_mm=one.perpendicular if known else None,
            cut_off_by=list(one.cut_off_by),
            first=first,
            last=last,
            apart_voxels=None if point is None else one.apart,
        )
    return Provenance(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        software=Software.here(),
        model=model,
        run=run,
        choice=choice,
        volumes=volumes,
        grid=grid_of(label_map.shape, affine),
        label_map_sha256=label_map_hash(label_map),
    )


def edited(provenance: Provenance, hypothesis: Hypothesis) -> Provenance:
    """Provenance of a label map that was changed by hand after it was made.

    The model, the run, the labels and the people behind it stay; z is gone, because it says nothing
    about the map any more.
    """
    labels = ["background", *provenance.volumes]
    units = {volume.unit for volume in provenance.volumes.values()}
    extent = next(extent for extent, unit in UNITS.items() if unit in units)
    if hypothesis.classes > len(labels):
        labels += [f"label {i}" for i in range(len(labels), hypothesis.classes)]
    whole = Hypothesis(hypothesis.label_map, hypothesis.affine, None, len(labels))
    made = describe(
        whole,
        model=provenance.model,
        run=provenance.run,
        choice=Choice(kind="edited", z=None),
        labels=labels,
        extent=extent,
    )
    people = provenance.adjudicated
    if people is not None and people.outline_sha256 is None:
        people = painted_on(people)
    return made.model_copy(update={"adjudicated": people})


def describe_several(
    records: Sequence[Provenance], names: Sequence[str], shares: Sequence[float | None]
) -> Provenance:
    """Provenance of a file that holds several hypotheses of one run, from that of each."""
    if len(records) == 1:
        return records[0]
    members = [
        Member(
            name=name,
            share=share,
            choice=record.choice,
            volumes=record.volumes,
            label_map_sha256=record.label_map_sha256,
        )
        for record, name, share in zip(records, names, shares, strict=True)
    ]
    return records[0].model_copy(update={"hypotheses": members})


def describe_probability(
    probability: ProbabilityMap,
    *,
    model: ModelIdentity,
    run: Run,
    choice: Choice | None = None,
) -> Provenance:
    """Provenance of a probability map, made now with this software; it has no volumes.

    Args:
        probability: the map.
        model, run: where it comes from.
        choice: what it was given; nothing if left out.
    """
    return Provenance(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        software=Software.here(),
        model=model,
        run=run,
        choice=choice or Choice(kind="probability", z=None),
        volumes={},
        grid=grid_of(probability.values.shape[1:], probability.affine),
        label_map_sha256=probability_hash(probability),
    )
