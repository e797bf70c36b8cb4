"""What ``napari-ssn segment`` does: label maps, sidecars and volumes, or one of them again.

Results are printed on standard output, progress and remarks on standard error.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import typer
from numpy.typing import ArrayLike
from rich.console import Console
from rich.progress import Progress

from napari_ssn import samples
from napari_ssn.core.activation import compact
from napari_ssn.core.clicks import Click
from napari_ssn.core.conditioning import Posterior, condition
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.distribution import draw_z
from napari_ssn.core.errors import (
    DataError,
    DeviceError,
    GeometryError,
    ImageError,
    ModelError,
)
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.core.lesions import Rules, composed, find_lesions
from napari_ssn.core.measures import label_counts
from napari_ssn.core.residual import Residual
from napari_ssn.core.volume import Volume
from napari_ssn.core.windows import looks_like_ct, some_values
from napari_ssn.io import read
from napari_ssn.io.files import check_targets, make_folder, write_files
from napari_ssn.io.formats import is_nifti, stem
from napari_ssn.io.nifti import read_nifti
from napari_ssn.io.provenance import (
    Choice,
    ModelIdentity,
    Pointing,
    Provenance,
    Run,
    describe,
    image_hash,
    label_map_hash,
    read_sidecar,
)
from napari_ssn.io.sidecar import sidecar_path, write_pair
from napari_ssn.network.device import choose_device, device_title
from napari_ssn.network.fit import check_fit
from napari_ssn.network.inference import Watch
from napari_ssn.network.models import Model, load_model
from napari_ssn.network.plan import DEPTH_MM
from napari_ssn.wording.sizes import Measure, capital, range_line

# Hypotheses behind a stated range, and the seed of their draws: the window's.
_RANGE_DRAWS, _RANGE_SEED = 1000, 0


def segment_image(
    path: Path,
    out: Path,
    model_name: str,
    *,
    centre: tuple[int, ...] | None = None,
    depth_mm: float = DEPTH_MM,
    frame: int | None = None,
    count: int = 16,
    seed: int = 0,
    device: str = "auto",
    overwrite: bool = False,
) -> None:
    """Write the mean and samples of an image with their sidecars, and say the volumes.

    Args:
        path: of the image.
        out: folder for mean.nii.gz, sample_01.nii.gz …, a sidecar for each and volumes.csv.
        model_name: name or folder of the model.
        centre: index of the region's middle in the file's own voxel grid.
        depth_mm: how far a 2D model looks along a volume to either side of the centre.
        frame: which one of a time series, from 1; None for an image without time.
        count, seed: which draws to write.
        device: auto, cuda, mps or cpu.
        overwrite: whether existing files may be replaced.
    """
    width = max(2, len(str(count)))
    names = ["mean", *(f"sample_{i:0{width}d}" for i in range(1, count + 1))]
    maps = [out / f"{name}.nii.gz" for name in names]
    table = out / "volumes.csv"
    volume = _image(path, frame)
    # Before minutes of computing, not after them.
    check_targets([*maps, *map(sidecar_path, maps), table], overwrite)
    make_folder(out)
    found = _Found.by(load_model(model_name, device), volume, centre, frame, depth_mm)
    rank = found.dist.rank
    choices = [_choice("mean", np.zeros(rank))]
    for i, z in enumerate(draw_z(count, rank, seed), start=1):
        choices.append(_choice("sample", z, seed, i))
    records = {}
    for name, target, choice in zip(names, maps, choices, strict=True):
        hypothesis = Hypothesis.from_z(found.dist, choice.z)
        records[name] = found.describe(hypothesis, choice)
        write_pair(hypothesis, target, records[name], overwrite)
    write_files({table: _table(records)}, overwrite)
    typer.echo(f"Wrote {len(maps)} label maps with their sidecars, and volumes.csv.", err=True)
    for line in found.volume_lines():
        typer.echo(line)


def repeat(
    path: Path,
    sidecar: Path,
    out: Path,
    *,
    model_name: str | None = None,
    device: str | None = None,
    overwrite: bool = False,
) -> bool:
    """Make the label map of a sidecar again, and say whether it is the same bit for bit.

    Args:
        path: of the image.
        sidecar: of the label map.
        out: the label map to write, or a folder for it; nothing is written if it differs.
        model_name: name or folder of the model; the sidecar's name if left out.
        device: to compute on; the sidecar's, if this computer has it, when left out.
        overwrite: whether existing files may be replaced.
    """
    record = read_sidecar(sidecar)
    target = out if is_nifti(out) else out / f"{stem(sidecar)}.nii.gz"
    check_targets([target, sidecar_path(target)], overwrite)
    if record.choice.z is None:
        raise DataError("This label map was edited by hand: the model cannot make it again.")
    volume = _image_of(path, record)
    if image_hash(volume) != record.run.image_sha256:
        raise ImageError(
            "This is not the image that the sidecar belongs to: its values or its geometry differ."
        )
    model = load_model(model_name or record.model.name, device or _device_of(record))
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
    found = _Found.by(model, volume, centre, record.run.frame, depth_mm, tile)
    if len(record.choice.z) != found.dist.rank:
        raise DataError(
            f"The sidecar's z has {len(record.choice.z)} numbers, the model's {found.dist.rank}."
        )
    hypothesis = _decode(found, record.choice)
    if label_map_hash(hypothesis.label_map) != record.label_map_sha256:
        typer.echo("The label map is not identical to the sidecar's; nothing was written.")
        return False
    make_folder(target.parent)
    write_pair(hypothesis, target, found.describe(hypothesis, record.choice), overwrite)
    typer.echo("identical")
    return True


@dataclass(frozen=True)
class _Found:
    """A run and what it found."""

    model: Model
    volume: Volume
    centre: tuple[int, ...] | None
    dist: Decodable
    run: Run

    @classmethod
    def by(
        cls,
        model: Model,
        volume: Volume,
        centre: tuple[int, ...] | None,
        frame: int | None,
        depth_mm: float,
        tile: tuple[int, ...] | None = None,
    ) -> _Found:
        """Segment an image, with words of caution and progress on standard error."""
        ct = looks_like_ct(some_values(volume.data[0]))
        caution = check_fit(model.card, volume, ct).caution
        if caution is not None:
            typer.echo(caution, err=True)
        with Progress(console=Console(stderr=True)) as bar:
            task = bar.add_task("Segmenting", total=None)

            def tell(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            watch = Watch(progress=tell, say=lambda text: typer.echo(text, err=True))
            found = model.infer(volume, centre, depth_mm=depth_mm, tile=tile, watch=watch)
        run = Run(
            device=str(found.device),
            device_title=device_title(found.device),
            tile=list(found.tile),
            centre=None if centre is None else list(centre),
            depth_mm=found.depth_mm,
            image_sha256=image_hash(volume),
            frame=frame,
        )
        return cls(model, volume, centre, compact(found.dist), run)

    def describe(self, hypothesis: Hypothesis, choice: Choice) -> Provenance:
        """Provenance of one of its hypotheses."""
        card = self.model.card
        return describe(
            hypothesis,
            model=ModelIdentity(
                name=card.name, version=card.version, weights_sha256=card.weights_sha256
            ),
            run=self.run,
            choice=choice,
            labels=[label.name for label in card.labels],
            extent=self.volume.extent,
        )

    def volume_lines(self) -> Iterator[str]:
        """``Nodule: median 1.42 mL · model range 0.95–2.31 mL (90 % of 1,000 hypotheses)``."""
        columns = self.volume.affine[:3, :3]
        if self.volume.extent == "plane":
            size = float(np.linalg.norm(np.cross(columns[:, 0], columns[:, 1])))
        else:
            size = float(abs(np.linalg.det(columns)))
        space = self.volume.space
        measure = Measure(self.volume.extent, size, len(space) == 2 or 1 in space)
        card = self.model.card
        counts = label_counts(self.dist, draw_z(_RANGE_DRAWS, self.dist.rank, _RANGE_SEED))
        for label in range(1, self.dist.classes):
            values = counts[:, label]
            spread = card.range_of(values, self.dist.space)
            words = range_line(
                measure,
                spread.low,
                spread.high,
                spread.level,
                _RANGE_DRAWS,
                readers=spread.readers,
                absent=float((values == 0).mean()),
            )
            name = capital(card.labels[label].name)
            yield f"{name}: median {measure.amount(spread.median)} · {words}"


def _image_of(path: Path, record: Provenance) -> Volume:
    """The image that a sidecar belongs to: the frame, or the series that it is in."""
    if record.run.frame is None or not is_nifti(path):
        return _image(path)
    try:
        return _image(path)
    except GeometryError:
        return _image(path, record.run.frame)


def _image(path: Path, frame: int | None = None) -> Volume:
    """The image of a file, or a sample that comes with the package, by its name."""
    if frame is not None:
        if not is_nifti(path):
            raise ImageError("Only NIfTI files are read as time series: leave out the frame.")
        return read_nifti(path, frame - 1)
    names = {samples.sample(i).name: i for i in range(1, samples.COUNT + 1)}
    if str(path) in names and not path.exists():
        return samples.volume(names[str(path)])
    return read(path)


def _choice(kind: str, z: ArrayLike, seed: int | None = None, sample: int | None = None) -> Choice:
    numbers = [float(value) for value in np.asarray(z)]
    return Choice.model_validate({"kind": kind, "z": numbers, "seed": seed, "sample": sample})


def _given(found: _Found, pointing: Pointing) -> Posterior:
    """The distribution given what a sidecar says was pointed at."""
    dist, axes = found.dist, len(found.dist.space)
    if any(point.label >= dist.classes or len(point.index) != axes for point in pointing.points):
        raise DataError("A point of the sidecar has a label or axes that the model has not.")
    residual = Residual(pointing.length_mm, pointing.amplitude).within(
        dist, found.volume.data[0], pointing.edge_share
    )
    clicks = [Click(tuple(point.index), point.label) for point in pointing.points]
    return condition(dist, clicks, pointing.tolerance, residual)


def _decode(found: _Found, choice: Choice) -> Hypothesis:
    """The hypothesis of a sidecar, with its points and the lesions that it moved alone."""
    dist = found.dist
    given = None if choice.pointing is None else _given(found, choice.pointing)
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


def _table(records: dict[str, Provenance]) -> bytes:
    """Content of volumes.csv: a row per hypothesis and label; what is unknown is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["hypothesis", "seed", "label", "voxels", "ml", "mm2"])
    for name, record in records.items():
        for label, size in record.volumes.items():
            writer.writerow([name, record.choice.seed, label, size.voxels, size.ml, size.mm2])
    return text.getvalue().encode()
