"""What makes a label map again from its sidecar: its image, its model, its choice.

The verdict is printed on standard output, progress and remarks on standard error.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray

from napari_ssn.core.clicks import Click
from napari_ssn.core.conditioning import Posterior, condition
from napari_ssn.core.decodable import FARTHEST, Decodable
from napari_ssn.core.errors import (
    DataError,
    DeviceError,
    GeometryError,
    ImageError,
    ModelError,
)
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.core.lesions import Rules, composed, find_lesions
from napari_ssn.core.residual import Residual
from napari_ssn.core.spread import Spread, spread_out
from napari_ssn.core.volume import Volume
from napari_ssn.found import Found, image_at
from napari_ssn.io.files import check_not_source, check_targets, make_folder
from napari_ssn.io.formats import dicom_reader, is_dicom, is_nifti, stem
from napari_ssn.io.hashes import image_hash, label_map_hash
from napari_ssn.io.omezarr import is_zarr, list_levels
from napari_ssn.io.provenance import (
    Choice,
    DicomInput,
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
from napari_ssn.network.threads import threads

#: Why there is nothing to make again.
EDITED = "This label map was edited by hand: the model cannot make it again."
OTHER_IMAGE = (
    "This is not the image that the sidecar belongs to: its values or its geometry differ."
)
PROBABILITY = "This is the sidecar of a probability map: only label maps are made again."


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
        series: which one of several DICOM series, from 1; the sidecar's if left out.
        model_name: name or folder of the model; found by its weights if left out.
        device: to compute on; the sidecar's, if this computer has it, when left out.
        overwrite: whether existing files may be replaced.
    """
    record = read_sidecar(sidecar)
    target = out if is_nifti(out) else out / f"{stem(sidecar)}.nii.gz"
    check_targets([target, sidecar_path(target)], overwrite)
    check_not_source([target], path)
    found, hypothesis = again(path, record, model_name, device, series)
    if label_map_hash(hypothesis.label_map) != record.label_map_sha256:
        typer.echo("The label map is not identical to the sidecar's; nothing was written.")
        typer.echo(circumstances(record, found), err=True)
        return False
    make_folder(target.parent)
    write_pair(hypothesis, target, found.describe(hypothesis, record.choice), overwrite)
    typer.echo("identical")
    return True


def again(
    path: Path,
    record: Provenance,
    model_name: str | None,
    device: str | None,
    series: int | None = None,
) -> tuple[Found, Hypothesis]:
    """Run a sidecar's model on its image and decode its choice.

    DataError, ImageError, ModelError if one of the three is not to be had or another one.
    """
    for one in record.each():
        _check_reach(one.choice)
    if record.choice.z is None and not record.choice.nothing:
        raise DataError(PROBABILITY if record.choice.kind == "probability" else EDITED)
    volume, frame = _image_of(path, record, series)
    if image_hash(volume) != record.run.image_sha256:
        raise ImageError(OTHER_IMAGE)
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
    # Before the number of threads was written down it could tell in the last bits.
    divided = record.run.threads is None and record.run.device == "cpu"
    with threads(record.run.threads if model.device.type == "cpu" else None):
        # These are the values, by their hash: whether somebody insisted is compared later.
        found = Found.by(model, volume, centre, frame, depth_mm, tile, divided, insist=True)
    if record.choice.z is not None and len(record.choice.z) != found.dist.rank:
        raise DataError(
            f"The sidecar's z has {len(record.choice.z)} numbers, the model's {found.dist.rank}."
        )
    return found, decode(found, record.choice)


def _check_reach(choice: Choice) -> None:
    """DataError for a z that nothing here makes: so far out logits are lost in their rounding."""
    own = [] if choice.lesions is None else choice.lesions.own
    rest = None if choice.pointing is None else choice.pointing.rest
    numbers = [choice.z, choice.anchor, rest, *(move.z for move in own)]
    if any(abs(value) > FARTHEST for each in numbers for value in each or ()):
        raise DataError(
            f"The sidecar's z is more than {FARTHEST:,.0f} standard deviations from the model's "
            "mean, which no hypothesis is."
        )


def _image_of(
    path: Path, record: Provenance, series: int | None = None
) -> tuple[Volume, int | None]:
    """The image that a sidecar belongs to, with the frame if it has any, or the series it is in."""
    if series is None and record.run.dicom is not None and is_dicom(path):
        numbers = _numbers_of(path, record.run.dicom)
        for number in numbers if len(numbers) > 1 else []:
            # Of one file there may be several images: its frames are several echoes or times.
            volume = image_at(path, series=number)
            if image_hash(volume) == record.run.image_sha256:
                return volume, None
        series = numbers[0] if numbers else None
    if is_zarr(path):
        return _level_of(path, record, series)
    if record.run.frame is None or not is_nifti(path):
        return image_at(path, series=series), None
    try:
        # The first frame of what has but one is the image.
        return image_at(path), 1 if record.run.frame == 1 else None
    except GeometryError:
        return image_at(path, record.run.frame), record.run.frame


def _level_of(path: Path, record: Provenance, number: int | None) -> tuple[Volume, int | None]:
    """The level of an OME-Zarr that a sidecar belongs to, with the frame if it has any.

    It is told by the grid and the image's hash; a plane that was opened as one of several layers
    is a frame all the same.
    """
    infos = list_levels(path)
    for info in infos if number is None else infos[number - 1 : number]:
        if sorted(info.size) != sorted(record.grid.shape):
            continue
        own = record.run.frame
        frames = (own,) if own is not None else range(1, info.frames + 1)
        for frame in frames:
            volume = image_at(path, frame, info.number)
            if image_hash(volume) == record.run.image_sha256:
                return volume, own
    raise ImageError(OTHER_IMAGE)


def _numbers_of(path: Path, wanted: DicomInput) -> list[int]:
    """Numbers of the images that a sidecar may belong to; none where there is but one anyway."""
    dicom_reader()  # says so if the libraries are missing
    from napari_ssn.io.dicom.read import list_series

    infos = list_series(path)
    if len(infos) == 1:
        return []
    found = [info for info in infos if info.uid == wanted.series_instance_uid]
    if not found:
        raise ImageError(
            f"None of these {len(infos)} DICOM series is the one that the sidecar belongs to."
        )
    exact = [info for info in found if set(info.uids) == set(wanted.sop_instance_uids)]
    return [info.number for info in exact or found]


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


def spread_as(found: Found, choice: Choice) -> Decodable:
    """The distribution with the spread that a sidecar states."""
    if choice.spread is None:
        return found.dist
    per_label = tuple(choice.spread.per_label)
    if len(per_label) not in (0, found.dist.classes):
        raise DataError("The spread in the sidecar is one of other labels than the model's.")
    return spread_out(found.dist, Spread(choice.spread.overall, per_label))


def residual_as(found: Found, pointing: Pointing) -> Residual:
    """How a point acts where the model cannot explain it, as a sidecar states it."""
    return Residual(pointing.length_mm, pointing.amplitude, chance=pointing.chance).within(
        found.dist, found.volume.data[0], pointing.edge_share
    )


def _given(found: Found, dist: Decodable, pointing: Pointing) -> Posterior:
    """A distribution given what a sidecar says was pointed at."""
    axes = len(dist.space)
    if any(point.label >= dist.classes or len(point.index) != axes for point in pointing.points):
        raise DataError("A point of the sidecar has a label or axes that the model has not.")
    residual = residual_as(found, pointing)
    clicks = [Click(tuple(point.index), point.label) for point in pointing.points]
    return condition(dist, clicks, pointing.tolerance, residual, pointing.stray)


def _beyond(given: Posterior, pointing: Pointing) -> NDArray[np.float64]:
    """What a draw holds beyond its z, of a sidecar; empty where it says nothing of it."""
    if pointing.rest is None:
        return np.zeros(0)
    numbers = [(tuple(one.index), one.label) for one in pointing.points]
    slips = {numbers[i - 1] for i in pointing.slips or () if i <= len(numbers)}
    flags = [float((click.index, click.label) in slips) for click in given.clicks]
    found = np.array([*pointing.rest, *flags])
    if given.dist.rank + len(found) != given.width:
        raise DataError("The sidecar says of its correction by other numbers than the points take.")
    return found


def decode(found: Found, choice: Choice) -> Hypothesis:
    """The hypothesis of a sidecar, with its points and the lesions that it moved alone."""
    dist = spread_as(found, choice)
    if choice.nothing:
        return Hypothesis.nothing(dist, choice.z)
    given = None if choice.pointing is None else _given(found, dist, choice.pointing)
    beyond = np.zeros(0)
    if given is None or choice.pointing is None:
        whole = Hypothesis.from_z(dist, choice.z)
    else:
        assert choice.z is not None
        beyond = _beyond(given, choice.pointing)
        whole = given.hypothesis(np.concatenate([choice.z, beyond]))
    if choice.lesions is None:
        return whole
    moved = choice.lesions
    rules = Rules(moved.smallest_voxels, moved.share, moved.draws, moved.seed)
    lesions = find_lesions(dist, rules)
    if any(len(move.z) != dist.rank for move in moved.own):
        raise DataError(
            f"The z of a lesion in the sidecar has not the model's {dist.rank} numbers."
        )
    own = {move.lesion: np.concatenate([move.z, beyond]) for move in moved.own}
    source = dist if given is None else given
    label_map = dist.placed(composed(source, whole.drawn, own, lesions.parts))
    return replace(whole, label_map=label_map)


def circumstances(record: Provenance, found: Found) -> str:
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
    if record.run.instructions not in (None, found.run.instructions):
        here = found.run.instructions or "others"
        differing.append(("instructions", str(record.run.instructions), here))
    if not differing:
        return "It was made with the same software on the same kind of device."
    words = ", ".join(f"{title} {old} (here {new})" for title, old, new in differing)
    return f"It was made with {words}: single voxels may differ for that."
