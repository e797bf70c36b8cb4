"""What a run found as a distribution that knows its place in the image."""

from __future__ import annotations

from napari_ssn.core.columns.columns import Columns
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.packed.distribution import PackedDistribution
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.channels import Placed
from napari_ssn.network.blend import Parameters
from napari_ssn.network.plan import Plan


def placed(
    image: Placed, plan: Plan, found: Parameters | Columns, presence: float
) -> LogitDistribution | PackedDistribution:
    """The distribution of all voxels of a plan, in its place in the image."""
    if isinstance(found, Parameters):
        return dense(image, plan, found, presence)
    affine = Affine(image.affine).from_voxel(plan.start)
    return PackedDistribution(
        **found.arrays(),
        affine=affine,
        start=plan.start,
        image_space=image.space,
        presence=presence,
    )


def dense(
    image: Placed,
    plan: Plan,
    found: Parameters,
    presence: float,
    voxels: tuple[range, ...] | None = None,
) -> LogitDistribution:
    """The distribution of some voxels of a plan, or of all, in its place in the image."""
    start = tuple(r.start for r in plan.of_image(voxels))
    return LogitDistribution(
        found.mean,
        found.factor,
        found.spread,
        Affine(image.affine).from_voxel(start),
        start,
        image.space,
        presence,
    )
