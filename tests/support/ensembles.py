"""Ensembles on the disk, as other programs write them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

#: No two axes are of one length, and all voxel sizes differ.
SPACE = (17, 14, 11)
AFFINE = np.array([[-1.5, 0, 0, 20], [0, -1, 0, 30], [0, 0, 2, -40], [0, 0, 0, 1.0]])
NAMES = ("background", "front", "back")


@cache
def members(count: int = 4, classes: int = 3) -> tuple[NDArray[np.float32], ...]:
    """Probabilities (C, x, y, z) of blobs that differ from member to member, none empty."""
    grid = np.indices(SPACE).astype(float)
    out = []
    for number in range(count):
        rng = np.random.default_rng(number)
        noise = [4 * ndimage.gaussian_filter(rng.normal(size=SPACE), 2) for _ in range(classes)]
        logits = [noise[0]]
        for label in range(1, classes):
            at = (5 + 4 * label, 6.3, 4.7 + label)
            off = np.sqrt(sum((a - c) ** 2 for a, c in zip(grid, at, strict=True)))
            logits.append((3 + 0.4 * number - off) * 1.5 + noise[label])
        odds = np.exp(np.stack(logits))
        out.append((odds / odds.sum(0)).astype(np.float32))
    return tuple(out)


def image(path: Path) -> Path:
    """An image that all of these are of, named as nnU-Net names its first channel."""
    values = np.random.default_rng(9).normal(size=SPACE).astype(np.float32)
    return nifti(path / "case_0000.nii.gz", values)


def nifti(path: Path, values: NDArray[Any], affine: NDArray[np.float64] = AFFINE) -> Path:
    """Write a NIfTI file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, affine), path)
    return path


def fold(
    folder: Path,
    probabilities: NDArray[Any],
    labels: NDArray[np.uint8] | None = None,
    *,
    key: str = "probabilities",
    names: dict[str, Any] | None = None,
) -> Path:
    """What ``nnUNetv2_predict --save_probabilities`` leaves of a case in a folder.

    Args:
        folder: of the fold.
        probabilities: (C, x, y, z).
        labels: of the label map beside it; what follows from them if left out.
        key: of the array in the archive.
        names: labels of ``dataset.json``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "case.npz", **{key: probabilities.transpose(0, 3, 2, 1)})
    (folder / "case.pkl").write_bytes(b"\x80\x04never read")
    made = probabilities.argmax(0).astype(np.uint8) if labels is None else labels
    nifti(folder / "case.nii.gz", made)
    numbers = names or {name: number for number, name in enumerate(NAMES)}
    (folder / "dataset.json").write_text(json.dumps({"labels": numbers}), encoding="utf-8")
    (folder / "predict_from_raw_data_args.json").write_text("{}", encoding="utf-8")
    return folder


def folds(place: Path, count: int = 4) -> Path:
    """A folder with those of several folds."""
    for number, one in enumerate(members(count)):
        fold(place / f"fold_{number}", one)
    return place
