"""The command ``napari-ssn demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_ssn import cli, gui
from napari_ssn.cli.options import parse_centre


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
    index = parse_centre(centre)
    if headless and image is not None:
        from napari_ssn.hooks.dicom import check_single  # DICOM is an extra

        # Nobody is there to be asked which of several series to open.
        check_single(image)
    gui.demo.run(headless, out, image, index, verify=cli.verifying.verify)
