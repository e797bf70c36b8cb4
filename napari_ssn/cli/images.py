"""The image that a command is given, and what it is told while a model runs on it."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console
from rich.progress import Progress

from napari_ssn import samples
from napari_ssn.errors import ImageError
from napari_ssn.geometry.volume import Volume
from napari_ssn.io import read
from napari_ssn.io.formats import is_nifti
from napari_ssn.io.nifti import read_nifti
from napari_ssn.io.omezarr import is_zarr, read_omezarr
from napari_ssn.network.fit import foreign_values
from napari_ssn.network.inference import Watch
from napari_ssn.network.models import Model
from napari_ssn.network.plan import DEPTH_MM
from napari_ssn.network.seen import Seen
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.run import run
from napari_ssn.prediction.source import Source
from napari_ssn.text.image import TAKEN_FOR_HU


def image_at(path: Path, frame: int | None = None, series: int | None = None) -> Volume:
    """The image of a file, or a sample that comes with the package, by its name."""
    if frame is not None and is_zarr(path):
        return read_omezarr(path, series, frame - 1)
    if frame is not None:
        if not is_nifti(path):
            raise ImageError(
                "Only NIfTI and OME-Zarr are read as several frames: leave out the frame."
            )
        return read_nifti(path, frame - 1)
    number = samples.named(str(path))
    if number is not None and not path.exists():
        return samples.volume(number)
    return read(path, series)


def run_on(
    model: Model,
    volume: Volume,
    centre: tuple[int, ...] | None,
    frame: int | None,
    *,
    depth_mm: float = DEPTH_MM,
    tile: tuple[int, ...] | None = None,
    divided: bool = False,
    padded: bool = False,
    insist: bool = False,
) -> Prediction:
    """Segment an image, with words of caution and progress on standard error.

    Args:
        model, centre, depth_mm, tile, divided, padded, insist: as for `run`.
        volume: the image.
        frame: which one of a time series it is, from 1; None for an image without time.
    """
    if volume.note is not None:
        typer.echo(volume.note, err=True)

    def caution(seen: Seen) -> None:
        for doubt in (seen.fit.caution, seen.fit.unclaimed):
            if doubt is not None:
                typer.echo(doubt, err=True)

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("Segmenting", total=None)
        found = run(
            model,
            Source.of(volume, None if frame is None else frame - 1),
            centre,
            depth_mm=depth_mm,
            tile=tile,
            divided=divided,
            padded=padded,
            insist=insist,
            looked=caution,
            watch=Watch(
                progress=lambda done, total: bar.update(task, completed=done, total=total),
                say=lambda text: typer.echo(text, err=True),
            ),
        )
    if found.insisted:
        typer.echo(f"{foreign_values(model.card, volume)} {TAKEN_FOR_HU}", err=True)
    return found
