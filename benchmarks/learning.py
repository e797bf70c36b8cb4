"""A step of training `nodule-3d` on real views, against the plain way of doing the same.

    python -m benchmarks.learning val.zip

The plain way: float32, weights and images as torch makes them, the convolution along slices torch's
own, each head alone, draws of both labels' logits, each energy score from them, and memory given
back. Steps are
taken some at a time, in turn in one process; printed are processor time and the least time of any,
which hold on a machine that does something else, too, and how far gradients and loss are apart.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor, nn
from torch.nn import functional

from napari_ssn.network import heads, ssn
from napari_ssn.network.inflated import AlongSlices
from napari_ssn.network.loss import draw_logits
from napari_ssn.network.models import load_model
from napari_ssn.training import terms
from napari_ssn.training.fit import _views
from napari_ssn.training.lesions import lesions_of
from napari_ssn.training.memory import keep_memory
from napari_ssn.training.reading import load_cases
from napari_ssn.training.recipes import find_recipe, read_recipe
from napari_ssn.training.trainer import Trainer
from napari_ssn.training.views import view_loader

_STEPS, _WARM, _ROUNDS = 6, 4, 3


class _Plain(nn.Module):
    """`AlongSlices` as a convolution of torch."""

    def __init__(self, own: AlongSlices) -> None:
        super().__init__()
        self.weight, self.bias = own.weight, own.bias

    def forward(self, x: Tensor, slices: int) -> Tensor:
        """(B · Z, F, Y, X) → the same."""
        volume = x.unflatten(0, (-1, slices)).transpose(1, 2)
        weight = self.weight.permute(1, 2, 0)[..., None, None]
        seen = functional.leaky_relu(volume, 0.1)
        mixed = functional.conv3d(seen, weight, self.bias, padding=(1, 0, 0))
        return (volume + mixed).transpose(1, 2).flatten(0, 1)


def _plain(trainer: Trainer) -> None:
    """Have a trainer take its steps the plain way."""
    backbone = trainer.network.module.backbone.backbone
    backbone.along = nn.ModuleList(_Plain(one) for one in backbone.along)
    for weight in trainer.network.parameters():
        weight.data = weight.data.contiguous()


def step(data: Path, steps: int = _STEPS) -> list[str]:
    """A line for each way."""
    cases = lesions_of(load_cases(data, dims=3))
    recipe, card = read_recipe(find_recipe("nodule-3d"), cases)
    views = _views(cases, card, recipe, ())
    batches = list(view_loader(views, recipe.plan(card), (0, 2), workers=0))
    start = load_model("nodule-3d", "cpu")
    ways: dict[str, Trainer] = {}
    for name, precision in (("plain", None), ("ours", None), ("ours in bfloat16", "bf16-mixed")):
        ways[name] = Trainer(recipe, card, "cpu", precision)
        ways[name].start_from(start)
    _plain(ways["plain"])
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    found: dict[str, tuple[float, Tensor]] = {}
    for _ in range(_ROUNDS):
        for name, trainer in ways.items():
            # A process that keeps its memory has all it needs after some steps.
            keep_memory(name != "plain")
            for number in range(_WARM + steps):
                with _losses(name == "plain"):
                    began, spent = time.perf_counter(), time.process_time()
                    values = trainer.update(batches[number % 2])
                    now = time.process_time() - spent, time.perf_counter() - began
                if number >= _WARM:
                    taken[name].append(now)
                if name not in found:
                    slopes = [p.grad.flatten() for p in trainer.network.parameters()]
                    found[name] = values["total"], torch.cat(slopes).double()
    first, slope = found["plain"]
    least = min(taken["plain"])[0]
    lines = []
    for name, times in taken.items():
        processor, seconds = (min(one) for one in zip(*times, strict=True))
        off = float((found[name][1] - slope).norm() / slope.norm())
        lines.append(
            f"training step of nodule-3d, {recipe.batch} views, {name}: {processor:.2f} s of "
            f"processor time, {seconds:.2f} s; ratio {processor / least:.2f}; loss off by "
            f"{abs(found[name][0] - first) / first:.0e}, gradient by {off:.0e}"
        )
    return lines


@contextmanager
def _losses(plain: bool) -> Iterator[None]:
    """For a while of draws of both labels' logits, and of each head alone."""
    before = terms.draw_margins
    terms.draw_margins = draw_logits if plain else before
    ssn.heads_of = partial(heads.heads_of, learning=False) if plain else heads.heads_of
    try:
        yield
    finally:
        terms.draw_margins, ssn.heads_of = before, heads.heads_of


def main(
    data: Annotated[Path, typer.Argument(help="Slices of nodules with their tables beside.")],
    steps: Annotated[int, typer.Option(min=1, help="Steps of each way.")] = _STEPS,
) -> None:
    """Print what a step takes."""
    print(*step(data, steps), sep="\n")


if __name__ == "__main__":
    typer.run(main)
