"""On a GPU everything is what it is on the CPU, as far as their arithmetic agrees.

``NAPARI_SSN_TEST_DEVICE`` names another device than CUDA or MPS, for a dry run.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.measures import volume_distribution
from napari_ssn.core.packed.distribution import PackedDistribution
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.blend import Blender, Parameters
from napari_ssn.network.models import load_model
from napari_ssn.network.plan import plan_for
from napari_ssn.samples import volume as sample_volume
from napari_ssn.training.batch import Batch
from napari_ssn.training.recipes import read_recipe
from napari_ssn.training.trainer import Trainer

pytestmark = pytest.mark.gpu


@pytest.fixture
def device() -> torch.device:
    named = os.environ.get("NAPARI_SSN_TEST_DEVICE")
    return torch.device(named or ("cuda" if torch.cuda.is_available() else "mps"))


def dice(a: np.ndarray, b: np.ndarray) -> float:
    both = np.count_nonzero(a) + np.count_nonzero(b)
    return 1.0 if both == 0 else 2 * np.count_nonzero((a > 0) & (b > 0)) / both


@pytest.mark.parametrize("name", ["lidc-2d", "hippocampus-3d"])
def test_segmenting_is_what_it_is_on_the_cpu(name: str, device: torch.device) -> None:
    if name == "lidc-2d":
        volume = sample_volume(1)
    else:
        # Larger than a tile along every axis; dry, where both are one, along the first.
        space = (60, 56, 40) if device.type == "cpu" else (60, 84, 60)
        noise = np.random.default_rng(0).normal(size=space).astype(np.float32)
        volume = Volume(noise[None], np.eye(4), "volume")
    here, there = (load_model(name, where) for where in ("cpu", str(device)))
    a, b = here.segment(volume), there.segment(volume)
    scale = float(a.mean.abs().max())
    # Convolutions of a GPU may round to ten bits.
    torch.testing.assert_close(b.mean.cpu(), a.mean, rtol=0, atol=0.01 * scale)
    torch.testing.assert_close(
        b.cov_factor.cpu(), a.cov_factor, rtol=0, atol=0.01 * float(a.cov_factor.abs().max())
    )
    for z in (None, *draw_z(3, a.rank, 0)):
        assert dice(a.label_map(z), b.label_map(z)) > 0.99
    ours, theirs = (np.median(volume_distribution(d, 200)[:, 1:].sum(1)) for d in (a, b))
    assert theirs == pytest.approx(ours, rel=0.02)


@pytest.mark.parametrize("classes", [2, 4])
def test_packed_and_dense_decode_alike_there(classes: int, device: torch.device) -> None:
    rng = torch.Generator().manual_seed(0)
    space = (12, 20, 24)
    mean = 2 * torch.randn(classes, *space, generator=rng)
    factor = 0.7 * torch.randn(5, classes, *space, generator=rng)
    diag = torch.rand(classes, *space, generator=rng)
    here = LogitDistribution(mean, factor, diag)
    there = LogitDistribution(*(t.to(device) for t in (mean, factor, diag)))
    packed = PackedDistribution.of(there, torch.float32)
    dense = packed.dense()
    again = LogitDistribution(
        *(t.to(device) for t in (dense.mean, dense.cov_factor, dense.cov_diag))
    )
    for z in draw_z(8, 5, 0):
        np.testing.assert_array_equal(packed.label_map(z), again.label_map(z))
        # A sum of products in one order, whoever computes it.
        np.testing.assert_array_equal(there.label_map(z), here.label_map(z))
    draws = draw_z(40, 5, 1)
    np.testing.assert_array_equal(there.label_maps(draws), here.label_maps(draws))
    np.testing.assert_array_equal(volume_distribution(there, 100), volume_distribution(here, 100))


def test_tiles_are_blended_alike_there(device: torch.device) -> None:
    card = load_model("hippocampus-3d", "cpu").card
    # Resampled, and turned.
    volume = Volume(np.zeros((1, 70, 80, 90), np.float32), np.diag([-0.7, 1, 1, 1.0]), "volume")
    plan = plan_for(card, volume, None)
    tiles, found = plan.tiles(), []
    assert len(tiles) > 1
    for home in (torch.device("cpu"), device):
        rng = torch.Generator().manual_seed(0)
        blender = Blender(plan, home, single=False)
        for tile in tiles:
            size = [
                part.stop - part.start + before + after
                for part, before, after in zip(
                    tile.window.inside, tile.window.before, tile.window.after, strict=True
                )
            ]
            shapes = ((2, *size), (3, 2, *size), (2, *size))
            parts = (torch.randn(s, generator=rng).abs().to(home) for s in shapes)
            blender.add(tile, Parameters(*parts))
        found.append(blender.finish())
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(b.cpu(), a, rtol=1e-4, atol=1e-4)


def test_a_step_of_training_runs_there_in_half_precision(device: torch.device) -> None:
    root = Path(__file__).parents[2]
    recipe, card = read_recipe(
        root / "src_weights" / "nodule-3d" / "recipe.toml", changes={"warmup": 1, "batch": 2}
    )
    rng = torch.Generator().manual_seed(0)
    size = (8, 32, 32)
    batch = Batch(
        torch.rand(2, 1, *size, generator=rng),
        (torch.rand(2, 4, *size, generator=rng) > 0.8).to(torch.uint8),
        torch.ones(2, *size, dtype=torch.bool),
        torch.tensor([[True, True, True, False], [False] * 4]),
        torch.tensor([0.75, 0.0]),
    )
    trainers = [
        Trainer(recipe, card, where, how)
        for where, how in (("cpu", None), (str(device), "bf16-mixed"))
    ]
    first = [trainer.update(batch.to(trainer.fabric.device)) for trainer in trainers]
    # The warm-up draws nothing, so both devices see the same.
    assert first[1]["total"] == pytest.approx(first[0]["total"], rel=0.03)
    assert first[1]["presence"] == pytest.approx(first[0]["presence"], rel=0.03)
    there = trainers[1]
    for _ in range(3):
        values = there.update(batch.to(there.fabric.device))
    assert values["skipped"] == 0 and {"likelihood", "energy", "local_energy"} <= values.keys()
    assert all(np.isfinite(value) for value in values.values())
    assert {p.dtype for p in there.network.parameters()} == {torch.float32}
