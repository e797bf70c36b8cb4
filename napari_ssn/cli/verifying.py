"""What says whether a sidecar, and the file beside it, are what the model makes of an image.

The verdict is printed on standard output, remarks on standard error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import typer

from napari_ssn.cli.beside import beside_of, held, mislabelled, problems_of
from napari_ssn.cli.images import Numbers, Paths
from napari_ssn.cli.kinds import misattributed
from napari_ssn.cli.repeat import again
from napari_ssn.cli.statements import misrun, statements
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.documents.sidecar import LabelVolume, Provenance, read_sidecar
from napari_ssn.errors import DataError, GeometryError, SSNError
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Array
from napari_ssn.geometry.transforms import corners_apart_mm
from napari_ssn.io.hashes import label_map_hash
from napari_ssn.io.known import STRUCTURES_SUFFIX
from napari_ssn.io.outline import read_outline
from napari_ssn.prediction.drawing import drawn_as
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.record import record_of
from napari_ssn.prediction.repeating import circumstances, why_not
from napari_ssn.text import verdicts
from napari_ssn.text.repeating import HELD_BESIDE, PROBABILITY

# How far the stated grid may lie from the image's, and how far a stated size from the counted one:
# the determinant of an affine is rounded otherwise on another processor.
_PLACE_MM, _ROUNDING = 1e-6, 1e-9
# What sidecars of before do not state.
_LATER = ("cut_off_by", "first", "last", "apart_voxels")


def verify(
    path: Paths,
    sidecar: Path,
    *,
    series: Numbers = None,
    model_name: str | None = None,
    device: str | None = None,
    members: Sequence[Path] = (),
    drawing: Path | None = None,
) -> bool:
    """Say whether a sidecar, and the label map beside it, are what the model makes of an image.

    The label map is made again and compared bit for bit with the sidecar's hash and with the
    file beside it; sizes, grid and how its z was come by are compared too, and what cannot be is
    named. Nothing is written.

    Args:
        path: of the image; of several channels one for each, in their order.
        sidecar: of the label map.
        series: which one of several DICOM series, from 1; the sidecar's if left out. Of several
            channels one for each.
        model_name: name or folder of the model; found by its weights if left out.
        device: to compute on; the sidecar's, if this computer has it, when left out.
        members: where those of an ensemble are, if the sidecar is of one.
        drawing: that its hypotheses are nearest to; looked for again where there is one.

    Returns:
        whether all is identical; what is not has been said.

    Raises:
        DataError: the sidecar is damaged, or of a label map that was edited by hand or made of
            several people's.
        ImageError: the image is another one.
        ModelError: the model is not installed, or has other weights.
    """
    record = read_sidecar(sidecar)
    if record.choice.kind == "probability":
        raise DataError(PROBABILITY)
    beside, content, problems = beside_of(sidecar), None, []
    ones, made = record.each(), list[Hypothesis]()
    if beside is not None:
        try:
            content = held(beside, record)
            problems = problems_of(content, ones)
        except SSNError as error:
            problems = [verdicts.UNREADABLE]
            if isinstance(error, GeometryError):
                problems = [verdicts.OFF_ITS_IMAGE]
    if (amiss := misattributed(record)) is not None:
        problems.append(amiss)
    edited = record.choice.z is None and not record.choice.nothing
    if edited and not problems:
        if beside is not None:
            typer.echo(HELD_BESIDE, err=True)
        raise DataError(why_not(record))
    if edited:
        typer.echo(verdicts.not_identical(problems[0]))
        return False
    recall = again(path, record, model_name, device, series, members)
    found = recall.prediction
    if not problems and (impossible := misrun(record, found)):
        typer.echo(verdicts.not_identical(impossible[0]))
        return False
    for number, one in enumerate(ones):
        hypothesis = recall.hypothesis(one.choice)
        if label_map_hash(hypothesis.label_map) != one.label_map_sha256:
            differing = None
            if content is not None and not problems:
                differing = _differing(content.values[number], hypothesis)
            size = hypothesis.label_map.size
            problem = verdicts.other_map(number + 1, len(ones), differing, size)
            typer.echo(verdicts.not_identical(problem))
            typer.echo(circumstances(record, found), err=True)
            return False
        made.append(hypothesis)
        problems += _misstated(one, record_of(found, hypothesis, one.choice), _voxel_ml(found))
    if beside is not None and not problems:
        problems = mislabelled(beside, record, found, made)
    card, then = found.card, record.model
    if (card.name, card.version) != (then.name, then.version):
        # Weights are what a model is; that they go by another name is worth a word.
        typer.echo(verdicts.renamed(then, card), err=True)
    drawn = None
    if drawing is not None:
        outline = read_outline(drawing, found.source.load())
        drawn = drawn_as(outline, found.source.space, found.labels)
    stated = statements(record, recall, drawn)
    problems += stated.problems
    if beside is None:
        problems.append(verdicts.NO_FILE)
    if problems:
        typer.echo(verdicts.not_identical(problems[0]))
        return False
    typer.echo(verdicts.identical(len(ones)))
    if beside is not None and beside.name.lower().endswith(STRUCTURES_SUFFIX):
        stated.unchecked.append(verdicts.CONTOURS)
    for sentence in verdicts.remarks(stated.unchecked, stated.used):
        typer.echo(sentence, err=True)
    return True


def _differing(values: Array, hypothesis: Hypothesis) -> int:
    if values.size != hypothesis.label_map.size:
        return hypothesis.label_map.size
    return int((values.reshape(hypothesis.label_map.shape) != hypothesis.label_map).sum())


def _misstated(record: Provenance, again: Provenance, voxel_ml: float | None) -> list[str]:
    """What a sidecar says otherwise than its own label map has it."""
    out = []
    shape = tuple(again.grid.shape)
    stated, true = np.array(record.grid.affine), np.array(again.grid.affine)
    if tuple(record.grid.shape) != shape or corners_apart_mm(stated, true, shape) > _PLACE_MM:
        out.append(verdicts.GRID)
    sizes, counted = record.volumes, again.volumes
    if sizes.keys() != counted.keys():
        out.append(verdicts.LABELS)
    elif not all(_same_size(sizes[name], counted[name], voxel_ml) for name in sizes):
        out.append(verdicts.COUNTS)
    return out


def _voxel_ml(found: Prediction) -> float | None:
    """Millilitres of a voxel; None where its size does not tell."""
    source = found.source
    return Affine(source.affine).voxel_ml if source.extent == "volume" else None


def _same_size(one: LabelVolume, other: LabelVolume, voxel_ml: float | None) -> bool:
    stated, true = (one.ml, one.mm2, one.unit), (other.ml, other.mm2, other.unit)
    if one.unit == "mL" and other.unit == "mm2" and voxel_ml is not None:
        # Of one slice sidecars of before stated the volume of the slab.
        true = (other.voxels * voxel_ml, None, "mL")
    lengths = (
        (one.longest_mm, other.longest_mm),
        (one.perpendicular_mm, other.perpendicular_mm),
    )
    return (
        one.voxels == other.voxels
        and all(getattr(one, name) in (None, getattr(other, name)) for name in _LATER)
        and stated[2] == true[2]
        # What a sidecar of before does not state is not wrong.
        and all(a is None or _near(a, b) for a, b in lengths)
        and _near(stated[0], true[0])
        and _near(stated[1], true[1])
    )


def _near(stated: float | None, true: float | None) -> bool:
    if stated is None or true is None:
        return stated is true
    return math.isclose(stated, true, rel_tol=_ROUNDING)
