"""The command ``napari-ssn models``."""

from __future__ import annotations

import typer

from napari_ssn import documents, network
from napari_ssn.errors import ModelError
from napari_ssn.text.commands import NO_MODEL, own_models


def models() -> None:
    """List the installed models: name, version, what each is for, and its licence."""
    folders = network.places.model_folders()
    if not folders:
        typer.echo(NO_MODEL, err=True)
    for name, folder in folders.items():
        try:
            card = documents.card.read_card(folder)
        except ModelError as error:
            # One damaged model must not hide the others.
            typer.echo(str(error), err=True)
            continue
        typer.echo(f"{name} {card.version} · {card.purpose} · {card.licence}")
    typer.echo(own_models(str(network.places.model_places()[-1])), err=True)
