"""DICOM as napari shows it, from the disk or from an archive: series, and what lies on them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ssn.errors import ArchiveError, ImageError, SSNError
from napari_ssn.geometry.arrays import Pixels
from napari_ssn.geometry.display import RESULT_KEY, Display
from napari_ssn.geometry.intensity import ct_window, some_values
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.asking import Ask, Several
from napari_ssn.io.dicom import web
from napari_ssn.io.dicom.captured import read_page
from napari_ssn.io.dicom.contoured import read_structures, series_of
from napari_ssn.io.dicom.damage import reading
from napari_ssn.io.dicom.header import PARAMETRIC_MAP, STRUCTURE_SET, instance
from napari_ssn.io.dicom.likely import read_map
from napari_ssn.io.dicom.members import member, received
from napari_ssn.io.dicom.modalities import each
from napari_ssn.io.dicom.naming import series_name
from napari_ssn.io.dicom.offered import SeriesInfo, doubts, several
from napari_ssn.io.dicom.read import (
    all_readable,
    instance_at,
    is_result,
    read_chosen,
    read_received,
)
from napari_ssn.io.dicom.reported import segmentations_of, uid_of
from napari_ssn.io.dicom.segments import read_dicom_seg
from napari_ssn.io.dicom.series import DicomSeries
from napari_ssn.io.layers import LayerData, image_layer, place
from napari_ssn.io.opened import Opened, layers_of
from napari_ssn.io.results import own_dicom
from napari_ssn.io.steps import Step, unseen

_PAGE, _PAGE_MM = "Report (a picture, research use only)", 210.0

if TYPE_CHECKING:
    from napari_ssn.io.dicom.web.connection import Connection


def layers_of_files(
    path: Path, ask: Ask | None, opened: set[str], step: Step = unseen
) -> Iterator[LayerData]:
    """Layers of a folder, a zip or a file: of each series that is chosen, and what lies on them.

    Args:
        path: of it.
        ask: is asked which of several; None where there is nobody to ask.
        opened: instances that were opened together with this: a file of one of their series is
            none of its own, and those that are opened here are added.
        step: see `read_chosen`.

    Raises:
        ImageError, GeometryError: one cannot be opened, or there are several and nobody to ask.
    """
    if opened and (found := instance_at(path)) is not None and found.uid in opened:
        return
    if is_result(path):
        own = own_dicom(path)
        if own is not None:
            display, parts = own
            yield from layers_of(display, place(display), parts)
            return
        page = read_page(member(path).whole())
        if page is not None:
            yield layer_of_page(page)
            return
    chosen = read_chosen(path, partial(_numbers, ask), step=step)
    yield from layers_of_series(chosen.images)
    volumes = [volume for _, volume in chosen.images]
    yield from layers_of_overlays(chosen.overlays, volumes)
    series = [volume.source for volume in volumes if isinstance(volume.source, DicomSeries)]
    opened |= {str(header.get("SOPInstanceUID")) for one in series for header in one.headers}


def _numbers(ask: Ask | None, infos: tuple[SeriesInfo, ...]) -> Sequence[int]:
    if ask is None:
        raise several(infos)
    # The largest is what somebody came for more often than a scout or a report's pictures.
    usable = [info for info in infos if info.problem is None]
    largest = max(usable, key=lambda info: math.prod(info.size), default=None)
    entries = tuple((info.number, info.words, info.problem) for info in infos)
    first, remark = None if largest is None else largest.number, " ".join(doubts(infos))
    return ask(Several(entries, first, remark=remark))


def layers_of_series(found: Sequence[tuple[SeriesInfo, Volume]]) -> Iterator[LayerData]:
    """A layer for each; the largest is visible and comes last, so that it lies on top."""
    read = sorted(found, key=lambda one: one[1].data.size)
    for info, volume in read:
        # napari would name a layer after the folder, which is often named after the patient.
        known = info.title
        if isinstance(volume.source, DicomSeries):
            known = series_name(info.modality or "DICOM", info.size, volume.source.headers[0])
        title = " · ".join(one for one in (known, info.part) if one)
        name = title if len(read) == 1 else f"{title} · series {info.number}"
        visible = volume is read[-1][1]
        yield image_layer(volume, name=name, visible=visible, **_look(volume))


def _look(volume: Volume) -> dict[str, Any]:
    """Contrast and colour map of the layer of a volume from DICOM.

    A CT opens at the window of what it shows, whatever window was looked at last at the
    scanner; anything else at the window that its middle slice names. MONOCHROME1 is shown
    inverted, as it asks for; its values stay.
    """
    series = volume.source
    assert isinstance(series, DicomSeries)
    header = series.headers[len(series.headers) // 2]
    options: dict[str, Any] = {}
    # What a header says of the look is no reason to refuse an image.
    with suppress(ImageError), reading("No window."):
        if header.get("PhotometricInterpretation") == "MONOCHROME1":
            options["colormap"] = "gray_r"
        if header.get("Modality") == "CT":
            options["contrast_limits"] = list(ct_window(some_values(volume.data[0], 2)).limits)
        else:
            # The first of several is the one that a header prefers.
            named = (header[f"Window{what}"].value for what in ("Center", "Width"))
            centre, width = (float(each(one)[0]) for one in named)
            if width > 0:
                options["contrast_limits"] = [centre - width / 2, centre + width / 2]
    return options


def layers_of_overlays(
    files: Sequence[bytes], volumes: Sequence[Volume], shown: bool = True
) -> Iterator[LayerData]:
    """What lies beside images, hidden; without images on show the first part of each is seen.

    A damaged one must not keep the images from being opened: then it is named in a warning.

    Args:
        files: content of segmentations, parametric maps and structure sets.
        volumes: the images; what is of another frame of reference is left aside.
        shown: whether these are layers too.
    """
    shown = shown and bool(volumes)
    if not files:
        return
    series = [volume.source for volume in volumes if isinstance(volume.source, DicomSeries)]
    frames = {frame for one in series for frame in one.frames_of_reference}
    for whole in files:
        try:
            found = _read(whole, frames, volumes)
        except SSNError as error:
            if not shown:
                raise
            warnings.warn(f"A result beside the images was left out. {error}", stacklevel=2)
            continue
        if found is not None:
            display, parts = found
            yield from layers_of(display, place(display), parts, seen=not shown)


def _read(
    whole: bytes, frames: Collection[str], volumes: Sequence[Volume]
) -> tuple[Display, list[Opened]] | None:
    found = instance(received(whole))
    kind = "" if found is None else found.kind
    if kind == STRUCTURE_SET:
        return read_structures(whole, volumes)
    return (read_map if kind == PARAMETRIC_MAP else read_dicom_seg)(whole, frames)


def layer_of_page(page: Pixels) -> LayerData:
    """A page that was written as a picture, as wide as paper is; no image to be segmented."""
    step = _PAGE_MM / page.shape[1]
    options = {"scale": (step, step), "units": ("mm", "mm"), "metadata": {RESULT_KEY: {}}}
    return page, {"name": _PAGE, "rgb": True, **options}, "image"


def open_series(
    connection: Connection, study: str, series: str, progress: Step = unseen
) -> list[LayerData]:
    """Fetch a series from an archive, and read all images, segmentations or maps that it is.

    Nothing of it lies on the disk. Contours need their image, which is fetched too and not shown;
    a report has no voxels, and is opened as the segmentations that it is about.

    Raises:
        ArchiveError, Cancelled: see `fetch_files`.
        ImageError, GeometryError: it is neither, or none that is read.
    """
    files = web.fetch.fetch_files(connection, study, series, progress)
    if len(files) == 1 and (page := read_page(files[0])) is not None:
        return [layer_of_page(page)]
    about = sorted({one for whole in files for one in segmentations_of(whole)})
    for in_study, its_series in dict.fromkeys(one[:2] for one in about):
        try:
            there = web.fetch.fetch_files(connection, in_study, its_series, progress)
        except web.connection.MissingError:
            name = connection.server.name
            raise ArchiveError(
                f"The report is about a segmentation that {name} does not hold: send that too."
            ) from None
        files += [one for one in there if uid_of(one) in {uid for *_, uid in about}]
    read = read_received(files, all_readable)
    volumes = [volume for _, volume in read.images]
    drawn_on = {uid for whole in read.overlays for uid in series_of(whole)} - {series}
    for uid in () if volumes else sorted(drawn_on):
        there = web.fetch.fetch_files(connection, study, uid, progress)
        volumes += [volume for _, volume in read_received(there, all_readable).images]
    found = [
        *layers_of_series(read.images),
        *layers_of_overlays(read.overlays, volumes, shown=bool(read.images)),
    ]
    if not found:
        raise ArchiveError(
            "That series holds neither an image nor what lies on one: choose one of CT, MR or SEG."
        )
    return found
