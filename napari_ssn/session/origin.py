"""What a sidecar says of a result and of the hypothesis on show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_ssn.session import lesions as lesion_jobs
from napari_ssn.session.decoding import anchor_z, own_z
from napari_ssn.session.given import EDGE_SHARE, SLIP, TOLERANCE
from napari_ssn.session.records import Choice, Result

if TYPE_CHECKING:
    from napari_ssn.core.hypotheses import Hypothesis
    from napari_ssn.core.lesions import Lesions
    from napari_ssn.io.provenance import Condition, ModelIdentity, Pointing, Provenance, Run, Spread


def describe(
    result: Result, choice: Choice, lesions: Lesions | None, hypothesis: Hypothesis
) -> Provenance:
    """What the sidecar of a choice says."""
    from napari_ssn.io import describing, provenance

    own = own_z(result, choice)
    moved = None
    if own and lesions is not None:
        moved = lesion_jobs.moves(choice, own, lesions, result.dist.rank)

    drawn, walked = choice.sample is not None, choice.kind == "walk"
    given = choice.points or choice.only
    described: Provenance = describing.describe(
        hypothesis,
        model=model_of(result),
        run=run_of(result),
        choice=provenance.Choice(
            kind="conditioned" if given and choice.kind == "mean" else choice.kind,
            seed=choice.seed if drawn else None,
            sample=choice.sample + 1 if choice.sample is not None else None,
            direction=choice.direction + 1 if walked else None,
            directions=choice.basis if walked else None,
            sigma=choice.sigma if walked else None,
            anchor=anchor_z(result, choice)[: result.dist.rank].tolist() if walked else None,
            z=None if hypothesis.z is None else hypothesis.z.tolist(),
            lesions=moved,
            pointing=pointing_of(result, choice, hypothesis),
            conditions=conditions_of(choice),
            spread=spread_of(result),
            presence=presence_of(result, choice),
            nothing=choice.nothing or None,
        ),
        labels=result.labels,
        extent=result.source.extent,
        space=result.dist.space,
        start=result.dist.start,
    )
    return described


def model_of(result: Result) -> ModelIdentity:
    """What a sidecar says of the model."""
    from napari_ssn.io.provenance import ModelIdentity

    card = result.card
    return ModelIdentity(name=card.name, version=card.version, weights_sha256=card.weights_sha256)


def run_of(result: Result) -> Run:
    """What a sidecar says of the run."""
    from napari_ssn.io.provenance import DicomInput, Run

    return Run(
        device=result.device,
        device_title=result.device_title,
        tile=list(result.tile),
        centre=None if result.centre is None else list(result.centre),
        depth_mm=result.depth_mm,
        image_sha256=result.image_sha256,
        frame=None if result.source.frame is None else result.source.frame + 1,
        dicom=DicomInput.of(result.source.series),
        threads=result.threads,
        instructions=result.instructions,
        insisted=result.insisted or None,
        unlike=result.fit.kind == "unlike" or None,
    )


def spread_of(result: Result) -> Spread | None:
    """What a sidecar says of a spread that is not the model's own."""
    from napari_ssn.io import provenance

    if not result.spread.changed:
        return None
    spread, classes = result.spread, result.dist.classes
    return provenance.Spread(
        overall=spread.overall, per_label=list(spread.per_label or (1.0,) * classes)
    )


def presence_of(result: Result, choice: Choice) -> float | None:
    """What a sidecar says of presence; None where the model does not tell it apart."""
    given = result.given
    return given.presence(choice.points, choice.only) if given.apart else None


def pointing_of(
    result: Result, choice: Choice, hypothesis: Hypothesis | None = None
) -> Pointing | None:
    """What a sidecar says of points, and of what a hypothesis holds beyond its z."""
    from napari_ssn.io import provenance

    residual = result.residual
    if not choice.points or residual is None:
        return None
    slips, rest = [], None
    if hypothesis is not None and hypothesis.beyond is not None:
        given = result.given.posterior(choice.points)
        # A posterior has its clicks sorted; a sidecar has them in the order they were made.
        sorted_points = [(click.index, click.label) for click in given.clicks]
        kept, flags = np.split(hypothesis.beyond, [len(hypothesis.beyond) - len(sorted_points)])
        rest = kept.tolist()
        slips = [
            number
            for number, point in enumerate(choice.points, start=1)
            if flags[sorted_points.index((point.index, point.label))] > 0.5
        ]
    return provenance.Pointing(
        points=[
            provenance.Point(index=list(point.index), label=point.label) for point in choice.points
        ],
        tolerance=TOLERANCE,
        length_mm=residual.length_mm,
        amplitude=residual.amplitude,
        edge_share=EDGE_SHARE,
        chance=residual.chance,
        stray=SLIP,
        rest=rest,
        slips=slips or None,
        slip=SLIP,
    )


def conditions_of(choice: Choice) -> list[Condition] | None:
    """What a sidecar says of conditions."""
    from napari_ssn.io import provenance

    if not choice.only:
        return None
    return [
        provenance.Condition(
            kind=one.kind,
            label=one.label,
            voxels=None if one.kind == "reaches" else float(one.voxels),
            index=list(one.index) if one.kind == "reaches" else None,
        )
        for one in choice.only
    ]
