"""The command ``napari-ssn segment``; what it does is in `segmenting`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from napari_ssn import cli
from napari_ssn.cli import options
from napari_ssn.network.others.kinds import is_model


def segment(
    source: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="IN...",
            help="DICOM series (folder, zip or a file of it), NIfTI, NRRD, OME-Zarr, grey picture, "
            "or nodule-1. For a model of several channels one for each, in their order; or the "
            "folder or a file of a case that is named CASE_0000, CASE_0001, ….",
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
    depth: options.Depth = None,
    frame: Annotated[
        int | None,
        typer.Option(min=1, help="Which frame of a time series or channel of an OME-Zarr, from 1."),
    ] = None,
    series: Annotated[
        str | None,
        typer.Option(
            metavar="N[,N]",
            help="Which of several DICOM series, from 1; without it they are listed. Several, as "
            "1,3, are the channels. Of OME-Zarr the level, without it the finest.",
        ),
    ] = None,
    ensemble: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="MAPS",
            help="In the place of a model: maps of other networks, or several people's label maps. "
            "A folder with a folder for each (fold_0, fold_1, …, as nnU-Net writes with "
            "--save_probabilities), or this option once for each file. Or networks that are run: a "
            "model folder of nnU-Net v2, a bundle of MONAI.",
        ),
    ] = None,
    rank: Annotated[
        int | None,
        typer.Option(min=1, help="Columns kept of an ensemble's.", show_default="all"),
    ] = None,
    width: Annotated[
        float | None,
        typer.Option(
            metavar="MM",
            help="Of an ensemble of label maps: mm from an edge beyond which distances count "
            "alike.",
            show_default="10",
        ),
    ] = None,
    views: Annotated[
        options.Views | None,
        typer.Option(
            help="Of networks that are run: the mean of mirrored views is a member (average), each "
            "is one, or none are looked at.",
            show_default="average, or each of a single network",
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=options.MOST_SAMPLES,
            help="How many samples to write; of a small ensemble its members are written.",
            show_default="16",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the samples.")] = 0,
    device: Annotated[
        str | None, typer.Option(help="auto, cuda, mps or cpu.", show_default="auto")
    ] = None,
    on: options.On = None,
    token_file: options.TokenFile = None,
    certificates: options.Certificates = None,
    insecure: options.Insecure = False,
    format_: Annotated[
        list[options.Format] | None,
        typer.Option(
            "--format",
            help=f"Of the results: {options.FORMATS_TOLD}. DICOM needs a DICOM series, and "
            "names the patient as that does. May be given several times.",
            show_default="nifti",
        ),
    ] = None,
    deidentified: options.Deidentified = False,
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
    fit: Annotated[
        Path | None,
        typer.Option(
            metavar="DRAWING",
            help="An outline of the image, in a file of any kind that holds labels: write the "
            "hypothesis nearest to it too, and say how far the model explains it.",
        ),
    ] = None,
    image: Annotated[
        list[Path] | None,
        typer.Option(help="The same as IN; once for each channel.", metavar="IN"),
    ] = None,
) -> None:
    """Segment an image: the mean, samples, a sidecar for each, and a table of volumes."""
    if bool(source) == bool(image):
        raise typer.BadParameter(
            "Name one image, or one for each channel, as IN or with --image, and not as both."
        )
    paths, numbers = source or image or [], options.parse_series(series)
    server = options.Server.of(on, token_file, certificates, insecure)
    if server is not None and (device or ensemble or from_sidecar):
        raise typer.BadParameter(
            "A server runs a model, where it was told to: leave out --device, --ensemble and "
            "--from-sidecar."
        )
    if from_sidecar is not None:
        if centre is not None or depth is not None or frame is not None:
            raise typer.BadParameter("A sidecar says where: leave out --centre, --depth, --frame.")
        if insist:
            raise typer.BadParameter("A sidecar says what was insisted on: leave out --insist.")
        if fit is not None:
            raise typer.BadParameter("A sidecar says which hypothesis: leave out --fit.")
        if format_ or report:
            raise typer.BadParameter("A sidecar's label map is NIfTI: no --format, no --report.")
        if not cli.repeat.repeat(
            paths,
            from_sidecar,
            out,
            series=numbers,
            model_name=model,
            device=device,
            overwrite=overwrite,
            members=ensemble or (),
        ):
            raise typer.Exit(options.DIFFERENT)
        return
    running = any(is_model(one) for one in ensemble or ())
    if ensemble and (model or centre or depth is not None):
        raise typer.BadParameter(
            "The members of an ensemble are of the whole image: leave out --model, --centre and "
            "--depth."
        )
    if ensemble and device and not running:
        raise typer.BadParameter("Maps are there already: leave out --device.")
    if not ensemble and (rank is not None or width is not None or views is not None):
        raise typer.BadParameter("--rank, --width and --views are for --ensemble.")
    if width is not None and not (math.isfinite(width) and width > 0):
        raise typer.BadParameter(f"{width} is no width: give a number of millimetres above 0.")
    if model is None and not ensemble:
        raise typer.BadParameter("Name a model with --model; `napari-ssn models` lists them.")
    if deidentified and options.TO_ARCHIVE.isdisjoint(format_ or ()):
        raise typer.BadParameter("Only DICOM names the patient: --deidentified is for dicom-seg.")
    index = options.parse_centre(centre)
    if depth is not None and not math.isfinite(depth):
        raise typer.BadParameter(f"{depth} is no depth: give a number of millimetres.")
    cli.segmenting.segment_image(
        paths,
        out,
        model,
        centre=index,
        depth_mm=depth,
        frame=frame,
        series=numbers,
        count=samples,
        seed=seed,
        ensemble=options.Ensemble(tuple(ensemble), rank, width, views) if ensemble else None,
        device=device or "auto",
        server=server,
        suffixes=tuple(options.FORMATS[one].written for one in format_ or ("nifti",)),
        deidentified=deidentified,
        report=report,
        overwrite=overwrite,
        insist=insist,
        drawing=fit,
    )
