"""Training views: what they show, and that they depend on nothing but seed and number."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from napari_ssn.training.batch import Batch
from napari_ssn.training.cases import Case, Cases, plain_volume
from napari_ssn.training.reading import load_cases
from napari_ssn.training.slices import load_slices
from napari_ssn.training.views import Key, Plan, Views, ViewSet, view_loader
from tests.support.sets import nnunet_folder, slice_files, write

STILL = Views(
    rotation=0, scale=0, shift=0, mirror=[], quarter_turns=False, contrast=0, brightness=0
)
TURNED = STILL.model_copy(update={"mirror": [0, 1], "quarter_turns": True})


class Arrays(Cases):
    """Cases from arrays: an image and its raters each."""

    def __init__(self, pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
        self.pairs = pairs
        self.name, self.channels, self.sha256 = "arrays", ("grey",), ""
        self.names = tuple(map(str, range(len(pairs))))
        self.patients = np.arange(len(pairs))
        self.labels = ("background", "a", "b")
        self.raters = max(len(raters) for _, raters in pairs)

    def __getitem__(self, index: int) -> Case:
        image, raters = self.pairs[index]
        return Case(self.names[index], plain_volume(image[None].astype(np.float32)), raters)

    def space(self, index: int) -> tuple[int, ...]:
        return self.pairs[index][0].shape

    def spacing_mm(self, index: int) -> tuple[float, ...]:
        return (1.0,) * self.pairs[index][0].ndim


def card(
    centred: bool = True,
    normalisation: str = "stretch",
    spatial_dims: int = 2,
    orientation: str | None = None,
) -> Any:
    return SimpleNamespace(
        centred=centred,
        normalisation=normalisation,
        spatial_dims=spatial_dims,
        orientation=orientation,
        voxel_mm=None,
    )


def random_cases(count: int, space: tuple[int, ...], raters: int = 4) -> Arrays:
    rng = np.random.default_rng(0)
    return Arrays(
        [
            (rng.random(space), rng.integers(0, 3, (raters, *space)).astype(np.uint8))
            for _ in range(count)
        ]
    )


def test_a_still_view_is_the_middle_of_the_image() -> None:
    cases = random_cases(6, (20, 24))
    views = ViewSet(cases, card(), STILL, 0)
    seen = set()
    for number in range(6):
        view = views[Key(number, (10, 8))]
        for image, raters in cases.pairs:
            stretched = (image - image.min()) / (image.max() - image.min())
            if np.allclose(view["image"][0], stretched[5:15, 8:16], atol=1e-4):
                np.testing.assert_array_equal(view["raters"], raters[:, 5:15, 8:16])
                seen.add(image[0, 0])
    # One epoch shows every case once.
    assert len(seen) == 6


def test_image_and_raters_are_turned_and_mirrored_together() -> None:
    cases = random_cases(1, (20, 20))
    views = ViewSet(cases, card(), TURNED, 0)
    image, raters = cases.pairs[0]
    stretched = ((image - image.min()) / (image.max() - image.min()))[6:14, 6:14]
    found = set()
    for number in range(40):
        view = views[Key(number, (8, 8))]
        ways = [np.rot90(m, k) for m in (stretched, stretched[::-1]) for k in range(4)]
        match = [i for i, way in enumerate(ways) if np.allclose(way, view["image"][0], atol=1e-4)]
        assert len(match) == 1
        found.add(match[0])
        cut = raters[:, 6:14, 6:14]
        both = [np.rot90(m, k, (1, 2)) for m in (cut, cut[:, ::-1]) for k in range(4)]
        np.testing.assert_array_equal(view["raters"], both[match[0]])
    assert len(found) == 8


@pytest.mark.parametrize("space", [(48, 48), (24, 24, 24)])
def test_bending_moves_image_and_raters_alike(space: tuple[int, ...]) -> None:
    """Where the image is its own label map, it still is one after bending, edges aside."""
    blob = np.zeros(space)
    blob[tuple(slice(n // 4, 3 * n // 4) for n in space)] = 1.0
    cases = Arrays([(blob, blob[None].astype(np.uint8))])
    views = ViewSet(cases, card(), STILL.model_copy(update={"bend": 0.3}), 0)
    bent = 0
    for number in range(8):
        view = views[Key(number, space)]
        image, label = view["image"][0].numpy(), view["raters"][0].numpy()
        sure = (image < 0.2) | (image > 0.8)
        np.testing.assert_array_equal(label[sure], image[sure] > 0.5)
        bent += bool((label != blob).any())
    # Three of four views are bent.
    assert 3 <= bent <= 8


def test_gamma_bends_the_grey_values_and_nothing_else() -> None:
    cases = random_cases(1, (12, 12))
    views = ViewSet(cases, card(), STILL.model_copy(update={"gamma": 1.0}), 0)
    still = ViewSet(cases, card(), STILL, 0)[Key(0, (12, 12))]
    order = still["image"].flatten().argsort()
    changed = 0
    for number in range(12):
        view = views[Key(number, (12, 12))]
        assert torch.equal(view["raters"], still["raters"])
        # Dark stays darker than bright, and the ends stay where they are.
        assert bool((view["image"].flatten()[order].diff() >= -1e-6).all())
        torch.testing.assert_close(view["image"].aminmax().max, torch.tensor(1.0))
        changed += not torch.allclose(view["image"], still["image"], atol=1e-3)
    assert 1 <= changed <= 11


def test_a_view_beyond_the_image_repeats_its_edge_and_marks_nothing() -> None:
    cases = Arrays([(np.arange(36.0).reshape(6, 6), np.ones((1, 6, 6), np.uint8))])
    view = ViewSet(cases, card(), STILL, 0)[Key(0, (10, 10))]
    np.testing.assert_allclose(view["image"][0, 0], view["image"][0, 2], atol=1e-5)
    assert view["raters"].sum() == 36 and view["raters"][0, 2:8, 2:8].all()


@pytest.mark.parametrize("dims", [2, 3])
def test_views_repeat_with_their_seed_and_number(dims: int, tmp_path: Path) -> None:
    cases: Cases = (
        load_slices(write(tmp_path / "a.zip", slice_files(5)))
        if dims == 2
        else load_cases(nnunet_folder(tmp_path / "set", count=5))
    )
    size = (16, 16, 8)[-dims:]
    views = Views(noise=0.05, mirror=[0], quarter_turns=False)
    first, again = (ViewSet(cases, card(dims == 2, spatial_dims=dims), views, 3) for _ in range(2))
    backwards = {n: again[Key(n, size)] for n in reversed(range(8))}
    other = ViewSet(cases, card(dims == 2, spatial_dims=dims), views, 4)
    for number in range(8):
        view = first[Key(number, size)]
        assert view["image"].shape == (1, *size) and view["image"].dtype == torch.float32
        assert view["raters"].dtype == torch.uint8
        for part in ("image", "raters"):
            assert torch.equal(view[part], backwards[number][part])
        assert not torch.equal(view["image"], other[Key(number, size)]["image"])


def test_views_are_cut_in_the_orientation_of_the_card() -> None:
    from napari_ssn.geometry.orientation import Reorientation
    from napari_ssn.geometry.volume import Volume
    from tests.support.helpers import oblique_affine

    class Stored(Arrays):
        """Volumes that know how they lie."""

        affine = oblique_affine()

        def __getitem__(self, index: int) -> Case:
            case = super().__getitem__(index)
            return Case(case.name, Volume(case.volume.data, self.affine), case.raters)

    plain = random_cases(1, (12, 10, 11))
    ras = Stored(plain.pairs)
    turn = Reorientation((2, 0, 1), (True, False, True))
    other = Stored([tuple(turn.apply(part) for part in pair) for pair in plain.pairs])
    other.affine = turn.affine(ras.affine, (12, 10, 11))
    key = Key(0, (8, 8, 8))
    for centred in (True, False):
        seen = card(centred, spatial_dims=3, orientation="RAS")
        one, two = (ViewSet(cases, seen, STILL, 0)[key] for cases in (ras, other))
        assert torch.equal(one["image"], two["image"])
        assert torch.equal(one["raters"], two["raters"])
        as_stored = ViewSet(other, card(centred, spatial_dims=3), STILL, 0)[key]
        assert not torch.equal(one["image"], as_stored["image"])


def test_half_of_the_views_look_at_a_label() -> None:
    image = np.random.default_rng(0).random((200, 200))
    raters = np.zeros((1, 200, 200), np.uint8)
    raters[0, 20:22, 150:152] = 1  # a small structure
    raters[0, 120:180, 20:80] = 2  # and a large one
    cases = Arrays([(image, raters)])
    seen = ViewSet(cases, card(centred=False), STILL, 0)
    middles = [seen[Key(n, (9, 9))]["raters"][0, 4, 4].item() for n in range(300)]
    share = np.bincount(middles, minlength=3) / 300
    # Half of them on a label, either label equally often; the others anywhere, 9 % of it label 2.
    assert share[1] == pytest.approx(0.25, abs=0.07) and share[2] == pytest.approx(0.295, abs=0.07)
    everywhere = STILL.model_copy(update={"foreground": 0.0})
    seen = ViewSet(cases, card(centred=False), everywhere, 0)
    middles = [seen[Key(n, (9, 9))]["raters"][0, 4, 4].item() for n in range(300)]
    assert np.bincount(middles, minlength=3)[1] <= 3


def test_missing_raters_are_made_up_for_by_the_others() -> None:
    rng = np.random.default_rng(0)
    full = (rng.random((8, 8)), np.stack([np.full((8, 8), k, np.uint8) for k in (0, 1, 2, 2)]))
    lone = (rng.random((8, 8)), np.stack([np.full((8, 8), k, np.uint8) for k in (1, 2, 0)]))
    views = ViewSet(Arrays([full, lone]), card(), STILL, 0)
    counts = np.zeros(3)
    for number in range(200):
        ids = views[Key(number, (4, 4))]["raters"][:, 0, 0].tolist()
        if ids.count(2) < 2 or ids != [0, 1, 2, 2]:
            counts += np.bincount(ids, minlength=3)
    # Every rater of the image with three comes once, and each as often twice as the others.
    assert np.abs(counts / counts.sum() - 1 / 3).max() < 0.05


def test_workers_and_processes_share_the_same_views(tmp_path: Path) -> None:
    cases = load_slices(write(tmp_path / "a.zip", slice_files(5)))
    plan = Plan(crop=(16, 16), batch=4, whole=(32, 32), whole_batch=2, whole_share=0.5)
    views = ViewSet(cases, card(), Views(), 0)

    def stream(**how: int) -> list[Batch]:
        return list(view_loader(views, plan, (3, 9), **how))

    alone = stream(workers=0)
    assert [tuple(image.shape[2:]) for image, *_ in alone] == [(32, 32), (16, 16)] * 3
    for a, b in zip(alone, stream(workers=1), strict=True):
        assert torch.equal(a[0], b[0]) and torch.equal(a[1], b[1])
    parts = [stream(workers=0, rank=rank, processes=2) for rank in range(2)]
    for whole, first, second in zip(alone, *parts, strict=True):
        assert torch.equal(whole[0][0::2], first[0]) and torch.equal(whole[0][1::2], second[0])


def test_the_steps_of_a_plan_use_every_number_once() -> None:
    for share in (0.0, 0.3, 0.5, 1.0):
        plan = Plan((16, 16), 4, (32, 32), 3, share)
        numbers = [key.number for step in range(50) for key in plan.keys(step)]
        assert numbers == list(range(len(numbers)))
        whole = sum(plan.is_whole(step) for step in range(50))
        assert whole == round(50 * share)
