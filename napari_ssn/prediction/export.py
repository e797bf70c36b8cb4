"""What leaves the program: label maps and probabilities, the table of volumes, the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_ssn.core.hypotheses import ProbabilityMap
from napari_ssn.core.summaries.lesions import Lesions
from napari_ssn.documents.chosen import Choice as Told
from napari_ssn.documents.sidecar import Provenance
from napari_ssn.errors import NEVER, Cancel
from napari_ssn.geometry.arrays import Ints
from napari_ssn.geometry.diameters import Diameter
from napari_ssn.io.content import Content
from napari_ssn.io.describing import describe_probability, describe_several
from napari_ssn.io.dicom.series import DicomSeries
from napari_ssn.io.files import write_files
from napari_ssn.io.formats import about, about_picture, check_replaceable, encode_picture
from napari_ssn.io.known import CAPTURED_SUFFIX, REPORT_SUFFIX, STRUCTURES_SUFFIX
from napari_ssn.io.sidecar import write_content
from napari_ssn.io.table import Row, nothing_rows, range_rows, volumes_table
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.decode import across_in, hypothesis_of
from napari_ssn.prediction.lengths import Lengths, measure_lengths
from napari_ssn.prediction.overview import label_shares, nested
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.ranges import Ranges, count_ranges
from napari_ssn.prediction.record import (
    conditions_of,
    describe,
    model_of,
    pointing_of,
    presence_of,
    run_of,
    spread_of,
)
from napari_ssn.prediction.reporting import report_of
from napari_ssn.prediction.shown import Exported, Part, Shown
from napari_ssn.text.page import to_picture
from napari_ssn.text.report import to_html
from napari_ssn.text.results import NOTHING_OUTLINED
from napari_ssn.text.sizes import percent


def numbered(whose: str, count: int) -> list[str]:
    """Names of so many: ``sample_01`` …

    Examples:
        >>> numbered("sample", 2)
        ['sample_01', 'sample_02']
    """
    width = max(2, len(str(count)))
    return [f"{whose}_{i:0{width}d}" for i in range(1, count + 1)]


def export_choices(
    prediction: Prediction,
    choices: Mapping[str, Choice],
    folder: Path,
    suffixes: Sequence[str],
    ranges: Ranges,
    lengths: Lengths | None,
    series: DicomSeries | None = None,
    overwrite: bool = False,
) -> Iterator[tuple[str, Content, list[str]]]:
    """Write hypotheses, each with its sidecars, when the one before has been looked at.

    Args:
        prediction: of which they are.
        choices: by the names of their files, without a suffix.
        folder: that they go into.
        suffixes: of the files of each, every one of which was looked for before.
        ranges, lengths: of all hypotheses; no lengths where nobody measured them.
        series: that files in DICOM go back to.
        overwrite: whether existing files may be replaced.

    Yields:
        its name; what its files hold, and the names of these.
    """
    levels, members = None, ""
    if STRUCTURES_SUFFIX in suffixes:
        levels, members = nested(prediction, (), ())
    for name, choice in choices.items():
        plain, record = _of_one(prediction, choice, ranges, lengths)
        content = replace(plain, levels=levels, members=members)
        names = list[str]()
        for suffix in suffixes:
            path = folder / f"{name}{suffix}"
            written = write_content(content, path, record, overwrite, series, all_asked=True)
            names += [one.name for one in written]
        yield name, content, names


def export_part(
    shown: Shown,
    part: Part,
    path: Path,
    overwrite: bool,
    deidentified: bool = False,
    cancel: Cancel = NEVER,
) -> Exported:
    """Write hypotheses or the probability map with a sidecar.

    Args:
        shown: what there is.
        part: which of it.
        path: of the file; its suffix says the format.
        overwrite: whether the user agreed to replace a file of that name.
        deidentified: whether a DICOM segmentation leaves out whom it is of.
        cancel: looked at on the way.
    """
    reported = path.name.lower().endswith(REPORT_SUFFIX)
    content, provenance = _content(shown, part, reported, cancel)
    if path.name.lower().endswith(STRUCTURES_SUFFIX) and content.hypotheses:
        choice = shown.choice
        levels, members = nested(shown.prediction, choice.points, choice.only, cancel)
        content = replace(content, levels=levels, members=members)
    series = shown.series
    if deidentified and series is not None:
        series = series.unnamed()
    written = write_content(content, path, provenance, overwrite, series)
    caution = about(path, content, series)
    if content.hypotheses and not any(one.label_map.any() for one in content.hypotheses):
        caution = " ".join(filter(None, (NOTHING_OUTLINED, caution)))
    return Exported(path.parent, tuple(file.name for file in written), caution)


def _content(
    shown: Shown, part: Part, reported: bool, cancel: Cancel
) -> tuple[Content, Provenance]:
    prediction, choice = shown.prediction, shown.choice
    unlike = prediction.fit.kind == "unlike"
    ranges, lengths, given = shown.ranges, shown.lengths, (choice.points, choice.only)
    if part != "probability" and (ranges is None or (ranges.points, ranges.only) != given):
        ranges, lengths = count_ranges(prediction, *given, cancel=cancel), None
    if reported and lengths is None:
        # Diameters take longer: elsewhere they are stated where somebody has seen them.
        lengths = measure_lengths(prediction, *given, cancel=cancel)
    if part == "probability":
        return likely_content(prediction, choice, unlike, cancel)
    if part == "shown":
        return _of_one(prediction, choice, ranges, lengths, shown.lesions)
    cards = shown.dealt().cards
    found = [
        replace(
            hypothesis_of(prediction, card.choice, None),
            probability=card.share,
            probability_error=card.error,
        )
        for card in cards
    ]
    called = ["nothing outlined" if card.choice.nothing else None for card in cards]
    names = [
        f"{name or f'hypothesis {i}'} ({percent(card.share)})"
        for i, (name, card) in enumerate(zip(called, cards, strict=True), start=1)
    ]
    records = [
        describe(prediction, card.choice, None, one, ranges, lengths)
        for card, one in zip(cards, found, strict=True)
    ]
    about = describe_several(records, names, [card.share for card in cards])
    return Content.of(found, prediction.card, names, unlike), about


def _of_one(
    prediction: Prediction,
    choice: Choice,
    ranges: Ranges | None,
    lengths: Lengths | None,
    lesions: Lesions | None = None,
) -> tuple[Content, Provenance]:
    """A hypothesis, and what its sidecar says."""
    one = hypothesis_of(prediction, choice, lesions)
    content = Content.of(one, prediction.card, unlike=prediction.fit.kind == "unlike")
    return content, describe(prediction, choice, lesions, one, ranges, lengths)


def likely_content(
    prediction: Prediction, choice: Choice, unlike: bool = False, cancel: Cancel = NEVER
) -> tuple[Content, Provenance]:
    """The probability map given the points of a choice, and what its sidecar says."""
    likely = _probability(prediction, choice, cancel)
    told = Told(
        kind="probability",
        z=None,
        pointing=pointing_of(prediction, choice),
        conditions=conditions_of(choice),
        spread=spread_of(prediction),
        presence=presence_of(prediction, choice),
    )
    model, run = model_of(prediction), run_of(prediction)
    about = describe_probability(likely, model=model, run=run, choice=told)
    return Content.of(likely, prediction.card, unlike=unlike), about


def _probability(prediction: Prediction, choice: Choice, cancel: Cancel) -> ProbabilityMap:
    """How likely each label is, as `make_overview` has it."""
    dist = prediction.dist
    labels = range(1, dist.classes)
    shares = label_shares(prediction, choice.points, choice.only, labels, cancel)
    values = [dist.placed(one.astype(np.float32).clip(0, 1)) for one in shares]
    return ProbabilityMap(np.stack(values), prediction.source.affine)


def export_volumes(shown: Shown, path: Path, overwrite: bool) -> Exported:
    """Write the sizes of the hypothesis on show, of the cards, and the ranges as CSV."""
    prediction, ranges = shown.prediction, shown.counted()
    here = hypothesis_of(prediction, shown.choice, shown.lesions)
    across = across_in(prediction, here.label_map)
    rows = size_rows(prediction, "on show", here.counts, across)
    for number, card in enumerate(shown.dealt().cards, start=1):
        # Nothing outlined is no draw.
        seed = None if card.choice.nothing else card.choice.seed
        name = f"hypothesis {number}"
        rows += size_rows(prediction, name, card.counts, card.across, card.share, seed)
    written = write_files({path: table_of(prediction, rows, ranges)}, overwrite)
    return Exported(path.parent, tuple(file.name for file in written))


def size_rows(
    prediction: Prediction,
    name: str,
    counts: Ints,
    across: Sequence[Diameter],
    share: float | None = None,
    seed: int | None = None,
) -> list[Row]:
    """Rows of the table of one hypothesis, one for each label but the background.

    Args:
        prediction: that it is a hypothesis of.
        name: that it has in the table.
        counts: (C,) voxels of each label.
        across: diameters of each label but the background.
        share, seed: as in `Row`.
    """
    known = prediction.source.extent != "unknown"
    return [
        Row(
            name,
            label,
            int(voxels),
            share,
            seed=seed,
            across=(one.longest, one.perpendicular) if known else None,
            cut_off_by=one.cut_off_by,
            apart=one.apart if prediction.centre is not None else None,
        )
        for label, voxels, one in zip(prediction.labels[1:], counts[1:], across, strict=True)
    ]


def table_of(prediction: Prediction, rows: Sequence[Row], ranges: Ranges) -> bytes:
    """Content of ``volumes.csv``: rows of hypotheses, and those of the ranges below them."""
    labels, below = prediction.labels[1:], list[Row]()
    for label, one in zip(labels, ranges.ranges, strict=True):
        below += range_rows(label, one.low, one.median, one.high, one.level)
    if ranges.presence.apart:
        below += nothing_rows(labels, 1 - ranges.presence.share)
    measure = prediction.measure
    return volumes_table([*rows, *below], measure, prediction.doubt)


def export_report(
    shown: Shown, path: Path, overwrite: bool, deidentified: bool = False
) -> Exported:
    """Write the report, one page of HTML; as a picture where the name ends in ``.sc.dcm``.

    Args:
        shown: what there is.
        path: of the file.
        overwrite: whether one of that name may be replaced.
        deidentified: whether a picture in DICOM leaves out whom it is of.
    """
    report, caution = report_of(shown), ""
    if path.name.lower().endswith(CAPTURED_SUFFIX):
        check_replaceable(path)
        series, prediction = shown.series, shown.prediction
        series = series.unnamed() if deidentified and series is not None else series
        unlike = prediction.fit.kind == "unlike"
        whole = encode_picture(to_picture(report), prediction.card.name, unlike, series)
        caution = about_picture(series)
    else:
        whole = to_html(report)
    written = write_files({path: whole}, overwrite)
    return Exported(path.parent, tuple(file.name for file in written), caution)
