"""Slices of nodules as volumes in HU, and the views that are made of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_ssn.documents.card import ModelCard
from napari_ssn.errors import DataError
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.models import Model, load_model
from napari_ssn.training.lesions import middle_of
from napari_ssn.training.nodule_views import NoduleViews, NoduleViewSet
from napari_ssn.training.nodules import NoduleSet, load_nodules
from napari_ssn.training.reading import load_cases
from napari_ssn.training.views import Key
from tests.support.sets import SIZE, SLICES, nodule_files, put


def small_set(folder: Path, nodules: int = 3) -> NoduleSet:
    return load_nodules(put(folder, nodule_files(nodules)))


def card() -> ModelCard:
    return load_model("lidc-2d").card.model_copy(
        update={
            "spatial_dims": 3,
            "normalisation": "hu",
            "window_hu": (-1024.0, 976.0),
            "spacing_mm": [1.6, 0.8, 0.8],
            "region": [16, 48, 48],
            "orientation": "SPL",
        }
    )


def test_a_stack_is_a_volume_in_hu_and_millimetres(tmp_path: Path) -> None:
    found = small_set(tmp_path)
    assert len(found) == 3 and found.names[1] == "0002_0" and found.left_out == {}
    assert found.space(0) == (SLICES, SIZE, SIZE) and found.spacing_mm(0) == (2.0, 0.8, 0.8)
    case = found[0]
    # 30 · 5 − 1030 is below air, so it is counted as air; 210 · 5 − 1030 = 20 HU.
    assert set(np.unique(case.volume.data)) == {-880.0, 20.0}
    assert case.centre == (SLICES // 2, SIZE // 2, SIZE // 2)
    assert case.raters.shape == (4, SLICES, SIZE, SIZE)
    assert case.raters[3].sum() == 0 and 0 < case.raters[2].sum() < case.raters[0].sum()
    np.testing.assert_array_equal(case.raters[0], case.raters[1])
    assert case.notes["texture"][:2] == (5.0, 3.0) and np.isnan(case.notes["texture"][3])
    # Slices go towards the head, rows to the back, columns to the left.
    origin = case.volume.affine @ [0, 0, 0, 1]
    np.testing.assert_allclose(origin[:3], [-0.8 * 200, -0.8 * 100, -50])
    np.testing.assert_allclose(case.volume.affine @ [1, 2, 3, 0], [-2.4, -1.6, 2, 0])


def test_padding_counts_as_air(tmp_path: Path) -> None:
    files = nodule_files(1)
    files["hu"] = files["hu"].replace(b",-1030.0,", b",-3000.0,")
    assert small_values(put(tmp_path, files)).min() == -1024


def small_values(path: Path) -> np.ndarray:
    return load_nodules(path).hu(0)


def test_slices_or_volumes_as_the_model_asks(tmp_path: Path) -> None:
    path = put(tmp_path, nodule_files())
    assert load_cases(path).spatial_dims == 2 and len(load_cases(path)) == 3 * SLICES
    volumes = load_cases(path, dims=3)
    assert volumes.spatial_dims == 3 and volumes.sha256 != load_cases(path).sha256


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda f: f.update(hu=f["hu"].replace(b"2,0,3,", b"9,0,3,")), "without Hounsfield units"),
        (
            lambda f: f.update(nodules=f["nodules"].replace(b"\n2,0,7,0.8,2,", b"\n2,0,7,0.8,,")),
            "of unknown voxel size",
        ),
        (
            lambda f: [f.pop(f"{part}/0002_0_003.png") for part in ("image", "raters")],
            "of slices that do not follow each other",
        ),
        (
            lambda f: f.update(nodules=f["nodules"].replace(b"\n2,0,", b"\n7,0,")),
            "without a row in the table of nodules",
        ),
    ],
)
def test_what_cannot_be_a_volume_is_left_out_and_counted(
    tmp_path: Path, change: Callable[[dict[str, bytes]], object], why: str
) -> None:
    files = nodule_files()
    change(files)
    found = load_nodules(put(tmp_path, files))
    assert found.names == ("0001_0", "0003_0") and found.left_out == {why: 1}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.pop("hu"), "there is no set-hu.csv"),
        (
            lambda f: f.update(hu=f["hu"].replace(b"hu_gain", b"gain", 1)),
            "lacks the column 'hu_gain'",
        ),
        (lambda f: f.update(hu=f["hu"].replace(b"\n1,0,", b"\none,0,", 1)), "line 2: patient"),
        (
            lambda f: f.update(nodules=f["nodules"].replace(b",0.8,2,3", b",wide,2,3", 1)),
            "'wide', not a number",
        ),
    ],
)
def test_damaged_tables_are_named(
    tmp_path: Path, change: Callable[[dict[str, bytes]], object], words: str
) -> None:
    files = nodule_files()
    change(files)
    with pytest.raises(DataError, match=words):
        load_nodules(put(tmp_path, files))


def test_the_point_is_where_most_readers_agree() -> None:
    masks = np.zeros((2, 3, 5, 5), np.uint8)
    assert middle_of(masks) == (1, 2, 2)
    masks[0, 0, 0, :] = 1
    masks[1, 0, 0, 2:] = 1
    assert middle_of(masks) == (0, 0, 3)


PLAIN = NoduleViews(
    elsewhere=0, scale=0, stretch=0, thicker=0, cut=0, beyond=0, offset=0, gain=0, noise=0, blur=0
)


def test_a_view_shows_the_nodule_at_the_middle(tmp_path: Path) -> None:
    views = NoduleViewSet(small_set(tmp_path), card(), PLAIN, 0)
    for number in range(12):
        view = views[Key(number, (8, 32, 32))]
        assert view["presence"] == 0.75 and view["drew"].tolist() == [True, True, True, False]
        # The point is in what someone outlined, to half a voxel.
        middle = view["raters"][:, 3:6, 15:18, 15:18]
        assert middle.any()
        # Soft tissue is 20 HU, lung −880: in the window (HU + 1024) / 2000.
        image, inside = view["image"][0], view["raters"][0].bool()
        assert image[inside].max() == pytest.approx(1044 / 2000, abs=1e-3)
        assert image.min() == pytest.approx(144 / 2000, abs=1e-4)
        # Slices 2 mm apart: seven of them are 14 mm, less than 8 nodes of 1.6 hold at most ends.
        assert not view["raters"][:, ~view["valid"]].any()


def test_a_view_is_a_function_of_its_number(tmp_path: Path) -> None:
    nodules = small_set(tmp_path)
    one, other = (NoduleViewSet(nodules, card(), NoduleViews(), 3) for _ in range(2))
    for number in (5, 2, 9):
        a, b = (views[Key(number, (8, 32, 32))] for views in (one, other))
        assert a.keys() == b.keys() and all((a[k] == b[k]).all() for k in a)
    assert (one[Key(5, (8, 32, 32))]["image"] != one[Key(6, (8, 32, 32))]["image"]).any()


def test_elsewhere_there_is_nothing(tmp_path: Path) -> None:
    views = NoduleViewSet(
        small_set(tmp_path), card(), PLAIN.model_copy(update={"elsewhere": 0.999999}), 0
    )
    for number in range(8):
        view = views[Key(number, (8, 32, 32))]
        assert view["presence"] == 0 and not view["drew"].any()
        # The nodule may be in sight, and not under the point.
        assert not view["raters"][:, 3:6, 14:19, 14:19].any()


def test_points_of_a_whole_scan_keep_off_its_nodules(tmp_path: Path) -> None:
    data = np.full((1, 60, 60, 40), -850, np.float32)
    data[:, 30:] = 40
    # A nodule that would be seen at once.
    data[:, 10:14, 20:24, 20:22] = 900
    affine = np.diag([-1.0, -1.0, 2.0, 1.0])
    middle = affine[:3, :3] @ [12, 22, 21]
    only = PLAIN.model_copy(update={"elsewhere": 0.999999, "background": 1.0})
    scan = (Volume(data, affine), middle[None])
    views = NoduleViewSet(small_set(tmp_path), card(), only, 0, [scan])
    for number in range(20):
        view = views[Key(number, (8, 32, 32))]
        assert view["presence"] == 0 and view["image"][0, 4, 16, 16] < 0.9


def test_ends_change_and_the_nodule_stays(tmp_path: Path) -> None:
    ends = PLAIN.model_copy(update={"cut": 1.0, "beyond": 1.0, "thicker": 1.0})
    views = NoduleViewSet(small_set(tmp_path), card(), ends, 0)
    sizes = set()
    for number in range(30):
        view = views[Key(number, (16, 32, 32))]
        assert view["raters"][0].any() and view["drew"][0]
        sizes.add(int(view["valid"].any(-1).any(-1).sum()))
        # What was added beyond an end is lung: no tissue without an outline, but at soft edges.
        inside = view["raters"].amax(0).bool()
        assert (view["image"][0][~inside & view["valid"]] > 0.5).float().mean() < 0.01
    assert len(sizes) > 3


def test_a_model_learns_nodules_and_is_measured_on_them(tmp_path: Path) -> None:
    """The whole way: train with presence, a card, figures of the mixture and given presence."""
    from napari_ssn.network.models import load_model
    from napari_ssn.training.evaluate import evaluate
    from napari_ssn.training.fit import fit
    from napari_ssn.training.recipe import Recipe
    from tests.support.networks import architecture

    nodules = small_set(tmp_path, 4)
    shape = architecture(centre_radius=[4.0, 8.0, 8.0])
    recipe = Recipe(
        architecture=shape, steps=6, batch=2, crop=[8, 32, 32], whole_share=0.2, warmup=2,
        local_energy=1.0, local_side=[4, 8, 8], validate_every=6, validation_cases=2,
        nodule_views=NoduleViews(), samples=4,
    )  # fmt: skip
    made = card().model_copy(update={"architecture": shape, "name": "nodules"})
    said: list[dict[str, float]] = []
    fit(
        nodules, nodules, tmp_path / "out", recipe, made,
        device="cpu", workers=0, report=lambda _a, _b, values: said.append(values),
    )  # fmt: skip
    assert "cross_entropy" in said[0] and "presence" in said[0]
    assert {"likelihood", "energy", "local_energy", "presence"} <= said[-1].keys()
    model = load_model(tmp_path / "out", "cpu")
    figures = evaluate(model, nodules, points=True).figures
    # Sizes are scored where a model outlines anything, which one of a few steps may not.
    for name in (
        "ged2_v_16",
        "ged2_v_100",
        "dice_each",
        "presence_brier",
        "dice_drawn",
        "elsewhere_offered",
    ):
        assert set(figures["groups"]["8 mm and more"][name]) >= {"mean", "low", "high"}
        assert set(figures[name]) >= {"mean", "low", "high"}
    assert figures["n_cases"] == 4 and set(figures["groups"]) == {
        "3 of 4 readers", "part-solid", "8 mm and more",
    }  # fmt: skip
    assert figures["groups"]["part-solid"]["n_cases"] == 4
    # Not every reader outlined: nothing is said of nodules that all did.
    assert "missed" not in figures


def test_pictures_show_the_slice_that_radiologists_read(tmp_path: Path) -> None:
    from napari_ssn.training.pictures import _scene
    from tests.support.helpers import tiny_model
    from tests.support.networks import WINDOW, Sure

    nodules = small_set(tmp_path, 1)
    made = load_model(tiny_model(tmp_path / "m", 3, region=(16, 48, 48), centred=True, rank=1))
    changes = {"normalisation": "hu", "window_hu": WINDOW, "spacing_mm": [1.6, 0.8, 0.8],
               "orientation": "SPL"}  # fmt: skip
    model = Model(made.card.model_copy(update=changes), Sure(), made.device, made.folder)  # type: ignore[arg-type]
    scene = _scene(model, nodules[0], nodules.spacing_mm(0))
    assert scene.slice == (SLICES // 2 + 1, SLICES)
    # Rows towards the back and columns towards the left are how it is read: nothing is turned.
    k = SLICES // 2
    shape = scene.image.shape
    first = (SIZE - shape[0]) // 2
    part = slice(first, first + shape[0])
    np.testing.assert_array_equal(scene.image, nodules.hu(0)[k][part, part])
    np.testing.assert_array_equal(scene.raters, nodules.masks(0)[:, k][:, part, part])
    assert scene.spacing == (0.8, 0.8) and scene.mean.any()
