"""Files that this plugin wrote, known again by their sidecars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_ssn.core.hypotheses import ProbabilityMap
from napari_ssn.documents.chosen import Choice
from napari_ssn.documents.sidecar import Provenance, read_sidecar
from napari_ssn.errors import DataError, SSNError
from napari_ssn.geometry.arrays import Array, Labels
from napari_ssn.geometry.display import Display
from napari_ssn.io.content import plain_labels
from napari_ssn.io.formats import files_of, written_by
from napari_ssn.io.hashes import label_map_hash, probability_hash
from napari_ssn.io.labelled import label_kind, narrowed
from napari_ssn.io.opened import Opened
from napari_ssn.io.sidecar import sidecar_path
from napari_ssn.io.stored import Stored

_WORDS = {
    "mean": "mean outline",
    "representative": "card",
    "conditioned": "outline given points",
    "edited": "edited outline",
    "nothing": "nothing outlined",
    "drawing": "nearest to a drawing",
}


def own_results(path: Path, stored: Stored) -> tuple[Stored, list[Opened]] | None:
    """What a file of this plugin holds; None for any other, and for one that was changed since.

    Args:
        path: of the file, beside which the sidecar lies.
        stored: what was read of it, its frames hypotheses or the labels of a probability map.

    Returns:
        the same, with as many axes as the image had, and its layers in the file's order.
    """
    try:
        record = read_sidecar(sidecar_path(path))
    except DataError:
        # No sidecar, or one of something else: then the file is what it is by itself.
        return None
    affine, values = np.asarray(record.grid.affine, np.float64), stored.values
    if not np.array_equal(affine.astype(np.float32), stored.affine.astype(np.float32)):
        affine = stored.affine
    if len(record.grid.shape) == 2 and stored.space[2:] == (1,):
        # Files of several hypotheses make a volume of one slice of a plane.
        values = values[..., 0]
    # The affine is the sidecar's, unless somebody moved the file: NIfTI-1 rounds it.
    found = replace(stored, values=values, affine=affine, note=None)
    if record.choice.kind == "probability":
        parts = list(_probabilities(found, record))
    else:
        parts = list(_label_maps(values, record))
    return (found, parts) if parts else None


def own_dicom(path: Path) -> tuple[Display, list[Opened]] | None:
    """As `own_results`, of DICOM: label maps on the whole grid of their image.

    Of a segmentation, of contours, and of the segmentation that a report was written with.
    """
    try:
        record = read_sidecar(sidecar_path(path))
        if record.choice.kind == "probability":
            return None
        maps = dicom_maps(path, record)
    except SSNError:
        return None
    affine, shape = np.asarray(record.grid.affine, np.float64), tuple(record.grid.shape)
    parts = list(_label_maps(maps, record))
    return (Display.on(affine, shape), parts) if parts else None


def dicom_maps(path: Path, record: Provenance) -> Labels:
    """Label maps (n, *S) of a DICOM file, on the grid that its sidecar states."""
    affine, shape = np.array(record.grid.affine), tuple(record.grid.shape)
    count, labels = len(record.each()), len(record.volumes)
    maps: Labels = written_by(path).label_maps(files_of(path), affine, shape, count, labels)
    return maps


def _label_maps(values: Array, record: Provenance) -> Iterator[Opened]:
    labels = dict(list(enumerate(plain_labels(["background", *record.volumes])))[1:])
    if label_kind(values) != np.uint8:
        return
    maps, ones = narrowed(values, np.dtype(np.uint8)), record.each()
    if [label_map_hash(one) for one in maps] != [one.label_map_sha256 for one in ones]:
        return
    words = [_words(record.choice)]
    if record.hypotheses is not None:
        words = [one.name for one in record.hypotheses]
    for label_map, one, what in zip(maps, ones, words, strict=True):
        name = f"{record.model.name} · {what}"
        yield Opened(label_map, name, labels, one.model_dump(mode="json"))


def _probabilities(stored: Stored, record: Provenance) -> Iterator[Opened]:
    volume = stored.volume()
    if probability_hash(ProbabilityMap(volume.data, volume.affine)) != record.label_map_sha256:
        return
    for k, chance in enumerate(volume.data):
        number = f" of label {k + 1}" if volume.channels > 1 else ""
        yield Opened(chance, f"{record.model.name} · probability{number}")


def _words(choice: Choice) -> str:
    """``sample 3``, ``+1.00 σ``."""
    if choice.kind == "sample":
        seed = f" (seed {choice.seed})" if choice.seed else ""
        empty = ", nothing outlined" if choice.nothing else ""
        return f"sample {choice.sample or 1}{seed}{empty}"
    if choice.kind == "walk":
        return f"{choice.sigma or 0.0:+.2f} σ".replace("-", "−")
    return _WORDS[choice.kind]
