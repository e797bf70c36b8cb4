"""What the report says of a prediction."""

from __future__ import annotations

import numpy as np

from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.geometry.arrays import Labels
from napari_ssn.geometry.declared import MODALITIES
from napari_ssn.io.dicom.series import DicomSeries
from napari_ssn.io.hashes import label_map_hash
from napari_ssn.prediction.cards import draw
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.decode import across_in, hypothesis_of
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.shown import Shown
from napari_ssn.text import report as said
from napari_ssn.text.asking import question_line
from napari_ssn.text.ensembles import members_meaning
from napari_ssn.text.image import geometry
from napari_ssn.text.sizes import capital, remarks_on

# Pixels of a picture's side in the report: 300 to the inch at 36 mm.
_SIDE = 432


def report_of(shown: Shown) -> said.Report:
    """What the report says of a prediction."""
    prediction, card = shown.prediction, shown.prediction.card
    here = hypothesis_of(prediction, shown.choice, shown.lesions)
    members = prediction.members
    title, presence = shown.choice.title, shown.counted().presence
    return said.Report(
        title=card.title,
        purpose=card.purpose,
        shown=title,
        sizes=_sizes(shown, here),
        pictures=_pictures(shown, here),
        pictured=_pictured(shown),
        given=_given(prediction, shown.choice),
        presence=presence.line,
        unlikely=presence.unlikely,
        doubt=prediction.doubt,
        facts=[*_outlined(prediction, here.label_map), *_facts(prediction)],
        limits=card.limits,
        meaning=said.MODEL_MEANING if members is None else members_meaning(prediction.noun),
        codes=[
            ("Image, sha256", prediction.image_sha256),
            (f"{'Weights' if members is None else 'Members'}, sha256", card.weights_sha256),
            (said.SUM_OF_SHOWN, label_map_hash(here.label_map)),
        ],
    )


def _sizes(shown: Shown, here: Hypothesis) -> list[said.Size]:
    found = across_in(shown.prediction, here.label_map)
    ranges, measure = shown.counted(), shown.prediction.measure
    out = []
    labels = shown.prediction.card.labels[1:]
    for k, (label, voxels, across) in enumerate(zip(labels, here.counts[1:], found, strict=True)):
        spread = ranges.line(measure, k)
        amount = measure.size_here(int(voxels), across)
        spread = ". ".join(map(capital, filter(None, [*remarks_on(measure, across), spread])))
        out.append(said.Size(capital(label.name), label.colour, amount, spread))
    return out


def _pictures(shown: Shown, here: Hypothesis) -> list[said.Picture]:
    cards, measure = shown.dealt().cards, shown.prediction.measure
    others = [hypothesis_of(shown.prediction, card.choice, None).label_map for card in cards]
    drawn, _ = draw(shown.prediction, [here.label_map, *others], _SIDE)
    foreground = int(here.counts[1:].sum())
    size = measure.amount_here(foreground) if foreground else "none"
    lines = [("On show", size)]
    lines += [shown.dealt().lines(measure, card) for card in cards]
    return [said.Picture(pixels, *words) for pixels, words in zip(drawn, lines, strict=True)]


def _pictured(shown: Shown) -> str:
    cards, source = shown.dealt(), shown.prediction.source
    where = said.slice_line(_deep(source.space), source.oriented)
    if cards.noun:
        return said.counted_line(where, cards.noun)
    counted = shown.counted()
    whose = said.draws_of(cards.draws, counted.around, counted.presence.apart)
    return said.shares_line(where, whose)


def _deep(space: tuple[int, ...]) -> bool:
    return len(space) == 3 and 1 not in space


def _given(prediction: Prediction, choice: Choice) -> list[str]:
    """What was pointed at, and what has to be so."""
    named: dict[int, list[str]] = {}
    for point in choice.points:
        named.setdefault(point.label, []).append("(" + ", ".join(map(str, point.index)) + ")")
    measure, labels = prediction.measure, prediction.labels
    return [
        *(said.pointed_at(labels[label], at) for label, at in named.items()),
        *(question_line(measure, labels[one.label], *one.asked) for one in choice.only),
    ]


def _outlined(prediction: Prediction, label_map: Labels) -> list[tuple[str, str]]:
    """What the image is of, and on which of its slices something is outlined, without a name."""
    source, told = prediction.source, list[tuple[str, str]]()
    if source.declared.modality in MODALITIES:
        told.append(("Modality", MODALITIES[source.declared.modality]))
    if isinstance(source.series, DicomSeries) and (words := source.series.words):
        told.append(("Series", words))
    if not _deep(source.space) or not label_map.any():
        return told
    axis, size = source.turn.order[0], source.space[source.turn.order[0]]
    middle = [float(at.mean()) for at in np.nonzero(label_map)]
    rows = np.flatnonzero(label_map.any(tuple(k for k in range(3) if k != axis)))
    ends = (int(rows[0]), int(rows[-1]))
    low, high = sorted(size - 1 - at if source.turn.flip[0] else at for at in ends)
    mm: tuple[float, ...] = ()
    towards = 0
    if source.oriented and source.extent == "volume":
        towards = int(np.argmax(np.abs(source.affine[:3, axis])))
        places = [[*middle[:axis], at, *middle[axis + 1 :], 1.0] for at in ends]
        mm = tuple(sorted(float(source.affine[towards] @ place) for place in places))
    return [*told, ("Outlined on", said.slices_line(low, high, size, mm, towards))]


def _facts(prediction: Prediction) -> list[tuple[str, str]]:
    card, source = prediction.card, prediction.source
    size = source.turn.shape(source.space)[::-1]
    spacing = source.spacing_mm
    if spacing is not None:
        spacing = tuple(spacing[axis] for axis in source.turn.order)[::-1]
    words = geometry(size, spacing, source.extent, "", source.thickness_mm)
    facts = [("Image", words)]
    if source.channels > 1:
        facts.append(("Channels", said.channels(card.channels)))
    if prediction.centre is not None:
        places = (prediction.centre, prediction.moved_to)
        facts.append(("Region around", said.around(*places, prediction.depth_mm)))
    if prediction.spread.changed:
        facts.append(said.OTHER_SPREAD)
    if prediction.members is not None:
        return [*facts, ("Members", said.some_of([name for _, name in prediction.sources]))]
    facts += [
        ("Model", f"{card.name} {card.version} · {card.licence}"),
        ("Trained on", card.training.data),
        ("Attribution", card.training.attribution),
        ("Computed on", prediction.device_title),
    ]
    return facts
