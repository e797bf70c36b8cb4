"""Measures how well images that a model was not made for are told from those that it was.

    python docs/likeness.py DATA

DATA is a folder with ``hippocampus/``, ``lidc-idri/`` and ``chest-ct/``. Of each shipped model the
distances of its own test images from what its card says of the training images are compared with
those of every other image there; ``docs/measured/likeness.json`` gets, for each source, the area
under the curve (the chance that such an image is farther off than a test image) and the share
that the product calls unlike. Nothing is learnt here, and no weights are used.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from napari_ssn.documents.card import ModelCard, read_card
from napari_ssn.errors import SSNError
from napari_ssn.geometry.intensity import seems_ct, some_values
from napari_ssn.geometry.volume import Volume
from napari_ssn.io import read
from napari_ssn.network.fit import check_fit, foreign_values
from napari_ssn.network.likeness import likeness_of
from napari_ssn.training.cases import Cases
from napari_ssn.training.reading import load_cases

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs" / "measured" / "likeness.json"
# Images of a source, evenly spread or drawn by this seed.
MOST, SEED = 200, 0
# Voxels of nodules in the whole scans.
NODULES = {"lungfcp-01-0001": (180, 285, 18), "lidc-idri-0001": (316, 366, 90)}

#: An image and the point that a model is shown, None for the middle or the whole.
Place = tuple[Volume, tuple[int, ...] | None]


def cases_of(cases: Cases) -> Iterator[Place]:
    """Cases, pointed at as the model is in an evaluation."""
    for i in np.unique(np.linspace(0, len(cases) - 1, min(MOST, len(cases))).astype(int)):
        case = cases[int(i)]
        yield case.volume, case.centre or tuple(n // 2 for n in case.volume.space)


def moved(cases: Cases, mm: float) -> Iterator[Place]:
    """The same with the click beside, along the last axis."""
    for (volume, centre), back in zip(cases_of(cases), _signs(), strict=False):
        assert centre is not None
        at = centre[-1] + back * round(mm / (volume.spacing_mm[-1] or 1))
        yield volume, (*centre[:-1], int(np.clip(at, 0, volume.space[-1] - 1)))


def _signs() -> Iterator[int]:
    while True:
        yield from (1, -1)


def inverted(cases: Cases) -> Iterator[Place]:
    """The same with dark for bright, as T2 is to T1 in much of the brain."""
    for volume, centre in cases_of(cases):
        data = (volume.data.max() + volume.data.min() - volume.data).astype(np.float32)
        yield Volume(data, volume.affine, volume.extent, volume.oriented), centre


def slices(cases: Cases) -> Iterator[Place]:
    """Middle slices of volumes, as a 2D image."""
    for volume, _ in cases_of(cases):
        yield volume, tuple(n // 2 for n in volume.space)


def anywhere(scan: Volume) -> Iterator[Place]:
    """Points drawn evenly over a scan."""
    rng = np.random.default_rng(SEED)
    for _ in range(MOST):
        yield scan, tuple(int(i) for i in rng.integers(0, scan.space))


def distances(card: ModelCard, places: Iterator[Place]) -> tuple[NDArray[np.float64], list[str]]:
    """Distance of each image, and what the product says of it."""
    found, kinds = [], []
    for volume, centre in places:
        distance = likeness_of(card, volume, centre)
        fit = check_fit(card, volume, seems_ct(some_values(volume.data[0])), distance=distance)
        try:
            foreign = foreign_values(card, volume)
        except SSNError:
            foreign = None
        kinds.append("refused" if foreign is not None else fit.kind)
        if distance is not None:
            found.append(distance)
    return np.array(found), kinds


def area(own: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """Chance that one of the others is farther off than one's own, ties counted half."""
    ranks = rankdata(np.concatenate([own, others]))[len(own) :]
    return float((ranks.sum() - len(others) * (len(others) + 1) / 2) / (len(own) * len(others)))


def main(data: Path) -> None:
    """Measure all three models and write the file."""
    nodules = {dims: load_cases(data / "lidc-idri" / "test.zip", dims=dims) for dims in (2, 3)}
    brains = load_cases(data / "hippocampus", "test")
    scans = {name: read(data / "chest-ct" / f"{name}.zip") for name in NODULES}
    out = {}
    for name, own in (
        ("hippocampus-3d", brains), ("lidc-2d", nodules[2]), ("nodule-3d", nodules[3]),
    ):  # fmt: skip
        card = read_card(ROOT / "src_weights" / name)
        others: dict[str, Iterator[Place]] = {"the test images, dark for bright": inverted(own)}
        if own is brains:
            others["LIDC-IDRI test nodules (CT)"] = cases_of(nodules[3])
        else:
            others["hippocampus test images (MRI)"] = slices(brains)
            others["the test images, the click 8 mm beside"] = moved(own, 8.0)
        for scan, volume in scans.items():
            others[f"{scan}, anywhere (CT)"] = anywhere(volume)
            if own is not brains:
                others[f"{scan}, its nodule (CT)"] = iter([(volume, NODULES[scan])])
        test, kinds = distances(card, cases_of(own))
        rows = {"the test images": {"images": len(kinds), "unlike": _unlike(kinds)}}
        for source, places in others.items():
            far, said = distances(card, places)
            rows[source] = {
                "images": len(said),
                "auc": round(area(test, far), 4),
                "unlike": _unlike(said),
            }
            sys.stdout.write(f"{name}: {source}: {rows[source]}\n")
        out[name] = rows
    OUT.write_text(json.dumps(out, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _unlike(kinds: list[str]) -> float:
    """Share of images of which nothing calibrated is said."""
    return round(sum(kind != "fits" for kind in kinds) / len(kinds), 4)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
