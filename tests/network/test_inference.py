"""From an image to a distribution: normalisation, region, tiles, and what cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.errors import Cancelled, DeviceError, GeometryError, ImageError, ModelError
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.intensity import normalise
from napari_ssn.network.models import Model, load_model
from napari_ssn.network.ssn import LogitParameters
from napari_ssn.network.tiles import layout, window_around
from tests.support.helpers import noise_image, oblique_affine, tiny_model


@pytest.fixture(scope="module")
def pointed(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load_model(tiny_model(tmp_path_factory.mktemp("m") / "pointed", centred=True), "cpu")


@pytest.fixture(scope="module")
def tiled(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load_model(tiny_model(tmp_path_factory.mktemp("m") / "tiled"), "cpu")


def image(*space: int, affine: np.ndarray | None = None) -> Volume:
    return Volume(noise_image(space)[None], np.eye(4) if affine is None else affine)


def test_normalisation_by_hand() -> None:
    data = np.array([[[-1000.0, 0.0, 1000.0]]], np.float32)
    assert normalise(data, "stretch").tolist() == [[[0, 0.5, 1]]]
    np.testing.assert_allclose(normalise(data, "standardise"), [[[-(1.5**0.5), 0, 1.5**0.5]]])
    huge = np.array([[[-3e38, 3e38]]], np.float32)
    assert normalise(huge, "stretch").tolist() == [[[0, 1]]]


def test_region_has_the_click_in_its_middle_and_its_own_affine(pointed: Model) -> None:
    affine = oblique_affine()
    volume = image(60, 70, affine=affine)
    dist = pointed.segment(volume, (30, 40))
    assert dist.space == (32, 32) and dist.start == (14, 24) and dist.image_space == (60, 70)
    np.testing.assert_allclose(dist.affine @ [16, 16, 0, 1], affine @ [30, 40, 0, 1], atol=1e-9)
    # The same pixels as an image of their own give the same distribution.
    cut = Volume(volume.data[:, 14:46, 24:56], np.eye(4))
    assert torch.equal(pointed.segment(cut).mean, dist.mean)


def test_a_region_over_the_border_is_padded_and_cut_back(pointed: Model) -> None:
    volume = image(60, 70)
    dist = pointed.segment(volume, (3, 69))
    assert dist.space == (19, 17) and dist.start == (0, 53)
    inside = volume.data[:, :19, 53:]
    padded = np.pad(inside, [(0, 0), (13, 0), (0, 15)], mode="edge")
    whole = pointed.segment(Volume(padded, np.eye(4)))
    assert torch.equal(whole.mean[:, 13:, :17], dist.mean)
    assert torch.equal(whole.cov_factor[:, :, 13:, :17], dist.cov_factor)


def test_an_image_smaller_than_the_region_is_padded(pointed: Model) -> None:
    dist = pointed.segment(image(20, 25))
    assert dist.space == (20, 25) and dist.start == (0, 0)
    assert dist.label_map().shape == (20, 25)


def test_a_single_slice_of_a_volume_is_a_2d_image(pointed: Model) -> None:
    flat = image(40, 44)
    expected = pointed.segment(flat, (20, 21))
    for axis in range(3):
        stacked = Volume(np.expand_dims(flat.data, axis + 1), oblique_affine())
        centre = [20, 21]
        centre.insert(axis, 0)
        dist = pointed.segment(stacked, tuple(centre))
        assert dist.image_space == stacked.space
        assert torch.equal(dist.cov_factor.squeeze(axis + 2), expected.cov_factor)
        z = np.ones(dist.rank)
        np.testing.assert_array_equal(
            dist.placed(dist.label_map(z)).squeeze(axis), expected.placed(expected.label_map(z))
        )


class Painter(nn.Module):
    """A network whose parameters are simple functions of the tile: easy to blend by hand."""

    def forward(self, tile: torch.Tensor) -> LogitParameters:
        # What is predicted depends on where the tile lies, through its own mean.
        value = tile[:, 0] - tile.mean()
        mean = torch.stack([0 * value, value], 1)
        factor = torch.stack([torch.stack([0 * value, k * value + k], 1) for k in (1.0, 2.0)], 1)
        return LogitParameters(mean, factor, mean.square() + 0.5)


def painted(model: Model, rank: int = 2) -> Model:
    card = model.card.model_copy(
        update={"architecture": model.card.architecture.model_copy(update={"rank": rank})}
    )
    return Model(card, Painter(), torch.device("cpu"), model.folder)  # type: ignore[arg-type]


@pytest.mark.parametrize("space", [(50, 70), (32, 90)])
def test_blending_parameters_equals_blending_samples(tiled: Model, space: tuple[int, ...]) -> None:
    volume = image(*space)
    dist = painted(tiled).segment(volume)
    z = torch.tensor([0.7, -1.2])
    pixels = torch.from_numpy(normalise(volume.data, "stretch"))
    sample, deviation, total = torch.zeros(2, *space), torch.zeros(2, *space), torch.zeros(space)
    at = torch.arange(32) - 15.5
    line = torch.exp(-(at / 4).square() / 2)
    weight = line[:, None] * line
    # One tile after the other, divided by the sum of the weights in the end.
    for tile in layout(space, (32, 32), (None, None)):
        part = tile.window.inside
        found = Painter()(pixels[(slice(None), *part)][None])
        logits = found.mean + torch.einsum("r,brcyx->bcyx", z, found.cov_factor)
        sample[(slice(None), *part)] += weight * logits[0]
        deviation[(slice(None), *part)] += weight * found.cov_diag.sqrt()[0]
        total[part] += weight
    torch.testing.assert_close(dist.logits(z.numpy()), sample / total, atol=1e-4, rtol=0)
    noise = (deviation / total).square()
    torch.testing.assert_close(dist.cov_diag, noise, atol=1e-4, rtol=1e-4)


def test_tiles_are_counted_and_can_be_cancelled(tiled: Model) -> None:
    told: list[tuple[int, int]] = []
    tiled.segment(image(80, 80), progress=lambda done, total: told.append((done, total)))
    total = told[0][1]
    assert told == [(i, total) for i in range(total + 1)] and total == 16

    seen = 0

    def enough() -> bool:
        nonlocal seen
        seen += 1
        return seen > 3

    with pytest.raises(Cancelled):
        tiled.segment(image(80, 80), cancelled=enough)
    assert seen == 4


def test_a_volume_runs_in_three_dimensions(tmp_path: Path) -> None:
    model = load_model(tiny_model(tmp_path / "deep", dims=3, classes=3, region=(16, 16, 16)), "cpu")
    dist = model.segment(image(20, 18, 24, affine=oblique_affine()))
    assert dist.space == (20, 18, 24) and dist.classes == 3
    assert len(np.unique(dist.sample(4))) == 3
    around = model.segment(image(20, 18, 24), (10, 9, 23))
    assert around.start == (2, 1, 15) and around.space == (16, 16, 9)


@pytest.mark.parametrize("axis", range(3))
def test_a_single_slice_may_run_backwards_along_any_axis(tmp_path: Path, axis: int) -> None:
    model = load_model(tiny_model(tmp_path / "deep", dims=3, region=(16, 16, 16)), "cpu")
    asked = {"orientation": "RAS", "spacing_mm": [1.0, 1.0, 1.0]}
    model.card = model.card.model_copy(update=asked)
    space = [18, 20, 22]
    space[axis] = 1
    values, affine = noise_image(tuple(space)), np.diag([1.5, 1.5, 1.5, 1.0])
    straight = model.segment(Volume(values[None], affine))
    # The same voxels in the same places, stored from the other end of every axis in turn.
    for backwards in range(3):
        turned, moved = np.flip(values, backwards), affine.copy()
        moved[backwards, 3] = 1.5 * (space[backwards] - 1)
        moved[backwards, backwards] *= -1
        again = model.segment(Volume(turned[None], moved))
        same = np.flip(again.label_map(), backwards)
        np.testing.assert_array_equal(same, straight.label_map())


def test_what_a_model_cannot_read_is_said_before_it_runs(tmp_path: Path, pointed: Model) -> None:
    deep = load_model(tiny_model(tmp_path / "deep", dims=3, region=(16, 16, 16)), "cpu")
    with pytest.raises(ModelError, match="3D volumes, and this image is 2D"):
        deep.segment(image(40, 40))
    with pytest.raises(ModelError, match="needs 1 channel"):
        pointed.segment(Volume(np.ones((2, 40, 40), np.float32), np.eye(4)))


def test_images_without_information_are_refused(pointed: Model, tiled: Model) -> None:
    for model, centre in ((pointed, (20, 20)), (tiled, None)):
        with pytest.raises(ImageError, match="same value everywhere"):
            model.segment(Volume(np.full((1, 40, 40), 3.0, np.float32), np.eye(4)), centre)
        for bad in (np.nan, np.inf):
            broken = noise_image((40, 40))[None]
            broken[0, 18, 19] = bad
            with pytest.raises(ImageError, match="reads 1 are NaN, infinite"):
                model.segment(Volume(broken, np.eye(4)), centre)


@pytest.mark.parametrize("centre", [(-1, 5), (5, 40), (400, 5), (np.nan, 5)])
def test_a_centre_off_the_image_is_refused(pointed: Model, centre: tuple[int, int]) -> None:
    with pytest.raises(GeometryError, match="outside the image"):
        pointed.segment(image(40, 40), centre)
    with pytest.raises(GeometryError, match="outside the image"):
        window_around((0, 1), (4, 4), (10, 1))
    with pytest.raises(GeometryError, match="3 numbers"):
        pointed.segment(image(40, 40), (1, 2, 3))


def test_a_model_that_needs_a_point_asks_for_it_on_a_large_image(pointed: Model) -> None:
    with pytest.raises(GeometryError, match="place the centre on the lesion"):
        pointed.segment(image(60, 60))


class Hungry(nn.Module):
    def forward(self, _: torch.Tensor) -> LogitParameters:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 7.00 GiB")


def test_full_memory_is_said_in_words(pointed: Model) -> None:
    model = Model(pointed.card, Hungry(), torch.device("cpu"), pointed.folder)  # type: ignore[arg-type]
    with pytest.raises(DeviceError, match="computer's memory is full: choose a region"):
        model.segment(image(32, 32))


def test_the_same_image_gives_the_same_numbers_again(pointed: Model) -> None:
    first, second = pointed.segment(image(32, 32)), pointed.segment(image(32, 32))
    assert isinstance(first, LogitDistribution)
    for a, b in zip((first.mean, first.cov_factor), (second.mean, second.cov_factor), strict=True):
        assert torch.equal(a, b)
