"""The command ``napari-ssn likeness``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from napari_ssn import documents, network, training
from napari_ssn.cli.options import Model
from napari_ssn.cli.progress import progress
from napari_ssn.errors import DataError
from napari_ssn.geometry.declared import Weighting
from napari_ssn.text.commands import LOOKING_AT_IMAGES, card_changed


def likeness(
    model: Model,
    data: Annotated[
        Path, typer.Option(help="Zip or folder that the model learnt from, as for train.")
    ],
    val: Annotated[
        Path | None,
        typer.Option(help="Zip or folder of other patients; left out as for train."),
    ] = None,
    weighting: Annotated[
        str | None, typer.Option(help="Of magnetic resonance: T1, T2, FLAIR, PD or diffusion.")
    ] = None,
) -> None:
    """Write into a model's card what its training images are like; the weights do not matter."""
    known = next((one for one in get_args(Weighting) if one == weighting), None)
    if weighting is not None and known is None:
        raise DataError(f"--weighting is one of {', '.join(get_args(Weighting))}.")
    folder = network.places.find_model(model)
    card = documents.card.read_card(folder)
    learn, watch = training.reading.read_sets(data, val, card.spatial_dims)
    for cases in (learn, watch):
        training.measuring.check_fits(card, cases)
    learn, watch = (training.reading.pointed(card, cases) for cases in (learn, watch))
    with progress(LOOKING_AT_IMAGES) as step:
        found = training.likeness.learn_likeness(card, learn, watch, known, step)
    network.models.save_card(folder, card.model_copy(update={"likeness": found}))
    typer.echo(card_changed(card.name), err=True)
