"""On which images a calibrated range may be called that."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ssn.documents.card import ModelCard, read_card
from napari_ssn.geometry.declared import Declared
from napari_ssn.geometry.volume import Volume
from napari_ssn.network import fit as fits
from napari_ssn.network.fit import check_fit

ROOT = Path(__file__).parents[2]


def in_calibration(card: ModelCard, image: Volume, **seen: Any) -> bool:
    return fits.in_calibration(card, image, check_fit(card, image, **seen))


def image(*space: int, mm: float = 0.7, extent="plane", oriented: bool = True) -> Volume:
    affine = np.diag([-mm, -mm, 1.0, 1.0])
    return Volume(np.zeros((1, *space), np.float32), affine, extent, oriented)


@pytest.mark.parametrize(
    ("seen", "calibrated"),
    [
        (image(128, 128), True),
        (image(512, 512), True),
        # As wide as the region one way only, and much smaller than it.
        (image(512, 100), False),
        (image(3, 3), False),
        (image(512, 512, extent="unknown", oriented=False), False),
        (image(512, 512, mm=3.0), False),
        (image(512, 512, 1, extent="volume"), True),
    ],
)
def test_a_calibration_speaks_of_images_like_its_own(seen: Volume, calibrated: bool) -> None:
    card = read_card(ROOT / "src_weights" / "lidc-2d")
    assert in_calibration(card, seen, distance=0.8) is calibrated


def test_of_a_whole_image_the_size_does_not_matter() -> None:
    card = read_card(ROOT / "src_weights" / "hippocampus-3d")
    small = Volume(np.zeros((1, 30, 40, 25), np.float32), np.eye(4))
    assert in_calibration(card, small, ct=False, distance=0.8)
    assert not in_calibration(card, small, ct=True, distance=0.8)
    coarse = Volume(small.data, np.diag([3.0, 3.0, 3.0, 1.0]))
    assert not in_calibration(card, coarse, ct=False, distance=0.8)


def test_where_nobody_has_looked_nothing_is_claimed() -> None:
    """A lazy array is not read before a run: that it is no CT is not known of it."""
    card = read_card(ROOT / "src_weights" / "hippocampus-3d")
    small = Volume(np.zeros((1, 30, 40, 25), np.float32), np.eye(4))
    assert not in_calibration(card, small, ct=None, distance=0.8)
    # Nor is what nobody compared with the training images known to be like them.
    assert not in_calibration(card, small, ct=False, distance=None)
    assert check_fit(card, small, ct=False).kind == "unknown"
    assert check_fit(card, small, ct=False, distance=0.8).kind == "fits"


def test_a_card_that_does_not_say_what_it_learnt_from_claims_nothing_and_why_is_said() -> None:
    card = read_card(ROOT / "src_weights" / "hippocampus-3d")
    small = Volume(np.zeros((1, 30, 40, 25), np.float32), np.eye(4))
    assert check_fit(card, small, ct=False, distance=0.8).unclaimed is None
    before = card.model_copy(update={"likeness": None})
    fit = check_fit(before, small, ct=False)
    assert fit.kind == "unknown" and not in_calibration(before, small, ct=False)
    assert fit.unclaimed is not None
    assert "card says nothing of the images that it was trained on" in fit.unclaimed
    other = card.likeness.model_copy(update={"features": ["x"] * len(card.likeness.features)})
    fit = check_fit(card.model_copy(update={"likeness": other}), small, ct=False)
    assert fit.unclaimed is not None and "does not measure" in fit.unclaimed
    # A model whose range is its own anyway has nothing to claim.
    plain = before.model_copy(update={"calibration": None})
    assert check_fit(plain, small, ct=False).unclaimed is None


@pytest.mark.parametrize(
    ("space", "slices_mm", "calibrated"),
    [
        ((128, 128, 60), 1.0, True),
        # As in the set it learnt from: thick slices, and no more of them than readers outlined.
        ((128, 128, 9), 2.5, True),
        ((128, 128, 9), 5.0, True),
        ((128, 128, 9), 10.0, False),
        ((128, 128, 1), 2.5, False),
        # The region is 51 mm wide.
        ((80, 80, 30), 2.5, True),
        ((70, 70, 30), 2.5, False),
    ],
)
def test_slices_may_be_as_thick_as_in_training(
    space: tuple[int, ...], slices_mm: float, calibrated: bool
) -> None:
    card = read_card(ROOT / "src_weights" / "nodule-3d")
    stack = Volume(np.zeros((1, *space), np.float32), np.diag([-0.7, -0.7, slices_mm, 1.0]))
    fit = check_fit(card, stack, ct=True)
    assert in_calibration(card, stack, ct=True, distance=0.8) is calibrated
    assert (fit.caution is not None) == (slices_mm > 5.5)


def test_a_whole_head_is_unlike_cut_out_hippocampi() -> None:
    """As large as a head, whatever its values: no organ is looked for in it unsaid."""
    card = read_card(ROOT / "src_weights" / "hippocampus-3d")
    head = Volume(np.zeros((1, 200, 230, 180), np.float32), np.eye(4))
    fit = check_fit(card, head, ct=False, distance=0.5)
    assert fit.kind == "unlike" and fit.caution is not None
    assert "200 × 230 × 180 mm" in fit.caution and fit.caution.count(".") == 1
    assert not in_calibration(card, head, ct=False, distance=0.5)


@pytest.mark.parametrize(
    ("declared", "kind", "words"),
    [
        (Declared("MR", "T1"), "fits", ""),
        (Declared("MR"), "fits", ""),
        (Declared(), "fits", ""),
        (Declared("MR", "T2"), "unlike", "T1-weighted images, and by its header this is T2"),
        (Declared("CT"), "refused", "reads MRI, and by its header this is CT"),
        (Declared("US"), "refused", "by its header this is ultrasound"),
    ],
)
def test_what_the_header_says_counts(declared: Declared, kind: str, words: str) -> None:
    card = read_card(ROOT / "src_weights" / "hippocampus-3d")
    small = Volume(np.zeros((1, 34, 50, 35), np.float32), np.eye(4))
    fit = check_fit(card, small, False, declared, 0.8)
    assert fit.kind == kind and words in (fit.problem or fit.caution or "")


def test_what_is_far_from_the_training_images_is_said() -> None:
    card = read_card(ROOT / "src_weights" / "nodule-3d")
    chest = image(128, 128, 60, mm=0.7, extent="volume")
    assert check_fit(card, chest, True, distance=1.0).kind == "fits"
    far = check_fit(card, chest, True, distance=1.01)
    assert far.kind == "unlike" and "brightness and texture" in (far.caution or "")
