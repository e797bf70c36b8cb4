"""What makes a label map again from its sidecar, and says whether it is the same bit for bit.

The verdict is printed on standard output, progress and remarks on standard error.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import typer

from napari_ssn.core.clicks import Click
from napari_ssn.core.conditioning import Posterior, condition
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.errors import (
    DataError,
    DeviceError,
    GeometryError,
    ImageError,
    ModelError,
    SSNError,
)
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.core.lesions import Rules, composed, find_lesions
from napari_ssn.core.residual import Residual
from napari_ssn.core.spread import Spread, spread_out
from napari_ssn.core.transforms import corners_apart_mm
from napari_ssn.core.volume import Volume
from napari_ssn.io.files import check_targets, make_folder
from napari_ssn.io.formats import NIFTI_SUFFIXES, is_nifti, is_nrrd, reader_for, stem
from napari_ssn.io.hashes import image_hash, label_map_hash
from napari_ssn.io.nifti import read_nifti
from napari_ssn.io.nrrd_image import read_nrrd_layers
from napari_ssn.io.provenance import (
    Choice,
    LabelVolume,
    Pointing,
    Provenance,
    Software,
    read_sidecar,
)
from napari_ssn.io.sidecar import sidecar_path, write_pair
from napari_ssn.network.card import read_card
from napari_ssn.network.device import choose_device, device_title
from napari_ssn.network.models import Model, load_model, model_folders
from napari_ssn.network.plan import DEPTH_MM
from napari_ssn.segmenting import Found, image_at

_EDITED = "This label map was edited by hand: the model cannot make it again."
_PROBABILITY = "This is the sidecar of a probability map: only label maps are made again."
# How far a label map may lie from its image, and how far a stated size from the counted one: the
# determinant of an affine is rounded otherwise on another processor.
_PLACE_MM, _ROUNDING = 1e-6, 1e-9


def repeat(
    path: Path,
    sidecar: Path,
    out: Path,
    *,
    series: int | None = None,
    model_name: str | None = None,
    device: str | None = None,
    overwrite: bool = False,
) -> bool:
    """Make the label map of a sidecar again, and say whether it is the same bit for bit.

    Args:
        path: of the image.
        sidecar: of the label map.
        out: the label map to write, or a folder for it; nothing is written if it differs.
        series: which one of several DICOM series, from 1.
        model_name: name or folder of the model; found by its weights if left out.
        device: to compute on; the sidecar's, if this computer has it, when left out.
        overwrite: whether existing files may be replaced.
    """
    record = read_sidecar(sidecar)
    target = out if is_nifti(out) else out / f"{stem(sidecar)}.nii.gz"
    check_targets([target, sidecar_path(target)], overwrite)
    found, hypothesis = _again(path, record, model_name, device, series)
    if label_map_hash(hypothesis.label_map) != record.label_map_sha256:
        typer.echo("The label map is not identical to the sidecar's; nothing was written.")
        typer.echo(_circumstances(record, found), err=True)
        return False
    make_folder(target.parent)
    write_pair(hypothesis, target, found.describe(hypothesis, record.choice), overwrite)
    typer.echo("identical")
    return True


def verify(
    path: Path, sidecar: Path, *, model_name: str | None = None, device: str | None = None
) -> bool:
    """Say whether a sidecar, and the label map beside it, are what the model makes of an image.

    The label map is made again and compared bit for bit with the sidecar's hash and with the
    file beside it; the sidecar's sizes and grid are compared with it too. Nothing is written.

    Args:
        path: of the image.
        sidecar: of the label map.
        model_name: name or folder of the model; found by its weights if left out.
        device: to compute on; the sidecar's, if this computer has it, when left out.

    Returns:
        whether all is identical; what is not has been said.

    Raises:
        DataError: the sidecar is damaged, or of a label map that was edited by hand.
        ImageError: the image is another one.
        ModelError: the model is not installed, or has other weights.
    """
    record = read_sidecar(sidecar)
    beside = _beside(sidecar)
    ones = _members(record)
    problems = [] if beside is None else _problems_of(beside, ones)
    if record.choice.kind == "probability":
        raise DataError(_PROBABILITY)
    if record.choice.z is None and not problems:
        raise DataError(_EDITED)
    if record.choice.z is None:
        typer.echo(f"Not identical: {problems[0]}.")
        return False
    found, first = _again(path, record, model_name, device)
    for number, one in enumerate(ones):
        hypothesis = first if number == 0 else _decode(found, one.choice)
        if label_map_hash(hypothesis.label_map) != one.label_map_sha256:
            words = "the model makes another label map than the sidecar's"
            if len(ones) > 1:
                words += f", for hypothesis {number + 1} of {len(ones)}"
            if beside is not None and not problems:
                count = _differing(_labels(beside, number, len(ones)), hypothesis)
                words += f"; {count:,} of {hypothesis.label_map.size:,} voxels differ"
            typer.echo(f"Not identical: {words}.")
            typer.echo(_circumstances(record, found), err=True)
            return False
        problems += _misstated(one, found.describe(hypothesis, one.choice))
    if problems:
        typer.echo(f"Not identical: {problems[0]}.")
        return False
    where = "the file beside the sidecar is the same too"
    if beside is None and sidecar.with_suffix("").is_file():
        where = "the file beside the sidecar, which is DICOM, was left aside"
    elif beside is None:
        where = "no label map lies beside the sidecar, so that its hash was compared"
    what = "the label map was" if len(ones) == 1 else f"all {len(ones)} label maps were"
    typer.echo(f"Identical: {what} made again bit for bit, and {where}.")
    return True


def _again(
    path: Path,
    record: Provenance,
    model_name: str | None,
    device: str | None,
    series: int | None = None,
) -> tuple[Found, Hypothesis]:
    """Run a sidecar's model on its image and decode its choice."""
    if record.choice.z is None:
        raise DataError(_PROBABILITY if record.choice.kind == "probability" else _EDITED)
    volume = _image_of(path, record, series)
    if image_hash(volume) != record.run.image_sha256:
        raise ImageError(
            "This is not the image that the sidecar belongs to: its values or its geometry differ."
        )
    model = load_model(model_name or _model_of(record), device or _device_of(record))
    _check_weights(model, record)
    here = device_title(model.device)
    if here != record.run.device_title:
        typer.echo(
            f"The sidecar was made on another device ({record.run.device_title}, here {here}): "
            "single voxels may differ.",
            err=True,
        )
    centre = None if record.run.centre is None else tuple(record.run.centre)
    tile = None if record.run.tile is None else tuple(record.run.tile)
    depth_mm = DEPTH_MM if record.run.depth_mm is None else record.run.depth_mm
    found = Found.by(model, volume, centre, record.run.frame, depth_mm, tile)
    if len(record.choice.z) != found.dist.rank:
        raise DataError(
            f"The sidecar's z has {len(record.choice.z)} numbers, the model's {found.dist.rank}."
        )
    return found, _decode(found, record.choice)


def _image_of(path: Path, record: Provenance, series: int | None = None) -> Volume:
    """The image that a sidecar belongs to: the frame, or the series that it is in."""
    if record.run.frame is None or not is_nifti(path):
        return image_at(path, series=series)
    try:
        return image_at(path)
    except GeometryError:
        return image_at(path, record.run.frame)


def _model_of(record: Provenance) -> Path | str:
    """Folder of the installed model that has the sidecar's weights; else its name."""
    for folder in model_folders().values():
        try:
            card = read_card(folder)
        except ModelError:
            # A damaged model of another name must not stand in the way.
            continue
        if card.weights_sha256 == record.model.weights_sha256:
            return folder
    return record.model.name


def _device_of(record: Provenance) -> str:
    """The sidecar's device where this computer has it, else whichever is best."""
    try:
        choose_device(record.run.device)
    except DeviceError:
        return "auto"
    return record.run.device


def _check_weights(model: Model, record: Provenance) -> None:
    card = model.card
    if card.weights_sha256 != record.model.weights_sha256:
        raise ModelError(
            f"The model {card.name} {card.version} has other weights than the sidecar's "
            f"({record.model.name} {record.model.version}): name the right folder with --model."
        )


def _spread(found: Found, choice: Choice) -> Decodable:
    """The distribution with the spread that a sidecar states."""
    if choice.spread is None:
        return found.dist
    per_label = tuple(choice.spread.per_label)
    if len(per_label) not in (0, found.dist.classes):
        raise DataError("The spread in the sidecar is one of other labels than the model's.")
    return spread_out(found.dist, Spread(choice.spread.overall, per_label))


def _given(found: Found, dist: Decodable, pointing: Pointing) -> Posterior:
    """A distribution given what a sidecar says was pointed at."""
    axes = len(dist.space)
    if any(point.label >= dist.classes or len(point.index) != axes for point in pointing.points):
        raise DataError("A point of the sidecar has a label or axes that the model has not.")
    residual = Residual(pointing.length_mm, pointing.amplitude).within(
        found.dist, found.volume.data[0], pointing.edge_share
    )
    clicks = [Click(tuple(point.index), point.label) for point in pointing.points]
    return condition(dist, clicks, pointing.tolerance, residual)


def _decode(found: Found, choice: Choice) -> Hypothesis:
    """The hypothesis of a sidecar, with its points and the lesions that it moved alone."""
    dist = _spread(found, choice)
    given = None if choice.pointing is None else _given(found, dist, choice.pointing)
    whole = Hypothesis.from_z(dist, choice.z) if given is None else given.hypothesis(choice.z)
    if choice.lesions is None:
        return whole
    moved = choice.lesions
    rules = Rules(moved.smallest_voxels, moved.share, moved.draws, moved.seed)
    lesions = find_lesions(dist, rules)
    if any(len(move.z) != dist.rank for move in moved.own):
        raise DataError(
            f"The z of a lesion in the sidecar has not the model's {dist.rank} numbers."
        )
    own = {move.lesion: move.z for move in moved.own}
    source = dist if given is None else given
    label_map = dist.placed(composed(source, whole.z, own, lesions.parts))
    return replace(whole, label_map=label_map)


def _beside(sidecar: Path) -> Path | None:
    """The label map that a sidecar lies beside; None if there is none."""
    names = (sidecar.with_name(sidecar.stem + suffix) for suffix in NIFTI_SUFFIXES)
    # ``a.seg.nrrd.json`` lies beside ``a.seg.nrrd``.
    slicer = (path for path in (sidecar.with_suffix(""),) if is_nrrd(path))
    return next((path for path in (*slicer, *names) if path.is_file()), None)


def _members(record: Provenance) -> list[Provenance]:
    """What a sidecar says of each hypothesis of its file."""
    if record.hypotheses is None:
        return [record]
    return [
        record.model_copy(
            update={
                "choice": one.choice,
                "volumes": one.volumes,
                "label_map_sha256": one.label_map_sha256,
                "hypotheses": None,
            }
        )
        for one in record.hypotheses
    ]


def _labels(path: Path, number: int, count: int) -> Volume:
    """One of so many label maps in a file."""
    if is_nrrd(path):
        layers = read_nrrd_layers(path)
        if layers.channels != count:
            raise GeometryError(f"The file holds {layers.channels} label maps, not {count}.")
        return replace(layers, data=layers.data[number : number + 1])
    return reader_for(path)(path) if count == 1 else read_nifti(path, number)


def _problems_of(path: Path, ones: list[Provenance]) -> list[str]:
    """What is wrong with the file beside a sidecar, in parts of sentences."""
    for number, record in enumerate(ones):
        try:
            volume = _labels(path, number, len(ones))
        except SSNError:
            return ["the file beside the sidecar cannot be read as a label map"]
        problems = _problems_with(volume, record)
        if problems:
            return problems
    return []


def _problems_with(volume: Volume, record: Provenance) -> list[str]:
    values = volume.data[0]
    if not np.isin(values, np.arange(256)).all():
        return ["the file beside the sidecar holds other numbers than labels"]
    if label_map_hash(values.astype(np.uint8)) != record.label_map_sha256:
        return ["the file beside the sidecar holds another label map than it was written with"]
    off = corners_apart_mm(volume.affine, np.array(record.grid.affine), volume.space)
    if off > _PLACE_MM and volume.extent == "volume":
        return [f"the file beside the sidecar lies up to {off:.3g} mm off its image"]
    return []


def _differing(volume: Volume, hypothesis: Hypothesis) -> int:
    values = volume.data[0]
    if values.shape != hypothesis.label_map.shape:
        return hypothesis.label_map.size
    return int((values != hypothesis.label_map).sum())


def _misstated(record: Provenance, again: Provenance) -> list[str]:
    """What a sidecar says otherwise than its own label map has it."""
    out = []
    shape = tuple(again.grid.shape)
    stated, true = np.array(record.grid.affine), np.array(again.grid.affine)
    if tuple(record.grid.shape) != shape or corners_apart_mm(stated, true, shape) > _PLACE_MM:
        out.append("the sidecar states another grid than the image's")
    sizes, counted = record.volumes, again.volumes
    if sizes.keys() != counted.keys():
        out.append("the sidecar names other labels than the model")
    elif not all(_same_size(sizes[name], counted[name]) for name in sizes):
        out.append("the sidecar states other sizes than its label map has")
    return out


def _same_size(one: LabelVolume, other: LabelVolume) -> bool:
    if (one.voxels, one.unit) != (other.voxels, other.unit):
        return False
    return all(
        (a is None and b is None)
        or (a is not None and b is not None and math.isclose(a, b, rel_tol=_ROUNDING))
        for a, b in ((one.ml, other.ml), (one.mm2, other.mm2))
    )


def _circumstances(record: Provenance, found: Found) -> str:
    """What computed then and computes now, where that differs; one sentence."""
    then, now = record.software, Software.here()
    titles = {"napari_ssn": "napari-ssn", "machine": "processor", "system": "system"}
    differing = [
        (titles.get(name, name), getattr(then, name), getattr(now, name))
        for name in ("napari_ssn", "torch", "monai", "numpy", "system", "machine")
        if getattr(then, name) != getattr(now, name)
    ]
    if record.run.device_title != found.run.device_title:
        differing.append(("device", record.run.device_title, found.run.device_title))
    if not differing:
        return "It was made with the same software on the same kind of device."
    words = ", ".join(f"{title} {old} (here {new})" for title, old, new in differing)
    return f"It was made with {words}: single voxels may differ for that."
