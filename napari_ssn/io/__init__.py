"""Images in, hypotheses out.

`read` and `write` choose by the file's suffix. No message of this package names a file or a
folder: names of files often hold names of patients.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_ssn.core.hypotheses import Hypothesis
    from napari_ssn.core.volume import Volume
    from napari_ssn.io.provenance import Provenance

__all__ = ["read", "write"]


def read(path: str | os.PathLike[str], series: int | None = None) -> Volume:
    """Read an image: a DICOM series, NIfTI (.nii, .nii.gz) or a grey picture (.png, .tif, …).

    Args:
        path: of the file; for DICOM of a folder, a zip or one file of a series.
        series: which DICOM series, by its number in `napari_ssn.io.dicom.list_series`; needed
            where there are several.

    Raises:
        ImageError: the file is missing, damaged, or of a kind that is not read.
        GeometryError: the image has too many axes, its voxels no size, or its slices make no
            volume.
    """
    from napari_ssn.io.formats import reader_for

    source = Path(path)
    return reader_for(source, series)(source)


def write(
    hypothesis: Hypothesis,
    path: str | os.PathLike[str],
    *,
    provenance: Provenance | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write a hypothesis as a label map, .nii or .nii.gz, and return what was written.

    Args:
        hypothesis: on the grid of the image it belongs to.
        path: of the label map.
        provenance: written beside it as JSON of the same name; none if left out.
        overwrite: whether files that exist may be replaced.

    Raises:
        ExportError: the suffix is unknown, a file exists, or the disk refuses; nothing is
            left behind then.
    """
    from napari_ssn.io.files import write_files
    from napari_ssn.io.formats import encode
    from napari_ssn.io.provenance import write_pair

    target = Path(path)
    if provenance is not None:
        return write_pair(hypothesis, target, provenance, overwrite)
    return write_files({target: encode(hypothesis, target)}, overwrite)
