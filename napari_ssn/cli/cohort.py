"""The command ``napari-ssn cohort``: many scans, and a table of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from napari_ssn import cohort as cohorts
from napari_ssn.cli import archives
from napari_ssn.cli.ending import ended_by
from napari_ssn.cli.options import (
    FORMATS,
    MOST_SAMPLES,
    TO_ARCHIVE,
    Deidentified,
    Depth,
    OfMaps,
)
from napari_ssn.documents.cohort import State
from napari_ssn.errors import Cancel, Cancelled, DeviceError
from napari_ssn.io.dicom import web
from napari_ssn.text import cohort as said
from napari_ssn.text.commands import wrote
from napari_ssn.text.sizes import plural

if TYPE_CHECKING:
    from napari_ssn.cohort import review
    from napari_ssn.cohort.archived import Query


def cohort(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="IN",
            show_default=False,
            help="Folder with everything in it: DICOM series in folders or zips, NIfTI, NRRD, "
            "MetaImage, FreeSurfer's, OME-Zarr, pictures. Or a table (.csv) with a column image "
            "and perhaps centre (as 180 285 18), lesion, channels (further files, separated by ;), "
            "series and frame; its paths are relative to it. Of series in an archive a table has "
            "study and series, which are UIDs, in the place of image. Without IN the archive of "
            "--server is looked through.",
        ),
    ] = None,
    *,
    model: Annotated[
        str, typer.Option(help="Name of a model (see `napari-ssn models`), or its folder.")
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the results. The same one again goes on there.")
    ],
    samples: Annotated[
        int,
        typer.Option(
            min=0, max=MOST_SAMPLES, help="Samples that are written of each scan beside its mean."
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the samples.")] = 0,
    depth: Depth = None,
    format_: Annotated[
        list[OfMaps] | None,
        typer.Option(
            "--format",
            help="Of the label maps. May be given several times.",
            show_default="nifti",
        ),
    ] = None,
    only_sizes: Annotated[
        bool, typer.Option("--only-sizes", help="Write the table and pictures, no label maps.")
    ] = False,
    deidentified: Deidentified = False,
    insist: Annotated[
        bool,
        typer.Option(
            "--insist",
            help="Measure what does not look like anything, and take values for Hounsfield units "
            "that seem to be none.",
        ),
    ] = False,
    parquet: Annotated[
        bool,
        typer.Option("--parquet", help="Write the table as cohort.parquet too, numbers in full."),
    ] = False,
    unnamed: Annotated[
        bool,
        typer.Option(
            "--unnamed",
            help="Leave names of files and lesions out of the table and review.html: they may "
            "name patients. cohort.sqlite needs them.",
        ),
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cuda, mps or cpu.")] = "auto",
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes on this computer, each with one scan at a time.",
            show_default="one a GPU, or what processors and memory allow",
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Of a scheduler of dask that is there, as tcp://host:8786, in the place of "
            "workers here. They have to see the same folders.",
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Try again what was refused or set aside.")
    ] = False,
    server: archives.Where = None,
    study: archives.Study = None,
    since: archives.Since = None,
    until: archives.Until = None,
    modality: Annotated[
        str | None,
        typer.Option(help="Of the series in an archive.", show_default="CT, MR, PT and NM"),
    ] = None,
    patient: archives.Patient = None,
    accession: archives.Accession = None,
    words: Annotated[
        str | None,
        typer.Option(
            help="Series in an archive whose description has these words, as `pacs find` shows it."
        ),
    ] = None,
    least: Annotated[
        int, typer.Option(min=1, help="Series in an archive that have as many images at least.")
    ] = 1,
    insecure: archives.Insecure = False,
) -> None:
    """Segment many scans: label maps, sidecars, a table of sizes and a page to review them."""
    formats = format_ or ("nifti",)
    if only_sizes and format_:
        raise typer.BadParameter("Without label maps there is no --format.")
    if deidentified and TO_ARCHIVE.isdisjoint(formats):
        raise typer.BadParameter("Only DICOM names the patient: --deidentified is for dicom-seg.")
    if depth is not None and not math.isfinite(depth):
        raise typer.BadParameter(f"{depth} is no depth: give a number of millimetres.")
    if scheduler and workers:
        raise typer.BadParameter("A scheduler has its workers: leave out --workers.")
    with _needing(("dask", "distributed"), said.NO_DASK):
        run = cohorts.run
    table: review.Table | None = None
    # One that is there already would be of another day. Before anything is computed.
    if parquet or (out / cohorts.review.PARQUET).exists():
        with _needing(("pyarrow",), said.NO_PARQUET):
            table = cohorts.parquet.parquet_of
    asked = (since or "", until or "", modality or "", patient or "", accession or "", study or "")
    if source is not None and (any(asked) or words or least > 1):
        raise typer.BadParameter("An archive is looked through where no IN is given.")
    if source is None and server is None:
        # Nobody should have a whole archive segmented by leaving out a word.
        raise typer.BadParameter("Name a folder or a table, or an archive with --server.")
    archive = archives.archive_of(server, source, insecure)
    looked_in: Path | Query
    if source is not None:
        looked_in = source
    else:
        assert archive is not None
        wished = web.wanted.Wanted(*asked).checked()
        looked_in = cohorts.archived.Query(*archive, wished, words or "", least)
    folder, card, wanted = run.wanted_of(
        model,
        samples=samples,
        seed=seed,
        depth_mm=depth,
        suffixes=()
        if only_sizes
        else tuple(dict.fromkeys(FORMATS[one].written for one in formats)),
        deidentified=deidentified,
        insist=insist,
    )
    options = run.Options(device, workers, scheduler, again, archive)
    ended = Counter[State]()
    with _bar() as bar:
        task = bar.add_task("Looking", total=None)

        def stopping() -> None:
            # Workers take some seconds to end: nobody should press again meanwhile.
            bar.update(task, description="Stopping")

        def found(total: int, todo: int) -> None:
            bar.console.print(said.to_be_done(plural(total, "scan"), todo))
            bar.update(task, description="Segmenting", total=todo, completed=0, visible=todo > 0)

        def one_ended(state: State) -> None:
            ended[state] += 1
            bar.update(task, advance=1)

        told = run.Told(found, one_ended, lambda text: bar.console.print(text, highlight=False))
        try:
            with _stopping(stopping) as cancel:
                run.run_cohort(looked_in, out, folder, card, wanted, options, told, cancel)
        except Cancelled:
            bar.stop()
            typer.echo(said.STOPPED, err=True)
            _write(out, not unnamed, table)
            raise typer.Exit(130) from None
    counts = _write(out, not unnamed, table)
    typer.echo(said.states_line(counts))
    _say_why(out)
    typer.echo(wrote(said.ONE_TABLE if table is None else said.BOTH_TABLES), err=True)
    if not unnamed:
        typer.echo(said.CALLED_BY_FILES if source else said.CALLED_BY_SERIES, err=True)


@contextmanager
def _needing(packages: tuple[str, ...], words: str) -> Iterator[None]:
    """DeviceError in these words where one of some packages is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in packages:
            raise
        raise DeviceError(words) from None


def _write(out: Path, named: bool, table: review.Table | None) -> Counter[State]:
    """Write table and page; how many scans are in each state."""
    with cohorts.manifest.Manifest(out) as manifest:
        return cohorts.review.write(manifest, out, named, table)


def _say_why(out: Path) -> None:
    """Why scans have no result: in none of ten thousand rows has anybody to look for that."""
    with cohorts.manifest.Manifest(out) as manifest:
        why = Counter(one.reason for one in manifest.records() if one.state in ("refused", "aside"))
    for line in (*said.reasons_lines(why), said.AGAIN) if why else ():
        typer.echo(line, err=True)


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


@contextmanager
def _stopping(tell: Callable[[], None]) -> Iterator[Cancel]:
    """Ctrl+C stops it between two scans, and whoever pressed is told; a second one at once."""
    asked = False

    def stop() -> None:
        nonlocal asked
        asked = True
        tell()

    with ended_by(stop):
        yield Cancel(lambda: asked, said.STOPPED)
