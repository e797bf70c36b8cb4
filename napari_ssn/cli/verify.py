"""The command ``napari-ssn verify``; what it does is in `verifying`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_ssn import cli
from napari_ssn.cli.options import DIFFERENT, parse_series


def verify(
    sidecar: Annotated[Path, typer.Argument(metavar="FILE.json", help="Sidecar of a label map.")],
    *,
    image: Annotated[
        list[Path],
        typer.Option(help="The image it was made from; once for each channel.", metavar="IN"),
    ],
    series: Annotated[
        str | None,
        typer.Option(
            metavar="N[,N]",
            help="Which of several DICOM series; the sidecar's if left out. Several, as 1,3, are "
            "the channels.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Name of a model or its folder; found by its weights if left out."),
    ] = None,
    ensemble: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="MAPS", help="Members of the ensemble it was made from, as for `segment`."
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cuda, mps or cpu.", show_default="the sidecar's")
    ] = None,
    fit: Annotated[
        Path | None,
        typer.Option(
            metavar="DRAWING",
            help="The outline that the label map is nearest to: whether it is that is checked too.",
        ),
    ] = None,
) -> None:
    """Make a label map again and compare it bit for bit with its sidecar and the file beside it.

    Exit status 0: identical; 1: not identical; 2: it could not be made again.
    """
    numbers = parse_series(series)
    if not cli.verifying.verify(
        image,
        sidecar,
        series=numbers,
        model_name=model,
        device=device,
        members=ensemble or (),
        drawing=fit,
    ):
        raise typer.Exit(DIFFERENT)
