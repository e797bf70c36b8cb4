"""The image that a sidecar belongs to, looked for where the sidecar lies."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from napari_ssn.documents.ran import Run
from napari_ssn.documents.regular import visible
from napari_ssn.documents.sidecar import Provenance
from napari_ssn.errors import NEVER, Cancel, SSNError
from napari_ssn.io.api import read
from napari_ssn.io.formats import dicom_home, frame_of, is_dicom, is_image, is_sidecar
from napari_ssn.io.hashes import image_hash
from napari_ssn.io.sidecar import sidecar_path

# Who keeps more files in a folder names the image: each has to be read to be told apart.
_MOST = 12


def image_beside(sidecar: Path, record: Provenance, cancel: Cancel = NEVER) -> Path | None:
    """The image of a sidecar among the files of its folder, by its values; None if it is not there.

    Args:
        sidecar: where it lies.
        record: what it says.
        cancel: looked at between files.

    Returns:
        the file; of a DICOM series the folder.
    """
    folder = sidecar.parent
    if record.run.dicom is not None:
        return folder if _holds_series(folder, record.run) else None
    for path in islice(_images(folder), _MOST):
        cancel.check()
        if _hash_of(path, record.run.frame) == record.run.image_sha256:
            return path
    return None


def _images(folder: Path) -> Iterator[Path]:
    """Files that may be images; what was exported has a sidecar of its own."""
    try:
        paths = sorted(path for path in visible(folder) if path.is_file())
    except OSError:
        return
    for path in paths:
        # A JSON beside it may be another program's, as BIDS has it.
        if is_image(path) and not is_sidecar(sidecar_path(path)):
            yield path


def _hash_of(path: Path, frame: int | None) -> str | None:
    """Of an image's values; None of what cannot be read, or has no such frame."""
    try:
        return image_hash(read(path) if frame is None else frame_of(path, frame - 1))
    except (SSNError, OSError):
        # One that is damaged, or none, must not stand in the way of the others.
        return None


def _holds_series(folder: Path, run: Run) -> bool:
    try:
        if not is_dicom(folder):
            return False
        # Without the libraries nobody can tell.
        infos, stated = dicom_home().list_series(folder), run.dicom
        return stated is not None and any(
            stated.is_series(info.uid, run.image_sha256) for info in infos
        )
    except (SSNError, OSError):
        return False
