"""The commands ``napari-ssn train`` and ``napari-ssn evaluate``.

Everything heavy is imported inside them, so that ``--help`` costs nothing.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from napari_ssn.network.card import ModelCard
    from napari_ssn.training.fit import Recipe

Seed = Annotated[int, typer.Option(help="Seed of every draw.")]
Device = Annotated[str, typer.Option(help="auto, cuda, mps or cpu.")]


def read_recipe(path: Path) -> tuple[Recipe, ModelCard]:
    """Read a recipe file: the table ``[recipe]`` and the table ``[card]``; DataError if wrong."""
    from pydantic import ValidationError

    from napari_ssn.core.errors import DataError
    from napari_ssn.network.card import ModelCard
    from napari_ssn.training.fit import Recipe

    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        # The system's own message holds the path.
        raise DataError(f"The recipe cannot be read: {error.strerror}.") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"The recipe is no TOML: {error}.") from None
    try:
        recipe = Recipe.model_validate(content.get("recipe", {}))
        about = content.get("card", {})
        if not isinstance(about, dict):
            raise DataError("The recipe's card should be a table.")
        card = ModelCard.model_validate(
            # The weights do not exist yet, and the recipe says the architecture.
            {"architecture": recipe.architecture, "weights_sha256": "0" * 64, **about}
        )
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise DataError(f"The recipe is invalid: {place}: {first['msg']}.") from error
    return recipe, card


def train(
    data: Annotated[Path, typer.Option(help="Zip or folder of slices to learn from.")],
    val: Annotated[Path, typer.Option(help="Zip or folder of slices to watch.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoint, card and weights.")],
    recipe: Annotated[Path, typer.Option(help="What to train, a TOML file.")],
    steps: Annotated[
        int | None, typer.Option(help="Steps in all, instead of the recipe's.")
    ] = None,
    device: Device = "auto",
    precision: Annotated[
        str | None, typer.Option(help="Such as bf16-mixed; float32 if left out.")
    ] = None,
) -> None:
    """Train a model, or go on with the checkpoint in the folder."""
    from rich.progress import Progress, TextColumn, TimeRemainingColumn

    from napari_ssn.training.data import load_slices
    from napari_ssn.training.fit import fit

    what, card = read_recipe(recipe)
    if steps is not None:
        what = what.model_copy(update={"steps": steps})
    typer.echo("Reading the slices …", err=True)
    learn, watch = load_slices(data), load_slices(val)
    bar = Progress(
        *Progress.get_default_columns()[:-1],
        TimeRemainingColumn(),
        TextColumn("{task.fields[state]}"),
    )
    with bar:
        task = bar.add_task("Training", total=what.steps, state="")

        def report(step: int, _: int, values: dict[str, float]) -> None:
            if "ged2_v_16" in values:
                ged, diversity = values["ged2_v_16"], values["diversity"]
                bar.console.print(f"step {step}: GED² {ged:.4f}, diversity {diversity:.3f} on val")
                bar.update(task, state=f"GED² {ged:.3f}")
            bar.update(task, completed=step)

        fit(learn, watch, out, what, card, device=device, precision=precision, report=report)
        # A run that had ended before took no step to report.
        bar.update(task, completed=what.steps)
    typer.echo(f"The model {card.name} is in the folder that you named with --out.")


def evaluate(
    model: Annotated[str, typer.Option(help="Name of a model, or its folder.")],
    data: Annotated[Path, typer.Option(help="Zip or folder of slices with raters.")],
    json_out: Annotated[Path | None, typer.Option("--json", help="File for the figures.")] = None,
    seed: Seed = 0,
    device: Device = "auto",
    calibrate: Annotated[
        str | None,
        typer.Option(
            help="Learn the calibration from this data, name it so, and change the model's card."
        ),
    ] = None,
    record: Annotated[
        str | None, typer.Option(help="Write the figures into the model's card, under this name.")
    ] = None,
) -> None:
    """Measure a model against several raters; prints JSON."""
    from rich.console import Console
    from rich.progress import Progress

    from napari_ssn.network.models import load_model, replace_file, save_card
    from napari_ssn.training.data import load_slices
    from napari_ssn.training.evaluate import evaluate as measure

    slices = load_slices(data)
    loaded = load_model(model, device)
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("Evaluating", total=len(slices))
        figures, calibration = measure(
            loaded,
            slices,
            seed=seed,
            calibrate_on=calibrate,
            report=lambda done, _: bar.update(task, completed=done),
        )
    text = json.dumps(figures, indent=2)
    typer.echo(text)
    if json_out is not None:
        replace_file(json_out, f"{text}\n".encode())
    update: dict[str, Any] = {}
    if calibrate is not None:
        update["calibration"] = calibration
    if record is not None:
        update["metrics"] = {**loaded.card.metrics, record: figures}
    if update:
        typer.echo(f"The card of the model {loaded.card.name} was changed.", err=True)
        save_card(loaded.folder, loaded.card.model_copy(update=update))
