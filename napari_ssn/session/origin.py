"""What a sidecar says of a result and of the hypothesis on show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_ssn.session import lesions as lesion_jobs
from napari_ssn.session.decoding import anchor_z, own_z
from napari_ssn.session.given import EDGE_SHARE, TOLERANCE
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
    moved = lesion_jobs.moves(choice, own, lesions) if own and lesions is not None else None

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
            anchor=anchor_z(result, choice).tolist() if walked else None,
            z=None if hypothesis.z is None else hypothesis.z.tolist(),
            lesions=moved,
            pointing=pointing_of(result, choice),
            conditions=conditions_of(choice),
            spread=spread_of(result),
        ),
        labels=result.labels,
        extent=result.source.extent,
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


def pointing_of(result: Result, choice: Choice) -> Pointing | None:
    """What a sidecar says of points."""
    from napari_ssn.io import provenance

    residual = result.residual
    if not choice.points or residual is None:
        return None
    return provenance.Pointing(
        points=[
            provenance.Point(index=list(point.index), label=point.label) for point in choice.points
        ],
        tolerance=TOLERANCE,
        length_mm=residual.length_mm,
        amplitude=residual.amplitude,
        edge_share=EDGE_SHARE,
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
