"""The command ``napari-ssn``.

Everything heavy is imported inside the commands, so that ``--help`` does not wait for torch.
Results go to standard output, everything else to standard error. Nothing printed names a file
that was read: names of files often hold names of patients.
"""

from __future__ import annotations

import math
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from napari_ssn._version import __version__
from napari_ssn.core.errors import SSNError
from napari_ssn.training.commands import train
from napari_ssn.training.likeness_command import likeness
from napari_ssn.training.measure_commands import evaluate, simulate_clicks

#: Exit status of a problem that the user can solve, and of a label map that is another.
PROBLEM, DIFFERENT = 2, 1


class Format(StrEnum):
    """Format of a label map, by the word for it."""

    nifti = "nifti"
    slicer = "seg.nrrd"
    dicom = "dicom-seg"


_SUFFIXES = {Format.nifti: ".nii.gz", Format.slicer: ".seg.nrrd", Format.dicom: ".dcm"}

app = typer.Typer(
    help="Stochastic segmentation: several plausible outlines of one lesion, with volumes. "
    "Research use only – not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    # A traceback with local variables would show names of files.
    pretty_exceptions_enable=False,
)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; a problem the user can solve is one sentence and exit status 2."""
    try:
        app()
    except SSNError as error:
        typer.echo(str(error), err=True)
        sys.exit(PROBLEM)


@app.command()
def segment(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="IN",
            help="DICOM series (folder, zip or a file of it), NIfTI, NRRD, OME-Zarr, grey picture, "
            "or nodule-1.",
        ),
    ] = None,
    *,
    out: Annotated[
        Path, typer.Option(help="Folder for the results; with --from-sidecar the label map.")
    ],
    model: Annotated[
        str | None, typer.Option(help="Name of a model (see `napari-ssn models`), or its folder.")
    ] = None,
    centre: Annotated[
        str | None,
        typer.Option(
            metavar="I,J[,K]",
            help="Voxel in the middle of the lesion: one index per axis of the file, in the "
            "file's own order and counted from 0.",
        ),
    ] = None,
    depth: Annotated[
        float | None,
        typer.Option(
            metavar="MM",
            min=0,
            help="How far a 2D model looks along a volume to either side of the centre, in mm.",
            show_default="15",
        ),
    ] = None,
    frame: Annotated[
        int | None,
        typer.Option(min=1, help="Which frame of a time series or channel of an OME-Zarr, from 1."),
    ] = None,
    series: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Which of several DICOM series, from 1; without it they are listed. Of OME-Zarr "
            "the level, without it the finest.",
        ),
    ] = None,
    samples: Annotated[int, typer.Option(min=0, help="How many samples to write.")] = 16,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the samples.")] = 0,
    device: Annotated[
        str | None, typer.Option(help="auto, cuda, mps or cpu.", show_default="auto")
    ] = None,
    format_: Annotated[
        Format | None,
        typer.Option(
            "--format",
            help="Of the label maps: NIfTI, 3D Slicer's segmentation, or DICOM segmentation, "
            "which needs a DICOM series and names the patient as that does.",
            show_default="nifti",
        ),
    ] = None,
    deidentified: Annotated[
        bool,
        typer.Option("--deidentified", help="With --format dicom-seg: leave out whom it is of."),
    ] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Write report.html too: one page with pictures.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that exist.")
    ] = False,
    insist: Annotated[
        bool,
        typer.Option(
            "--insist",
            help="Go on where the model would not: with values that seem to be no Hounsfield "
            "units, and with outlines of what does not look like anything.",
        ),
    ] = False,
    from_sidecar: Annotated[
        Path | None,
        typer.Option(help="Make the label map of this sidecar again and compare, bit for bit."),
    ] = None,
    image: Annotated[Path | None, typer.Option(help="The same as IN.", metavar="IN")] = None,
) -> None:
    """Segment an image: the mean, samples, a sidecar for each, and a table of volumes."""
    if (source is None) == (image is None):
        raise typer.BadParameter("Name one image, as IN or with --image.")
    path = source or image
    assert path is not None
    if from_sidecar is not None:
        if centre is not None or depth is not None or frame is not None:
            raise typer.BadParameter("A sidecar says where: leave out --centre, --depth, --frame.")
        if insist:
            raise typer.BadParameter("A sidecar says what was insisted on: leave out --insist.")
        if format_ is not None or report:
            raise typer.BadParameter("A sidecar's label map is NIfTI: no --format, no --report.")
        from napari_ssn.repeating import repeat

        if not repeat(
            path,
            from_sidecar,
            out,
            series=series,
            model_name=model,
            device=device,
            overwrite=overwrite,
        ):
            raise typer.Exit(DIFFERENT)
        return
    if model is None:
        raise typer.BadParameter("Name a model with --model; `napari-ssn models` lists them.")
    if deidentified and format_ is not Format.dicom:
        raise typer.BadParameter("Only DICOM names the patient: --deidentified is for dicom-seg.")
    index = parse_centre(centre)
    if depth is not None and not math.isfinite(depth):
        raise typer.BadParameter(f"{depth} is no depth: give a number of millimetres.")
    from napari_ssn.segmenting import segment_image

    segment_image(
        path,
        out,
        model,
        centre=index,
        depth_mm=depth,
        frame=frame,
        series=series,
        count=samples,
        seed=seed,
        device=device or "auto",
        suffix=_SUFFIXES[format_ or Format.nifti],
        deidentified=deidentified,
        report=report,
        overwrite=overwrite,
        insist=insist,
    )


@app.command()
def verify(
    sidecar: Annotated[Path, typer.Argument(metavar="FILE.json", help="Sidecar of a label map.")],
    *,
    image: Annotated[Path, typer.Option(help="The image it was made from.", metavar="IN")],
    series: Annotated[
        int | None,
        typer.Option(min=1, help="Which of several DICOM series; the sidecar's if left out."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Name of a model or its folder; found by its weights if left out."),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cuda, mps or cpu.", show_default="the sidecar's")
    ] = None,
) -> None:
    """Make a label map again and compare it bit for bit with its sidecar and the file beside it.

    Exit status 0: identical; 1: not identical; 2: it could not be made again.
    """
    from napari_ssn.verifying import verify as compare

    if not compare(image, sidecar, series=series, model_name=model, device=device):
        raise typer.Exit(DIFFERENT)


@app.command()
def models() -> None:
    """List the installed models: name, version, what each is for, and its licence."""
    from napari_ssn.core.errors import ModelError
    from napari_ssn.network.card import read_card
    from napari_ssn.network.models import model_folders, model_places

    folders = model_folders()
    if not folders:
        typer.echo("No model is installed.", err=True)
    for name, folder in folders.items():
        try:
            card = read_card(folder)
        except ModelError as error:
            # One damaged model must not hide the others.
            typer.echo(str(error), err=True)
            continue
        typer.echo(f"{name} {card.version} · {card.purpose} · {card.licence}")
    typer.echo(f"Models of your own go into {model_places()[-1]}", err=True)


@app.command()
def demo(
    *,
    headless: Annotated[
        bool, typer.Option("--headless", help="Open no window; write pictures of it.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the pictures.")] = None,
    image: Annotated[
        Path | None,
        typer.Option(help="DICOM series or NIfTI to open instead of the example."),
    ] = None,
    centre: Annotated[
        str | None,
        typer.Option(metavar="I,J[,K]", help="With --headless: voxel in the middle of the lesion."),
    ] = None,
) -> None:
    """Open the window with an example, ready to run."""
    from napari_ssn.gui.demo import run
    from napari_ssn.verifying import verify as compare

    index = parse_centre(centre)
    if headless and image is not None:
        from napari_ssn.opening import check_single

        # Nobody is there to be asked which of several series to open.
        check_single(image)
    run(headless, out, image, index, verify=compare)


def parse_centre(text: str | None) -> tuple[int, ...] | None:
    """Index from ``z,y,x`` (or ``y,x``); None stays None."""
    if text is None:
        return None
    try:
        centre = tuple(int(part) for part in text.split(","))
    except ValueError:
        centre = ()
    if len(centre) not in (2, 3) or min(centre) < 0:
        raise typer.BadParameter(
            f"{text!r} is no centre: give two or three whole numbers from 0, as in 12,240,198."
        )
    return centre


app.command()(train)
app.command()(evaluate)
app.command()(likeness)
app.command("simulate-clicks")(simulate_clicks)
