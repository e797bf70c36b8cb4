"""DICOM structured reports: sizes and their ranges, as TID 1500 has measurements.

A report refers to a DICOM segmentation of the same hypotheses, which is written with it, and to the
series. A group of TID 1411 for each segment holds its size and both diameters; of each of these the
median of all hypotheses and the ends of the range, told apart by how they are derived; how certain
it is that there is anything; and which model says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
from highdicom import sr
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from pydicom import dcmread
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from napari_ssn.core.kinds import RangeKind
from napari_ssn.documents.sidecar import Provenance, Unit
from napari_ssn.errors import ExportError
from napari_ssn.io.content import Content, Segment
from napari_ssn.io.dicom import making
from napari_ssn.io.dicom.damage import reading
from napari_ssn.io.dicom.segmentation import Made, make_segmentation
from napari_ssn.io.dicom.segments import Said, said, whose
from napari_ssn.io.dicom.segments import label_maps as label_maps
from napari_ssn.io.dicom.series import DicomSeries, short
from napari_ssn.io.known import MANUFACTURER
from napari_ssn.io.measured import LEVEL, Measured, Spread, measured

_SERIES_NUMBER = 9101
_NO_RECORD = (
    "A structured report states sizes and their ranges: export it where they are known, or give "
    "the sidecar's content as provenance."
)
_DAMAGED = "The DICOM structured report is damaged or cut off: export it again."
_UNITS: dict[Unit, tuple[Code, Code]] = {
    "mL": (codes.SCT.Volume, Code("mL", "UCUM", "milliliter")),
    "mm2": (codes.SCT.Area, Code("mm2", "UCUM", "square millimeter")),
    "voxels": (codes.SCT.Volume, Code("{voxels}", "UCUM", "voxels")),
}
_SIZE, _SIZES = "size", {codes.SCT.Volume.value, codes.SCT.Area.value}
_AXES = (codes.SCT.LongAxis, codes.SCT.ShortAxis)
_MM, _PERCENT = Code("mm", "UCUM", "millimeter"), Code("%", "UCUM", "percent")
_LOW, _HIGH = "RANGE-LOW", "RANGE-HIGH"
_KINDS: tuple[RangeKind, ...] = get_args(RangeKind)
# How far a number may be from the sidecar's, as a share of it: both are written in full.
_ROUNDING = 1e-9


def encode_several(content: Content, series: DicomSeries) -> tuple[bytes, bytes]:
    """A structured report, and the DICOM segmentation that it refers to.

    Args:
        content: hypotheses on the grid of the series, with what a sidecar says of them.
        series: that both belong to.

    Raises:
        ExportError: nothing is known of sizes, or as `make_segmentation`.
    """
    if content.record is None:
        raise ExportError(_NO_RECORD)
    found = measured(content.record)
    made = make_segmentation(content, series)
    with making.refused():
        report = _report(content, found, made, series)
        return making.written(report, series), making.written(made.segmentation, series)


def _report(content: Content, found: list[Measured], made: Made, series: DicomSeries) -> Any:
    segmentation, headers = made
    if series.frames is not None:
        # It was made to look like an enhanced one, which it may not be.
        headers[0].SOPClassUID = series.headers[0].SOPClassUID
    segments = list(content.segments())
    groups = [
        _group(content, number, segment, one, segmentation, headers[0])
        for number, (segment, one) in enumerate(zip(segments, found, strict=True), start=1)
    ]
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=making.uid_of(content.model),
        name=short(content.model.name),
        manufacturer_name=MANUFACTURER,
        model_name="napari-ssn",
    )
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(
            observer_device_context=sr.ObserverContext(codes.DCM.Device, device)
        ),
        procedure_reported=codes.SCT.ImagingProcedure,
        imaging_measurements=groups,
    )
    report[0].ContentSequence.append(_comment(f"{making.notice(content.unlike)}."))
    return sr.ComprehensiveSR(
        evidence=[*headers, segmentation],
        content=report,
        **making.made_by(
            content.model.name, _SERIES_NUMBER, making.of_which("measurements", content)
        ),
        is_complete=True,
        coding_schemes=[CodingSchemeIdentificationItem(making.SCHEME, name="Codes of napari-ssn")],
    )


def _group(
    content: Content, number: int, segment: Segment, one: Measured, made: Any, header: Any
) -> Any:
    """What is said of one segment, TID 1411."""
    category, kind, region = making.kind_of(segment.label)
    weights = content.model.weights_sha256
    group = sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=generate_uid(prefix=None), identifier=short(segment.name)
        ),
        referenced_segment=sr.ReferencedSegment(
            sop_class_uid=made.SOPClassUID,
            sop_instance_uid=made.SOPInstanceUID,
            segment_number=number,
            source_series=sr.SourceSeriesForSegmentation(header.SeriesInstanceUID),
        ),
        finding_category=category,
        finding_type=kind,
        finding_sites=None if region is None else [sr.FindingSite(region)],
        algorithm_id=sr.AlgorithmIdentification(
            name=short(content.model.name),
            version=short(content.model.version),
            parameters=[f"weights_sha256={weights}"] if weights else None,
        ),
        measurements=list(_measurements(one)),
    )
    assert content.record is not None
    for words in _comments(segment, one, content.record.each()[segment.layer]):
        group[0].ContentSequence.append(_comment(words))
    return group


def _measurements(one: Measured) -> Iterator[Any]:
    name, unit = _UNITS[one.unit]
    yield sr.Measurement(name=name, value=one.size, unit=unit)
    if one.across is not None:
        for what, mm in zip(_AXES, one.across, strict=True):
            yield sr.Measurement(name=what, value=float(mm), unit=_MM)
    yield from _derived(name, unit, one.spread)
    for what, spread in zip(_AXES, one.spans, strict=True):
        yield from _derived(what, _MM, spread)
    if one.presence is not None:
        yield sr.Measurement(
            name=codes.DCM.CertaintyOfFinding, value=100.0 * one.presence, unit=_PERCENT
        )


def _derived(name: Code, unit: Code, spread: Spread | None) -> Iterator[Any]:
    """Median and range of a size or a diameter over the hypotheses."""
    if spread is None:
        return
    for value, derivation in (
        (spread.median, codes.SCT.Median),
        (spread.low, _end(_LOW, "Lower", spread)),
        (spread.high, _end(_HIGH, "Upper", spread)),
    ):
        yield sr.Measurement(name=name, value=value, unit=unit, derivation=derivation)


def _end(code: str, which: str, spread: Spread) -> Code:
    """``Lower end of 90 % calibrated range``; whose it is is part of the code."""
    kind = spread.kind
    return Code(
        f"{code}-{kind[0].upper()}", making.SCHEME, f"{which} end of {LEVEL} % {kind} range"
    )


def _comments(segment: Segment, one: Measured, record: Provenance) -> Iterator[str]:
    ensemble = record.run.ensemble is not None
    if segment.share is not None:
        yield f"Stands for {100 * segment.share:.0f} % of the model's hypotheses."
    if one.unit == "mm2":
        yield "Area and diameters are those in this slice: what lies beside it was not seen."
    if one.spread is not None:
        words = {
            "calibrated": "set to hold that share of readers as in the model's calibration",
            "adjusted": "set to hold that share of the outlines of one expert",
            "model": "of the model's hypotheses, and of no reader",
        }[one.spread.kind]
        given = "" if one.presence is None else ", of those that outline anything"
        yield f"Median and {LEVEL} % range are of many hypotheses{given}; the range is {words}."
    if any(spread is not None for spread in one.spans):
        yield "Median and range of the axes are the model's own."
    if given := _given(record):
        yield f"Given {given}."
    if one.presence is not None:
        whose = "maps of the ensemble that" if ensemble else "readers who would"
        yield f"Certainty of finding is the share of {whose} outline anything."
    if one.cut_off_by:
        yield f"Reaches the edge of the {' and the '.join(one.cut_off_by)}: it may be larger."
    if one.apart:
        yield f"{one.apart:.3g} {one.unit} of it are no part of the lesion at the point."


def _given(record: Provenance) -> str:
    """``2 points, 1 condition, another spread``: what the hypotheses were taken from."""
    choice = record.choice
    points = 0 if choice.pointing is None else len(choice.pointing.points)
    counts = ((points, "point"), (len(choice.conditions or ()), "condition"))
    said = [f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts if count]
    return ", ".join([*said, *(["another spread than the model's"] if choice.spread else [])])


def _comment(words: str) -> Any:
    return sr.TextContentItem(
        name=codes.DCM.Comment,
        value=words,
        relationship_type=sr.RelationshipTypeValues.CONTAINS,
    )


class Stated(NamedTuple):
    """What a report says: of each segment, of which segmentation, and of whom and what beside."""

    measured: list[Measured]
    segmentation: str
    said: Said


def stated(path: Path) -> Stated:
    """What a report says; ImageError if it is damaged, or is none."""
    with reading(_DAMAGED):
        report = sr.srread(path)
        groups = report.content.get_volumetric_roi_measurement_groups()
        uids = {str(group.referenced_segment.referenced_sop_instance_uid) for group in groups}
        found = [_read(group.get_measurements()) for group in groups]
        (segmentation,) = uids
        evidence = [one for one in report.get_evidence() if str(one[2]) != segmentation]
        # A report lies in no frame of reference.
        patient = [*whose(report)[:-1], None]
    return Stated(
        found,
        segmentation,
        Said(
            [str(group.tracking_identifier) for group in groups],
            patient,
            {str(one[1]) for one in evidence},
            {str(one[2]) for one in evidence},
            str(report.get("PatientIdentityRemoved") or "") != "YES",
        ),
    )


def checked(files: Sequence[Path], record: Provenance) -> tuple[list[Said], str | None]:
    """What a report and its segmentation say; and that it is not what the sidecar states."""
    found, segmentation = stated(files[0]), files[-1]
    wanted = measured(record)
    says, problem = [said(segmentation), found.said], None
    if found.segmentation != str(
        dcmread(segmentation, specific_tags=["SOPInstanceUID"]).SOPInstanceUID
    ):
        problem = "the report beside the sidecar refers to another segmentation than lies there"
    elif len(found.measured) != len(wanted) or not all(map(_alike, found.measured, wanted)):
        problem = "the report beside the sidecar states other sizes, ranges or certainty than that"
    return says, problem


def _alike(one: Measured, other: Measured) -> bool:
    """Whether both say the same, edges aside."""
    known, stated = (
        (m.unit, m.across is None, m.presence is None, [s and s.kind for s in _spreads(m)])
        for m in (one, other)
    )
    return known == stated and np.allclose(_numbers(one), _numbers(other), _ROUNDING, 0)


def _spreads(one: Measured) -> tuple[Spread | None, ...]:
    return one.spread, *one.spans


def _numbers(one: Measured) -> list[float]:
    spreads = [(s.low, s.median, s.high) for s in _spreads(one) if s is not None]
    presence = () if one.presence is None else (one.presence,)
    return [one.size, *(one.across or ()), *sum(spreads, ()), *presence]


def _read(items: Any) -> Measured:
    """What was said of one segment, edges left out."""
    plain: dict[str, float] = {}
    derived: dict[str, dict[str, float]] = {}
    unit: Unit | None = None
    for item in items:
        code = item.name.value
        if code in _SIZES:
            unit, code = next(k for k in _UNITS if _UNITS[k][1].value == item.unit.value), _SIZE
        if item.derivation is None:
            plain[code] = item.value
        else:
            derived.setdefault(code, {})[item.derivation.value] = item.value
    if unit is None:
        raise ValueError("a segment without a size")
    long, short = (axis.value for axis in _AXES)
    across = plain.get(long), plain.get(short)
    presence = plain.get(codes.DCM.CertaintyOfFinding.value)
    return Measured(
        plain[_SIZE],
        unit,
        None if across[0] is None or across[1] is None else (across[0], across[1]),
        _range(derived.get(_SIZE)),
        None if presence is None else presence / 100,
        (),
        spans=(_range(derived.get(long)), _range(derived.get(short))),
    )


def _range(found: dict[str, float] | None) -> Spread | None:
    """Median and range by how they were derived; None where none was."""
    if found is None:
        return None
    kind = next(one for one in _KINDS if f"{_LOW}-{one[0].upper()}" in found)
    low, high = (found[f"{code}-{kind[0].upper()}"] for code in (_LOW, _HIGH))
    return Spread(low, found[codes.SCT.Median.value], high, kind)
