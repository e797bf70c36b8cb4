"""How a run goes: order, first outlines, progress, cancel, and memory that is full."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.errors import Cancelled, ImageError
from napari_ssn.geometry.volume import Volume
from napari_ssn.network import device, forward
from napari_ssn.network.forward import Attempt, attempts, is_full
from napari_ssn.network.inference import Watch
from napari_ssn.network.models import Model, load_model
from napari_ssn.network.plan import check_memory, needed_bytes, plan_for
from napari_ssn.network.question import How
from napari_ssn.network.ssn import LogitParameters
from napari_ssn.network.tiles import layout, shares, starts
from tests.support.helpers import noise_image, oblique_affine, tiny_model
from tests.support.soon import in_time, tried_again

ROOT = Path(__file__).parents[2]


def with_card(model: Model, **update: Any) -> Model:
    return Model(model.card.model_copy(update=update), model.network, model.device, model.folder)


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tiny_model(
        tmp_path_factory.mktemp("m") / "deep", dims=3, classes=3, region=(16, 16, 16)
    )
    return with_card(load_model(folder, "cpu"), orientation="ASR")


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tiny_model(tmp_path_factory.mktemp("m") / "flat", region=(16, 16), centred=True)
    return with_card(load_model(folder, "cpu"), orientation="PL")


def scan(*space: int) -> Volume:
    return Volume(noise_image(space)[None], oblique_affine())


# ---- Tiles


@pytest.mark.parametrize(("n", "size"), [(5, 16), (16, 16), (17, 16), (40, 16), (75, 16), (9, 2)])
def test_tiles_cover_an_axis_and_share_every_voxel(n: int, size: int) -> None:
    first = starts(n, size)
    total = np.zeros(n)
    for start, weight in zip(first, shares(n, size, first), strict=True):
        inside = slice(max(start, 0), start + size)
        assert len(weight) == len(total[inside]) and (weight > 0).all()
        total[inside] += weight
    np.testing.assert_allclose(total, 1, atol=1e-6)
    assert all(b - a <= size // 2 for a, b in pairwise(first))


def test_shares_of_tiles_are_a_partition_of_unity() -> None:
    total = np.zeros((20, 33))
    for tile in layout((20, 33), (16, 16), (None, None)):
        total[tile.window.inside] += np.multiply.outer(*tile.weights)
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_the_order_of_tiles_changes_nothing(deep: Model) -> None:
    volume = scan(30, 20, 26)
    expected = deep.segment(volume)
    for look_at in ((None, None, 22), (3, None, None), (None, 19, None), (1, 2, 3)):
        dist = deep.segment(volume, look_at=look_at)
        for name in ("mean", "cov_factor", "cov_diag"):
            assert torch.equal(getattr(dist, name), getattr(expected, name))


# ---- First outlines


@pytest.mark.parametrize("spacing_mm", [None, [1.0]])
@pytest.mark.parametrize("look_at", [(None, None, 22), (27, None, None), (None, 2, None)])
def test_the_plane_on_show_comes_first_and_is_what_it_will_be(
    deep: Model, look_at: tuple[int | None, ...], spacing_mm: list[float] | None
) -> None:
    volume = Volume(noise_image((40, 30, 26))[None], oblique_affine((1.1, 1.0, 0.8)))
    told: list[LogitDistribution | int] = []
    dist = with_card(deep, spacing_mm=spacing_mm).segment(
        volume, look_at=look_at, preview=told.append, progress=lambda done, _: told.append(done)
    )
    total = told[-1]
    (slab,) = [what for what in told if isinstance(what, LogitDistribution)]
    assert 0 < told[told.index(slab) - 1] + 1 < total
    axis = next(i for i, at in enumerate(look_at) if at is not None)
    assert slab.start == tuple(at or 0 for at in look_at) and slab.image_space == volume.space
    part = (..., *(slice(None) if at is None else slice(at, at + 1) for at in look_at))
    assert slab.space[axis] == 1
    for name in ("mean", "cov_factor", "cov_diag"):
        assert torch.equal(getattr(slab, name), getattr(dist, name)[part])


def test_a_slice_of_a_2d_model_comes_first(flat: Model) -> None:
    volume = scan(40, 30, 15)
    order: list[Any] = []
    dist = flat.segment(
        volume, (20, 14, 7), look_at=(None, None, 9),
        preview=order.append, progress=lambda done, _: order.append(done),
    )  # fmt: skip
    assert order[0] == 0 and isinstance(order[1], LogitDistribution) and order[2] == 1
    assert order[1].start == (dist.start[0], dist.start[1], 9)
    # A plane across all slices is not there before the last of them is.
    order.clear()
    flat.segment(volume, (20, 14, 7), look_at=(20, None, None), preview=order.append)
    flat.segment(volume, (20, 14, 7), look_at=(None, None, 0), preview=order.append)
    assert order == []


def test_a_plane_of_another_image_is_a_slip(deep: Model) -> None:
    with pytest.raises(ValueError, match="look_at"):
        deep.segment(scan(20, 20, 20), look_at=(None, 3))


# ---- Cancel


class Slow(nn.Module):
    """Many layers of a while each."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Identity() for _ in range(50))
        self.seconds = seconds

    def forward(self, tile: torch.Tensor) -> LogitParameters:
        for layer in self.layers:
            time.sleep(self.seconds)
            tile = layer(tile)
        mean = torch.stack([tile[:, 0]] * 3, 1)
        return LogitParameters(mean, torch.stack([mean] * 3, 1), mean.square() + 1)


def stopped_after(segment: Callable[..., Any], tiles: int, wait: float) -> float:
    """Seconds from a click on Cancel to the end of the run.

    The click comes so long after so many tiles were done: in the middle of the next one, on
    whatever machine.
    """
    clicked, timers = threading.Event(), []
    at = []

    def click() -> None:
        at.append(time.perf_counter())
        clicked.set()

    def progress(done: int, total: int) -> None:
        if done >= tiles and not timers:
            timers.append(threading.Timer(wait, click))
            timers[0].start()

    with pytest.raises(Cancelled):
        segment(cancelled=clicked.is_set, progress=progress)
    return time.perf_counter() - at[0]


@tried_again
def test_a_run_stops_within_a_tile(deep: Model) -> None:
    model = Model(deep.card, Slow(0.05), deep.device, deep.folder)  # type: ignore[arg-type]
    # One tile takes 2.5 s.
    spent = stopped_after(lambda **more: model.segment(scan(40, 16, 16), **more), 0, 0.3)
    assert not any(layer._forward_pre_hooks for layer in model.network.layers)
    in_time(0, 0.5, lambda: spent)


@pytest.mark.parametrize(
    ("name", "space", "centre"),
    [("hippocampus-3d", (90, 90, 90), None), ("lidc-2d", (140, 140, 150), (70, 70, 75))],
)
@tried_again
def test_a_run_of_a_shipped_model_stops_within_half_a_second(
    name: str, space: tuple[int, ...], centre: tuple[int, ...] | None
) -> None:
    model = load_model(ROOT / "src_weights" / name, "cpu")
    # Slices of 0.25 mm, so that there are many of them within reach of the point.
    volume = Volume(noise_image(space)[None], np.diag([0.9, 0.9, 0.25, 1.0]))
    spent = [
        stopped_after(lambda **more: model.segment(volume, centre, **more), tiles, 0.01)
        for tiles in (1, 2, 3)
    ]
    # The middle one: a machine that does other things may hold one back.
    in_time(0, 0.5, lambda: sorted(spent)[1])


# ---- Memory


class Greedy(nn.Module):
    """A network whose device has room for so many voxels at once and then no more."""

    def __init__(self, network: nn.Module, room: int) -> None:
        super().__init__()
        self.network, self.room = network, room

    def forward(self, tile: torch.Tensor) -> Any:
        if tile[0, 0].numel() > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 7.00 GiB")
        return self.network(tile)


CPU = torch.device("cpu")


def fake_gpu(model: Model, monkeypatch: pytest.MonkeyPatch, room: int, size: int) -> Model:
    """The model on a device that is full with more than ``room`` voxels; the CPU never is."""
    card = model.card.model_copy(update={"region": [size] * model.card.spatial_dims})
    monkeypatch.setattr(device, "free_bytes", lambda _: 1 << 40)
    monkeypatch.setattr("napari_ssn.network.models.free_bytes", lambda _: 1 << 40)
    greedy = Model(card, Greedy(model.network, room), CPU, model.folder)  # type: ignore[arg-type]
    real = attempts

    def ways(asked: Model, tile: tuple[int, ...] | None = None, *more: Any) -> list[Attempt]:
        # Ways of a GPU, and torch computes them all on the CPU.
        pretended = SimpleNamespace(
            card=asked.card, network=model.network, device=torch.device("cuda")
        )
        found = real(pretended, tile, *more)  # type: ignore[arg-type]
        return [replace(way, home=CPU) for way in found]

    class Anywhere(forward.Forward):
        def __init__(self, asked: Model, place: torch.device, *more: Any) -> None:
            super().__init__(asked if place.type == "cuda" else model, CPU, *more)

    monkeypatch.setattr("napari_ssn.network.inference.attempts", ways)
    monkeypatch.setattr("napari_ssn.network.inference.Forward", Anywhere)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    return greedy


def test_a_full_gpu_is_answered_by_smaller_tiles(
    deep: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fake_gpu(deep, monkeypatch, room=16**3, size=32)
    said: list[str] = []
    found = model.infer(scan(40, 40, 40), watch=Watch(say=said.append))
    assert said == [
        "The GPU's memory is full: the result is kept in main memory.",
        "The GPU's memory is full: going on with tiles of 16 × 16 × 16 voxels.",
    ]
    assert found.tile == (16, 16, 16) and found.device.type == "cuda"
    assert torch.equal(found.dist.mean, deep.segment(scan(40, 40, 40)).mean)


def test_a_full_gpu_is_answered_by_the_cpu_in_the_end(
    deep: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fake_gpu(deep, monkeypatch, room=0, size=16)
    said: list[str] = []
    found = model.infer(scan(30, 20, 20), watch=Watch(say=said.append))
    # 16 is the smallest tile there is.
    assert len(said) == 2 and said[-1] == "The GPU's memory is full: going on on the CPU."
    assert found.device.type == "cpu" and found.tile == (16, 16, 16)
    assert torch.equal(found.dist.mean, deep.segment(scan(30, 20, 20)).mean)


def test_a_tile_that_is_asked_for_is_the_only_one(deep: Model) -> None:
    found = deep.infer(scan(30, 20, 20), how=How(tile=(16, 16, 32)))
    assert found.tile == (16, 16, 32)
    assert not torch.equal(found.dist.mean, deep.segment(scan(30, 20, 20)).mean)
    gpu = SimpleNamespace(card=deep.card, network=deep.network, device=torch.device("cuda"))
    assert {way.tile for way in attempts(gpu, (16, 16, 32))} == {(16, 16, 32)}  # type: ignore[arg-type]


def test_errors_that_mean_a_full_memory() -> None:
    assert is_full(torch.OutOfMemoryError("CUDA out of memory."))
    assert is_full(RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"))
    assert is_full(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"))
    assert not is_full(RuntimeError("shapes do not fit"))


def test_an_error_that_is_no_full_memory_is_not_hidden(deep: Model) -> None:
    class Broken(nn.Module):
        def forward(self, _: torch.Tensor) -> LogitParameters:
            raise RuntimeError("shapes do not fit")

    model = Model(deep.card, Broken(), CPU, deep.folder)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        model.segment(scan(16, 16, 16))


def huge(side: int = 1024) -> SimpleNamespace:
    return SimpleNamespace(
        space=(side,) * 3, channels=1, affine=np.eye(4), extent="volume", oriented=True
    )


def test_what_does_not_fit_is_refused_before_anything_is_computed(
    deep: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture = deep.card.architecture.model_copy(update={"rank": 10})
    card = deep.card.model_copy(
        update={"architecture": architecture, "labels": deep.card.labels[:2]}
    )
    plan = plan_for(card, huge())
    numbers = needed_bytes(card, plan)
    # (1 + 10 + 1) · 2 float32 numbers a voxel, and less than a third more on the way.
    assert 96 * 1024**3 <= numbers <= 128 * 1024**3
    with pytest.raises(ImageError) as caught:
        check_memory(card, plan, 6 * 10**9)
    assert str(caught.value) == (
        f"Segmenting 1024 × 1024 × 1024 voxels needs about {numbers / 1e9:.0f} GB of memory, and "
        "6.0 GB are free: choose a region around a point."
    )
    around = plan_for(card, huge(), (500, 500, 500))
    check_memory(card, around, 6 * 10**9)
    with pytest.raises(ImageError, match="close other programs"):
        check_memory(card, around, 10**5)
    monkeypatch.setattr(
        device.psutil, "virtual_memory", lambda: SimpleNamespace(available=2_000_000)
    )
    ran = []
    model = Model(deep.card, Greedy(deep.network, 1 << 30), CPU, deep.folder)  # type: ignore[arg-type]
    with pytest.raises(ImageError, match=r"30 × 30 × 30 voxels needs about 0\.0 GB"):
        model.segment(scan(30, 30, 30), progress=lambda *what: ran.append(what))
    assert ran == []


def test_the_estimate_counts_what_is_held(deep: Model) -> None:
    volume = scan(30, 26, 20)
    for spacing_mm in (None, [1.0]):
        model = with_card(deep, spacing_mm=spacing_mm)
        dist, plan = model.segment(volume), plan_for(model.card, volume)
        held = 4 * sum(t.numel() for t in (dist.mean, dist.cov_factor, dist.cov_diag))
        if plan.resampled:
            # Once on the network's grid, once on the image's.
            held += held * np.prod(plan.nodes) / np.prod(volume.space)
        assert held <= needed_bytes(model.card, plan) <= 2 * held
