"""Training from the first step to the last: data in, a model folder out."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from napari_ssn.documents.card import ModelCard
from napari_ssn.errors import DataError
from napari_ssn.network.frame import SAME_SIZE
from napari_ssn.network.models import load_model, make_folder
from napari_ssn.network.others.start import Start
from napari_ssn.text import training as said
from napari_ssn.training.cases import Cases, check_alike
from napari_ssn.training.lesions import LesionSet, lesions_of
from napari_ssn.training.likeness import FEWEST, learn_likeness
from napari_ssn.training.nodule_views import NoduleViewSet
from napari_ssn.training.off_nodule import Background
from napari_ssn.training.recipe import Recipe
from napari_ssn.training.trainer import Trainer, Values
from napari_ssn.training.views import ViewSet, view_loader


def fit(
    train: Cases,
    validation: Cases,
    folder: Path,
    recipe: Recipe,
    card: ModelCard,
    *,
    device: str = "auto",
    precision: str | None = None,
    devices: int = 1,
    nodes: int = 1,
    workers: int = 1,
    start: str | Start | None = None,
    backgrounds: Sequence[Background] = (),
    minutes: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    save_every_s: float = 120.0,
    checkpoints: Path | None = None,
    report: Callable[[int, float, Values], None] = lambda *_: None,
    say: Callable[[str], None] = lambda _: None,
) -> Trainer:
    """Train, or go on training, until the recipe's last step or for some minutes.

    Checkpoint, card and weights are written every ``save_every_s`` seconds and at each
    validation; what is in the end has been measured.

    Args:
        train: cases to learn from.
        validation: cases to watch.
        folder: where checkpoint, card and weights go.
        recipe: what to do.
        card: of the model to be; its architecture and training record are filled in.
        device, precision, devices, nodes, say: see `Trainer`.
        workers: processes that prepare views while the network learns; 0 prepares in between.
        start: model whose weights a new run starts from, or a network of others.
        backgrounds: whole scans, and the nodules in them, for `NoduleViewSet`.
        minutes: learn for so long in all, whatever the recipe's steps and schedule; see
            `Trainer.go_by_clock`. Measuring the end comes on top.
        clock: seconds since whenever.
        save_every_s: seconds between checkpoints.
        checkpoints: where these go if not into the folder.
        report: called by the first process after each step with (steps done, share of the run
            that is done, values).
    """
    if len(train) == 0 or len(validation) == 0:
        raise DataError("Training needs at least one case to learn from and one to watch.")
    check_alike([train, validation])
    if recipe.nodule_views is not None and 3 == card.spatial_dims == train.spatial_dims:
        train, validation = lesions_of(train), lesions_of(validation)
    _check_card(card, train)
    trainer = Trainer(recipe, card, device, precision, devices, nodes, say)
    # Before hours of computing, not after them.
    kept = folder if checkpoints is None else checkpoints
    for place in {folder, kept}:
        make_folder(place)
    fabric = trainer.fabric
    plan = recipe.plan(card)
    fewest = min(plan.batch, plan.whole_batch) if plan.whole_share else plan.batch
    if fewest < fabric.world_size:
        raise DataError(
            f"A batch of {fewest} cannot be shared among {fabric.world_size} processes."
        )
    trainer.data_sha256 = train.sha256
    resumed = trainer.resume(kept)
    if minutes is None:
        trainer.go_by_steps()
    else:
        trainer.go_by_clock(minutes, clock)
    if resumed and trainer.first:
        say(_going_on(trainer))
        if start is not None:
            say(said.START_NOT_USED)
    elif not resumed and start is not None:
        begun = _begin(trainer, start)
        if trainer.first:
            say(begun)
    trainer.save(kept)
    saved = clock()
    views = view_loader(
        _views(train, card, recipe, backgrounds),
        plan,
        (trainer.step, recipe.steps if minutes is None else sys.maxsize),
        rank=fabric.global_rank,
        processes=fabric.world_size,
        workers=workers,
        pinned=fabric.device.type == "cuda",
    )
    while trainer.share < 1:
        values = trainer.update(next(views).to(fabric.device))
        # After the step, so that its own time counts for the next.
        trainer.look_at_clock()
        if trainer.step % recipe.validate_every == 0:
            values |= trainer.review(validation)
        if trainer.step % recipe.validate_every == 0 or clock() - saved > save_every_s:
            trainer.publish(folder)
            trainer.save(kept)
            saved = clock()
        if trainer.first:
            report(trainer.step, trainer.share, values)
    if trainer.step and (not trainer.history or trainer.history[-1]["step"] < trainer.step):
        # What is left in the folder has been measured.
        trainer.review(validation)
    if trainer.first and len(train) >= FEWEST:
        found = learn_likeness(card, train, validation)
        trainer.card = trainer.card.model_copy(update={"likeness": found})
    trainer.publish(folder)
    trainer.save(kept)
    # Nobody leaves before the files are there.
    fabric.barrier()
    return trainer


def _begin(trainer: Trainer, start: str | Start) -> str:
    """Put what a new run starts from in its place; a sentence that says what."""
    if isinstance(start, str):
        model = load_model(start, "cpu")
        return said.starting_from(trainer.start_from(model), model.card.title)
    labels = [one.name for one in trainer.card.labels]
    tensors = start.state(trainer.recipe.architecture, labels)
    for module in (trainer.network.module, trainer.average):
        module.load_state_dict(tensors, strict=False)
    same = tuple(labels) == start.labels
    return said.starting_from_others(start.name, start.kind, same, start.notes)


def _going_on(trainer: Trainer) -> str:
    """What is said of a run that had begun before."""
    if trainer.share < 1:
        return said.going_on(trainer.step)
    return said.nothing_left(trainer.step, None if trainer.plan is None else trainer.spent_s / 60)


def _views(
    train: Cases, card: ModelCard, recipe: Recipe, backgrounds: Sequence[Background]
) -> Dataset[dict[str, Tensor]]:
    if recipe.nodule_views is None:
        return ViewSet(train, card, recipe.views, recipe.seed)
    if not isinstance(train, LesionSet):
        raise DataError("The recipe's views are of volumes, and the data is slices.")
    return NoduleViewSet(train, card, recipe.nodule_views, recipe.seed, backgrounds)


def _check_card(card: ModelCard, cases: Cases) -> None:
    """DataError if the data is not what the card says."""
    if card.spatial_dims != cases.spatial_dims:
        raise DataError(
            f"The recipe is of a {card.spatial_dims}D model, and the data is {cases.spatial_dims}D."
        )
    for what, wanted, there in (
        ("channel", len(card.channels), len(cases.channels)),
        ("label", card.classes, len(cases.labels)),
    ):
        if wanted != there:
            raise DataError(f"The recipe is of {wanted} {what}s, and the data has {there}.")
    if card.voxel_mm is None or isinstance(cases, LesionSet):
        # Views of nodules are resampled as inference resamples.
        return
    # Inference resamples, training does not: it would learn another size than it is shown.
    for i in range(len(cases)):
        sizes = cases.spacing_mm(i)
        # Sorted, because the axes of a file come in any order.
        if np.isfinite(sizes).all() and not np.allclose(
            sorted(sizes), sorted(card.voxel_mm), rtol=SAME_SIZE
        ):
            shown = " × ".join(f"{size:.2f}" for size in sizes)
            wished = " × ".join(f"{size:g}" for size in card.voxel_mm)
            raise DataError(
                f"The recipe is of voxels of {wished} mm, and those of {cases.names[i]} are "
                f"{shown} mm: resample the data, or leave spacing_mm out of the recipe."
            )
