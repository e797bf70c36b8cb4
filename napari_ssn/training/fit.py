"""Training a stochastic segmentation network on slices with several raters.

The loss is the Monte Carlo likelihood of one rater, drawn anew for each image and step, plus
the energy score against all of them (``docs/training.md`` explains both).
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_tensors
from torch import Tensor

from napari_ssn.core import metrics
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.errors import DataError
from napari_ssn.network.card import Architecture, ModelCard
from napari_ssn.network.loss import cross_entropy, draw_logits, energy_score, monte_carlo_nll
from napari_ssn.network.models import build_network, make_folder, replace_file, save_model
from napari_ssn.network.ssn import SSN
from napari_ssn.training.data import SliceSet, Views, batches

CHECKPOINT = "checkpoint.safetensors"
_VALIDATION_SAMPLES = 16
_DAMAGED = "The checkpoint is damaged or of another version: choose a new folder."


class Recipe(BaseModel):
    """Everything that decides what a training run does, apart from its data.

    A share of the steps, ``whole_share``, sees whole slices in batches of as many pixels as the
    crops have: what lies far from the nodule must be seen to be left alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    architecture: Architecture = Architecture(
        backbone="BasicUNet",
        arguments={"features": [32, 32, 64, 128, 192, 32], "norm": "batch"},
        features=32,
        rank=10,
        centre_radius=10.0,
    )
    steps: int = Field(default=20_000, ge=1)
    batch: int = Field(default=16, ge=1)
    crop: int = Field(default=64, ge=16)
    whole_share: float = Field(default=0.5, ge=0, le=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    warmup: int = Field(default=1000, ge=0)
    samples: int = Field(default=12, ge=4, multiple_of=2)
    likelihood: float = Field(default=1.0, ge=0)
    energy: float = Field(default=1.0, ge=0)
    clip: float = Field(default=1.0, gt=0)
    average: float = Field(default=0.999, ge=0, lt=1)
    validate_every: int = Field(default=1000, ge=1)
    validation_slices: int = Field(default=192, ge=1)
    seed: int = 0
    views: Views = Views()


class Trainer:
    """One training run: network, its running average, optimiser and random state."""

    def __init__(self, recipe: Recipe, precision: str | None = None, device: str = "auto") -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.fabric = Fabric(accelerator=device, devices=1, precision=precision or "32-true")
        network: Any = build_network(recipe.architecture, 1, 2, 2)
        network = network.to(memory_format=torch.channels_last)
        self.average: SSN = copy.deepcopy(network).to(self.fabric.device).requires_grad_(False)
        optimizer: Any = torch.optim.AdamW(
            network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.network, self.optimizer = self.fabric.setup(network, optimizer)
        self.draws = torch.Generator(device=self.fabric.device).manual_seed(recipe.seed)
        self.step = 0
        self.history: list[dict[str, float]] = []

    def learning_rate(self) -> float:
        """Linear warm-up over 500 steps (a tenth of a short run), then half a cosine to zero."""
        ramp = min(1.0, (self.step + 1) / min(500, max(1, self.recipe.steps // 10)))
        done = self.step / self.recipe.steps
        return self.recipe.learning_rate * ramp * 0.5 * (1 + math.cos(math.pi * done))

    def loss(self, image: Tensor, raters: Tensor) -> dict[str, Tensor]:
        """Terms of the loss of one batch; ``total`` is what is minimised."""
        parameters = self.network(image.to(memory_format=torch.channels_last))
        flat = raters.flatten(2)
        if self.step < self.recipe.warmup:
            term = cross_entropy(parameters, flat)
            return {"total": term, "cross_entropy": term}
        logits = draw_logits(parameters, self.recipe.samples, self.draws)
        chosen = torch.randint(
            flat.shape[1], (len(flat),), generator=self.draws, device=flat.device
        )
        one = flat[torch.arange(len(flat), device=flat.device), chosen]
        terms: dict[str, Tensor] = {}
        total = torch.zeros((), device=flat.device)
        if self.recipe.likelihood:
            terms["likelihood"] = monte_carlo_nll(logits, one)
            total = total + self.recipe.likelihood * terms["likelihood"]
        if self.recipe.energy:
            terms["energy"] = energy_score(logits, flat)
            total = total + self.recipe.energy * terms["energy"]
        return {"total": total, **terms}

    def update(self, image: Tensor, raters: Tensor) -> dict[str, float]:
        """One step of the optimiser and of the running average."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self.network.train()
        terms = self.loss(image, raters)
        self.optimizer.zero_grad()
        self.fabric.backward(terms["total"])
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        values = {name: float(term.detach()) for name, term in terms.items()}
        if math.isfinite(float(norm)):
            self.optimizer.step()
            self._follow()
        else:
            values["skipped"] = 1.0
        self.step += 1
        return values

    @torch.no_grad()
    def _follow(self) -> None:
        # A short memory at first, so that the average is not held back by the random start.
        keep = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        new = self.network.module.state_dict()
        for name, value in self.average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(new[name], 1 - keep)
            else:
                value.copy_(new[name])

    @torch.no_grad()
    def validate(self, data: SliceSet) -> dict[str, float]:
        """GED² (16 samples) and diversity of the averaged weights on evenly spread slices."""
        self.average.eval()
        count = min(self.recipe.validation_slices, len(data))
        values: dict[str, list[float]] = {"ged2_v_16": [], "ged2_u_16": [], "diversity": []}
        for index in np.linspace(0, len(data) - 1, count).astype(int):
            image = torch.from_numpy(data.images[index]).float()[None, None] / 255
            out = self.average(image.to(self.fabric.device))
            dist = LogitDistribution(out.mean[0], out.cov_factor[0], out.cov_diag[0])
            maps = dist.sample(_VALIDATION_SAMPLES, seed=int(index), pixel_noise=True)
            raters = data.rater_maps(index)
            for name, unbiased in (("ged2_v_16", False), ("ged2_u_16", True)):
                values[name].append(
                    metrics.generalized_energy_distance(maps, raters, classes=2, unbiased=unbiased)
                )
            values["diversity"].append(metrics.sample_diversity(maps, classes=2))
        return {name: float(np.mean(value)) for name, value in values.items()}

    def save(self, folder: Path) -> None:
        """Write a checkpoint beside the last one and put it in its place."""
        about = {
            "recipe": self.recipe.model_dump_json(),
            "step": str(self.step),
            "history": json.dumps(self.history),
        }
        tensors = {k: v.detach().cpu().contiguous() for k, v in self._tensors().items()}
        replace_file(folder / CHECKPOINT, save_tensors(tensors, metadata=about))

    def _tensors(self) -> dict[str, Tensor]:
        """Everything a run goes on from, by the part it belongs to."""
        found = {"draws": self.draws.get_state()}
        for part, module in (("network", self.network.module), ("average", self.average)):
            found |= {f"{part}.{name}": value for name, value in module.state_dict().items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            found |= {f"optimizer.{index}.{name}": value for name, value in moments.items()}
        return found

    def publish(self, folder: Path, card: ModelCard, data_sha256: str) -> None:
        """Write the averaged weights and their card: the folder is a model from then on."""
        record = card.training.model_copy(
            update={
                "steps": self.step,
                "sha256": data_sha256,
                "recipe": self.recipe.model_dump(mode="json", exclude={"architecture"}),
            }
        )
        update = {"architecture": self.recipe.architecture, "training": record}
        save_model(folder, card.model_copy(update=update), self.average.state_dict())

    def resume(self, folder: Path) -> bool:
        """Take up the checkpoint of a folder; False when there is none."""
        path = folder / CHECKPOINT
        if not path.exists():
            return False
        before, step, history, tensors = _read_checkpoint(path)
        # More steps may be asked for; anything else would be another run.
        if before.model_copy(update={"steps": self.recipe.steps}) != self.recipe:
            changed = [
                name
                for name in Recipe.model_fields
                if name != "steps" and getattr(before, name) != getattr(self.recipe, name)
            ]
            raise DataError(
                f"The checkpoint was made with another {changed[0]}; "
                "choose a new folder or the same recipe."
            )
        parts: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}, "optimizer": {}}
        moments: dict[int, dict[str, Tensor]] = {}
        try:
            draws = tensors.pop("draws")
            for name, value in tensors.items():
                part, _, rest = name.partition(".")
                parts[part][rest] = value
            for name, value in parts["optimizer"].items():
                index, _, moment = name.partition(".")
                moments.setdefault(int(index), {})[moment] = value
            self.network.module.load_state_dict(parts["network"])
            self.average.load_state_dict(parts["average"])
            # The groups hold nothing but the recipe's own numbers.
            groups = self.optimizer.state_dict()["param_groups"]
            self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
            self.draws.set_state(draws)
        except (KeyError, ValueError, RuntimeError, TypeError):
            raise DataError(_DAMAGED) from None
        self.step, self.history = step, history
        return True


def _read_checkpoint(
    path: Path,
) -> tuple[Recipe, int, list[dict[str, float]], dict[str, Tensor]]:
    """Recipe, step, history and tensors of a checkpoint; DataError if it is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        recipe = Recipe.model_validate_json(about["recipe"])
        return recipe, int(about["step"]), json.loads(about["history"]), tensors
    except (SafetensorError, OSError, KeyError, ValueError):
        # A recipe of another version is a ValueError too.
        raise DataError(_DAMAGED) from None


def fit(
    train: SliceSet,
    validation: SliceSet,
    folder: Path,
    recipe: Recipe,
    card: ModelCard,
    *,
    device: str = "auto",
    precision: str | None = None,
    save_every_s: float = 120.0,
    report: Callable[[int, int, dict[str, float]], None] = lambda *_: None,
) -> Trainer:
    """Train, or go on training, until the recipe's last step.

    A checkpoint is written every ``save_every_s`` seconds and at each validation; the folder
    becomes a loadable model at the first validation.

    Args:
        train: slices to learn from.
        validation: slices to watch.
        folder: where checkpoint, card and weights go.
        recipe: what to do.
        card: of the model to be; its architecture and training record are filled in.
        device: auto, cuda, mps or cpu.
        precision: lightning-fabric's name of it, such as ``bf16-mixed``; None for float32.
        save_every_s: seconds between checkpoints.
        report: called after each step with (step, steps, values).
    """
    if len(train) == 0 or len(validation) == 0:
        raise DataError("Training needs at least one slice to learn from and one to watch.")
    # Before hours of computing, not after them.
    make_folder(folder)
    trainer = Trainer(recipe, precision, device)
    trainer.resume(folder)
    trainer.save(folder)
    saved = time.monotonic()
    streams: dict[int, Iterator[tuple[Tensor, Tensor]]] = {}
    # Drawn from the seed and the step, so that a resumed run does not repeat its views.
    source = torch.Generator().manual_seed(recipe.seed * 1_000_003 + trainer.step)
    whole = min(train.images.shape[1:])
    while trainer.step < recipe.steps:
        share = recipe.whole_share
        full = int((trainer.step + 1) * share) > int(trainer.step * share)
        size = whole if full else min(recipe.crop, whole)
        if size not in streams:
            batch = max(2, recipe.batch * min(recipe.crop, whole) ** 2 // size**2)
            streams[size] = batches(train, size, batch, source, recipe.views)
        image, raters = next(streams[size])
        target = trainer.fabric.device
        values = trainer.update(image.to(target), raters.to(target))
        if trainer.step % recipe.validate_every == 0:
            values |= trainer.validate(validation)
            trainer.history.append({"step": float(trainer.step), **values})
            trainer.publish(folder, card, train.sha256)
            trainer.save(folder)
            saved = time.monotonic()
        elif time.monotonic() - saved > save_every_s:
            trainer.save(folder)
            saved = time.monotonic()
        report(trainer.step, recipe.steps, values)
    trainer.publish(folder, card, train.sha256)
    trainer.save(folder)
    return trainer
