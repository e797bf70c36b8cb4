"""The command ``napari-ssn train``."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress, TextColumn, TimeRemainingColumn

from napari_ssn import training
from napari_ssn.cli.options import Device
from napari_ssn.errors import DataError
from napari_ssn.io.files import folder_made
from napari_ssn.io.locks import alone
from napari_ssn.text import training as said


def train(
    data: Annotated[
        Path, typer.Option(help="Zip or folder to learn from: slices, or nnU-Net's raw layout.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for checkpoint, card and weights.")],
    val: Annotated[
        Path | None,
        typer.Option(
            help="Zip or folder to watch. Left out: the lists train and val of the data's "
            "splits.json, or else every fifth patient."
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(help="Name of a recipe or a TOML file. Left out: made to fit the data."),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Steps in all.")] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            help="Minutes of learning in all, instead of steps: the learning rate falls to "
            "zero at their end. Measuring the end comes on top.",
        ),
    ] = None,
    rank: Annotated[int | None, typer.Option(help="Columns of the covariance factor.")] = None,
    covariance: Annotated[
        str | None, typer.Option(help="low-rank; or, for comparison, diagonal or none.")
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any other field of the recipe, as in energy=0.5. Repeatable."),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            help="Model whose weights a new run starts from; or a model folder of nnU-Net v2, or a "
            "bundle of MONAI, whose network it goes on with."
        ),
    ] = None,
    background: Annotated[
        list[str] | None,
        typer.Option(
            help="Whole scan for points on no nodule, and the voxels of its nodules, as in "
            "scan.zip=250,300,40;i,j,k. Repeatable; for recipes of nodules as volumes."
        ),
    ] = None,
    device: Device = "auto",
    devices: Annotated[
        int, typer.Option(min=1, help="GPUs of each machine, or processes on the CPU.")
    ] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines; start them with torchrun.")] = 1,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes that prepare images while the network learns.")
    ] = 1,
    precision: Annotated[
        str | None, typer.Option(help="Such as bf16-mixed; float32 if left out.")
    ] = None,
) -> None:
    """Train a model, or go on with the checkpoint in the folder."""
    if steps is not None and minutes is not None:
        raise DataError("Name --steps or --minutes, not both.")
    speaks = _is_first()
    changes = changes_of(change or [], steps, rank, covariance)
    source = training.recipes.find_recipe(recipe) if recipe is not None else None
    if speaks:
        typer.echo(said.READING, err=True)
    learn, watch = training.reading.read_sets(data, val, training.recipes.dims_of(source))
    scans = [training.background.background_of(text) for text in background or []]
    begun = training.reading.start_of(start, learn)
    brought = None if isinstance(begun, str) else begun
    what, card = training.recipes.read_recipe(source, learn, out.resolve().name, changes, brought)
    card = training.lineage.gone_on_from(card, begun)
    if speaks:
        typer.echo(said.images_there(len(learn), len(watch)), err=True)
        for sentence in training.reading.cautions(learn, watch, card.centred, begun):
            typer.echo(said.caution(sentence), err=True)
    bar = Progress(
        *Progress.get_default_columns()[:-1],
        TimeRemainingColumn(),
        TextColumn("{task.fields[state]}"),
        disable=not speaks,
    )
    with bar:
        task = bar.add_task("Training", total=1.0, state="")

        def report(step: int, share: float, values: dict[str, float]) -> None:
            if "ged2_v_16" in values:
                bar.console.print(said.step_line(step, values))
                bar.update(task, state=f"GED² {values['ged2_v_16']:.3f}")
            bar.update(task, completed=share)

        training.memory.keep_memory()
        try:
            with _alone_in(out) if speaks else nullcontext():
                training.fit.fit(
                    learn, watch, out, what, card,
                    device=device, devices=devices, nodes=nodes, workers=workers,
                    precision=precision, start=begun, backgrounds=scans, minutes=minutes,
                    report=report,
                    say=lambda sentence: bar.console.print(sentence),
                )  # fmt: skip
        except KeyboardInterrupt:
            if speaks:
                bar.console.print(said.STOPPED)
            raise
        # A run that had ended before took no step to report.
        bar.update(task, completed=1.0)
    if speaks:
        typer.echo(said.model_is_there(card.name))


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """ExportError where another training writes there: each would undo what the other learns."""
    with folder_made(folder), alone(folder, said.ANOTHER_TRAINING):
        yield


def _is_first() -> bool:
    """Whether this is the process that speaks, as torchrun and lightning-fabric number them."""
    names = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK")
    return all(os.environ.get(name, "0") == "0" for name in names)


def changes_of(
    texts: list[str], steps: int | None, rank: int | None, covariance: str | None
) -> dict[str, Any]:
    """Changes to a recipe from the command line; DataError if one cannot be read."""
    found: dict[str, Any] = {}
    if covariance is not None:
        found["architecture.covariance"] = covariance
        if covariance != "low-rank":
            found["architecture.rank"] = 1
    numbers = {"steps": steps, "architecture.rank": rank}
    found |= {name: value for name, value in numbers.items() if value is not None}
    for text in texts:
        name, equals, value_text = text.partition("=")
        if not equals:
            raise DataError(f"--set takes FIELD=VALUE, and got {text!r}.")
        try:
            found[name.strip()] = tomllib.loads(f"value = {value_text}")["value"]
        except tomllib.TOMLDecodeError:
            # A word without quotes is a text, as on every command line.
            found[name.strip()] = value_text
    return found
