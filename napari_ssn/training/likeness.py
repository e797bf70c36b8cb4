"""Learning what the images that a model learns from are like, for its card."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_ssn.core.likeness import learn_reference
from napari_ssn.documents.card import ModelCard
from napari_ssn.documents.likeness import Likeness
from napari_ssn.errors import DataError
from napari_ssn.geometry.arrays import Floats, Ints
from napari_ssn.geometry.declared import Weighting
from napari_ssn.network.likeness import cut_of, feature_names, features_of, size_mm
from napari_ssn.training.cases import Case, Cases

#: Fewer images than this do not say what images are like.
FEWEST = 20
# More than this, spread evenly, tell nothing new.
_MOST = 400
# Digits of a number in a card.
_DIGITS = 6

Report = Callable[[int, int], None]


def learn_likeness(
    card: ModelCard,
    train: Cases,
    held: Cases,
    weighting: Weighting | None = None,
    report: Report = lambda *_: None,
) -> Likeness:
    """Learn what a model's training images are like, and how far held-back ones stray.

    Of either set 400 images at most, evenly spread; of a model around a point what lies around
    the middle of the object.

    Args:
        card: of the model; its weights do not matter.
        train: what the model learns from.
        held: cases of other patients, for the limit.
        weighting: of the data, where it is of magnetic resonance and all alike.
        report: called with (images done, images in all).

    Raises:
        DataError: fewer than twenty images to learn from, or none held back.
    """
    if len(train) < FEWEST or len(held) == 0:
        raise DataError(
            f"What training images are like is not told by {len(train)} of them and {len(held)} "
            f"held back: take at least {FEWEST} and 1."
        )
    some, others = _spread(len(train)), _spread(len(held))
    total = len(some) + len(others)
    rows: list[Floats] = []
    sizes: list[tuple[float, ...] | None] = []
    for cases, chosen in ((train, some), (held, others)):
        for index in chosen:
            case = cases[int(index)]
            rows.append(case_features(card, case))
            if cases is train:
                sizes.append(size_mm(card, case.volume))
            report(len(rows), total)
    patients = held.patients[others]
    found = learn_reference(np.stack(rows[: len(some)]), np.stack(rows[len(some) :]), patients)
    return Likeness(
        data=card.training.data,
        images=len(some),
        patients=len(np.unique(patients)),
        features=feature_names(card),
        mean=_rounded(found.mean),
        covariance=[_rounded(row) for row in found.covariance],
        limit=_rounded(np.array([found.limit]))[0],
        level=found.level,
        size_mm=_ends(card, sizes),
        weighting=weighting,
    )


def case_features(card: ModelCard, case: Case) -> Floats:
    """Features of a case as a model is shown it."""
    return features_of(card, case.volume, cut_of(case.volume), case.centre)


def _spread(count: int) -> Ints:
    return np.unique(np.linspace(0, count - 1, min(count, _MOST)).round().astype(np.int64))


def _ends(
    card: ModelCard, sizes: list[tuple[float, ...] | None]
) -> list[tuple[float, float]] | None:
    """Smallest and largest size along each axis, of a model that looks at whole images."""
    known = [size for size in sizes if size is not None]
    if card.centred or len(known) < len(sizes):
        return None
    return [(round(min(axis), 3), round(max(axis), 3)) for axis in zip(*known, strict=True)]


def _rounded(values: Floats) -> list[float]:
    return [float(f"{value:.{_DIGITS}g}") for value in values]
