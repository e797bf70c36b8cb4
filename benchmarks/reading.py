"""Reading a DICOM series, against what pydicom needs for the pixels alone."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

import numpy as np
from pydicom import dcmread

from benchmarks.timing import compare, median
from napari_ssn.io.dicom.read import read_dicom
from tests.support.dicoms import make_series

SPACE = (512, 512, 98)


def reading(runs: int = 5) -> list[str]:
    """Seconds for a chest CT of 98 slices, from a folder and from a zip."""
    noise = np.random.default_rng(0).normal(-400, 300, (*SPACE[:2], 1))
    values = np.repeat(np.clip(noise, -1000, 2000).round(), SPACE[2], axis=2)
    with tempfile.TemporaryDirectory() as place:
        folder, packed = Path(place, "series"), Path(place, "series.zip")
        paths = make_series(folder, values, np.diag([-0.7, -0.7, 1.0, 1.0]))
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in paths:
                archive.write(path, path.name)

        def plain() -> np.ndarray:
            return np.stack([dcmread(path).pixel_array for path in paths]).astype(np.float32)

        pair = compare(lambda: read_dicom(folder), plain, runs)
        zipped = median(lambda: read_dicom(packed), runs)
    size = " × ".join(map(str, SPACE))
    line = (
        f"DICOM series of {size}: {pair.ours:.2f} s from a folder, {zipped:.2f} s from a zip; "
        f"pydicom's pixels alone, neither sorted nor rescaled: {pair.other:.2f} s; "
        f"{pair.ratio:.1f} times that"
    )
    return [line]


if __name__ == "__main__":
    print("\n".join(reading()))
