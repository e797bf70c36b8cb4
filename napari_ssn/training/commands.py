"""The command ``napari-ssn train``.

Everything heavy is imported inside it, so that ``--help`` costs nothing.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from napari_ssn.training.cases import Cases
    from napari_ssn.training.nodule_views import Background

Seed = Annotated[int, typer.Option(help="Seed of every draw.")]
Device = Annotated[str, typer.Option(help="auto, cuda, mps or cpu.")]


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
        str | None, typer.Option(help="Model whose weights a new run starts from.")
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
    from rich.progress import Progress, TextColumn, TimeRemainingColumn

    from napari_ssn.core.errors import DataError
    from napari_ssn.training.fit import fit
    from napari_ssn.training.recipes import dims_of, find_recipe, read_recipe

    if steps is not None and minutes is not None:
        raise DataError("Name --steps or --minutes, not both.")
    speaks = _is_first()
    changes = changes_of(change or [], steps, rank, covariance)
    source = find_recipe(recipe) if recipe is not None else None
    if speaks:
        typer.echo("Reading and checking the data …", err=True)
    learn, watch = read_sets(data, val, dims_of(source))
    scans = [background_of(text) for text in background or []]
    what, card = read_recipe(source, learn, out.resolve().name, changes)
    if speaks:
        typer.echo(f"{len(learn):,} images to learn from, {len(watch):,} to watch.", err=True)
        for sentence in _cautions(learn, watch, card.centred):
            typer.echo(f"Caution: {sentence}", err=True)
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
                figures = "GED² {ged2_v_16:.4f}, diversity {diversity:.3f}".format(**values)
                for name, value in values.items():
                    if name.startswith("dice/"):
                        figures += f", Dice {name.removeprefix('dice/')} {value:.3f}"
                bar.console.print(f"step {step}: {figures} on the cases to watch")
                bar.update(task, state=f"GED² {values['ged2_v_16']:.3f}")
            bar.update(task, completed=share)

        try:
            fit(
                learn, watch, out, what, card,
                device=device, devices=devices, nodes=nodes, workers=workers,
                precision=precision, start=start, backgrounds=scans, minutes=minutes,
                report=report,
                say=lambda sentence: bar.console.print(sentence),
            )  # fmt: skip
        except KeyboardInterrupt:
            if speaks:
                bar.console.print("Stopped: the same command goes on from the last checkpoint.")
            raise
        # A run that had ended before took no step to report.
        bar.update(task, completed=1.0)
    if speaks:
        typer.echo(f"The model {card.name} is in the folder that you named with --out.")


def _is_first() -> bool:
    """Whether this is the process that speaks, as torchrun and lightning-fabric number them."""
    names = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK")
    return all(os.environ.get(name, "0") == "0" for name in names)


def background_of(text: str) -> Background:
    """A scan and the middles of its nodules in mm, of ``SCAN=i,j,k;i,j,k``."""
    import numpy as np

    from napari_ssn.core.errors import DataError
    from napari_ssn.io import read
    from napari_ssn.network.tiles import check_centre

    path, _, places = text.partition("=")
    volume = read(path)
    voxels = []
    for place in filter(None, places.split(";")):
        try:
            voxels.append(tuple(int(i) for i in place.split(",")))
        except ValueError:
            raise DataError(f"--background names voxels as i,j,k and got {place!r}.") from None
        check_centre(voxels[-1], volume.space)
    indices = np.array(voxels, np.float64).reshape(-1, 3)
    return volume, indices @ volume.affine[:3, :3].T + volume.affine[:3, 3]


def read_sets(data: Path, val: Path | None, dims: int | None) -> tuple[Cases, Cases]:
    """Cases to learn from and to watch, by the three ways that ``--val`` names."""
    from napari_ssn.training.cases import hold_out, load_cases
    from napari_ssn.training.nnunet import splits

    if val is not None:
        return load_cases(data, dims=dims), load_cases(val, dims=dims)
    if {"train", "val"} <= splits(data).keys():
        return load_cases(data, "train"), load_cases(data, "val")
    return hold_out(load_cases(data, dims=dims))


def _cautions(learn: Cases, watch: Cases, centred: bool) -> list[str]:
    """What may be wrong with the data, and need not be."""
    import numpy as np

    found = []
    if both := set(learn.names) & set(watch.names):
        found.append(
            f"{len(both):,} names are both among what to learn from and what to watch, "
            f"such as {min(both)}."
        )
    sizes = np.array([learn.spacing_mm(i) for i in range(len(learn))])
    sizes = sizes[np.isfinite(sizes).all(1)]
    # A model around a point learns from whatever size comes.
    if not centred and len(sizes) and bool((sizes.max(0) > 1.1 * sizes.min(0)).any()):
        found.append(
            f"voxels measure from {sizes.min():.2g} to {sizes.max():.2g} mm: "
            "images are used as they are, so bring them to one size first."
        )
    return found


def changes_of(
    texts: list[str], steps: int | None, rank: int | None, covariance: str | None
) -> dict[str, Any]:
    """Changes to a recipe from the command line; DataError if one cannot be read."""
    from napari_ssn.core.errors import DataError

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
