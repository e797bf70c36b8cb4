"""A hypothesis with all that a sidecar says of it, without a model that runs."""

from __future__ import annotations

import numpy as np

from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.documents.card import ModelCard
from napari_ssn.documents.chosen import Choice
from napari_ssn.documents.ran import ModelIdentity
from napari_ssn.documents.sidecar import Provenance
from napari_ssn.documents.sizes import Sizes, Spans
from napari_ssn.io.describing import describe, describe_several
from tests.support.records import RUN


def described(
    ones: list[Hypothesis], card: ModelCard, readers: int = 0, presence: float | None = None
) -> Provenance:
    """What a sidecar says of hypotheses of a model, whose sizes are 10 to 110 voxels.

    Longest diameters are 5 to 15 mm, the longest across them 2 to 12 mm.
    """
    labels = [label.name for label in card.labels]
    identity = ModelIdentity(
        name=card.name, version=card.version, weights_sha256=card.weights_sha256
    )
    records = [
        describe(
            one,
            model=identity,
            run=RUN,
            choice=Choice(kind="mean", z=None, presence=presence),
            labels=labels,
            extent="volume",
        )
        for one in ones
    ]
    names = [f"hypothesis {i}" for i in range(1, len(ones) + 1)]
    record = describe_several(records, names, [one.probability for one in ones])
    spread = Sizes(voxels=np.linspace(10, 110, 101).tolist(), draws=1000, readers=readers)
    spans = Spans(
        longest_mm=np.linspace(5, 15, 101).tolist(),
        perpendicular_mm=np.linspace(2, 12, 101).tolist(),
        draws=50,
    )
    stated = {"sizes": dict.fromkeys(labels[1:], spread), "spans": dict.fromkeys(labels[1:], spans)}
    return record.model_copy(update=stated)
