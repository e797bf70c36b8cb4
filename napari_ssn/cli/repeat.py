"""What makes a label map again from its sidecar: its image, its model, its choice.

The verdict is printed on standard output, progress and remarks on standard error.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import typer

from napari_ssn import cli
from napari_ssn.cli.images import Named, Numbers, Paths, image_at, run_on
from napari_ssn.documents.card import read_card
from napari_ssn.documents.ran import Run
from napari_ssn.documents.sidecar import Provenance, read_sidecar
from napari_ssn.errors import DataError, GeometryError, ImageError
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.channels import is_numbered
from napari_ssn.io.files import check_not_source, check_targets, make_folder
from napari_ssn.io.formats import dicom_home, is_dicom, is_nifti, stem
from napari_ssn.io.hashes import image_hash, label_map_hash
from napari_ssn.io.omezarr import is_zarr, list_levels
from napari_ssn.io.sidecar import sidecar_path, write_pair
from napari_ssn.network.device import device_title
from napari_ssn.network.models import load_model
from napari_ssn.network.places import find_model
from napari_ssn.prediction import repeating
from napari_ssn.prediction.recall import Recall
from napari_ssn.prediction.record import record_of
from napari_ssn.text.repeating import NOT_IDENTICAL, other_device


def repeat(
    path: Paths,
    sidecar: Path,
    out: Path,
    *,
    series: Numbers = None,
    model_name: str | None = None,
    device: str | None = None,
    overwrite: bool = False,
    members: Sequence[Path] = (),
) -> bool:
    """Make the label map of a sidecar again, and say whether it is the same bit for bit.

    Args:
        path: of the image; of several channels one for each.
        sidecar: of the label map.
        out: the label map to write, or a folder for it; nothing is written if it differs.
        series: which one of several DICOM series, from 1; the sidecar's if left out. Of several
            channels one for each.
        model_name: name or folder of the model; found by its weights if left out.
        device: to compute on; the sidecar's, if this computer has it, when left out.
        overwrite: whether existing files may be replaced.
        members: where those of an ensemble are, if the sidecar is of one.
    """
    record = read_sidecar(sidecar)
    target = out if is_nifti(out) else out / f"{stem(sidecar)}.nii.gz"
    check_targets([target, sidecar_path(target)], overwrite)
    for one in [path] if isinstance(path, Path) else path:
        check_not_source([target], one)
    recall = again(path, record, model_name, device, series, members)
    hypothesis, found = recall.hypothesis(record.choice), recall.prediction
    if label_map_hash(hypothesis.label_map) != record.label_map_sha256:
        typer.echo(NOT_IDENTICAL)
        typer.echo(repeating.circumstances(record, found), err=True)
        return False
    make_folder(target.parent)
    stated = record_of(found, hypothesis, record.choice)
    # Of the same hypotheses, whichever of them this is; `verify` counts them again.
    stated = stated.model_copy(
        update={"sizes": record.sizes, "together": record.together, "spans": record.spans}
    )
    write_pair(hypothesis, target, stated, overwrite)
    typer.echo("identical")
    return True


def again(
    path: Paths,
    record: Provenance,
    model_name: str | None,
    device: str | None,
    series: Numbers = None,
    members: Sequence[Path] = (),
) -> Recall:
    """Run a sidecar's model on its image: what its hypotheses are made again from.

    DataError, ImageError, ModelError if one of the three is not to be had or another one.
    """
    repeating.check_repeatable(record)
    named, told = Named.of(path, series), record.run.ensemble
    if told is None and members:
        raise DataError("The sidecar is of a model, not of an ensemble: leave out --ensemble.")
    if told is None and len(named.paths) == 1 and is_numbered(named.paths[0]):
        # The one image of its case, or the first of several: the model knows.
        card = read_card(find_model(model_name or repeating.model_of(record) or record.model.name))
        named = Named.of(path, series, card)
    if len(named.paths) > 1:
        volume, frame = named.read(), None
    else:
        volume, frame = image_of(named.paths[0], record, named.series[0])
    repeating.check_image(volume, record)
    if told is not None:
        where, count = device or repeating.device_of(record), record.run.threads
        name = named.paths[0].name
        found = cli.ensembles.remade(volume, frame, name, told, members, where, count)
        if any(one.network for one in told.members):
            _tell_device(record, found.device_title)
        return Recall(found)
    named_model = model_name or repeating.model_of(record) or record.model.name
    model = load_model(named_model, device or repeating.device_of(record))
    repeating.check_weights(model.card, record)
    _tell_device(record, device_title(model.device))
    found = repeating.rerun(record, model, partial(run_on, model, volume, frame=frame))
    return Recall(found)


def _tell_device(record: Provenance, here: str) -> None:
    if here != record.run.device_title:
        typer.echo(
            other_device(record.run.device_title, here),
            err=True,
        )


def image_of(
    path: Path, record: Provenance, series: int | None = None
) -> tuple[Volume, int | None]:
    """The image that a sidecar belongs to, with the frame if it has any, or the series it is in."""
    if series is None and record.run.dicom is not None and is_dicom(path):
        numbers = _numbers_of(path, record.run)
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
    raise ImageError(repeating.OTHER_IMAGE)


def _numbers_of(path: Path, run: Run) -> list[int]:
    """Numbers of the images that a sidecar may belong to; none where there is but one anyway."""
    infos = dicom_home().list_series(path)
    if len(infos) == 1:
        return []
    wanted, key = run.dicom, run.image_sha256
    found = [info for info in infos if wanted is not None and wanted.is_series(info.uid, key)]
    if not found:
        raise ImageError(
            f"None of these {len(infos)} DICOM series is the one that the sidecar belongs to."
        )
    exact = [one for one in found if wanted and wanted.slices_of(one.uids, key) is not False]
    return [info.number for info in exact or found]
