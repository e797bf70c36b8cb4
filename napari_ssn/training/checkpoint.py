"""State of a training run on disk, as safetensors: nothing in it can run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_tensors
from torch import Tensor

from napari_ssn.core.errors import DataError
from napari_ssn.network.models import replace_file
from napari_ssn.training.recipe import Recipe

CHECKPOINT = "checkpoint.safetensors"
DAMAGED = "The checkpoint is damaged or of another version: choose a new folder."


class Checkpoint(NamedTuple):
    """Recipe, sha256 of the data, steps done, figures of each validation, and tensors."""

    recipe: Recipe
    data_sha256: str
    step: int
    history: list[dict[str, float]]
    tensors: dict[str, Tensor]

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
    }
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
        return Checkpoint(recipe, about["data"], int(about["step"]), history, tensors)
    except (SafetensorError, OSError, KeyError, ValueError):
        # A recipe of another version is a ValueError too.
        raise DataError(DAMAGED) from None
