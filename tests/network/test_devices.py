"""No tensor of the wrong device waits for the first GPU: the way of a run and of a step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_ssn.core.directions.principal import principal_directions
from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.given.clicks import Click
from napari_ssn.core.given.conditioning import condition
from napari_ssn.core.measures import label_counts
from napari_ssn.core.packed.distribution import PackedDistribution
from napari_ssn.errors import Cancel
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.building import build_network
from napari_ssn.network.inference import Watch
from napari_ssn.network.models import Model, load_model
from napari_ssn.network.question import How
from napari_ssn.training.batch import Batch
from napari_ssn.training.recipes import read_recipe
from napari_ssn.training.terms import loss_terms
from tests.support.fake_gpu import GPU, FakeGPU, WrongDeviceError, on_gpu, where
from tests.support.helpers import noise_image, tiny_model

ROOT = Path(__file__).parents[2]


def test_the_walk_finds_a_tensor_of_the_wrong_device() -> None:
    with FakeGPU():
        there, here = torch.ones(3, device=GPU), torch.ones(3)
        places = torch.tensor([0, 2])
        assert there.device == GPU and (2 * there).sum().device == GPU
        assert all(part.device == GPU for part in (*there, *there.split(2), there.to(float)))
        assert where(there.cpu()) == where(there.to("cpu")) == here.device != GPU
        assert here.to(there).device == torch.zeros_like(there).device == GPU
        assert there[places].device == GPU and float((there * torch.tensor(2.0))[0]) == 2
        for wrong in (
            lambda: there + here,
            lambda: torch.cat([there, here]),
            lambda: here[places.to(GPU)],
            lambda: there.index_select(0, places),
            lambda: here.add_(there),
            lambda: torch.where(there > 0, here, there),
            lambda: there.numpy(),
            lambda: np.asarray(there),
        ):
            with pytest.raises(WrongDeviceError):
                wrong()


@pytest.mark.parametrize("name", ["nodule-3d", "lidc-2d", "hippocampus-3d"])
def test_network_and_loss(name: str) -> None:
    recipe, card = read_recipe(ROOT / "src_weights" / name / "recipe.toml")
    energies = ("energy", "local_energy", "size_energy", "shape_energy")
    weights = dict.fromkeys(("likelihood", *energies), 1.0)
    size = (8, 16, 16) if name == "nodule-3d" else (16,) * card.spatial_dims
    side = [8] * card.spatial_dims
    recipe = recipe.model_copy(update={**weights, "samples": 4, "local_side": side})
    views, raters = 2, 4
    network = build_network(recipe.architecture, len(card.channels), card.classes, len(size))
    on_gpu(network)
    with FakeGPU(), torch.no_grad():
        found = network(torch.rand(views, len(card.channels), *size, device=GPU))
        assert {part.device for part in found} == {GPU}
        labels = torch.randint(0, 2, (views, raters, *size), dtype=torch.uint8, device=GPU)
        valid = torch.ones(views, *size, dtype=torch.bool, device=GPU)
        drew = torch.ones(views, raters, dtype=torch.bool, device=GPU)
        whole = Batch(labels[:, :1].float(), labels, valid, drew, torch.ones(views, device=GPU))
        for batch in (whole, whole.chunk(2)[0], Batch(whole.image, labels)):
            parts = type(found)(*(part[: len(batch.image)] for part in found))
            for warm in (True, False):
                terms = loss_terms(recipe, parts, batch, warm=warm)
                assert {term.device for term in terms.values()} == {GPU}
                assert all(bool(term.isfinite()) for term in terms.values())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "tiny-3d", 3, 3, region=(16, 16, 16))


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("centre", [None, (10, 12, 9)])
def test_a_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, centre: tuple[int, ...] | None, full: bool
) -> None:
    """Tiles, blending and a preview, and what comes of a full GPU: as on the CPU, to the bit."""
    monkeypatch.setattr("napari_ssn.network.models.free_bytes", lambda device: 1 << 33)
    monkeypatch.setattr("torch.cuda.empty_cache", lambda: None)
    affine = np.diag([-1.0, 1.0, 1.0, 1.0])[[1, 0, 2, 3]]
    volume = Volume(noise_image((24, 20, 18))[None], affine, "volume")
    model = load_model(folder, "cpu")
    # In the threads of the CPU alone layers are computed undivided.
    plain = model.infer(volume, centre, how=How(divided=True))
    on_gpu(model.network)
    previews: list[LogitDistribution] = []
    with FakeGPU(), torch.no_grad():
        moved = Model(model.card, model.network, GPU, folder)
        watch = Watch(
            look_at=(None, None, 1), preview=previews.append, cancel=Cancel(lambda: False)
        )
        if full:
            _fill(monkeypatch)
        found = moved.infer(volume, centre, watch=watch)
        home = torch.device("cpu") if full else GPU
        assert {where(part) for part in _parts(found.dist)} == {home}
        assert found.device == GPU and len(previews) == (centre is None)
        assert all(where(part) == home for one in previews for part in _parts(one))
        for ours, theirs in zip(_parts(found.dist), _parts(plain.dist), strict=True):
            assert torch.equal(ours.cpu(), theirs)


def _fill(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be no room on the GPU for the result, as there is none for large ones."""
    from napari_ssn.network.blend import Blender

    empty = Blender._empty

    def refused(self: Blender, found: Any) -> Any:
        if self.device.type == "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return empty(self, found)

    monkeypatch.setattr(Blender, "_empty", refused)


def _parts(dist: LogitDistribution) -> tuple[torch.Tensor, ...]:
    return dist.mean, dist.cov_factor, dist.cov_diag


@pytest.mark.parametrize("classes", [2, 3])
def test_decoding_packing_and_what_follows(classes: int) -> None:
    space, rank, random = (4, 6, 8), 3, torch.Generator().manual_seed(0)
    shapes = ((classes, *space), (rank, classes, *space), (classes, *space))
    mean, factor, diag = (torch.rand(shape, generator=random) for shape in shapes)
    plain = LogitDistribution(mean - 0.5, factor, diag)
    z, points = draw_z(5, rank, 0), [Click((1, 2, 3), 1), Click((2, 4, 1), 0)]

    def everything(dist: LogitDistribution) -> list[Any]:
        packed, given = PackedDistribution.of(dist), condition(dist, points)
        return [
            dist.label_map(z[0]),
            dist.label_map(z[0], where=(slice(1, 3),)),
            dist.label_maps(z),
            dist.sample(3),
            dist.sample(3, pixel_noise=True),
            dist.probabilities(),
            dist.probability(1),
            dist.tempered(0.5).label_map(z[1]),
            dist.spread(0.5).label_map(z[1]),
            dist.with_presence(0.5).sample(4),
            np.asarray(dist.changeable(2.0).cpu()),
            *dist.logits_at(np.array([3, 5])),
            label_counts(dist, z),
            principal_directions(dist).basis,
            packed.label_map(z[0]),
            label_counts(packed, z),
            given.hypothesis(np.zeros(given.width)).label_map,
        ]

    wanted = everything(plain)
    with FakeGPU():
        there = LogitDistribution(*(on_gpu(part.clone()) for part in _parts(plain)))
        assert there.device == GPU and there.logits(z[0]).device == GPU
        found = everything(there)
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(ours, theirs)
