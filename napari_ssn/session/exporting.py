"""What leaves the program: label maps and probabilities, the table of volumes, the report.

Plain functions for a worker thread, as in `jobs`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from napari_ssn.core.errors import Cancelled, ExportError
from napari_ssn.report import Picture, Report, Size, to_html
from napari_ssn.session.cards import DRAWS, SEED, Card, Cards, draw
from napari_ssn.session.decoding import across_in, hypothesis_of
from napari_ssn.session.origin import (
    conditions_of,
    describe,
    model_of,
    pointing_of,
    presence_of,
    run_of,
    spread_of,
)
from napari_ssn.session.overview import mixed
from napari_ssn.session.records import Choice, Exported, Ranges, Result
from napari_ssn.wording.asking import question_line
from napari_ssn.wording.image import geometry
from napari_ssn.wording.sizes import capital, cut_off_line, percent, range_line
from napari_ssn.wording.steering import card_lines

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.core.diameters import Diameter
    from napari_ssn.core.hypotheses import Hypothesis, ProbabilityMap
    from napari_ssn.core.lesions import Lesions
    from napari_ssn.io.content import Content
    from napari_ssn.io.dicom.series import DicomSeries
    from napari_ssn.io.provenance import Provenance

#: What goes into a file: the hypothesis on show, those of all cards, or the probability map.
Part = Literal["shown", "cards", "probability"]

# Pixels of a picture's side in the report: 300 to the inch at 36 mm.
_SIDE = 432
# Points of a label that the report names: all of a hundred would take a second page.
_TOLD = 8


@dataclass(frozen=True)
class Shown:
    """What there is to write.

    Attributes:
        result: that everything else is about.
        choice: the hypothesis on show.
        lesions: of the result; None until they are told apart.
        cards: of the points there are now; None until they are dealt.
        ranges: given the points there are now; None until they are counted.
    """

    result: Result
    choice: Choice
    lesions: Lesions | None = None
    cards: Cards | None = None
    ranges: Ranges | None = None

    def dealt(self) -> Cards:
        """The cards; ExportError while there are none."""
        if self.cards is None:
            raise ExportError("The hypotheses are still being compared: try again in a moment.")
        return self.cards

    def counted(self) -> Ranges:
        """The ranges; ExportError while there are none."""
        if self.ranges is None:
            raise ExportError("The ranges are still being counted: try again in a moment.")
        return self.ranges


def export_job(
    shown: Shown,
    part: Part,
    path: Path,
    overwrite: bool,
    cancelled: Callable[[], bool],
    deidentified: bool = False,
) -> Exported:
    """Write hypotheses or the probability map with a sidecar.

    Args:
        shown: what there is.
        part: which of it.
        path: of the file; its suffix says the format.
        overwrite: whether the user agreed to replace a file of that name.
        cancelled: is asked now and then.
        deidentified: whether a DICOM segmentation leaves out whom it is of.
    """
    from napari_ssn.io.formats import about
    from napari_ssn.io.sidecar import write_content

    content, provenance = _content(shown, part, cancelled)
    series = series_of(shown.result)
    if deidentified and series is not None:
        series = series.unnamed()
    written = write_content(content, path, provenance, overwrite, series)
    caution = about(path, content, series)
    if content.hypotheses and not any(one.label_map.any() for one in content.hypotheses):
        caution = " ".join(filter(None, ("Nothing is outlined in it.", caution)))
    return Exported(path.parent, tuple(file.name for file in written), caution)


def series_of(result: Result) -> DicomSeries | None:
    """The DICOM series that an image came from; None for any other."""
    from napari_ssn.io.dicom.series import DicomSeries

    series = result.source.series
    return series if isinstance(series, DicomSeries) else None


def _content(shown: Shown, part: Part, cancelled: Callable[[], bool]) -> tuple[Content, Provenance]:
    from napari_ssn.io.content import Content
    from napari_ssn.io.describing import describe_probability, describe_several

    result, choice = shown.result, shown.choice
    unlike = result.fit.kind == "unlike"
    if part == "probability":
        likely = _probability(result, choice, cancelled)
        about = describe_probability(
            likely,
            model=model_of(result),
            run=run_of(result),
            pointing=pointing_of(result, choice),
            conditions=conditions_of(choice),
            spread=spread_of(result),
            presence=presence_of(result, choice),
        )
        return Content.of(likely, result.card, unlike=unlike), about
    if part == "shown":
        one = hypothesis_of(result, choice, shown.lesions)
        content = Content.of(one, result.card, unlike=unlike)
        return content, describe(result, choice, shown.lesions, one)
    cards = shown.dealt().cards
    found = _of_cards(shown)
    called = ["nothing outlined" if card.choice.nothing else None for card in cards]
    names = [
        f"{name or f'hypothesis {i}'} ({percent(card.share)})"
        for i, (name, card) in enumerate(zip(called, cards, strict=True), start=1)
    ]
    records = [
        describe(result, card.choice, None, one) for card, one in zip(cards, found, strict=True)
    ]
    about = describe_several(records, names, [card.share for card in cards])
    return Content.of(found, result.card, names, unlike), about


def _of_cards(shown: Shown) -> list[Hypothesis]:
    """The hypotheses of the cards, with the shares that they stand for."""
    return [
        replace(
            hypothesis_of(shown.result, card.choice, None),
            probability=card.share,
            probability_error=card.error,
        )
        for card in shown.dealt().cards
    ]


def _probability(result: Result, choice: Choice, cancelled: Callable[[], bool]) -> ProbabilityMap:
    """How likely each label is, as `overview_job` has it.

    The model's own, pixel noise included; given anything, the share of the draws behind the cards.
    """
    from napari_ssn.core.agreement import agreement
    from napari_ssn.core.hypotheses import ProbabilityMap

    def between() -> None:
        if cancelled():
            raise Cancelled("The export was cancelled.")

    dist, given, labels = result.dist, result.given, range(1, result.dist.classes)
    if choice.points or choice.only:
        draws = given.draws(choice.points, DRAWS, SEED, choice.only)
        found = agreement(given.source(choice.points), draws, between)
        presence = given.presence(choice.points, choice.only)
        chances = (mixed(found.share(label), label, presence) for label in labels)
    else:
        chances = (dist.probability(label, between=between) for label in labels)
    values = [dist.placed(one.astype(np.float32)) for one in chances]
    return ProbabilityMap(np.stack(values).clip(0, 1), result.source.affine)


def volumes_job(shown: Shown, path: Path, overwrite: bool) -> Exported:
    """Write the sizes of the hypothesis on show, of the cards, and the ranges as CSV."""
    from napari_ssn.io.files import write_files
    from napari_ssn.io.table import Row, nothing_rows, range_rows, volumes_table

    result, ranges = shown.result, shown.counted()
    labels = result.labels[1:]
    here = hypothesis_of(result, shown.choice, shown.lesions)
    sizes: list[tuple[str, float | None, int | None, NDArray[np.int64], tuple[Diameter, ...]]]
    sizes = [("on show", None, None, here.counts, across_in(result, here.label_map))]
    for number, card in enumerate(shown.dealt().cards, start=1):
        sizes.append((f"hypothesis {number}", card.share, _seed_of(card), card.counts, card.across))
    known = result.source.extent != "unknown"
    rows = [
        Row(
            name,
            label,
            int(voxels),
            share,
            seed=seed,
            across=(one.longest, one.perpendicular) if known else None,
            cut_off_by=one.cut_off_by,
        )
        for name, share, seed, counts, across in sizes
        for label, voxels, one in zip(labels, counts[1:], across, strict=True)
    ]
    for label, one in zip(labels, ranges.ranges, strict=True):
        rows += range_rows(label, one.low, one.median, one.high, one.level)
    if ranges.presence.apart:
        rows += nothing_rows(labels, 1 - ranges.presence.share)
    measure = result.measure
    content = volumes_table(rows, measure.extent, measure.voxel_mm3, result.doubt)
    written = write_files({path: content}, overwrite)
    return Exported(path.parent, tuple(file.name for file in written))


def _seed_of(card: Card) -> int | None:
    """Of the draw that a card shows; nothing outlined is no draw."""
    return None if card.choice.nothing else card.choice.seed


def report_job(shown: Shown, path: Path, overwrite: bool) -> Exported:
    """Write the report, one page of HTML."""
    from napari_ssn.io.files import write_files

    written = write_files({path: to_html(report_of(shown))}, overwrite)
    return Exported(path.parent, tuple(file.name for file in written))


def report_of(shown: Shown) -> Report:
    """What the report says of a result."""
    from napari_ssn.io.hashes import label_map_hash

    result, card = shown.result, shown.result.card
    here = hypothesis_of(result, shown.choice, shown.lesions)
    title, presence = shown.choice.title, shown.counted().presence
    return Report(
        title=card.title,
        purpose=card.purpose,
        shown=title,
        sizes=_sizes(shown, here),
        pictures=_pictures(shown, here),
        pictured=_pictured(shown),
        given=_given(result, shown.choice),
        presence=presence.line,
        unlikely=presence.unlikely,
        doubt=result.doubt,
        facts=_facts(result),
        limits=card.limits,
        codes=[
            ("Image, sha256", result.image_sha256),
            ("Weights, sha256", card.weights_sha256),
            ("Label map on show, sha256", label_map_hash(here.label_map)),
        ],
    )


def _sizes(shown: Shown, here: Hypothesis) -> list[Size]:
    found = across_in(shown.result, here.label_map)
    ranges, measure = shown.counted(), shown.result.measure
    out = []
    for label, voxels, across, one, absent in zip(
        shown.result.card.labels[1:],
        here.counts[1:],
        found,
        ranges.ranges,
        ranges.absent,
        strict=True,
    ):
        spread = range_line(
            measure,
            one.low,
            one.high,
            one.level,
            ranges.count,
            readers=one.readers,
            patients=one.patients,
            absent=absent,
            points=len(ranges.points),
            conditions=len(ranges.only),
            spread=ranges.spread.changed,
            outlined=ranges.presence.apart,
            unlike=ranges.unlike,
        )
        amount = measure.size_here(int(voxels), across)
        spread = ". ".join(map(capital, filter(None, (cut_off_line(across), spread))))
        out.append(Size(capital(label.name), label.colour, amount, spread))
    return out


def _pictures(shown: Shown, here: Hypothesis) -> list[Picture]:
    cards, measure = shown.dealt().cards, shown.result.measure
    maps = [here.label_map, *(one.label_map for one in _of_cards(shown))]
    drawn, _ = draw(shown.result, maps, _SIDE)
    foreground = int(here.counts[1:].sum())
    size = measure.amount(foreground) if foreground else "none"
    lines = [("On show", size)]
    lines += [card_lines(measure, card.share, card.error, card.counts) for card in cards]
    return [Picture(pixels, *words) for pixels, words in zip(drawn, lines, strict=True)]


def _pictured(shown: Shown) -> str:
    cards, source = shown.dealt(), shown.result.source
    where = "All pictures show the slice on which they differ most" if _deep(source.space) else ""
    if source.oriented:
        where += ", in" if where else "Pictures are in"
        where += " the radiological convention"
    where += ". " if where else ""
    whose = f"{cards.draws:,} hypotheses of the model"
    if shown.counted().presence.apart:
        whose = f"readers, by {whose},"
    return (
        f"{where}Each percentage is the share of {whose} that are most like the one shown, with "
        "the error of so few draws; sizes are of the whole image."
    )


def _deep(space: tuple[int, ...]) -> bool:
    return len(space) == 3 and 1 not in space


def _given(result: Result, choice: Choice) -> list[str]:
    """What was pointed at, and what has to be so."""
    named: dict[int, list[str]] = {}
    for point in choice.points:
        named.setdefault(point.label, []).append("(" + ", ".join(map(str, point.index)) + ")")
    said = [
        f"{capital(result.labels[label])} at {', '.join(at[:_TOLD])}"
        f"{f' and {len(at) - _TOLD} more' if len(at) > _TOLD else ''} "
        "(voxels, counted from 0 in the order of the image's file)"
        for label, at in named.items()
    ]
    measure = result.measure
    return said + [question_line(measure, result.labels[one.label], one) for one in choice.only]


def _facts(result: Result) -> list[tuple[str, str]]:
    card, source = result.card, result.source
    size = source.turn.shape(source.space)[::-1]
    spacing = source.spacing_mm
    if spacing is not None:
        spacing = tuple(spacing[axis] for axis in source.turn.order)[::-1]
    words = geometry(size, spacing, source.extent, "", source.thickness_mm)
    facts = [("Image", words)]
    if result.centre is not None:
        around = "(" + ", ".join(map(str, result.centre)) + ")"
        if result.depth_mm is not None:
            around += f" · slices up to {result.depth_mm:g} mm from it"
        facts.append(("Region around", around))
    if result.spread.changed:
        facts.append(("Spread", "changed by hand: not the model's own"))
    facts += [
        ("Model", f"{card.name} {card.version} · {card.licence}"),
        ("Trained on", card.training.data),
        ("Attribution", card.training.attribution),
        ("Computed on", result.device_title),
    ]
    return facts
