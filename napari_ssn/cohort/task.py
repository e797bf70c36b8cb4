"""One scan, in a worker: read, segmented, written, and a row of it sent home."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import torch

from napari_ssn._version import __version__
from napari_ssn.cohort.archived import answers
from napari_ssn.cohort.folders import PICTURE
from napari_ssn.cohort.reading import read_scan
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.core.kinds import range_kind
from napari_ssn.documents.cohort import Found, Measured, Scan, Series, State, Wanted
from napari_ssn.documents.servers import Server
from napari_ssn.documents.sidecar import UNITS
from napari_ssn.errors import DeviceError, ExportError, ImageError, LineError, SSNError
from napari_ssn.geometry.diameters import Diameter
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.files import make_folder, write_files
from napari_ssn.io.formats import dicom_home
from napari_ssn.io.hashes import image_hash
from napari_ssn.io.known import DICOM_SUFFIX
from napari_ssn.network.inference import Watch
from napari_ssn.network.models import Model, load_model
from napari_ssn.network.plan import DEPTH_MM
from napari_ssn.prediction.cards import draw
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.decode import across_in, sample_choice
from napari_ssn.prediction.export import export_choices, numbered
from napari_ssn.prediction.lengths import Lengths, measure_lengths
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.ranges import Ranges, count_ranges
from napari_ssn.prediction.run import run
from napari_ssn.prediction.shown import series_of
from napari_ssn.prediction.source import Source
from napari_ssn.text.cohort import BLIND, other_version
from napari_ssn.text.pictures import png_of

# Pixels of its side: enough to see what is outlined, and ten thousand of them are 100 MB.
_SIDE = 160
# Seconds after which an archive that is away or busy is asked again.
_PAUSES = (2.0, 10.0, 30.0)


@dataclass(frozen=True)
class Job:
    """What a worker is told.

    Attributes:
        scan: which one.
        wanted: of it.
        model: folder of the model.
        device: auto, cuda, mps or cpu.
        threads: of the CPU, that the worker has.
        folder: for what is written of this scan.
        server: archive that scans lie in, if they lie in any.
        known: the row of before, which is still right if the image's values are what they were.
    """

    scan: Scan
    wanted: Wanted
    model: str
    device: str
    threads: int
    folder: str
    server: Server | None = None
    known: Found | None = None


@dataclass(frozen=True)
class Outcome:
    """What a worker sends home.

    Attributes:
        state, reason, found: as the manifest keeps them; of a scan that there was not memory enough
            for, that it waits.
        seconds: that it took.
        crowded: whether the GPU's memory was full on the way: its worker is not to be trusted.
        stop: why no other scan can be done either, one sentence; empty where nothing is wrong.
    """

    state: State
    reason: str = ""
    found: Found | None = None
    seconds: float = 0.0
    crowded: bool = False
    stop: str = ""


def check_worker(folder: str, version: str) -> str:
    """Why a worker can do nothing for a cohort, one sentence; empty if it can."""
    if version != __version__:
        return other_version(__version__, version)
    if not Path(folder).is_dir():
        return BLIND
    return ""


def look_at(place: str) -> tuple[Series, ...]:
    """Which series a folder or zip of DICOM holds; one that is empty where none can be read."""
    try:
        infos = dicom_home().list_series(Path(place), below=False)
    except SSNError:
        return (Series(),)
    return tuple(Series(uid=one.uid, part=one.part, title=one.title) for one in infos)


def segment_scan(job: Job) -> Outcome:
    """Segment a scan and write what is wanted of it; whatever a user can cause is an outcome."""
    began, crowded = time.monotonic(), list[str]()
    try:
        model = _model(job.model, job.wanted.weights_sha256, job.device, job.threads)
    except SSNError as error:
        # Of no scan's making: all others would meet it too.
        return Outcome("waiting", stop=str(error))
    state: State
    try:
        volume = _read(job)
        if job.known is not None and job.known.image_sha256 == image_hash(volume):
            return Outcome("done", found=job.known, seconds=time.monotonic() - began)
        state, found = _segment(job, model, volume, crowded)
    except ExportError as error:
        return Outcome("waiting", stop=str(error))
    except LineError as error:
        # Of this scan's making, if the archive answers to everything else.
        if error.passing and _answers(job):
            return Outcome("waiting", str(error), seconds=time.monotonic() - began)
        return Outcome("waiting", stop=str(error))
    except SSNError as error:
        # There may be memory enough when others are at rest.
        state = "waiting" if isinstance(error, DeviceError) else "refused"
        return Outcome(state, str(error), seconds=time.monotonic() - began, crowded=bool(crowded))
    return Outcome(state, found=found, seconds=time.monotonic() - began, crowded=bool(crowded))


def _read(job: Job) -> Volume:
    """The image; of an archive that is away for a while it is asked for again."""
    for pause in _PAUSES:
        try:
            return read_scan(job.scan, job.server)
        except LineError as error:
            if not error.passing:
                raise
        time.sleep(pause)
    return read_scan(job.scan, job.server)


def _answers(job: Job) -> bool:
    there = job.scan.there
    return there is not None and job.server is not None and answers(there, job.server)


@lru_cache(maxsize=1)
def _model(folder: str, weights_sha256: str, device: str, threads: int) -> Model:
    """The model, loaded once by each worker; another one takes its place."""
    _set_threads(threads)
    model = load_model(folder, device)
    if model.card.weights_sha256 != weights_sha256:
        raise ExportError("The model was changed while the cohort ran: start it again.")
    return model


@cache
def _set_threads(threads: int) -> None:
    torch.set_num_threads(threads)


def _segment(job: Job, model: Model, volume: Volume, crowded: list[str]) -> tuple[State, Found]:
    wanted, scan = job.wanted, job.scan
    if any(one.endswith(DICOM_SUFFIX) for one in wanted.suffixes) and volume.source is None:
        raise ImageError("It is not from DICOM, so that no result in DICOM can refer to it.")
    found = run(
        model,
        Source.of(volume, None if scan.frame is None else scan.frame - 1),
        scan.centre,
        depth_mm=DEPTH_MM if wanted.depth_mm is None else wanted.depth_mm,
        insist=wanted.insist,
        # A sentence comes when the run goes on in another way, as a full GPU's.
        watch=Watch(say=crowded.append),
    )
    ranges = count_ranges(found)
    nothing = ranges.presence.unlikely and not wanted.insist
    if nothing:
        return "nothing", _row(found, ranges)
    lengths = measure_lengths(found)
    mean, names = _write(job, found, ranges, lengths)
    across = across_in(found, mean.label_map)
    return "done", _row(
        found, ranges, lengths, [int(one) for one in mean.counts[1:]], across, names
    )


def _write(
    job: Job, found: Prediction, ranges: Ranges, lengths: Lengths
) -> tuple[Hypothesis, list[str]]:
    """Write what is wanted; the mean, and the names of the files."""
    wanted, folder, series = job.wanted, Path(job.folder), series_of(found)
    make_folder(folder)
    samples = numbered("sample", wanted.samples if wanted.suffixes else 0)
    choices = {"mean": Choice()}
    choices |= {name: sample_choice(found, i, wanted.seed) for i, name in enumerate(samples)}
    if series is not None and wanted.deidentified:
        series = series.unnamed()
    made = export_choices(found, choices, folder, wanted.suffixes, ranges, lengths, series, True)
    _, content, names = next(made)
    mean = content.hypotheses[0]
    for _, _, written in made:
        names += written
    (picture,), _ = draw(found, [mean.label_map], _SIDE)
    write_files({folder / PICTURE: png_of(picture)}, overwrite=True)
    return mean, [*names, PICTURE]


def _row(
    found: Prediction,
    ranges: Ranges,
    lengths: Lengths | None = None,
    voxels: list[int] | None = None,
    across: tuple[Diameter, ...] = (),
    names: list[str] | None = None,
) -> Found:
    """Of nothing that is outlined no sizes."""
    labels = []
    if voxels is not None and lengths is not None:
        size, unit = found.measure, UNITS[found.measure.extent]

        def amount(count: float) -> float:
            return {"mL": size.ml(count), "mm2": size.mm2(count)}.get(unit) or float(count)

        known, pointed = unit != "voxels", found.centre is not None
        labels = [
            Measured(
                label=label,
                unit=unit,
                mean=amount(count),
                median=amount(one.median),
                low=amount(one.low),
                high=amount(one.high),
                level=one.level,
                kind=range_kind(one.readers),
                longest_mm=lines.longest if known else None,
                perpendicular_mm=lines.perpendicular if known else None,
                longest_low_mm=long.low if known and long is not None else None,
                longest_high_mm=long.high if known and long is not None else None,
                cut_off_by=tuple(lines.cut_off_by),
                apart=amount(lines.apart) if pointed else None,
            )
            for label, count, one, lines, long in zip(
                found.labels[1:], voxels, ranges.ranges, across, lengths.longest, strict=True
            )
        ]
    return Found(
        image_sha256=found.image_sha256,
        labels=tuple(labels),
        presence=ranges.presence.share if ranges.presence.apart else None,
        fit=found.fit.kind,
        distance=found.distance,
        doubt=found.doubt,
        device=found.device_title,
        files=tuple(names or ()),
    )
