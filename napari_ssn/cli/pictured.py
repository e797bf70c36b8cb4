"""Two scans as they are seen, of their sidecars, the label maps beside these, and their images."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from napari_ssn.cli.beside import beside_of, held, problems_of
from napari_ssn.cli.repeat import image_of
from napari_ssn.documents.chosen import Point
from napari_ssn.documents.sidecar import Provenance, read_sidecar
from napari_ssn.errors import DataError
from napari_ssn.geometry.acquired import Acquired, acquired_by
from napari_ssn.io.content import plain_labels
from napari_ssn.io.dicom.series import DicomSeries
from napari_ssn.prediction.followed import Link, View, place_in, view_of
from napari_ssn.prediction.registered import laid_on, motion_between
from napari_ssn.prediction.repeating import check_image
from napari_ssn.prediction.source import Source
from napari_ssn.text.follow import laid_by, linked_by


class Pictured(NamedTuple):
    """Two scans as they are seen.

    Attributes:
        views: of both.
        linked: what lays them on each other, in words.
        acquired: when and how they were taken, and of whom, as far as DICOM says.
        series: of the later one; None where it is not from DICOM.
    """

    views: list[View]
    linked: str
    acquired: tuple[Acquired, Acquired]
    series: DicomSeries | None


def seen(sidecars: tuple[Path, Path], images: tuple[Path, Path], align: bool) -> Pictured:
    """Both scans as the follow-up of the window shows them.

    Args:
        sidecars, images: before and after.
        align: whether the later one is laid on the earlier one by a rigid registration.

    Raises:
        DataError, ImageError: an image or a label map is not to be had or another one, or nothing
            is found on which the two lie on each other.
    """
    (one, here, first), (two, there, series) = (
        _seen(*pair) for pair in zip(sidecars, images, strict=True)
    )
    acquired = acquired_by(first), acquired_by(series)
    if not align:
        return Pictured([one, two], linked_by(here, there), acquired, series)
    motion = motion_between((one, two))
    laid = [one, laid_on(one, two, motion)]
    return Pictured(laid, laid_by(motion.degrees, motion.alike), acquired, series)


def _seen(sidecar: Path, image: Path) -> tuple[View, Link, DicomSeries | None]:
    record = read_sidecar(sidecar)
    path = beside_of(sidecar)
    if path is None:
        raise DataError("Beside a sidecar there is no label map, so that its scan is not shown.")
    content, ones = held(path, record), record.each()
    if problems := problems_of(content, ones):
        raise DataError(f"A scan is not shown: {problems[0]}.")
    volume, frame = image_of(image, record)
    check_image(volume, record)
    label_map = np.asarray(content.values[0]).astype(np.uint8).reshape(volume.space)
    inside = [tuple(one.index) for one in _points(ones[0]) if one.label > 0]
    middle = record.run.moved_to or record.run.centre
    centre = None if middle is None else tuple(middle)
    place, link = place_in(centre, inside, label_map)
    labels = plain_labels(["background", *record.volumes])[1:]
    series = volume.source if isinstance(volume.source, DicomSeries) else None
    return view_of(Source.of(volume, frame), label_map, place, labels), link, series


def _points(record: Provenance) -> list[Point]:
    pointing = record.choice.pointing
    return [] if pointing is None else pointing.points
