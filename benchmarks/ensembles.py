"""Five folds of a large volume from nnU-Net's files to the first outline: seconds and memory."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.timing import peak_bytes
from napari_ssn.geometry.volume import Volume
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.decode import labels_in, position_of
from napari_ssn.prediction.ensembles import find, predict
from napari_ssn.prediction.source import Source
from tests.support.ensembles import AFFINE, fold, nifti

SPACE, CLASSES, FOLDS = (240, 240, 155), 4, 5
IMAGE = "case_0000.nii.gz"


def ensembles(screen: bool) -> list[str]:
    """In a process of its own, whose memory tells; on a screen how it follows the slider, too."""
    with tempfile.TemporaryDirectory() as held:
        place = Path(held)
        nifti(place / IMAGE, image().data[0])
        for number in range(FOLDS):
            fold(place / "maps" / f"fold_{number}", probabilities(number), names=_names())
        command = [sys.executable, "-m", "benchmarks.ensembles", str(place)]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        if not screen:
            return lines.splitlines()
        from benchmarks.slider import ensemble_slider

        return [*lines.splitlines(), *ensemble_slider(place / IMAGE, place / "maps")]


def image() -> Volume:
    """That the folds are of."""
    values = np.random.default_rng(9).normal(size=(1, *SPACE)).astype(np.float32)
    return Volume(values, AFFINE)


def _names() -> dict[str, int]:
    return {("background", "edema", "core", "enhancing")[c]: c for c in range(CLASSES)}


def probabilities(number: int) -> np.ndarray:
    """Of a fold, (C, *S): three bodies within each other, their sizes as the fold has them."""
    rng = np.random.default_rng(number)
    grid = np.indices(SPACE, np.float32)
    away = np.sqrt(sum((g - n / 2) ** 2 for g, n in zip(grid, SPACE, strict=True)))
    radii = [scale * (1 + 0.05 * rng.normal()) for scale in (40, 25, 12)]
    logits = np.zeros((CLASSES, *SPACE), np.float32)
    for label, radius in enumerate(radii, start=1):
        logits[label] = np.clip((radius - away) * (0.3 + 0.1 * label), -12, 12)
    # Fold by fold the same network on the same image: noise of its own in each voxel.
    logits += rng.normal(scale=0.1, size=logits.shape).astype(np.float32)
    np.exp(logits, out=logits)
    logits /= logits.sum(0)
    return logits


def _measure(place: Path) -> str:
    volume = image()
    before = peak_bytes()
    began, spent = time.perf_counter(), time.process_time()
    found = predict(find([place / "maps"], volume, IMAGE), Source.of(volume))
    # A slice of it: the one on show.
    middle = (slice(None), slice(None), slice(SPACE[2] // 2, SPACE[2] // 2 + 1))
    labels_in(found, position_of(found, Choice()), None, middle)
    took, busy = time.perf_counter() - began, time.process_time() - spent
    peak = peak_bytes()
    size = " × ".join(map(str, SPACE))
    return (
        f"ensemble of {FOLDS} folds of {size}, {CLASSES} labels, from nnU-Net's archives to the "
        f"first outline: {took:.1f} s ({busy:.1f} s of processor time), {peak / 1e9:.2f} GB at "
        f"most, of which {before / 1e9:.2f} GB with the image before"
    )


if __name__ == "__main__":
    print(_measure(Path(sys.argv[1])))
