"""A run does not hang on the number of threads."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from napari_ssn.errors import Cancel, Cancelled
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.inference import Watch
from napari_ssn.network.models import load_model
from napari_ssn.network.threads import threads

SHIPPED = {"lidc-2d": (128, 128), "hippocampus-3d": (40, 56, 40)}


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def noise(space: tuple[int, ...]) -> Volume:
    values = np.random.default_rng(3).normal(size=(1, *space)).astype(np.float32)
    return Volume(values, np.eye(4), "volume" if len(space) == 3 else "plane")


@pytest.mark.parametrize("name", list(SHIPPED))
def test_shipped_models_give_the_same_bits_for_any_number_of_threads(name: str) -> None:
    model, volume = load_model(name, "cpu"), noise(SHIPPED[name])
    centre = tuple(size // 2 for size in SHIPPED[name]) if model.card.centred else None
    found = []
    for count in (1, 2, 3, 8):
        torch.set_num_threads(count)
        one = model.infer(volume, centre)
        assert torch.get_num_threads() == count == one.threads
        found.append(one.dist)
    for other in found[1:]:
        for part in ("mean", "cov_factor", "cov_diag"):
            assert torch.equal(getattr(found[0], part), getattr(other, part)), part


def test_a_run_that_is_stopped_leaves_the_threads_as_they_were() -> None:
    model, asked = load_model("lidc-2d", "cpu"), 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        # In the middle of the network's last layers, which are the convolutions in question.
        return asked > layers - 2

    layers = sum(not any(m.children()) for m in model.network.modules())
    torch.set_num_threads(3)
    with pytest.raises(Cancelled):
        model.infer(noise((128, 128)), (64, 64), watch=Watch(cancel=Cancel(cancelled)))
    assert torch.get_num_threads() == 3
    with threads(1):
        assert torch.get_num_threads() == 1
    with threads(None):
        assert torch.get_num_threads() == 3
