"""The image that a command is given, and what it is told while a model runs on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from napari_ssn import samples
from napari_ssn.cli.progress import progress
from napari_ssn.documents.card import ModelCard
from napari_ssn.errors import ImageError, ModelError
from napari_ssn.geometry.volume import Volume
from napari_ssn.io import read
from napari_ssn.io.channels import channels_beside, chosen, read_channels
from napari_ssn.io.formats import frame_of
from napari_ssn.network.fit import foreign_values
from napari_ssn.network.inference import Asked, Watch
from napari_ssn.network.plan import DEPTH_MM
from napari_ssn.network.question import USUAL, How
from napari_ssn.network.seen import Seen
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.run import run
from napari_ssn.prediction.source import Source
from napari_ssn.text.commands import channels_line
from napari_ssn.text.image import TAKEN_FOR_HU
from napari_ssn.text.sizes import plural

#: A path, or one for each channel.
Paths = Path | Sequence[Path]
#: Number of a series, several, or none.
Numbers = int | Sequence[int] | None


@dataclass(frozen=True)
class Named:
    """What somebody has named as the image, before a value is read.

    Attributes:
        paths: a file, folder or sample for each channel.
        series: number of the series of each, from 1; None where none was named.
        words: what each of them is called, as ``first image`` or ``series 2``.
    """

    paths: tuple[Path, ...]
    series: tuple[int | None, ...]
    words: tuple[str, ...]

    @classmethod
    def of(cls, path: Paths, series: Numbers = None, card: ModelCard | None = None) -> Named:
        """What is meant by paths and numbers of series.

        Args:
            path: one for each channel; or a folder with the files of a case, a file of one, or a
                path to several series.
            series: numbers from 1, as for `chosen`.
            card: of the model; where it has channels, a file of a case finds the others.

        Raises:
            ImageError: they are not so many as the paths, or a file of the case is missing.
        """
        paths = [path] if isinstance(path, Path) else list(path)
        found, numbers = chosen(paths, [series] if isinstance(series, int) else series or ())
        if card is not None and len(card.channels) > 1 and len(found) == 1 and numbers == [None]:
            found = channels_beside(found[0]) or found
            numbers = [None] * len(found)
        if len(found) == len(paths):
            words = [f"{_ordinal(k)} image" for k in range(1, len(found) + 1)]
        else:
            words = [f"_{k:04d}" if n is None else f"series {n}" for k, n in enumerate(numbers)]
        return cls(tuple(found), tuple(numbers), tuple(words))

    def check(self, card: ModelCard) -> None:
        """ModelError if a model reads another number of images."""
        wanted, there = len(card.channels), len(self.paths)
        if wanted != there:
            was = "was" if there == 1 else "were"
            raise ModelError(
                f"{card.title} reads {plural(wanted, 'image')} ({', '.join(card.channels)}), and "
                f"{there} {was} named."
            )

    def tell(self, card: ModelCard) -> None:
        """Say which image is which channel of a model, on standard error."""
        if len(self.paths) > 1:
            typer.echo(channels_line(card.channels, self.words), err=True)

    def read(self, frame: int | None = None) -> Volume:
        """Read it; of a time series the frame, from 1."""
        if len(self.paths) == 1:
            return image_at(self.paths[0], frame, self.series[0])
        if frame is not None:
            raise ImageError("Images of several channels have no frames: leave out the frame.")
        return read_channels(self.paths, self.series)


def _ordinal(number: int) -> str:
    words = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
    return words[number - 1] if number <= len(words) else f"{number}th"


def image_at(path: Path, frame: int | None = None, series: int | None = None) -> Volume:
    """The image of a file, or a sample that comes with the package, by its name."""
    if frame is not None:
        return frame_of(path, frame - 1, series)
    number = samples.named(str(path))
    if number is not None and not path.exists():
        return samples.volume(number)
    return read(path, series)


def run_on(
    model: Asked,
    volume: Volume,
    centre: tuple[int, ...] | None,
    frame: int | None,
    *,
    depth_mm: float = DEPTH_MM,
    insist: bool = False,
    how: How = USUAL,
) -> Prediction:
    """Segment an image, with words of caution and progress on standard error.

    Args:
        model, centre, depth_mm, insist, how: as for `run`.
        volume: the image.
        frame: which one of a time series it is, from 1; None for an image without time.
    """
    if volume.note is not None:
        typer.echo(volume.note, err=True)

    def caution(seen: Seen) -> None:
        for doubt in (seen.fit.caution, seen.fit.unclaimed):
            if doubt is not None:
                typer.echo(doubt, err=True)

    with progress("Segmenting") as step:
        found = run(
            model,
            Source.of(volume, None if frame is None else frame - 1),
            centre,
            depth_mm=depth_mm,
            insist=insist,
            how=how,
            looked=caution,
            watch=Watch(progress=step, say=lambda text: typer.echo(text, err=True)),
        )
    if found.insisted:
        typer.echo(f"{foreign_values(model.card, volume)} {TAKEN_FOR_HU}", err=True)
    return found
