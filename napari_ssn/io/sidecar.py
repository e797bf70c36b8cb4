"""Files with their sidecars: both are written, or neither is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.documents.sidecar import Provenance, read_sidecar
from napari_ssn.errors import DataError, ExportError
from napari_ssn.io.content import Content, PlainModel, plain_labels
from napari_ssn.io.dicom.series import DicomSeries
from napari_ssn.io.files import write_files
from napari_ssn.io.formats import check_replaceable, encode, files_of, identity, is_nifti, stem
from napari_ssn.io.formats import sidecar_path as sidecar_path
from napari_ssn.io.hashes import label_map_hash, probability_hash
from napari_ssn.io.known import DICOM_SUFFIX, NIFTI_SUFFIXES


def write_pair(
    hypothesis: Hypothesis, path: Path, provenance: Provenance, overwrite: bool = False
) -> list[Path]:
    """Write a label map and its sidecar: `write_content` of one hypothesis."""
    content = Content.of(hypothesis, described(provenance))
    return write_content(content, path, provenance, overwrite)


def write_content(
    content: Content,
    path: Path,
    provenance: Provenance,
    overwrite: bool = False,
    series: DicomSeries | None = None,
    all_asked: bool = False,
) -> list[Path]:
    """Write a file and its sidecar, both or neither, and return their paths.

    Args:
        content: what the file holds.
        path: of the file; its suffix says the format.
        provenance: of that content.
        overwrite: whether existing ones may be replaced.
        series: that a DICOM segmentation belongs to.
        all_asked: whether that is so of what is written with it too: the segmentation of a report.
            If not, only one that belongs to the report in its place is replaced.

    Raises:
        ValueError: the provenance is another content's.
        ExportError: as `write_files` and `encode`, and if a JSON file of another program lies
            where the sidecar goes, whatever ``overwrite`` says.
    """
    if [one.label_map_sha256 for one in provenance.each()] != _hashes_of(content):
        raise ValueError("provenance: it belongs to another label map")
    for one in files_of(path):
        check_replaceable(one)
        _check_beside(one, all_asked or one == path or _belongs(one, path))
    contents = dict[Path, bytes]()
    for one, whole, record in recorded(replace(content, record=provenance), path, series):
        contents |= {one: whole, sidecar_path(one): record.to_json().encode()}
    return write_files(contents, overwrite)


def recorded(
    content: Content, path: Path, series: DicomSeries | None
) -> Iterator[tuple[Path, bytes, Provenance]]:
    """Each file that is written, with its content and what its sidecar says."""
    encoded, record = encode(content, path, series), content.record
    assert record is not None
    others = {one: whole for one, whole in encoded.items() if one != path}
    for one, whole in encoded.items():
        written = None
        if one.name.lower().endswith(DICOM_SUFFIX):
            refers_to = next(iter(others.values()), None) if one == path else None
            written = identity(whole, refers_to)
        yield one, whole, record.model_copy(update={"written": written})


def _check_beside(path: Path, asked: bool) -> None:
    """ExportError for what would be replaced without anybody having been asked.

    Args:
        path: of a file that is written.
        asked: whether the user has named it; not what is written with it.
    """
    beside = sidecar_path(path)
    if beside.exists():
        # Other programs too keep JSON beside an image; the user was not asked about that file.
        try:
            read_sidecar(beside)
        except DataError:
            raise ExportError(
                "Beside it lies a JSON file of another program or version, which would be "
                "replaced: choose another name."
            ) from None
        if is_nifti(path):
            _check_twin(path)
    if not asked and path.exists():
        raise ExportError(
            "Beside it lies another DICOM segmentation of that name, which would be replaced: "
            "choose another name."
        )


def _belongs(path: Path, report: Path) -> bool:
    """Whether a segmentation is the one that the report of that name was written with."""
    try:
        refers, own = (read_sidecar(sidecar_path(one)).written for one in (report, path))
    except DataError:
        return False
    if refers is None or own is None or not report.exists():
        return False
    return refers.refers_to == own.sop_instance_uid


def _check_twin(path: Path) -> None:
    """ExportError if the sidecar belongs to a file of the same name with NIfTI's other suffix."""
    for suffix in NIFTI_SUFFIXES:
        twin = path.with_name(stem(path) + suffix)
        if twin != path and twin.exists():
            raise ExportError(
                f"Beside it lies a {suffix} of the same name, whose sidecar would be replaced: "
                "choose another name."
            )


def described(provenance: Provenance) -> PlainModel | None:
    """What a sidecar says of the model and its labels; None where it names no labels."""
    if not provenance.volumes:
        return None
    model = provenance.model
    labels = plain_labels(["background", *provenance.volumes])
    return PlainModel(model.name, model.version, model.weights_sha256, labels)


def _hashes_of(content: Content) -> list[str]:
    if content.probability is not None:
        return [probability_hash(content.probability)]
    return [label_map_hash(one.label_map) for one in content.hypotheses]
