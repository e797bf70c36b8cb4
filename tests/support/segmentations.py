"""Series to segment along any axes, label maps of them, and a judge of DICOM."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.documents.card import (
    ModelCard,
    read_card,
)
from napari_ssn.io.dicom.series import DicomSeries
from tests.support.dicoms import make_multiframe, make_series
from tests.support.helpers import oblique_affine

ROOT = Path(__file__).parents[2]
SPACE = (7, 6, 5)
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def turned(order: tuple[int, int, int], flips: tuple[int, int, int]) -> NDArray[np.float64]:
    """An oblique, anisotropic affine with its patient axes exchanged and reversed."""
    affine = oblique_affine()
    affine[:3] = np.diag(flips) @ affine[list(order)]
    return affine


AFFINES = {
    "oblique": oblique_affine(),
    "reversed": turned((0, 1, 2), (1, 1, -1)),
    "mirrored": turned((0, 1, 2), (-1, 1, 1)),
    "sagittal": turned((2, 0, 1), (1, -1, 1)),
    "straight": np.diag([0.5, 0.75, 3.0, 1.0]),
}


def card(name: str = "hippocampus-3d") -> ModelCard:
    return read_card(ROOT / "src_weights" / name)


def image() -> NDArray[np.float64]:
    return np.random.default_rng(0).integers(-1000, 1000, SPACE).astype(np.float64)


def series(folder: Path, affine: NDArray[np.float64], **kwargs) -> DicomSeries:
    paths = make_series(folder / "scan", image(), affine, **kwargs)
    return DicomSeries(tuple(pydicom.dcmread(p, stop_before_pixels=True) for p in paths))


def multiframe(folder: Path, affine: NDArray[np.float64], **kwargs) -> DicomSeries:
    order = [3, 0, 4, 1, 2]
    path = make_multiframe(folder / "scan.dcm", image(), affine, order=order, **kwargs)
    frames = tuple(order.index(k) + 1 for k in range(SPACE[2]))
    return DicomSeries((pydicom.dcmread(path, stop_before_pixels=True),), frames)


SOURCES = {"series": series, "enhanced": multiframe}


def maps(count: int, affine: NDArray[np.float64]) -> list[Hypothesis]:
    """Asymmetric label maps that overlap, with nothing on one of the middle slices."""
    rng = np.random.default_rng(1)
    found = []
    for share in np.full(count, 1 / count):
        labels = rng.integers(0, 3, SPACE).astype(np.uint8)
        labels[:, :, 2] = 0
        found.append(Hypothesis(labels, affine, None, 3, float(share)))
    return found


def complaints(path: Path, kind: str = "Segmentation") -> list[str]:
    """Errors that dciodvfy finds in a file of a kind, as it calls that."""
    tool = shutil.which("dciodvfy")
    if tool is None:
        pytest.skip("dciodvfy (Debian: dicom3tools) is not installed")
    # It quotes a file in that file's letters.
    done = subprocess.run([tool, str(path)], capture_output=True, check=False)
    told = (done.stdout + done.stderr).decode(errors="replace").splitlines()
    # What it does not know it does not judge.
    assert kind in told
    return [line for line in told if line.startswith("Error")]
