"""State of a training run on disk, as safetensors: nothing in it can run."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from napari_ssn.errors import DataError
from napari_ssn.network.building import unique_state
from napari_ssn.network.models import replace_file
from napari_ssn.training.recipe import Recipe
from napari_ssn.training.schedule import Minutes

CHECKPOINT = "checkpoint.safetensors"
DAMAGED = "The checkpoint is damaged or of another version: choose a new folder."


class Checkpoint(NamedTuple):
    """Recipe, sha256 of the data, steps done, figures of each validation, and tensors.

    spent_s: seconds under plans by the clock; plan: the last of them, None where there is none.
    """

    recipe: Recipe
    data_sha256: str
    step: int
    history: list[dict[str, float]]
    tensors: dict[str, Tensor]
    spent_s: float = 0.0
    plan: Minutes | None = None

    def parts(self) -> dict[str, dict[str, Tensor]]:
        """Tensors by the part of the run they belong to."""
        found: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}, "optimiser": {}}
        for name, value in self.tensors.items():
            part, _, rest = name.partition(".")
            found[part][rest] = value
        return found


def write_checkpoint(folder: Path, state: Checkpoint) -> None:
    """Write a checkpoint beside the last one and put it in its place."""
    about = {
        "recipe": state.recipe.model_dump_json(),
        "data": state.data_sha256,
        "step": str(state.step),
        "history": json.dumps(state.history),
        "spent_s": str(state.spent_s),
    }
    if state.plan is not None:
        about["plan"] = json.dumps(asdict(state.plan))
    tensors = {k: v.detach().cpu().contiguous() for k, v in state.tensors.items()}
    replace_file(folder / CHECKPOINT, save_tensors(tensors, metadata=about))


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """Checkpoint of a folder, None if there is none; DataError if it is damaged."""
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        recipe = Recipe.model_validate_json(about["recipe"])
        history = json.loads(about["history"])
        # Not in checkpoints of before.
        spent_s = float(about.get("spent_s", 0.0))
        plan = Minutes(**json.loads(about["plan"])) if "plan" in about else None
        return Checkpoint(
            recipe, about["data"], int(about["step"]), history, tensors, spent_s, plan
        )
    except (SafetensorError, OSError, KeyError, ValueError, TypeError):
        # A recipe of another version is a ValueError too.
        raise DataError(DAMAGED) from None


def check_same(state: Checkpoint, recipe: Recipe, data_sha256: str) -> None:
    """DataError unless a checkpoint is of this recipe and this data.

    More steps may be asked for; anything else would be another run. Time is not the recipe's.
    """
    for name in Recipe.model_fields:
        if name != "steps" and getattr(state.recipe, name) != getattr(recipe, name):
            raise DataError(
                f"The checkpoint was made with another {name}; "
                "choose a new folder or the same recipe."
            )
    if state.data_sha256 != data_sha256:
        raise DataError("The checkpoint was made from other data; choose a new folder.")


def tensors_of(
    network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer
) -> dict[str, Tensor]:
    """Everything a run goes on from, by the part it belongs to."""
    found: dict[str, Tensor] = {}
    for part, module in (("network", network), ("average", average)):
        found |= {f"{part}.{name}": value for name, value in unique_state(module).items()}
    for index, moments in optimiser.state_dict()["state"].items():
        for name, value in moments.items():
            found[f"optimiser.{index}.{name}"] = torch.as_tensor(value)
    return found


def restore(
    state: Checkpoint, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer
) -> None:
    """Put what `tensors_of` gave back in its place; DataError if it does not fit."""
    moments: dict[int, dict[str, Tensor]] = {}
    try:
        parts = state.parts()
        for name, value in parts["optimiser"].items():
            index, _, moment = name.partition(".")
            moments.setdefault(int(index), {})[moment] = value
        for part, module in (("network", network), ("average", average)):
            if parts[part].keys() != unique_state(module).keys():
                raise KeyError("names of tensors")
            module.load_state_dict(parts[part], strict=False)
        # The groups hold nothing but the recipe's own numbers.
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict({"state": moments, "param_groups": groups})
    except (KeyError, ValueError, RuntimeError, TypeError):
        raise DataError(DAMAGED) from None
