"""What ``napari-ssn segment`` does: label maps, sidecars and volumes.

Results are printed on standard output, progress and remarks on standard error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import typer
from numpy.typing import ArrayLike
from rich.console import Console
from rich.progress import Progress

from napari_ssn import samples
from napari_ssn.core.activation import compact
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.distribution import draw_z
from napari_ssn.core.errors import (
    ImageError,
)
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.core.measures import label_counts
from napari_ssn.core.volume import Volume
from napari_ssn.core.windows import looks_like_ct, some_values
from napari_ssn.io import read
from napari_ssn.io.files import check_targets, make_folder, write_files
from napari_ssn.io.formats import is_nifti
from napari_ssn.io.nifti import read_nifti
from napari_ssn.io.provenance import (
    Choice,
    ModelIdentity,
    Provenance,
    Run,
    describe,
    image_hash,
)
from napari_ssn.io.sidecar import sidecar_path, write_pair
from napari_ssn.network.device import device_title
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
    series: int | None = None,
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
        series: which one of several DICOM series, from 1.
        count, seed: which draws to write.
        device: auto, cuda, mps or cpu.
        overwrite: whether existing files may be replaced.
    """
    width = max(2, len(str(count)))
    names = ["mean", *(f"sample_{i:0{width}d}" for i in range(1, count + 1))]
    maps = [out / f"{name}.nii.gz" for name in names]
    table = out / "volumes.csv"
    volume = image_at(path, frame, series)
    # Before minutes of computing, not after them.
    check_targets([*maps, *map(sidecar_path, maps), table], overwrite)
    make_folder(out)
    found = Found.by(load_model(model_name, device), volume, centre, frame, depth_mm)
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


@dataclass(frozen=True)
class Found:
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
    ) -> Found:
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


def image_at(path: Path, frame: int | None = None, series: int | None = None) -> Volume:
    """The image of a file, or a sample that comes with the package, by its name."""
    if frame is not None:
        if not is_nifti(path):
            raise ImageError("Only NIfTI files are read as time series: leave out the frame.")
        return read_nifti(path, frame - 1)
    names = {samples.sample(i).name: i for i in range(1, samples.COUNT + 1)}
    if str(path) in names and not path.exists():
        return samples.volume(names[str(path)])
    return read(path, series)


def _choice(kind: str, z: ArrayLike, seed: int | None = None, sample: int | None = None) -> Choice:
    numbers = [float(value) for value in np.asarray(z)]
    return Choice.model_validate({"kind": kind, "z": numbers, "seed": seed, "sample": sample})


def _table(records: dict[str, Provenance]) -> bytes:
    """Content of volumes.csv: a row per hypothesis and label; what is unknown is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["hypothesis", "seed", "label", "voxels", "ml", "mm2"])
    for name, record in records.items():
        for label, size in record.volumes.items():
            writer.writerow([name, record.choice.seed, label, size.voxels, size.ml, size.mm2])
    return text.getvalue().encode()
