"""The file beside a sidecar: what it holds and what it says, and what of that is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.documents.ran import Run
from napari_ssn.documents.sidecar import Provenance
from napari_ssn.errors import ImageError
from napari_ssn.geometry.arrays import Array
from napari_ssn.geometry.transforms import NEAR_MM, corners_apart_mm
from napari_ssn.io.content import Content
from napari_ssn.io.dicom.series import DicomSeries, short
from napari_ssn.io.formats import files_of, identity, is_nrrd, stored_of, written_by
from napari_ssn.io.hashes import label_map_hash
from napari_ssn.io.known import DICOM_SUFFIX, NIFTI_SUFFIXES, NRRD_SUFFIX
from napari_ssn.io.labelled import label_kind, narrowed
from napari_ssn.io.nrrd import plain
from napari_ssn.io.nrrd_image import read_nrrd_fields
from napari_ssn.io.nrrd_segments import segments as nrrd_segments
from napari_ssn.io.results import dicom_maps
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.text import verdicts

if TYPE_CHECKING:
    from napari_ssn.io.dicom.segments import Said


def beside_of(sidecar: Path) -> Path | None:
    """The file that a sidecar lies beside; None if there is none."""
    names = (sidecar.with_name(sidecar.stem + suffix) for suffix in NIFTI_SUFFIXES)
    # ``a.seg.nrrd.json`` lies beside ``a.seg.nrrd``, and ``a.dcm.json`` beside ``a.dcm``.
    named = sidecar.with_suffix("")
    kept = (named,) if named.name.lower().endswith((NRRD_SUFFIX, DICOM_SUFFIX)) else ()
    return next((path for path in (*kept, *names) if path.is_file()), None)


@dataclass(frozen=True, eq=False)
class Held:
    """Label maps of a file, (n, *S) of uint8, and how far in mm it lies off the sidecar's grid.

    Of other kinds is what holds no labels.
    """

    values: Array
    off_mm: float


def held(path: Path, record: Provenance) -> Held:
    """What the file beside a sidecar holds; an error of ours if it cannot be read as that."""
    if path.name.lower().endswith(DICOM_SUFFIX):
        return Held(dicom_maps(path, record), 0.0)
    count = len(record.each())
    stored = read_nrrd_fields(path)[0] if is_nrrd(path) else stored_of(path)
    if stored.channels != count:
        raise ImageError(f"The file holds {stored.channels} label maps, not {count}.")
    off_mm = 0.0
    if stored.extent == "volume":
        off_mm = corners_apart_mm(stored.affine, np.array(record.grid.affine), stored.space)
    values = stored.values
    if label_kind(values) == np.uint8:
        values = narrowed(values, np.dtype(np.uint8), spend=True)
    return Held(values, off_mm)


def problems_of(content: Held, ones: Sequence[Provenance]) -> list[str]:
    """What is wrong with the file beside a sidecar, in parts of sentences."""
    if content.values.dtype != np.uint8:
        return [verdicts.OTHER_NUMBERS]
    for label_map, record in zip(content.values, ones, strict=True):
        if label_map_hash(label_map) != record.label_map_sha256:
            return [verdicts.OTHER_MAP]
    if content.off_mm > NEAR_MM:
        return [verdicts.off_line(content.off_mm)]
    return []


def mislabelled(
    path: Path, record: Provenance, found: Prediction, made: Sequence[Hypothesis]
) -> list[str]:
    """What the file beside a sidecar says otherwise than it was written with, but for voxels."""
    names = None if record.hypotheses is None else [one.name for one in record.hypotheses]
    segments = list(Content.of(made, found.card, names).segments())
    is_dicom = path.name.lower().endswith(DICOM_SUFFIX)
    if record.written is not None:
        wholes = [one.read_bytes() for one in files_of(path)] if is_dicom else []
        if not wholes or record.written != identity(*wholes):
            return [verdicts.OTHER_FILE]
    if is_nrrd(path):
        stored, fields = read_nrrd_fields(path)
        there = [
            (layer, value, label.name)
            for layer, part in enumerate(nrrd_segments(stored.values, fields))
            for value, label in sorted(part.labels.items())
        ]
        if there != [(one.layer, one.value, plain(one.name)) for one in segments]:
            return [verdicts.OTHER_NAMES]
    elif is_dicom:
        return _misreferred(path, record, found, [one.name for one in segments])
    return []


def _misreferred(
    path: Path, record: Provenance, found: Prediction, names: Sequence[str]
) -> list[str]:
    """What a DICOM file says otherwise of itself, of whom it is of and of what it refers to."""
    says, problem = written_by(path).checked(files_of(path), record)
    if problem is not None:
        return [problem]
    source = found.source.series
    for one in says:
        if one.names != [short(name) for name in names]:
            return [verdicts.OTHER_NAMES]
        if isinstance(source, DicomSeries) and (problem := _of_another(one, source)):
            return [problem]
    return []


def _of_another(says: Said, source: DicomSeries) -> str | None:
    """That a DICOM file is of another patient or other slices than an image; None if it is not."""
    whom = zip(says.patient, source.whose(says.named), strict=True)
    if any(stated not in (None, true) for stated, true in whom):
        return verdicts.OTHER_PATIENT
    if says.series != {source.series_uid} or not says.instances <= {*source.slice_uids}:
        return verdicts.REFERS_ELSEWHERE
    return None


def other_series(run: Run, source: DicomSeries) -> Iterator[str]:
    """What a sidecar says of a series that is not so; those of before said less."""
    stated, key, here = run.dicom, run.image_sha256, source.acquired
    if stated is None:
        return
    if not stated.is_series(source.series_uid, key) or not stated.slices_of(source.slice_uids, key):
        yield verdicts.SERIES
    for one, two in (
        (stated.slice_thickness_mm, here.thickness_mm),
        (stated.kernel_sha256, here.kernel),
    ):
        if one is not None and one != two:
            yield verdicts.ACQUIRED
            return
