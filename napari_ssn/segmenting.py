"""What ``napari-ssn segment`` does: label maps, sidecars and volumes.

Results are printed on standard output, progress and remarks on standard error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import typer

from napari_ssn.core.distribution import draw_z
from napari_ssn.core.errors import ExportError, ImageError
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.found import RANGE_DRAWS, Found, image_at
from napari_ssn.io.content import Content
from napari_ssn.io.dicom.series import DicomSeries, told_of
from napari_ssn.io.files import check_not_source, check_targets, folder_made, write_files
from napari_ssn.io.formats import DICOM_SUFFIX, about, check_series
from napari_ssn.io.provenance import Provenance
from napari_ssn.io.sidecar import sidecar_path, write_content
from napari_ssn.io.table import Row, nothing_rows, range_rows, volumes_table
from napari_ssn.network.models import load_model
from napari_ssn.network.plan import DEPTH_MM
from napari_ssn.session.ranging import Stated
from napari_ssn.wording.image import TAKEN_FOR_HU
from napari_ssn.wording.sizes import plural

if TYPE_CHECKING:
    from napari_ssn.core.diameters import Diameter

_ON_REQUEST = "Nothing was written; with --insist it is outlined and measured all the same."


def segment_image(
    path: Path,
    out: Path,
    model_name: str,
    *,
    centre: tuple[int, ...] | None = None,
    depth_mm: float | None = None,
    frame: int | None = None,
    series: int | None = None,
    count: int = 16,
    seed: int = 0,
    device: str = "auto",
    suffix: str = ".nii.gz",
    deidentified: bool = False,
    report: bool = False,
    overwrite: bool = False,
    insist: bool = False,
) -> None:
    """Write the mean and samples of an image with their sidecars, and say the volumes.

    Args:
        path: of the image.
        out: folder for mean.nii.gz, sample_01.nii.gz …, a sidecar for each, and volumes.csv.
        model_name: name or folder of the model.
        centre: index of the region's middle in the file's own voxel grid.
        depth_mm: how far a 2D model looks along a volume to either side of the centre; as far as
            it does by itself if left out.
        frame: which one of a time series, from 1; None for an image without time.
        series: which one of several DICOM series, or levels of an OME-Zarr, from 1.
        count, seed: which draws to write.
        device: auto, cuda, mps or cpu.
        suffix: of the label maps, one of `formats.WRITTEN_SUFFIXES`.
        deidentified: whether DICOM segmentations leave out whom they are of.
        report: whether to write report.html too.
        overwrite: whether existing files may be replaced.
        insist: whether to go on with values that seem to be no Hounsfield units, and with what
            does not look like anything.
    """
    width = max(2, len(str(count)))
    names = ["mean", *(f"sample_{i:0{width}d}" for i in range(1, count + 1))]
    maps = [out / f"{name}{suffix}" for name in names]
    table, page = out / "volumes.csv", out / "report.html"
    volume = image_at(path, frame, series)
    # Before minutes of computing, not after them.
    targets = [*maps, *map(sidecar_path, maps), table, *([page] if report else [])]
    check_targets(targets, overwrite)
    check_not_source(targets, path)
    headers = volume.source if isinstance(volume.source, DicomSeries) else None
    if suffix == DICOM_SUFFIX:
        headers = check_series(headers)
        headers = headers.unnamed() if deidentified else headers
    with folder_made(out):
        reach = DEPTH_MM if depth_mm is None else depth_mm
        model = load_model(model_name, device)
        found = Found.by(model, volume, centre, frame, reach, insist=insist)
        ranges = found.stated()
        if ranges.presence.unlikely and not insist:
            raise ImageError(f"{ranges.presence.line}. {_ON_REQUEST}")
    if depth_mm is not None and found.run.depth_mm is None:
        typer.echo("The depth is not used: it is for 2D models around a point.", err=True)
    if insist and not (found.run.insisted or ranges.presence.unlikely):
        typer.echo("There was no need to insist.", err=True)
    rank = found.dist.rank
    choices = [found.choice("mean", np.zeros(rank))]
    present = found.dist.present(count, seed)
    for i, (z, there) in enumerate(zip(draw_z(count, rank, seed), present, strict=True), start=1):
        choices.append(found.choice("sample", z, seed, i, nothing=not there))
    records: dict[str, Provenance] = {}
    across: tuple[Diameter, ...] = ()
    for name, target, choice in zip(names, maps, choices, strict=True):
        made = Hypothesis.nothing if choice.nothing else Hypothesis.from_z
        hypothesis = made(found.dist, choice.z)
        record = found.describe(hypothesis, choice)
        content = Content.of(hypothesis, found.model.card, unlike=bool(found.run.unlike))
        with _saying_what_is_missing(len(records), len(maps)):
            write_content(content, target, record, overwrite, headers)
        records[name] = record
        across = across or found.across(hypothesis)
    with _saying_what_is_missing(len(maps), len(maps)):
        write_files({table: _table(found, records, ranges)}, overwrite)
    what = f"{plural(len(maps), 'label map')} with {'its sidecar' if count == 0 else 'sidecars'}"
    typer.echo(f"Wrote {what}, and volumes.csv.", err=True)
    if suffix == DICOM_SUFFIX:
        typer.echo(told_of(check_series(headers)), err=True)
        if headers is not None and len(headers.frames_of_reference) > 1:
            typer.echo(
                "The slices name different frames of reference: the DICOM files name that of the "
                "first slice.",
                err=True,
            )
    elif caution := about(maps[0], content):
        typer.echo(f"NIfTI: {caution}.", err=True)
    if report:
        _write_report(found, page, overwrite)
        typer.echo("Wrote report.html.", err=True)
    for line in found.volume_lines(ranges, across):
        typer.echo(line)


@contextmanager
def _saying_what_is_missing(written: int, wanted: int) -> Iterator[None]:
    """Say what was written when writing fails: nobody misses a file that they do not know of."""
    try:
        yield
    except ExportError as error:
        raise ExportError(
            f"{error} Written: {written} of {plural(wanted, 'label map')}; volumes.csv is missing."
        ) from None


def _table(found: Found, records: dict[str, Provenance], stated: Stated) -> bytes:
    """Content of volumes.csv: a row per hypothesis and label, and those of the ranges."""
    rows = [
        Row(
            name,
            label,
            size.voxels,
            seed=record.choice.seed,
            across=size.across,
            cut_off_by=size.cut_off_by or (),
        )
        for name, record in records.items()
        for label, size in record.volumes.items()
    ]
    names = [label.name for label in found.model.card.labels[1:]]
    for label, one in zip(names, stated.ranges, strict=True):
        rows += range_rows(label, one.low, one.median, one.high, one.level)
    if stated.presence.apart:
        rows += nothing_rows(names, 1 - stated.presence.share)
    measure = found.measure
    remark = TAKEN_FOR_HU if found.run.insisted else found.seen.fit.caution or ""
    return volumes_table(rows, measure.extent, measure.voxel_mm3, remark)


def _write_report(found: Found, page: Path, overwrite: bool) -> None:
    """Write the report that the window would write of the mean."""
    from napari_ssn.session import records
    from napari_ssn.session.cards import cards_job
    from napari_ssn.session.exporting import Shown, report_job
    from napari_ssn.session.jobs import range_job

    result = found.result()
    cards = cards_job(result, (), bool)
    ranges = range_job(result, (), (), RANGE_DRAWS, bool)
    report_job(Shown(result, records.Choice(), None, cards, ranges), page, overwrite)
