"""The command ``napari-ssn likeness``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def likeness(
    model: Annotated[str, typer.Option(help="Name of a model, or its folder.")],
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
    from typing import get_args

    from rich.console import Console
    from rich.progress import Progress

    from napari_ssn.core.declared import Weighting
    from napari_ssn.core.errors import DataError
    from napari_ssn.network.card import read_card
    from napari_ssn.network.models import find_model, save_card
    from napari_ssn.training.commands import read_sets
    from napari_ssn.training.likeness import learn_likeness
    from napari_ssn.training.measuring import check_fits

    known = next((one for one in get_args(Weighting) if one == weighting), None)
    if weighting is not None and known is None:
        raise DataError(f"--weighting is one of {', '.join(get_args(Weighting))}.")
    folder = find_model(model)
    card = read_card(folder)
    learn, watch = read_sets(data, val, card.spatial_dims)
    for cases in (learn, watch):
        check_fits(card, cases)
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("Looking at the images", total=None)
        found = learn_likeness(
            card, learn, watch, known, lambda done, of: bar.update(task, completed=done, total=of)
        )
    save_card(folder, card.model_copy(update={"likeness": found}))
    typer.echo(f"The card of the model {card.name} was changed.", err=True)
