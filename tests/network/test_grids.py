"""The grid a network sees: orientation, voxel size, slices; and the way back to the image's."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.errors import GeometryError, ImageError, ModelError
from napari_ssn.geometry.orientation import Reorientation
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.blend import Blender, Parameters
from napari_ssn.network.fit import check_fit
from napari_ssn.network.frame import frame_of
from napari_ssn.network.lattice import Line, sample
from napari_ssn.network.models import Model, load_model
from napari_ssn.network.plan import plan_for
from napari_ssn.network.ssn import LogitParameters
from tests.support.helpers import noise_image, oblique_affine, tiny_model

ALL_48 = [
    Reorientation(order, flip)
    for order in permutations(range(3))
    for flip in product((False, True), repeat=3)
]


def with_card(model: Model, **update: Any) -> Model:
    return Model(model.card.model_copy(update=update), model.network, model.device, model.folder)


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tiny_model(
        tmp_path_factory.mktemp("m") / "deep", dims=3, classes=3, region=(16, 16, 16)
    )
    return with_card(load_model(folder, "cpu"), orientation="RAS", normalisation="standardise")


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tiny_model(tmp_path_factory.mktemp("m") / "flat", region=(16, 16), centred=True)
    return with_card(load_model(folder, "cpu"), orientation="PL")


def scan(*space: int, **more: Any) -> Volume:
    return Volume(noise_image(space)[None], oblique_affine(**more))


def stored(volume: Volume, turn: Reorientation) -> Volume:
    """The same scan, written in another orientation."""
    data = np.ascontiguousarray(turn.apply(volume.data))
    return replace(volume, data=data, affine=turn.affine(volume.affine, volume.space))


@pytest.mark.parametrize("case", ["whole", "resampled", "point", "sliced", "sliced point"])
def test_one_scan_stored_in_48_orientations_gives_one_label_map(
    deep: Model, flat: Model, case: str
) -> None:
    if case.startswith("sliced"):
        model, volume = flat, scan(14, 15, 9)
    else:
        model, volume = deep, scan(20, 18, 11)
    if case == "resampled":
        model, volume = with_card(deep, spacing_mm=[1.1]), scan(20, 16, 9)
    centre = (12, 5, 7) if case.endswith("point") else None
    z = np.random.default_rng(0).normal(size=model.card.architecture.rank)
    first = model.segment(volume, centre)
    expected = first.placed(first.label_map(z))
    assert len(np.unique(expected)) == model.card.classes
    for turn in ALL_48:
        there = None if centre is None else turn.index_to_display(centre, volume.space)
        dist = model.segment(stored(volume, turn), there)
        found = turn.undo(dist.placed(dist.label_map(z)))
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_allclose(
            dist.affine @ [*_index_of(turn, first, dist), 1], first.affine[:, 3], atol=1e-9
        )


def _index_of(turn: Reorientation, first: LogitDistribution, dist: LogitDistribution) -> list[int]:
    """Index in one result of the first voxel of another."""
    at = turn.index_to_display(first.start, first.image_space)
    return [a - s for a, s in zip(at, dist.start, strict=True)]


def test_without_a_stated_orientation_axes_come_as_stored(deep: Model) -> None:
    model = with_card(deep, orientation=None)
    volume = scan(20, 18, 11)
    turned = stored(volume, ALL_48[13])
    same = Volume(turned.data, volume.affine)
    assert torch.equal(model.segment(turned).mean, model.segment(same).mean)
    assert not torch.equal(deep.segment(turned).mean, deep.segment(same).mean)


def test_the_axes_of_the_card_are_those_of_the_patient(flat: Model) -> None:
    card = flat.card
    # Axes of the file go to the left, the feet and the front.
    affine = np.array([[-1.0, 0, 0, 5], [0, 0, 2, 6], [0, -3, 0, 7], [0, 0, 0, 1]])
    volume = Volume(np.zeros((1, 4, 5, 6), np.float32), affine)
    frame = frame_of(card, volume)
    assert frame.sliced and frame.turn == Reorientation((1, 2, 0), (True, True, False))
    assert frame.spacing_mm == (3, 2, 1) and frame.upright == 2
    assert frame_of(card, replace(volume, extent="unknown")).spacing_mm is None
    # A flat picture that does not know how it lies is read as it is stored.
    picture = Volume(np.zeros((1, 4, 5), np.float32), affine, oriented=False)
    assert frame_of(card, picture).turn == Reorientation.identity(2)
    # A coronal slice is no axial one, but it is not refused.
    coronal = Volume(np.zeros((1, 4, 5, 1), np.float32), affine)
    assert frame_of(card, coronal).upright == 1
    assert "knows axial slices, and this one is coronal" in (check_fit(card, coronal).caution or "")


def test_nodes_by_hand() -> None:
    line = Line.whole(6, 2.0)
    assert (line.first, line.count, list(line.covered)) == (0.5, 3, [0, 1, 2, 3, 4, 5])
    data = np.array([[0, 1, 2, 3, 4, 5]], np.float32)
    # A tent two voxels wide to either side: the ends repeat the first and the last voxel.
    np.testing.assert_allclose(sample(data, [line]), [[0.625, 2.5, 4.375]])
    line, before = Line.around(1, 4, 0.5, 6)
    assert (line.first, line.count, before) == (0, 4, 0)
    np.testing.assert_allclose(sample(data, [line]), [[0, 0.5, 1, 1.5]])
    assert list(line.covered) == [0, 1]
    line, before = Line.around(0, 4, 1.0, 6)
    assert (line.first, line.count, before, line.plain) == (0, 2, 2, True)
    low, high, weight = Line(0.5, 2.0, 3, 6).between(range(6))
    assert low.tolist() == [0, 0, 0, 1, 1, 2] and high.tolist() == [1, 1, 1, 2, 2, 2]
    np.testing.assert_allclose(weight, [0, 0.25, 0.75, 0.25, 0.75, 0])


def test_detail_finer_than_the_nodes_does_not_alias() -> None:
    stripes = np.tile(np.array([0, 1], np.float32), 30)[None]
    seen = sample(stripes, [Line.whole(60, 3.0)])[0, 2:-2]
    np.testing.assert_allclose(seen, 0.5, atol=0.06)


def test_interpolating_parameters_equals_interpolating_samples(deep: Model) -> None:
    from scipy.interpolate import RegularGridInterpolator

    volume = scan(12, 9, 10, spacing_mm=(0.8, 1.3, 1.0))
    card = deep.card.model_copy(update={"spacing_mm": [1.0]})
    plan = plan_for(card, volume)
    assert plan.resampled and plan.nodes == (10, 12, 10) and plan.lines[2].plain
    generator = torch.Generator().manual_seed(0)
    rank, classes = 2, 3
    found = Parameters(
        *(
            torch.rand((*lead, *plan.nodes), generator=generator)
            for lead in ((classes,), (rank, classes), (classes,))
        )
    )
    blender = Blender(plan, torch.device("cpu"), single=True)
    (tile,) = plan.tiles(plan.nodes)
    blender.add(tile, found)
    mean, factor, diag = blender.finish()
    z = torch.tensor([0.7, -1.2])
    logits = mean + torch.einsum("r,rcxyz->cxyz", z, factor)
    sampled = found.mean + torch.einsum("r,rcxyz->cxyz", z, found.factor)
    ends = [(line.first, line.first + line.step * (line.count - 1)) for line in plan.lines]
    at = [np.clip(np.arange(n), *end) for n, end in zip(volume.space, ends, strict=True)]
    grid = np.stack(np.meshgrid(*at, indexing="ij"), -1)
    nodes = [line.first + line.step * np.arange(line.count) for line in plan.lines]
    for mine, theirs in ((logits, sampled), (diag.sqrt(), found.spread)):
        expected = np.stack([RegularGridInterpolator(nodes, part)(grid) for part in theirs.numpy()])
        np.testing.assert_allclose(mine.numpy(), expected, atol=1e-5)


class Threshold(nn.Module):
    """Foreground where the image is bright: its answer follows the anatomy and nothing else."""

    def forward(self, tile: torch.Tensor) -> LogitParameters:
        value = tile[:, 0] - 0.5
        mean = torch.stack([0 * value, value], 1)
        return LogitParameters(mean, mean[:, None], mean.square() + 0.1)


def ball(spacing_mm: tuple[float, float, float], radius_mm: float = 7.0) -> Volume:
    affine = oblique_affine(spacing_mm)
    space = tuple(round(24 / s) for s in spacing_mm)
    index = np.indices(space).reshape(3, -1)
    at = (affine[:3, :3] @ index).T - affine[:3, :3] @ ((np.array(space) - 1) / 2)
    away = np.linalg.norm(at, axis=1).reshape(space)
    # The edge is one millimetre soft, as a scanner's is.
    return Volume(np.clip(radius_mm - away + 0.5, 0, 1).astype(np.float32)[None], affine)


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (0.5, 0.7, 2.0), (1.6, 1.3, 1.0)])
def test_a_ball_keeps_its_size_in_mm_at_any_voxel_size(
    deep: Model, spacing_mm: tuple[float, float, float]
) -> None:
    card = deep.card.model_copy(
        update={
            "labels": deep.card.labels[:2],
            "spacing_mm": [1.0],
            "normalisation": "stretch",
            "architecture": deep.card.architecture.model_copy(update={"rank": 1}),
        }
    )
    model = Model(card, Threshold(), deep.device, deep.folder)  # type: ignore[arg-type]
    volume = ball(spacing_mm)
    dist = model.segment(volume)
    assert dist.space == volume.space
    ml = dist.label_map().sum() * abs(np.linalg.det(volume.affine[:3, :3])) / 1000
    assert ml == pytest.approx(4 / 3 * np.pi * 0.7**3, rel=0.06)
    # Around the middle: 16 mm of it, which hold the whole ball.
    centre = tuple(n // 2 for n in volume.space)
    around = model.segment(volume, centre)
    extent_mm = np.array(around.space) * spacing_mm
    np.testing.assert_allclose(extent_mm, 16, atol=2)
    agree = around.placed(around.label_map()) == dist.label_map()
    assert agree.mean() > 0.995


def test_voxels_that_differ_by_a_few_per_cent_are_taken_as_they_are(deep: Model) -> None:
    model = with_card(deep, spacing_mm=[1.0, 1.3, 2.5])
    plan = plan_for(model.card, scan(20, 18, 11, spacing_mm=(0.97, 1.32, 2.5)))
    assert not plan.resampled
    near = model.segment(scan(20, 18, 11, spacing_mm=(0.97, 1.32, 2.5)))
    exact = deep.segment(scan(20, 18, 11, spacing_mm=(0.97, 1.32, 2.5)))
    assert torch.equal(near.mean, exact.mean)
    unknown = replace(scan(20, 18, 11, spacing_mm=(3, 3, 3)), extent="unknown")
    assert not plan_for(model.card, unknown).resampled
    assert "voxel size is not known" in (check_fit(model.card, unknown).caution or "")
    coarse = check_fit(model.card, scan(20, 18, 11, spacing_mm=(1, 1.3, 5))).caution
    assert coarse is not None and "1.00 × 1.30 × 5.00 mm" in coarse and "interpolated" in coarse


# ---- A 2D model on a volume


def test_each_slice_is_cut_and_stretched_by_itself(flat: Model) -> None:
    volume = scan(14, 30, 28, spacing_mm=(2.0, 0.7, 0.7))
    model = with_card(flat, orientation="AS")  # slices along the first axis, as it is stored
    dist = model.segment(volume, (6, 12, 20), depth_mm=5.0)
    assert dist.start == (4, 4, 12) and dist.space == (5, 16, 16)
    assert dist.image_space == volume.space and dist.rank == 3
    plain = with_card(flat, orientation=None)
    for i in range(5):
        slice_ = Volume(volume.data[:, 4 + i], np.eye(4))
        alone = plain.segment(slice_, (12, 20))
        assert torch.equal(alone.mean, dist.mean[:, i])
        assert torch.equal(alone.cov_factor, dist.cov_factor[:, :, i])
        assert torch.equal(alone.cov_diag, dist.cov_diag[:, i])


def test_slices_are_put_together_alike_with_and_without_room_for_them_twice(
    flat: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With room they lie in memory slice by slice until the end.
    volume = scan(14, 30, 28, spacing_mm=(2.0, 0.7, 0.7))
    found = []
    for room in (1 << 28, 0):
        monkeypatch.setattr("napari_ssn.network.blend._TWICE", room)
        for orientation in ("AS", "PL"):
            model = with_card(flat, orientation=orientation)
            found.append(model.segment(volume, (6, 12, 20), depth_mm=5.0))
    for roomy, tight in zip(found[:2], found[2:], strict=True):
        assert roomy.mean.is_contiguous() and roomy.cov_factor.is_contiguous()
        for name in ("mean", "cov_factor", "cov_diag"):
            assert torch.equal(getattr(roomy, name), getattr(tight, name))


def test_how_far_a_2d_model_looks(flat: Model) -> None:
    def reach(volume: Volume, *depth: float) -> int:
        return len(plan_for(flat.card, volume, (7, 7, 20), *depth).voxels[0])

    volume = scan(14, 15, 41, spacing_mm=(0.7, 0.7, 3.0))
    assert reach(volume) == 11 and reach(volume, 0.0) == 1 and reach(volume, 8.9) == 5
    assert reach(replace(volume, extent="unknown")) == 11
    assert reach(scan(14, 15, 41, spacing_mm=(0.7, 0.7, 0.5))) == 41
    with pytest.raises(ValueError, match="depth_mm"):
        reach(volume, -1.0)


def test_unknown_axes_are_sliced_as_they_are_shown(flat: Model) -> None:
    from napari_ssn.geometry.display import plain_display

    display = plain_display((5, 14, 15))
    volume = Volume(noise_image((5, 14, 15))[None], display.affine, "unknown", oriented=False)
    for card in (flat.card, flat.card.model_copy(update={"orientation": None})):
        assert frame_of(card, volume).turn == Reorientation.identity(3)
    caution = check_fit(flat.card, volume).caution
    assert (
        caution == "The image does not say how it lies in the patient: it is read as it is shown."
    )


def test_a_2d_model_on_a_large_volume_asks_for_a_point(flat: Model) -> None:
    large, small = scan(40, 40, 9), scan(14, 15, 9)
    assert check_fit(flat.card, large).needs_point and not check_fit(flat.card, small).needs_point
    with pytest.raises(GeometryError, match="place the centre on the lesion"):
        flat.segment(large)
    assert flat.segment(small).space == small.space
    # So does one of few voxels a slice and very many slices.
    assert check_fit(flat.card, scan(14, 15, 80)).needs_point
    anywhere = with_card(flat, centred=False)
    assert not check_fit(anywhere.card, large).needs_point
    assert anywhere.segment(large).space == large.space


def test_a_constant_slice_does_not_refuse_a_volume(flat: Model) -> None:
    volume = scan(14, 15, 9)
    data = volume.data.copy()
    data[..., 3] = 7
    dist = flat.segment(replace(volume, data=data))
    whole = flat.segment(volume)
    assert torch.equal(dist.mean[..., 4:], whole.mean[..., 4:])
    with pytest.raises(ImageError, match="same value everywhere"):
        flat.segment(replace(volume, data=np.ones_like(data)))


def test_a_constant_tile_does_not_refuse_a_volume(deep: Model) -> None:
    data = noise_image((40, 16, 16))[None]
    data[:, :20] = 5
    assert deep.segment(Volume(data, np.eye(4))).space == (40, 16, 16)
    # A region of it around a point is normalised as the whole image is.
    assert deep.segment(Volume(data, np.eye(4)), (8, 8, 8)).space == (16, 16, 16)


def test_a_volume_of_one_slice_and_one_smaller_than_a_tile(deep: Model, flat: Model) -> None:
    for space in ((14, 15, 1), (1, 14, 15)):
        assert deep.segment(scan(*space)).label_map().shape == space
        assert flat.segment(scan(*space)).label_map().shape == space
    small = scan(5, 20, 3)
    dist = deep.segment(small)
    padded = np.pad(small.data, [(0, 0), (5, 6), (0, 0), (6, 7)], mode="edge")
    whole = with_card(deep, normalisation="stretch").segment(replace(small, data=padded))
    inner = with_card(deep, normalisation="stretch").segment(small)
    assert dist.space == small.space
    torch.testing.assert_close(whole.mean[:, 5:10, :, 6:9], inner.mean, atol=1e-4, rtol=0)


@pytest.mark.parametrize("size", [0.0, np.nan, np.inf])
def test_voxels_without_a_size_are_refused(size: float) -> None:
    affine = oblique_affine()
    affine[:3, 1] *= size if size == 0 else 1
    if size != 0:
        affine[0, 0] = size
    with pytest.raises(GeometryError, match="affine"):
        Volume(noise_image((4, 4, 4))[None], affine)


def test_a_flat_image_is_no_volume(deep: Model) -> None:
    with pytest.raises(ModelError, match="reads 3D volumes, and this image is 2D"):
        deep.segment(Volume(noise_image((40, 40))[None], np.eye(4)))


def test_cautions_on_voxels_in_the_plane(flat: Model) -> None:
    card = flat.card.model_copy(update={"spacing_range_mm": (0.5, 1.0)})
    assert check_fit(card, scan(14, 15, 9, spacing_mm=(0.7, 0.7, 5.0))).caution is None
    caution = check_fit(card, scan(14, 15, 9, spacing_mm=(3.0, 0.7, 5.0))).caution
    assert caution == "Trained on voxels of 0.5–1 mm; these are 0.70 × 3.00 mm."
    unknown = replace(scan(14, 15, 9, spacing_mm=(3.0, 0.7, 5.0)), extent="unknown")
    assert check_fit(card, unknown).caution is None
