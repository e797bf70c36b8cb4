"""The command ``napari-ssn review``: a cohort's page, whose scans open in napari."""

from __future__ import annotations

import subprocess
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from napari_ssn import cohort, gui
from napari_ssn.cli.ending import interrupted
from napari_ssn.text.server import HOW_IT_ENDS


def review(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder that `napari-ssn cohort` wrote to.")
    ],
    *,
    open_: Annotated[
        int | None,
        typer.Option(
            "--open", metavar="NUMBER", min=1, help="Open this scan in napari, and no page."
        ),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Show the page, or say its address.")
    ] = True,
) -> None:
    """Show the page of a cohort, sorted by size, doubt or what else; its scans open in napari."""
    if open_ is not None:
        _open(folder, open_)
        return
    with cohort.manifest.Manifest(folder):
        pass  # says what is the matter before anything is shown
    with interrupted(), cohort.served.Served(folder, _opener(folder)) as page:
        typer.echo(f"{page.address}\n{HOW_IT_ENDS}", err=True)
        if browser:
            webbrowser.open(page.address)
        page.wait()


def _open(folder: Path, number: int) -> None:
    with cohort.manifest.Manifest(folder) as manifest:
        record = manifest.record(number)
    title, scan = f"scan {number}", record.scan
    # Of several series nobody wants to be asked for the one.
    chosen = scan.dicom or scan.series is not None or scan.there is not None
    read = cohort.reading.layers_of(scan, title) if chosen else []
    paths = () if chosen else scan.paths
    sidecar = cohort.review.sidecar_of(record, folder) if record.state == "done" else None
    gui.reviewing.review(title, paths, read, sidecar, scan.centre)


def _opener(folder: Path) -> cohort.served.Opener:
    """Opens a scan in a process of its own: a window and a server each want one to themselves."""

    def open_scan(number: int) -> None:
        whole = str(folder.absolute())
        subprocess.Popen(
            [sys.executable, "-m", "napari_ssn", "review", whole, "--open", str(number)]
        )

    return open_scan
