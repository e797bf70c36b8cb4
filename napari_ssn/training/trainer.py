"""One training run: network, optimiser, running average, time, and how all that is kept."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor

from napari_ssn.documents.card import ModelCard
from napari_ssn.errors import DataError, DeviceError
from napari_ssn.network.building import build_network, check_network, unique_state
from napari_ssn.network.device import choose_device
from napari_ssn.network.inflated import SliceUNet, inflate
from napari_ssn.network.models import Model, save_model
from napari_ssn.network.ssn import SSN
from napari_ssn.text.training import in_parts
from napari_ssn.training import checkpoint
from napari_ssn.training.batch import Batch
from napari_ssn.training.cases import Cases
from napari_ssn.training.recipe import Optimiser, Recipe
from napari_ssn.training.schedule import Minutes, rate_by_clock, rate_by_steps
from napari_ssn.training.terms import loss_terms
from napari_ssn.training.validating import figure_names, figures_of

_OPTIMISERS: dict[Optimiser, Any] = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "rmsprop": torch.optim.RMSprop,
}

Values = dict[str, float]


class Trainer:
    """One training run: network, its running average, optimiser and random state.

    Args:
        recipe: what to do.
        card: of the model to be.
        device: auto, cuda, mps or cpu.
        precision: lightning-fabric's name of it, such as ``bf16-mixed``; None for float32.
        devices: GPUs, or processes on the CPU, of each machine.
        nodes: machines.
        say: told in a sentence what the user should know.
    """

    def __init__(
        self,
        recipe: Recipe,
        card: ModelCard,
        device: str = "auto",
        precision: str | None = None,
        devices: int = 1,
        nodes: int = 1,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        kind = choose_device(device).type
        try:
            self.fabric = Fabric(
                accelerator=kind,
                devices=devices,
                num_nodes=nodes,
                # The warm-up leaves the factor alone, which DDP must be told to look for.
                strategy=DDPStrategy(find_unused_parameters=True)
                if devices * nodes > 1
                else "auto",
                precision=precision or "32-true",
            )
        except (ValueError, RuntimeError) as error:
            # An unknown precision, more GPUs than there are: its message says which.
            raise DeviceError(f"Training cannot start so: {error}") from None
        self.fabric.launch()
        torch.manual_seed(recipe.seed)
        self.recipe, self.card, self.say = recipe, card, say
        self._layout: Any = (
            torch.channels_last if card.spatial_dims == 2 else torch.channels_last_3d
        )
        network: Any = build_network(
            recipe.architecture, len(card.channels), card.classes, card.spatial_dims
        )
        plan = recipe.plan(card)
        for size in {plan.crop, plan.whole}:
            check_network(network, len(card.channels), size)
        _channels_last(network)
        self.average: SSN = copy.deepcopy(network).to(self.fabric.device).requires_grad_(False)
        optimiser: Any = _OPTIMISERS[recipe.optimiser](
            network.parameters(),
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
        )
        self.network, self.optimiser = self.fabric.setup(network, optimiser)
        self.draws = torch.Generator(device=self.fabric.device)
        self.step = 0
        #: Of the data it learns from; `fit` sets it.
        self.data_sha256 = ""
        self.history: list[Values] = []
        # Terms of the loss since the last validation: sums, and in how many steps each came.
        self._lately: dict[str, tuple[float, int]] = {}
        # Parts that a batch is computed in, one after the other, to save memory.
        self.parts = 1
        #: By the clock, None where the recipe's steps decide; and what was spent under plans.
        self.plan: Minutes | None = None
        self.spent_s = 0.0
        self._clock: Callable[[], float] | None = None
        self._since = 0.0

    @property
    def first(self) -> bool:
        """Whether this is the process that speaks and writes."""
        return bool(self.fabric.is_global_zero)

    def go_by_clock(self, minutes: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Learn for so many minutes in all from now on, instead of the recipe's steps.

        A run that was planned so before goes on with its plan. One that was given other minutes
        is planned anew for those that are left.

        Args:
            minutes: those that the run has spent under such a plan before are among them.
            clock: seconds since whenever.
        """
        if self.plan is None or self.plan.minutes != minutes:
            self.plan = Minutes(minutes, self.spent_s)
        self._clock, self._since = clock, clock() - self.spent_s

    def go_by_steps(self) -> None:
        """Learn for the recipe's steps, whatever a checkpoint was planned for."""
        self.plan, self._clock = None, None

    def look_at_clock(self) -> None:
        """Note the time that has been spent: all processes that of the first."""
        if self._clock is None:
            return
        spent: Any = self._clock() - self._since
        if self.fabric.world_size > 1:
            spent = self.fabric.broadcast(spent)
        # A clock that is set back would raise the rate again.
        self.spent_s = max(self.spent_s, float(spent))

    @property
    def share(self) -> float:
        """Share of the run that is done, 0 to 1."""
        if self.plan is not None:
            return self.plan.share(self.spent_s)
        return min(1.0, self.step / self.recipe.steps)

    def learning_rate(self) -> float:
        """Of the next step."""
        if self.plan is not None:
            return rate_by_clock(self.recipe, self.share)
        return rate_by_steps(self.recipe, self.step)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Terms of the loss of one batch; ``total`` is what is minimised."""
        parameters = self.network(batch.image.to(memory_format=self._layout))
        warm = self.step < self.recipe.warmup
        return loss_terms(self.recipe, parameters, batch, warm=warm, draws=self.draws)

    def update(self, batch: Batch) -> Values:
        """One step of the optimiser and of the running average.

        A batch that does not fit the device's memory is computed in halves, whose gradients add
        up to the batch's own; DeviceError if a single view does not fit.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        self.network.train()
        while True:
            try:
                terms = self._gradient(batch)
                break
            except torch.OutOfMemoryError:
                self._halve(len(batch.image))
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        # One question to the device, which computes ahead until it is asked.
        *found, length = torch.stack([*terms.values(), norm]).tolist()
        values = dict(zip(terms, found, strict=True))
        finite = math.isfinite(length)
        if finite:
            self.optimiser.step()
            self._follow()
        values["skipped"] = float(not finite)
        self.step += 1
        for name, value in values.items():
            total, count = self._lately.get(name, (0.0, 0))
            self._lately[name] = (total + value, count + 1)
        return values

    def review(self, cases: Cases) -> Values:
        """Validate, and add the figures and the mean losses since the last time to the history."""
        names = sorted(self._lately)
        means = torch.tensor([self._lately[n][0] / self._lately[n][1] for n in names])
        shared: Any = self.fabric.all_reduce(means.to(self.fabric.device), reduce_op="mean")
        losses = dict(zip(names, shared.tolist(), strict=True))
        figures = self.validate(cases)
        self._lately = {}
        self.history.append({"step": float(self.step), **losses, **figures})
        return figures

    def _gradient(self, batch: Batch) -> dict[str, Tensor]:
        # A step's draws depend on nothing but its number: a resumed run repeats them.
        rank, processes = self.fabric.global_rank, self.fabric.world_size
        self.draws.manual_seed((self.recipe.seed * 2**32 + self.step) * processes + rank)
        self.optimiser.zero_grad()
        values: dict[str, Tensor] = {}
        parts = min(self.parts, len(batch.image))
        for some in batch.chunk(parts):
            weight = len(some.image) / len(batch.image)
            terms = self.loss(some)
            self.fabric.backward(terms["total"] * weight)
            for name, term in terms.items():
                part = weight * term.detach().float()
                values[name] = values[name] + part if name in values else part
        return values

    def _halve(self, batch: int) -> None:
        if self.fabric.world_size > 1:
            # The others wait for a gradient that will not come.
            raise DeviceError("A GPU's memory is full: give the recipe a smaller batch or crop.")
        if self.parts >= batch:
            raise DeviceError(
                "The device's memory is full with a single view: give the recipe a smaller crop."
            )
        self.parts = min(2 * self.parts, batch)
        self.optimiser.zero_grad(set_to_none=True)
        if self.fabric.device.type == "cuda":
            torch.cuda.empty_cache()
        self.say(in_parts(batch, self.parts))

    @torch.no_grad()
    def _follow(self) -> None:
        # A short memory at first, so that the average is not held back by the random start.
        keep = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        new = unique_state(self.network.module)
        for name, value in unique_state(self.average).items():
            if value.is_floating_point():
                value.lerp_(new[name], 1 - keep)
            else:
                value.copy_(new[name])

    def validate(self, cases: Cases) -> Values:
        """`figures_of` the averaged weights on evenly spread cases, shared among the processes."""
        model = Model(self.card, self.average, self.fabric.device, Path())
        count = min(self.recipe.validation_cases, len(cases))
        chosen = np.linspace(0, len(cases) - 1, count).astype(int)
        names = figure_names(cases)
        sums = torch.zeros(len(names), dtype=torch.float64)
        for index in chosen[self.fabric.global_rank :: self.fabric.world_size]:
            sums += torch.tensor(figures_of(model, cases, int(index)), dtype=torch.float64)
        total: Any = self.fabric.all_reduce(sums.to(self.fabric.device), reduce_op="sum")
        return dict(zip(names, (total / count).tolist(), strict=True))

    def start_from(self, model: Model) -> int:
        """Take the weights of a model wherever name and shape are the same; returns how many.

        DataError if that is less than half of them.
        """
        own, theirs = unique_state(self.network.module), unique_state(model.network)
        if self.recipe.architecture.backbone == SliceUNet.__name__ and model.card.spatial_dims == 2:
            theirs = inflate(theirs)
        if self.network.module.presence is not None and model.network.presence is None:
            # Directions of a network without presence say whether there is anything.
            theirs = {k: v for k, v in theirs.items() if not k.startswith("factor.")}
        same = {k: v for k, v in theirs.items() if k in own and own[k].shape == v.shape}
        if 2 * len(same) < len(own):
            raise DataError(
                f"{model.card.title} is another network than the recipe's: they share "
                f"{len(same)} of {len(own)} tensors."
            )
        for module in (self.network.module, self.average):
            module.load_state_dict(same, strict=False)
        return len(same)

    def save(self, folder: Path) -> None:
        """Write a checkpoint, from the first process."""
        if self.first:
            checkpoint.write_checkpoint(
                folder,
                checkpoint.Checkpoint(
                    self.recipe,
                    self.data_sha256,
                    self.step,
                    self.history,
                    checkpoint.tensors_of(self.network.module, self.average, self.optimiser),
                    self.spent_s,
                    self.plan,
                ),
            )

    def publish(self, folder: Path) -> None:
        """Write the averaged weights and their card: the folder is a model from then on."""
        if not self.first:
            return
        done = self.recipe.model_dump(mode="json", exclude={"architecture"})
        if self.plan is not None:
            done |= {"minutes": self.plan.minutes}
        record = self.card.training.model_copy(
            update={
                "steps": self.step,
                "sha256": self.data_sha256,
                "recipe": done,
                "history": self.history,
            }
        )
        update = {"architecture": self.recipe.architecture, "training": record}
        save_model(folder, self.card.model_copy(update=update), unique_state(self.average))

    def resume(self, folder: Path) -> bool:
        """Take up the checkpoint of a folder; False when there is none."""
        state = checkpoint.read_checkpoint(folder)
        steps = self.fabric.all_gather(torch.tensor(-1 if state is None else state.step))
        if len(set(torch.atleast_1d(torch.as_tensor(steps)).tolist())) > 1:
            raise DataError(
                "The processes see different checkpoints: "
                "the folder named with --out must be one that all machines share."
            )
        if state is None:
            return False
        checkpoint.check_same(state, self.recipe, self.data_sha256)
        checkpoint.restore(state, self.network.module, self.average, self.optimiser)
        self.step, self.history = state.step, state.history
        self.spent_s, self.plan = state.spent_s, state.plan
        return True


def _channels_last(network: torch.nn.Module) -> None:
    """Lay the weights of convolutions out as these like them, in two dimensions and in three."""
    layouts = {4: torch.channels_last, 5: torch.channels_last_3d}
    for weight in network.parameters():
        if weight.ndim in layouts:
            weight.data = weight.data.contiguous(memory_format=layouts[weight.ndim])
