"""DICOM made in a test: a series of slices, or one enhanced multi-frame instance.

Every file holds the `SECRETS`: whatever must name no patient is searched for them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    MRImageStorage,
    generate_uid,
)
from pydicom.valuerep import format_number_as_ds

#: Values of every file made here that must come out nowhere but in a DICOM of the same patient.
SECRETS = ("DOE", "JANE", "PID-4711", "19510703", "ACC-0815", "Dr^Who")

_LPS = np.diag([-1.0, -1.0, 1.0])
_CLASSES = {"CT": CTImageStorage, "MR": MRImageStorage}
_ENHANCED = {"CT": EnhancedCTImageStorage, "MR": EnhancedMRImageStorage}

Change = Callable[[int, Dataset], None]

# Files of series by all that they are made of: most tests ask for one of a few. Large ones are not
# kept.
_MADE: dict[tuple[object, ...], dict[str, bytes]] = {}
_SMALL = 1 << 18

#: What a header may say beside, and no result has to repeat.
LEFT_OUT = {
    "PatientComments": "a VIP",
    "StudyDescription": "of the spleen",
    "Occupation": "juggler",
    "InstitutionName": "ST ELSEWHERE",
    "OperatorsName": "OPERATOR",
    "PhysiciansOfRecord": "RECORDER",
    "AdditionalPatientHistory": "fell",
    "StationName": "STATION",
    "PatientAge": "051Y",
    "EthnicGroup": "martian",
}


def told(k: int, dataset: Dataset) -> None:
    """Put all of it into a header: a `Change`."""
    for keyword, value in LEFT_OUT.items():
        setattr(dataset, keyword, value)
    dataset.Manufacturer = "MAKER"


def check_leaves_out(whole: bytes, deidentified: bool) -> None:
    """A file made of a series that was `told` all has whom it is of, if anything, and no more."""
    assert not [value for value in (*LEFT_OUT.values(), "MAKER") if value.encode() in whole]
    # Three pixels may be three letters by accident.
    said = whole.partition(b"\xe0\x7f\x10\x00")[0]
    known = {secret for secret in SECRETS if secret.encode() in said}
    assert known == (set() if deidentified else set(SECRETS))


def make_series(
    folder: Path,
    array: ArrayLike,
    affine: ArrayLike,
    *,
    modality: str = "CT",
    slope: float = 1.0,
    intercept: float = -1024.0,
    signed: bool = False,
    bits: int = 16,
    series: str | None = None,
    study: str | None = None,
    frame_of_reference: str | None = None,
    number: int = 1,
    syntax: str | None = None,
    change: Change | None = None,
    seed: int = 0,
) -> list[Path]:
    """Write one file per slice and return their paths in the order of the slices.

    The names of the files and the instance numbers say nothing about that order.

    Args:
        folder: made if it is missing.
        array: (columns, rows, slices) of values, as ``Volume.data[0]`` is to hold them; slope
            and intercept must turn them into whole numbers of the stored kind.
        affine: 4×4, voxel index to mm, right anterior superior, as ``Volume.affine`` is to be.
            Its first two columns must stand upright on each other; the third may be slanted.
        modality: CT or MR.
        slope, intercept: of the rescale; neither is written where they are 1 and 0 in an MR.
        signed, bits: of the stored values.
        series, study, frame_of_reference: UIDs; made from the seed if left out.
        number: of the series.
        syntax: UID of the transfer syntax to compress with; none by default.
        change: called with the slice's index and its dataset before that is written.
        seed: of names and UIDs.
    """
    values, places = np.asarray(array), np.asarray(affine, dtype=np.float64)
    folder.mkdir(parents=True, exist_ok=True)
    key: tuple[object, ...] = (values.shape, values.dtype, values.tobytes(), places.tobytes())
    key += (modality, slope, intercept, signed, bits, series, study, frame_of_reference)
    key += (number, syntax, seed)
    known = _MADE.get(key) if change is None else None
    if known is None:
        known = {}
        stored = _stored(values, slope, intercept, signed, bits)
        count = values.shape[2]
        names = [f"IM{i:04d}.dcm" for i in range(count)]
        random.Random(seed).shuffle(names)
        series = series or generate_uid(entropy_srcs=[f"series {seed}"])
        for k in range(count):
            uid = generate_uid(entropy_srcs=[f"instance {series} {k}"])
            dataset = _dataset(_CLASSES[modality], uid, modality, study, frame_of_reference)
            dataset.SeriesInstanceUID = series
            dataset.SeriesNumber = number
            dataset.InstanceNumber = names.index(f"IM{k:04d}.dcm") + 1
            dataset.ImagePositionPatient = _ds(_LPS @ (places[:3, :3] @ (0, 0, k) + places[:3, 3]))
            dataset.ImageOrientationPatient = _orientation(places)
            dataset.PixelSpacing = _pixel_spacing(places)
            dataset.SliceThickness = _ds([_between(places)])[0]
            if modality == "CT" or (slope, intercept) != (1.0, 0.0):
                dataset.RescaleSlope, dataset.RescaleIntercept = _ds([slope, intercept])
            _pixels(dataset, stored[:, :, k].T, signed, bits)
            if syntax is not None:
                dataset.compress(syntax, generate_instance_uid=False)
            if change is not None:
                change(k, dataset)
            content = BytesIO()
            dataset.save_as(content, enforce_file_format=True)
            known[names[k]] = content.getvalue()
        if change is None and values.nbytes <= _SMALL:
            _MADE[key] = known
    for name, whole in known.items():
        (folder / name).write_bytes(whole)
    return [folder / name for name in known]


def make_multiframe(
    path: Path,
    array: ArrayLike,
    affine: ArrayLike,
    *,
    modality: str = "CT",
    slope: float = 1.0,
    intercept: float = -1024.0,
    signed: bool = False,
    bits: int = 16,
    order: list[int] | None = None,
    shared_rescale: bool = False,
    change: Callable[[Dataset], None] | None = None,
    seed: int = 0,
) -> Path:
    """Write an enhanced multi-frame instance: `make_series` in one file.

    Args:
        order: which slice each frame holds; shuffled by default.
        shared_rescale: whether the rescale stands in the shared functional groups.
        change: called with the dataset before it is written.
    """
    values, places = np.asarray(array), np.asarray(affine, dtype=np.float64)
    stored = _stored(values, slope, intercept, signed, bits)
    if order is None:
        order = list(range(values.shape[2]))
        random.Random(seed).shuffle(order)
    uid = generate_uid(entropy_srcs=[f"enhanced {seed}"])
    dataset = _dataset(_ENHANCED[modality], uid, modality, None, None)
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=[f"series {seed}"])
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = 1
    dataset.NumberOfFrames = len(order)
    rescale = _item(
        RescaleIntercept=_ds([intercept])[0], RescaleSlope=_ds([slope])[0], RescaleType="HU"
    )
    shared = _item(
        PixelMeasuresSequence=_item(
            PixelSpacing=_pixel_spacing(places), SliceThickness=_ds([_between(places)])[0]
        ),
        PlaneOrientationSequence=_item(ImageOrientationPatient=_orientation(places)),
    )
    if shared_rescale:
        shared.PixelValueTransformationSequence = Sequence([rescale])
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for k in order:
        position = _ds(_LPS @ (places[:3, :3] @ (0, 0, k) + places[:3, 3]))
        frame = _item(PlanePositionSequence=_item(ImagePositionPatient=position))
        if not shared_rescale:
            frame.PixelValueTransformationSequence = Sequence([rescale])
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
    _pixels(dataset, stored[:, :, order].transpose(2, 1, 0), signed, bits)
    if change is not None:
        change(dataset)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def name_syntax(path: Path, syntax: str) -> None:
    """Let a file say that it is encoded in a way that pydicom, which writes it, does not know."""
    one = dcmread(path)
    if not one["PixelData"].is_undefined_length:
        one.PixelData = encapsulate([one.PixelData] * int(one.get("NumberOfFrames") or 1))
        one["PixelData"].VR = "OB"
    one.file_meta.TransferSyntaxUID = JPEG2000Lossless
    dcmwrite(path, one, enforce_file_format=True)
    known = JPEG2000Lossless.encode()
    whole = path.read_bytes()
    assert len(syntax) <= len(known) and whole.count(known) == 1
    path.write_bytes(whole.replace(known, syntax.encode().ljust(len(known), b"\0")))


def _dataset(
    sop_class: str, uid: str, modality: str, study: str | None, frame_of_reference: str | None
) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, uid
    dataset.Modality = modality
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.PatientName, dataset.PatientID = "DOE^JANE", "PID-4711"
    dataset.PatientBirthDate, dataset.PatientSex = "19510703", "F"
    dataset.ReferringPhysicianName, dataset.AccessionNumber = "Dr^Who", "ACC-0815"
    dataset.StudyDate, dataset.StudyTime, dataset.StudyID = "20200102", "101112", "1"
    dataset.SeriesDescription = "Thorax of JANE DOE"
    dataset.StudyInstanceUID = study or generate_uid(entropy_srcs=["study"])
    dataset.FrameOfReferenceUID = frame_of_reference or generate_uid(entropy_srcs=["frame"])
    dataset.PositionReferenceIndicator = ""
    dataset.PatientPosition = "HFS"
    return dataset


def _item(**content: Any) -> Dataset:
    """An item of a sequence; a nested item becomes a sequence of one."""
    item = Dataset()
    for keyword, value in content.items():
        setattr(item, keyword, Sequence([value]) if isinstance(value, Dataset) else value)
    return item


def _ds(numbers: ArrayLike) -> list[str]:
    """As many digits as a decimal string has room for."""
    return [format_number_as_ds(float(number) + 0.0) for number in np.ravel(numbers)]


def _orientation(affine: np.ndarray) -> list[str]:
    cosines = _LPS @ (affine[:3, :2] / np.linalg.norm(affine[:3, :2], axis=0))
    # First the direction in which the column index grows, then that of the row index.
    return _ds(cosines.T)


def _pixel_spacing(affine: np.ndarray) -> list[str]:
    across, down = np.linalg.norm(affine[:3, :2], axis=0)
    return _ds([down, across])


def _between(affine: np.ndarray) -> float:
    normal = np.cross(affine[:3, 0], affine[:3, 1])
    return float(abs(affine[:3, 2] @ normal) / np.linalg.norm(normal))


def _stored(
    values: np.ndarray, slope: float, intercept: float, signed: bool, bits: int
) -> np.ndarray:
    stored = (values - intercept) / slope
    whole = np.round(stored).astype(np.int64)
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    assert np.allclose(whole, stored) and low <= whole.min() and whole.max() <= high
    return whole


def _pixels(dataset: Dataset, rows: np.ndarray, signed: bool, bits: int) -> None:
    allocated = 8 if bits <= 8 else 16
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = rows.shape[-2:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = allocated, bits, bits - 1
    dataset.PixelRepresentation = int(signed)
    content = rows.astype(f"<{'i' if signed else 'u'}{allocated // 8}").tobytes()
    dataset.PixelData = content + bytes(len(content) % 2)
    dataset["PixelData"].VR = "OW" if allocated == 16 else "OB"
