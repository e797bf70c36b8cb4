"""What a sidecar says of a prediction and of a choice; `recall` is the way back."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.core.summaries.lesions import Lesions
from napari_ssn.documents import adjudicated, chosen, ran
from napari_ssn.documents.sidecar import Provenance
from napari_ssn.documents.sizes import STEPS, Spans
from napari_ssn.geometry.arrays import Floats
from napari_ssn.io import describing
from napari_ssn.io.dicom.series import input_of
from napari_ssn.prediction.choice import Choice, Drawing
from napari_ssn.prediction.decode import anchor_z, position_of
from napari_ssn.prediction.given import EDGE_SHARE
from napari_ssn.prediction.lengths import Lengths
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.ranges import Ranges


def describe(
    prediction: Prediction,
    choice: Choice,
    lesions: Lesions | None,
    hypothesis: Hypothesis,
    ranges: Ranges | None = None,
    lengths: Lengths | None = None,
) -> Provenance:
    """What the sidecar of a choice says, and of the ranges that go with its points if given.

    Of sizes, and of diameters beside them.
    """
    own, rank = position_of(prediction, choice).own, prediction.dist.rank
    drawn, walked = choice.sample is not None, choice.kind == "walk"
    given = choice.points or choice.only
    told = chosen.Choice(
        kind="conditioned" if given and choice.kind == "mean" else choice.kind,
        seed=choice.seed if drawn else None,
        sample=choice.sample + 1 if choice.sample is not None else None,
        direction=choice.direction + 1 if walked else None,
        directions=choice.basis if walked else None,
        sigma=choice.sigma if walked else None,
        anchor=anchor_z(prediction, choice)[:rank].tolist() if walked else None,
        z=None if hypothesis.z is None else hypothesis.z.tolist(),
        lesions=moves(choice, own, lesions, rank) if own and lesions is not None else None,
        pointing=pointing_of(prediction, choice, hypothesis),
        conditions=conditions_of(choice),
        spread=spread_of(prediction),
        presence=presence_of(prediction, choice),
        nothing=choice.nothing or None,
        member=None if choice.member is None else choice.member + 1,
        drawing=drawing_of(choice),
    )
    record = record_of(prediction, hypothesis, told)
    if (people := adjudicated_of(choice.drawing)) is not None:
        record = record.model_copy(update={"adjudicated": people})
    if ranges is None:
        return record
    spans = spans_of(prediction, ranges, lengths)
    return record.model_copy(update={**sizes_of(prediction, ranges), "spans": spans})


def sizes_of(prediction: Prediction, ranges: Ranges) -> dict[str, Any]:
    """What a sidecar says of how the sizes of all hypotheses spread, by its fields.

    Nothing of an ensemble of few: five sizes are no spread, and each has a sidecar of its own.
    """
    if ranges.members:
        return {"sizes": None, "together": None}
    sizes = dict(zip(prediction.labels[1:], ranges.sizes, strict=True))
    return {"sizes": sizes, "together": ranges.together}


def spans_of(
    prediction: Prediction, ranges: Ranges, lengths: Lengths | None
) -> dict[str, Spans] | None:
    """What a sidecar says of how diameters spread; None where they were not measured in mm."""
    if lengths is None or ranges.members or prediction.source.extent == "unknown":
        return None
    at = np.linspace(0, 1, STEPS + 1)
    each = zip(prediction.labels[1:], lengths.found, lengths.across, strict=True)
    found = {
        name: Spans(
            longest_mm=np.quantile(longest, at).round(3).tolist(),
            perpendicular_mm=np.quantile(across, at).round(3).tolist(),
            draws=lengths.draws,
        )
        for name, longest, across in each
        if len(longest)
    }
    return found or None


def record_of(prediction: Prediction, hypothesis: Hypothesis, told: chosen.Choice) -> Provenance:
    """What a sidecar says of a hypothesis that was come by as told."""
    return describing.describe(
        hypothesis,
        model=model_of(prediction),
        run=run_of(prediction),
        choice=told,
        labels=prediction.labels,
        extent=prediction.source.extent,
        space=prediction.dist.space,
        start=prediction.dist.start,
    )


def model_of(prediction: Prediction) -> ran.ModelIdentity:
    """What a sidecar says of the model."""
    card = prediction.card
    return ran.ModelIdentity(
        name=card.name, version=card.version, weights_sha256=card.weights_sha256
    )


def run_of(prediction: Prediction) -> ran.Run:
    """What a sidecar says of the run."""
    return ran.Run(
        device=prediction.device,
        device_title=prediction.device_title,
        tile=list(prediction.tile) or None,
        centre=None if prediction.centre is None else list(prediction.centre),
        depth_mm=prediction.depth_mm,
        image_sha256=prediction.image_sha256,
        frame=None if prediction.source.frame is None else prediction.source.frame + 1,
        dicom=input_of(prediction.source.series, prediction.image_sha256),
        threads=prediction.threads,
        instructions=prediction.instructions,
        insisted=prediction.insisted or None,
        unpadded=prediction.unpadded or None,
        moved_to=None if prediction.moved_to is None else list(prediction.moved_to),
        looks=prediction.looks,
        unlike=prediction.fit.kind == "unlike" or None,
        ensemble=ensemble_of(prediction),
    )


def ensemble_of(prediction: Prediction) -> ran.EnsembleRun | None:
    """What a sidecar says of the members of an ensemble; None of a model."""
    if prediction.members is None:
        return None
    method = prediction.members.method
    networks = prediction.networks or (None,) * len(prediction.sources)
    return ran.EnsembleRun(
        members=[
            ran.EnsembleMember(sha256=sha256, name=name, network=network)
            for (sha256, name), network in zip(prediction.sources, networks, strict=True)
        ],
        **vars(method),
    )


def spread_of(prediction: Prediction) -> chosen.Spread | None:
    """What a sidecar says of a spread that is not the model's own."""
    if not prediction.spread.changed:
        return None
    spread, classes = prediction.spread, prediction.dist.classes
    return chosen.Spread(
        overall=spread.overall, per_label=list(spread.per_label or (1.0,) * classes)
    )


def presence_of(prediction: Prediction, choice: Choice) -> float | None:
    """What a sidecar says of presence; None where the model does not tell it apart."""
    given = prediction.given
    return given.presence(choice.points, choice.only) if given.apart else None


def pointing_of(
    prediction: Prediction, choice: Choice, hypothesis: Hypothesis | None = None
) -> chosen.Pointing | None:
    """What a sidecar says of points, and of what a hypothesis holds beyond its z."""
    residual = prediction.residual
    if not choice.points or residual is None:
        return None
    slips, rest = [], None
    if hypothesis is not None and hypothesis.beyond is not None:
        given = prediction.given.posterior(choice.points)
        # A posterior has its clicks sorted; a sidecar has them in the order they were made.
        sorted_points = [(click.index, click.label) for click in given.clicks]
        kept, flags = np.split(hypothesis.beyond, [len(hypothesis.beyond) - len(sorted_points)])
        rest = kept.tolist()
        slips = [
            number
            for number, point in enumerate(choice.points, start=1)
            if flags[sorted_points.index((point.index, point.label))] > 0.5
        ]
    return chosen.Pointing(
        points=[
            chosen.Point(index=list(point.index), label=point.label) for point in choice.points
        ],
        tolerance=prediction.tolerance,
        length_mm=residual.length_mm,
        amplitude=residual.amplitude,
        edge_share=EDGE_SHARE,
        chance=residual.chance,
        stray=prediction.slip,
        rest=rest,
        slips=slips or None,
        slip=prediction.slip,
    )


def conditions_of(choice: Choice) -> list[chosen.Condition] | None:
    """What a sidecar says of conditions."""
    if not choice.only:
        return None
    return [
        chosen.Condition(
            kind=one.kind,
            label=one.label,
            voxels=None if one.kind == "reaches" else float(one.voxels),
            index=list(one.index) if one.kind == "reaches" else None,
        )
        for one in choice.only
    ]


def drawing_of(choice: Choice) -> chosen.Drawing | None:
    """What a sidecar says of the drawing that a hypothesis or its walk's start is nearest to."""
    one = choice.drawing
    if one is None:
        return None
    return chosen.Drawing(sha256=one.sha256, tolerance=one.tolerance, length_mm=one.length_mm)


def adjudicated_of(drawing: Drawing | None) -> adjudicated.Adjudicated | None:
    """What a sidecar says of the people whose outlines a drawing was made of."""
    if drawing is None or drawing.made_of is None:
        return None
    made = drawing.made_of
    return adjudicated.Adjudicated(
        how=made.how,
        readers=[
            adjudicated.ReaderShare(
                name=one.name,
                sha256=one.sha256,
                share=one.share,
                dice=None if one.dice is None else list(one.dice),
            )
            for one in made.people
        ],
        corrected_voxels=made.corrected,
        outline_sha256=drawing.sha256,
    )


def moves(
    choice: Choice, own: dict[int, Floats], lesions: Lesions, rank: int
) -> chosen.LesionMoves:
    """What a sidecar says of lesions that have positions of their own."""
    rules = lesions.rules
    return chosen.LesionMoves(
        smallest_voxels=rules.smallest,
        share=rules.share,
        draws=rules.draws,
        seed=rules.seed,
        found=len(lesions.found),
        own=[
            chosen.LesionMove(
                lesion=number,
                centre=list(lesions.found[number - 1].centre),
                sigma=sigma,
                z=own[number][:rank].tolist(),
            )
            for number, sigma in choice.own
        ],
    )
