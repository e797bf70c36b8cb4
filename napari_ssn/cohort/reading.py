"""The image of a scan of a cohort."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from napari_ssn.cohort.archived import fetched
from napari_ssn.documents.cohort import Scan
from napari_ssn.documents.servers import Server
from napari_ssn.errors import ImageError
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.api import read
from napari_ssn.io.channels import read_channels
from napari_ssn.io.dicom import web
from napari_ssn.io.formats import dicom_home, frame_of
from napari_ssn.io.labelled import looks_like_labels
from napari_ssn.io.layers import image_layer

if TYPE_CHECKING:
    from napari_ssn.io.dicom.offered import SeriesInfo
    from napari_ssn.io.layers import LayerData

# What stands in a kept path for what is no character of a text.
_NO_TEXT = re.compile(r"<U\+[0-9A-F]{4,6}>")


def read_scan(scan: Scan, server: Server | None = None) -> Volume:
    """The image of a scan.

    Args:
        scan: which one.
        server: archive that it lies in, if in any; otherwise the one that the list has.

    Raises:
        ImageError, GeometryError: it cannot be read, is a label map, or is not there any more.
        ArchiveError: the archive cannot be asked, or does not send it.
    """
    if scan.there is not None:
        return fetched(scan.there, server or web.servers.named(scan.there.server))
    paths = [Path(one) for one in scan.paths]
    if any(_NO_TEXT.search(str(one)) and not one.exists() for one in paths):
        raise ImageError(
            "Its name, or that of a folder above it, holds what is no character: rename it."
        )
    if scan.dicom:
        volume = _series(paths[0], scan)
    elif len(paths) > 1:
        volume = read_channels(paths)
    elif scan.frame is not None:
        volume = frame_of(paths[0], scan.frame - 1, scan.series)
    else:
        volume = read(paths[0], scan.series)
    if volume.source is None and looks_like_labels(volume.data[0], whole=False):
        raise ImageError("It is a label map and no image.")
    return volume


def _series(path: Path, scan: Scan) -> Volume:
    def the_one(infos: tuple[SeriesInfo, ...]) -> list[int]:
        return [one.number for one in infos if (one.uid, one.part) == (scan.uid, scan.part)][:1]

    found: list[Volume] = [
        volume
        for info, volume in dicom_home().read_chosen(path, the_one, below=False).images
        if (info.uid, info.part) == (scan.uid, scan.part)
    ]
    if not found:
        raise ImageError("The series is not in its folder any more.")
    return found[0]


def layers_of(scan: Scan, name: str) -> list[LayerData]:
    """The image of a scan, as napari shows it; raises as `read_scan`."""
    return [image_layer(read_scan(scan), name=name)]
