"""The command ``napari-ssn export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_ssn import network
from napari_ssn.cli.options import Model
from napari_ssn.errors import ExportError, ModelError
from napari_ssn.io.files import check_targets, write_files
from napari_ssn.text.commands import CARD_INSIDE, departure_line


def export(
    model: Model,
    onnx: Annotated[Path, typer.Option(help="File to write, ending in .onnx.")],
    overwrite: Annotated[bool, typer.Option(help="Replace a file of that name.")] = False,
) -> None:
    """Write a model's network as ONNX, after running it in onnxruntime and in torch."""
    if onnx.suffix != ".onnx":
        raise ExportError("The file of a network ends in .onnx.")
    check_targets([onnx], overwrite)
    loaded = network.models.load_model(model, device="cpu")
    content = network.interchange.to_onnx(loaded)
    departure, limit = network.interchange.departure(content, loaded), network.interchange.TOLERANCE
    # NaN is no departure that is small enough.
    if not departure <= limit:
        raise ModelError(
            f"Nothing was written: onnxruntime and torch differ by {departure:.1g}, more than "
            f"{limit:.0e}."
        )
    write_files({onnx: content}, overwrite)
    typer.echo(departure_line(departure, limit))
    typer.echo(CARD_INSIDE, err=True)
