"""What a command ran and what it found: a run, its distribution, and what is said of both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import typer
from numpy.typing import ArrayLike
from rich.console import Console
from rich.progress import Progress

from napari_ssn import samples
from napari_ssn.core.activation import compact
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.distribution import draw_z
from napari_ssn.core.errors import ImageError, ModelError
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.core.measures import label_counts
from napari_ssn.core.scale import across_of, scale_of
from napari_ssn.core.volume import Volume
from napari_ssn.io import read
from napari_ssn.io.describing import describe
from napari_ssn.io.formats import is_nifti
from napari_ssn.io.hashes import image_hash
from napari_ssn.io.nifti import read_nifti
from napari_ssn.io.omezarr import is_zarr, read_omezarr
from napari_ssn.io.provenance import Choice, DicomInput, ModelIdentity, Provenance, Run
from napari_ssn.network.device import device_title
from napari_ssn.network.fit import foreign_values
from napari_ssn.network.inference import Watch
from napari_ssn.network.models import Model
from napari_ssn.network.seen import Seen
from napari_ssn.session.ranging import Stated, state_ranges
from napari_ssn.wording.image import TAKEN_FOR_HU
from napari_ssn.wording.sizes import Measure, capital, cut_off_line, range_line

if TYPE_CHECKING:
    from napari_ssn.core.diameters import Diameter
    from napari_ssn.session import records

# Hypotheses behind a stated range, and the seed of their draws: the window's.
RANGE_DRAWS, _RANGE_SEED = 1000, 0


@dataclass(frozen=True)
class Found:
    """A run and what it found."""

    model: Model
    volume: Volume
    centre: tuple[int, ...] | None
    dist: Decodable
    run: Run
    seen: Seen

    @classmethod
    def by(
        cls,
        model: Model,
        volume: Volume,
        centre: tuple[int, ...] | None,
        frame: int | None,
        depth_mm: float,
        tile: tuple[int, ...] | None = None,
        divided: bool = False,
        insist: bool = False,
    ) -> Found:
        """Segment an image, with words of caution and progress on standard error.

        ``tile``, ``divided`` and ``insist`` as for `Model.infer`.
        """
        if volume.note is not None:
            typer.echo(volume.note, err=True)
        seen = Seen.of(model.card, volume, centre)
        if seen.fit.problem is not None:
            raise ModelError(seen.fit.problem)
        for doubt in (seen.fit.caution, seen.fit.unclaimed):
            if doubt is not None:
                typer.echo(doubt, err=True)
        with Progress(console=Console(stderr=True)) as bar:
            task = bar.add_task("Segmenting", total=None)

            def tell(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            watch = Watch(progress=tell, say=lambda text: typer.echo(text, err=True))
            found = model.infer(
                volume,
                centre,
                depth_mm=depth_mm,
                tile=tile,
                watch=watch,
                insist=insist,
                divided=divided,
            )
        if found.insisted:
            typer.echo(f"{foreign_values(model.card, volume)} {TAKEN_FOR_HU}", err=True)
        run = Run(
            device=str(found.device),
            device_title=device_title(found.device),
            tile=list(found.tile),
            centre=None if centre is None else list(centre),
            depth_mm=found.depth_mm,
            image_sha256=image_hash(volume),
            frame=frame,
            dicom=DicomInput.of(volume.source),
            threads=found.threads,
            instructions=found.instructions,
            insisted=found.insisted or None,
            unlike=seen.fit.kind == "unlike" or None,
        )
        return cls(model, volume, centre, compact(found.dist), run, seen)

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
            space=self.dist.space,
            start=self.dist.start,
        )

    def result(self) -> records.Result:
        """It as the window has it."""
        from napari_ssn.core.directions import principal_directions
        from napari_ssn.session import records

        volume, run = self.volume, self.run
        source = records.Source(
            token=0,
            space=volume.space,
            channels=volume.channels,
            affine=volume.affine,
            extent=volume.extent,
            oriented=volume.oriented,
            load=lambda: volume,
            ct=self.seen.ct,
            declared=self.seen.declared,
            series=volume.source,
            frame=None if run.frame is None else run.frame - 1,
        )
        return records.Result(
            run=1,
            source=source,
            card=self.model.card,
            device=run.device,
            device_title=run.device_title,
            tile=tuple(run.tile or ()),
            centre=self.centre,
            depth_mm=run.depth_mm,
            dist=self.dist,
            directions=principal_directions(self.dist),
            image_sha256=run.image_sha256,
            seconds=0.0,
            threads=run.threads,
            instructions=run.instructions,
            insisted=bool(run.insisted),
            distance=self.seen.distance,
        )

    @property
    def measure(self) -> Measure:
        """How a number of its voxels is said."""
        return Measure(*scale_of(self.dist.space, self.volume.affine, self.volume.extent))

    @property
    def presence(self) -> float | None:
        """How likely a reader outlines anything; None where the model does not tell it apart."""
        return self.dist.presence if self.dist.presence < 1 else None

    def choice(
        self,
        kind: str,
        z: ArrayLike,
        seed: int | None = None,
        sample: int | None = None,
        nothing: bool = False,
    ) -> Choice:
        """One of its hypotheses, as a sidecar has it."""
        return Choice.model_validate(
            {
                "kind": kind,
                "z": [float(value) for value in np.asarray(z)],
                "seed": seed,
                "sample": sample,
                "presence": self.presence,
                "nothing": nothing or None,
            }
        )

    def stated(self) -> Stated:
        """Ranges of the foreground labels' voxels, and whether there is anything at all."""
        counts = label_counts(self.dist, draw_z(RANGE_DRAWS, self.dist.rank, _RANGE_SEED))
        card = self.model.card
        own = bool(self.run.insisted) or not self.seen.in_calibration
        unlike = bool(self.run.unlike)
        return state_ranges(card, counts, self.dist.space, self.presence, own, unlike)

    def across(self, hypothesis: Hypothesis) -> tuple[Diameter, ...]:
        """Diameters of each label but the background in one of its hypotheses."""
        volume, dist = self.volume, self.dist
        label_map, classes = hypothesis.label_map, hypothesis.classes
        return across_of(label_map, volume.affine, classes, volume.extent, dist.space, dist.start)

    def volume_lines(self, stated: Stated, across: Sequence[Diameter]) -> Iterator[str]:
        """``Nodule: median 1.42 mL · model range 0.95–2.31 mL (90 % of 1,000 hypotheses)``.

        Where the model tells presence apart ``Nodule 1.9 mL · nine in ten readers who outlined it
        drew 1.5–2.4 mL`` and a line on those who would outline nothing; what hardly looks like
        anything is said so before any size. At the end ``mean outline 15 × 12 mm``, and whether
        that is cut off.

        Args:
            stated: the ranges.
            across: diameters of each label but the background in the mean.
        """
        measure, presence = self.measure, stated.presence
        if presence.unlikely:
            yield presence.line
        for label, one, absent, lengths in zip(
            self.model.card.labels[1:], stated.ranges, stated.absent, across, strict=True
        ):
            words = range_line(
                measure,
                one.low,
                one.high,
                one.level,
                len(stated.counts),
                readers=one.readers,
                patients=one.patients,
                absent=absent,
                outlined=presence.apart,
                unlike=stated.unlike,
            )
            if said := measure.across(lengths):
                words += f" · mean outline {said}"
            if cut := cut_off_line(lengths):
                words += f" · {cut}"
            name = capital(label.name)
            if presence.apart:
                yield f"{name} {measure.short_here(one.median, one.high)} · {words}"
            else:
                yield f"{name}: median {measure.amount_here(one.median)} · {words}"
        if presence.line and not presence.unlikely:
            yield presence.line


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
