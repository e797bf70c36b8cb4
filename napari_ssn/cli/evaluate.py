"""The commands ``napari-ssn evaluate`` and ``simulate-clicks``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_ssn import network, training
from napari_ssn.cli.options import Device, Model, Seed
from napari_ssn.cli.progress import progress
from napari_ssn.errors import DataError, ExportError
from napari_ssn.text.commands import card_changed, cases_took

Raters = Annotated[
    Path, typer.Option(help="Zip or folder with raters: slices, or nnU-Net's raw layout.")
]
Split = Annotated[
    str | None, typer.Option(help="Only the cases of this list in the data's splits.json.")
]
Figures = Annotated[Path | None, typer.Option("--json", help="File for the figures.")]


def evaluate(
    model: Model,
    data: Raters,
    json_out: Figures = None,
    split: Split = None,
    count: Annotated[
        int | None,
        typer.Option("--cases", min=1, help="So many cases only, evenly spread over the data."),
    ] = None,
    temperature: Annotated[
        float, typer.Option(min=0, help="Multiplies every deviation from the mean.")
    ] = 1.0,
    volumes: Annotated[
        bool,
        typer.Option("--volumes", help="Nodules as volumes for a 2D model too, slice by slice."),
    ] = False,
    points: Annotated[
        bool,
        typer.Option(
            "--points",
            help="Of nodules, also what a click 4 or 8 mm beside makes, and one on no nodule.",
        ),
    ] = False,
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
    worst: Annotated[
        Path | None, typer.Option(help="Folder for pictures of the three worst cases.")
    ] = None,
) -> None:
    """Measure a model against its raters; prints JSON."""
    if (temperature != 1 or count is not None) and (calibrate is not None or record is not None):
        raise DataError(
            "A card holds the figures of the model itself on all of the data: "
            "leave --temperature and --cases out."
        )
    _check_folder(json_out)
    if worst is not None:
        network.models.make_folder(worst)
    loaded = network.models.load_model(model, device)
    cases = training.reading.cases_for(loaded.card, data, split, count, 3 if volumes else None)
    with _timed("Evaluating", len(cases)) as report:
        found = training.evaluate.evaluate(
            loaded,
            cases,
            seed=seed,
            temperature=temperature,
            calibrate_on=calibrate,
            points=points,
            report=report,
        )
    _give(found.figures, json_out)
    if worst is not None:
        training.pictures.worst_cases(loaded, cases, found.worst, worst)
    update: dict[str, Any] = {}
    if calibrate is not None:
        update["calibration"] = found.calibration
        update["presence"] = found.presence
    if record is not None:
        update["metrics"] = {**loaded.card.metrics, record: found.figures}
    if update:
        typer.echo(card_changed(loaded.card.name), err=True)
        network.models.save_card(loaded.folder, loaded.card.model_copy(update=update))


def fit_head(
    model: Model,
    data: Annotated[
        Path, typer.Option(help="Zip or folder with raters that the model was not trained on.")
    ],
    named: Annotated[str, typer.Option(help="What the model's card calls that data.")],
    out: Annotated[Path, typer.Option(help="Folder for the model with its fitted head.")],
    split: Split = None,
    count: Annotated[
        int, typer.Option("--cases", min=1, help="So many cases, evenly spread over the data.")
    ] = 120,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Fit how far each direction reaches, and how high each label lies, on other patients.

    Few numbers, which are then in the weights: a model of its own is written. What the card says
    of the range and of figures was of the other weights: learn and measure both again with
    `napari-ssn evaluate`. Prints JSON.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise ExportError(f"{out.name} is there already: name a new folder for the model.")
    loaded = network.models.load_model(model, device)
    cases = training.reading.cases_for(loaded.card, data, split, count)
    # Before minutes of computing, and not where model or data cannot be read.
    network.models.make_folder(out)
    with _timed("Segmenting", len(cases)) as report:
        found = training.heads.fit_head(loaded, cases, named, seed=seed, report=report)
    head = found.head
    card = loaded.card.model_copy(
        update={
            "training": loaded.card.training.model_copy(update={"head": head}),
            "calibration": None,
            "metrics": {},
        }
    )
    tensors = training.heads.fitted_tensors(loaded.network, head.columns, head.shifts)
    network.models.save_model(out, card, tensors)
    _give(
        {
            "columns": head.columns,
            "shifts": head.shifts,
            "cases": head.cases,
            "before": found.before,
            "after": found.after,
            "tried": found.tried,
        },
        None,
    )


@contextmanager
def _timed(title: str, count: int) -> Iterator[Callable[[int, int], None]]:
    """A bar that is told how many of so many cases are done; at the end, how long they took."""
    began = time.monotonic()
    with progress(title, count) as step:
        yield step
    typer.echo(cases_took(count, time.monotonic() - began), err=True)


def _give(figures: Mapping[str, Any], json_out: Path | None) -> None:
    """Print figures, and write them to a file if one is named."""
    text = json.dumps(figures, indent=2)
    typer.echo(text)
    if json_out is not None:
        network.models.replace_file(json_out, f"{text}\n".encode())


def _check_folder(file: Path | None) -> None:
    """ExportError if a file could not be written: before minutes of computing, not after them."""
    if file is not None and not file.resolve().parent.is_dir():
        raise ExportError(f"{file.name} cannot be written: its folder does not exist.")


def simulate_clicks(
    model: Model,
    data: Raters,
    json_out: Figures = None,
    split: Split = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="So many cases only, evenly spread over the data.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, help="Of a click, in standard deviations of the margin.")
    ] = 0.1,
    length: Annotated[
        float | None, typer.Option(help="Of the residual, in mm.", show_default="2")
    ] = None,
    amplitude: Annotated[
        float | None,
        typer.Option(help="Of the residual, in standard deviations.", show_default="1.5"),
    ] = None,
    edge: Annotated[
        float,
        typer.Option(
            min=0, help="Step that stops the residual, as a share of the image's range; 0: none."
        ),
    ] = 0.15,
    chance: Annotated[
        float,
        typer.Option(help="That the residual has a share in what a click shows, up to 1."),
    ] = 0.5,
    slip: Annotated[
        float, typer.Option(min=0, max=0.49, help="That a click is a slip of the hand.")
    ] = 0.003,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Correct a model's outlines by simulated clicks towards each rater; prints JSON."""
    _check_folder(json_out)
    residual = training.clicking.residual_of(length, amplitude, chance)
    loaded = network.models.load_model(model, device)
    cases = training.reading.cases_for(loaded.card, data, split, limit)
    with _timed("Clicking", len(cases)) as report:
        figures = training.clicking.simulate(
            loaded,
            cases,
            residual,
            edge=edge,
            tolerance=tolerance,
            slip=slip,
            seed=seed,
            report=report,
        )
    _give(figures, json_out)
