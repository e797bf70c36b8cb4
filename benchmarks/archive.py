"""How long it takes to write what goes back to the archive, of one hypothesis of a chest CT.

    python -m benchmarks.archive lidc-idri-0001.zip

A segmentation and the structured report that refers to it, contours with what 95, 50 and 5 % agree
on, and the parametric map, each with its sidecar; two seconds in all are allowed. They are of the
processor, so that what else runs beside does not count.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

import napari_ssn as ssn
from benchmarks.chest import SAMPLE, placed
from napari_ssn import samples
from napari_ssn.documents.sidecar import Provenance
from napari_ssn.io.content import Content
from napari_ssn.io.formats import check_series
from napari_ssn.io.sidecar import write_content
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.decode import hypothesis_of
from napari_ssn.prediction.export import likely_content
from napari_ssn.prediction.lengths import measure_lengths
from napari_ssn.prediction.overview import nested
from napari_ssn.prediction.ranges import count_ranges
from napari_ssn.prediction.record import describe
from napari_ssn.prediction.run import run
from napari_ssn.prediction.shown import series_of
from napari_ssn.prediction.source import Source

_ALLOWED_SECONDS = 2.0


def main(
    scan: Annotated[Path, typer.Argument(help="Series of LIDC-IDRI-0001.")],
    model: Annotated[str, typer.Option(help="Name or folder of a model.")] = "nodule-3d",
    times: Annotated[int, typer.Option(min=1, help="How often each is written.")] = 5,
) -> None:
    """Print the processor's seconds of each kind, and of all together."""
    volume, centre = ssn.read(scan), samples.sample(SAMPLE).centre
    assert centre is not None
    where = placed(centre, samples.volume(SAMPLE), volume)
    found = run(ssn.load_model(model), Source.of(volume), where)
    series = check_series(series_of(found))
    ranges = count_ranges(found)
    one = hypothesis_of(found, Choice(), None)
    record = describe(found, Choice(), None, one, ranges, measure_lengths(found))
    content = Content.of(one, found.card)

    def levels() -> Content:
        return replace(content, levels=nested(found, (), ()))

    with tempfile.TemporaryDirectory() as folder:

        def seconds(make: Callable[[], tuple[Content, Provenance]], suffix: str) -> float:
            taken = []
            for _ in range(times + 1):
                started = time.process_time()
                what, about = make()
                write_content(what, Path(folder) / f"a{suffix}", about, True, series)
                taken.append(time.process_time() - started)
            # The first one imports what it needs.
            return statistics.median(taken[1:])

        found_seconds = {
            "SEG and SR": seconds(lambda: (content, record), ".sr.dcm"),
            "RTSTRUCT": seconds(lambda: (levels(), record), ".rtstruct.dcm"),
            "PM": seconds(lambda: likely_content(found, Choice()), ".pm.dcm"),
        }
    for kind, value in found_seconds.items():
        typer.echo(f"{kind:<16} {value:6.2f} s")
    total = sum(found_seconds.values())
    typer.echo(f"{'all':<16} {total:6.2f} s, {_ALLOWED_SECONDS:g} s allowed")
    if total > _ALLOWED_SECONDS:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
