"""From a choice to its z, and to its label map."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_ssn.session import lesions as lesion_jobs
from napari_ssn.session.records import Choice, Point, Question, Result

if TYPE_CHECKING:
    from napari_ssn.core.diameters import Diameter
    from napari_ssn.core.hypotheses import Hypothesis
    from napari_ssn.core.lesions import Lesions


def hypothesis_of(result: Result, choice: Choice, lesions: Lesions | None) -> Hypothesis:
    """A choice as a label map on the image's grid, lesions with a z of their own included."""
    from napari_ssn.core.hypotheses import Hypothesis

    z, rank = choice_z(result, choice), result.dist.rank
    if choice.nothing:
        empty = Hypothesis.nothing(result.dist, None if choice.sample is None else z[:rank])
        return replace(empty, affine=result.source.affine)
    label_map = lesion_jobs.decode(result, choice.points, z, own_z(result, choice), lesions)
    label_map = result.dist.placed(label_map)
    # The source's own affine: the one of the region, taken back, would be rounded.
    return Hypothesis(
        label_map,
        result.source.affine,
        z[:rank],
        result.dist.classes,
        beyond=z[rank:] if len(z) > rank else None,
    )


def across_in(result: Result, label_map: NDArray[np.uint8]) -> tuple[Diameter, ...]:
    """Diameters of each label but the background in a label map on the image's grid."""
    from napari_ssn.core.scale import across_of

    source, dist = result.source, result.dist
    return across_of(label_map, source.affine, dist.classes, source.extent, dist.space, dist.start)


def nothing_map(result: Result, where: tuple[slice | int, ...] = ()) -> NDArray[np.uint8]:
    """Label map in a part of the region of a reader who outlines nothing."""
    return np.zeros(result.dist.space, np.uint8)[where]


def nothing_counts(result: Result) -> NDArray[np.int64]:
    """Voxels of each label where nothing is outlined, (C,): all are background."""
    counts = np.zeros(result.dist.classes, np.int64)
    counts[0] = np.prod(result.dist.space)
    return counts


def sample_choice(
    result: Result,
    sample: int,
    seed: int,
    points: tuple[Point, ...] = (),
    only: tuple[Question, ...] = (),
) -> Choice:
    """The draw of a seed and number, which is empty where its reader outlines nothing."""
    present = result.given.present(points, sample + 1, seed, only)[-1]
    return Choice(sample, seed, points=points, only=only, nothing=not present)


def anchor_z(result: Result, choice: Choice) -> NDArray[np.float64]:
    """What a walk starts from: the mean's z, else the draw of that seed and number."""
    return result.given.anchor(choice.points, choice.sample, choice.seed, choice.only)


def choice_z(result: Result, choice: Choice) -> NDArray[np.float64]:
    """``z_anchor + sigma · v_direction`` in float64, (R,), and what the anchor holds beyond."""
    directions = result.bases.known(choice.basis)
    return directions.z(choice.direction, choice.sigma, anchor_z(result, choice))


def own_z(result: Result, choice: Choice) -> dict[int, NDArray[np.float64]]:
    """z of each lesion that has a position of its own."""
    return lesion_jobs.own_z(result, choice, anchor_z(result, choice)) if choice.own else {}
