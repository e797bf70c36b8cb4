"""One training run: network, loss, optimiser, running average, and how it is kept.

The loss is the Monte Carlo likelihood of one rater, drawn anew for each image and step, plus
the energy score against all of them (``docs/training.md`` explains both).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor

from napari_ssn.core import metrics
from napari_ssn.core.errors import DataError, DeviceError
from napari_ssn.network.card import ModelCard
from napari_ssn.network.device import choose_device
from napari_ssn.network.inflated import SliceUNet, inflate
from napari_ssn.network.loss import (
    blocks,
    cross_entropy,
    draw_logits,
    energy_score,
    monte_carlo_nll,
    presence_loss,
    size_distance,
)
from napari_ssn.network.models import (
    Model,
    build_network,
    check_network,
    save_model,
    unique_state,
)
from napari_ssn.network.ssn import SSN, PresentParameters
from napari_ssn.training.batch import Batch
from napari_ssn.training.cases import Cases
from napari_ssn.training.checkpoint import (
    DAMAGED,
    Checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from napari_ssn.training.recipe import Optimiser, Recipe

_VALIDATION_SAMPLES = 16

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

    @property
    def first(self) -> bool:
        """Whether this is the process that speaks and writes."""
        return bool(self.fabric.is_global_zero)

    def learning_rate(self) -> float:
        """Linear rise over 500 steps (a tenth of a short run), then the recipe's schedule."""
        ramp = min(1.0, (self.step + 1) / min(500, max(1, self.recipe.steps // 10)))
        if self.recipe.schedule == "constant":
            return self.recipe.learning_rate * ramp
        done = self.step / self.recipe.steps
        return self.recipe.learning_rate * ramp * 0.5 * (1 + math.cos(math.pi * done))

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Terms of the loss of one batch; ``total`` is what is minimised."""
        recipe = self.recipe
        parameters = self.network(batch.image.to(memory_format=self._layout))
        flat = batch.raters.flatten(2)
        valid = None if batch.valid is None else batch.valid.flatten(1)
        drew = batch.drew
        terms: dict[str, Tensor] = {}
        total = torch.zeros((), device=flat.device)
        if isinstance(parameters, PresentParameters) and batch.presence is not None:
            terms["presence"] = presence_loss(parameters.presence, batch.presence)
            total = total + recipe.presence * terms["presence"]
        if self.step < recipe.warmup or recipe.architecture.covariance == "none":
            terms["cross_entropy"] = cross_entropy(parameters, flat, valid, drew)
            return {"total": total + terms["cross_entropy"], **terms}
        logits = draw_logits(parameters, recipe.samples, self.draws)
        one = flat[torch.arange(len(flat), device=flat.device), self._one_rater(flat, drew)]
        if recipe.likelihood:
            weight = None if drew is None else drew.any(1).to(logits.dtype)
            terms["likelihood"] = monte_carlo_nll(logits, one, valid, weight)
            total = total + recipe.likelihood * terms["likelihood"]
        if recipe.energy:
            terms["energy"] = energy_score(logits, flat, valid=valid, drew=drew)
            total = total + recipe.energy * terms["energy"]
        if recipe.local_energy:
            terms["local_energy"] = self._local_energy(logits, batch)
            total = total + recipe.local_energy * terms["local_energy"]
        if recipe.size_energy:
            terms["size_energy"] = energy_score(logits, flat, size_distance, valid, drew)
            total = total + recipe.size_energy * terms["size_energy"]
        return {"total": total, **terms}

    def _one_rater(self, flat: Tensor, drew: Tensor | None) -> Tensor:
        """A rater of each view, drawn from those who count, (B,)."""
        if drew is None:
            return torch.randint(
                flat.shape[1], (len(flat),), generator=self.draws, device=flat.device
            )
        # Where no one counts the view has no weight, and anyone will do.
        weight = torch.where(drew.any(1, keepdim=True), drew, torch.ones_like(drew)).float()
        return torch.multinomial(weight, 1, generator=self.draws).squeeze(1)

    def _local_energy(self, logits: Tensor, batch: Batch) -> Tensor:
        space, side = tuple(batch.image.shape[2:]), self.recipe.local_side
        cut = blocks(logits, space, side)
        valid, drew = batch.valid, batch.drew
        if valid is not None:
            valid = blocks(valid.flatten(1), space, side)
        if drew is not None:
            # Whoever outlined something says of every block whether it is in it.
            drew = drew.repeat_interleave(len(cut) // len(drew), 0)
        raters = blocks(batch.raters.flatten(2), space, side)
        return energy_score(cut, raters, valid=valid, drew=drew)

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
                values = self._gradient(batch)
                break
            except torch.OutOfMemoryError:
                self._halve(len(batch.image))
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        finite = math.isfinite(float(norm))
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

    def _gradient(self, batch: Batch) -> Values:
        # A step's draws depend on nothing but its number: a resumed run repeats them.
        rank, processes = self.fabric.global_rank, self.fabric.world_size
        self.draws.manual_seed((self.recipe.seed * 2**32 + self.step) * processes + rank)
        self.optimiser.zero_grad()
        values: Values = {}
        parts = min(self.parts, len(batch.image))
        for some in batch.chunk(parts):
            weight = len(some.image) / len(batch.image)
            terms = self.loss(some)
            self.fabric.backward(terms["total"] * weight)
            for name, term in terms.items():
                values[name] = values.get(name, 0.0) + weight * float(term.detach())
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
        self.say(
            f"The device's memory is full: each batch of {batch} is now computed in "
            f"{self.parts} parts."
        )

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
        """Figures of the averaged weights on evenly spread cases, shared among the processes.

        ``ged2_v_16``; ``diversity`` of 16 samples; ``dice/LABEL`` of the mean's label map
        against each rater.
        """
        model = Model(self.card, self.average, self.fabric.device, Path())
        count = min(self.recipe.validation_cases, len(cases))
        chosen = np.linspace(0, len(cases) - 1, count).astype(int)
        names = ["ged2_v_16", "diversity", *(f"dice/{label}" for label in cases.labels[1:])]
        sums = torch.zeros(len(names), dtype=torch.float64)
        for index in chosen[self.fabric.global_rank :: self.fabric.world_size]:
            case = cases[int(index)]
            dist = model.segment(case.volume, case.centre)
            drawn = dist.sample(_VALIDATION_SAMPLES, seed=int(index), pixel_noise=True)
            # Beyond a region around a point there is nothing, and a rater may go on there.
            maps = np.stack([dist.placed(one) for one in drawn])
            mean_map = dist.placed(dist.label_map())
            found = metrics.SetDistances.between(maps, case.raters, classes=len(cases.labels))
            dice = metrics.dice_each(mean_map, case.raters, classes=len(cases.labels))
            row = [found.energy_distance(), found.sample_diversity(), *dice]
            sums += torch.tensor(row, dtype=torch.float64)
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
            write_checkpoint(
                folder,
                Checkpoint(self.recipe, self.data_sha256, self.step, self.history, self._tensors()),
            )

    def _tensors(self) -> dict[str, Tensor]:
        """Everything a run goes on from, by the part it belongs to."""
        found: dict[str, Tensor] = {}
        for part, module in (("network", self.network.module), ("average", self.average)):
            found |= {f"{part}.{name}": value for name, value in unique_state(module).items()}
        for index, moments in self.optimiser.state_dict()["state"].items():
            for name, value in moments.items():
                found[f"optimiser.{index}.{name}"] = torch.as_tensor(value)
        return found

    def publish(self, folder: Path) -> None:
        """Write the averaged weights and their card: the folder is a model from then on."""
        if not self.first:
            return
        record = self.card.training.model_copy(
            update={
                "steps": self.step,
                "sha256": self.data_sha256,
                "recipe": self.recipe.model_dump(mode="json", exclude={"architecture"}),
                "history": self.history,
            }
        )
        update = {"architecture": self.recipe.architecture, "training": record}
        save_model(folder, self.card.model_copy(update=update), unique_state(self.average))

    def resume(self, folder: Path) -> bool:
        """Take up the checkpoint of a folder; False when there is none."""
        state = read_checkpoint(folder)
        steps = self.fabric.all_gather(torch.tensor(-1 if state is None else state.step))
        if len(set(torch.atleast_1d(torch.as_tensor(steps)).tolist())) > 1:
            raise DataError(
                "The processes see different checkpoints: "
                "the folder named with --out must be one that all machines share."
            )
        if state is None:
            return False
        # More steps may be asked for; anything else would be another run.
        if state.recipe.model_copy(update={"steps": self.recipe.steps}) != self.recipe:
            changed = [
                name
                for name in Recipe.model_fields
                if name != "steps" and getattr(state.recipe, name) != getattr(self.recipe, name)
            ]
            raise DataError(
                f"The checkpoint was made with another {changed[0]}; "
                "choose a new folder or the same recipe."
            )
        if state.data_sha256 != self.data_sha256:
            raise DataError("The checkpoint was made from other data; choose a new folder.")
        moments: dict[int, dict[str, Tensor]] = {}
        try:
            parts = state.parts()
            for name, value in parts["optimiser"].items():
                index, _, moment = name.partition(".")
                moments.setdefault(int(index), {})[moment] = value
            for part, module in (("network", self.network.module), ("average", self.average)):
                _restore(module, parts[part])
            # The groups hold nothing but the recipe's own numbers.
            groups = self.optimiser.state_dict()["param_groups"]
            self.optimiser.load_state_dict({"state": moments, "param_groups": groups})
        except (KeyError, ValueError, RuntimeError, TypeError):
            raise DataError(DAMAGED) from None
        self.step, self.history = state.step, state.history
        return True


def _channels_last(network: torch.nn.Module) -> None:
    """Lay the weights of convolutions out as these like them, in two dimensions and in three."""
    layouts = {4: torch.channels_last, 5: torch.channels_last_3d}
    for weight in network.parameters():
        if weight.ndim in layouts:
            weight.data = weight.data.contiguous(memory_format=layouts[weight.ndim])


def _restore(module: torch.nn.Module, tensors: dict[str, Tensor]) -> None:
    """Load what `unique_state` gave; KeyError unless names are the same."""
    if tensors.keys() != unique_state(module).keys():
        raise KeyError("names of tensors")
    module.load_state_dict(tensors, strict=False)
