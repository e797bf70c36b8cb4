"""What a sidecar says of sizes is what is said of their range everywhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_ssn.documents.card import ModelCard, read_card
from napari_ssn.documents.sizes import STEPS
from napari_ssn.prediction.ranges import state_ranges

WEIGHTS = Path(__file__).parents[2] / "src_weights"


@pytest.mark.parametrize("empty", [0, 90, 300])
@pytest.mark.parametrize("name", ["lidc-2d", "nodule-3d", "hippocampus-3d"])
@pytest.mark.parametrize("own", [False, True])
def test_the_quantiles_stated_are_those_of_the_range(name: str, empty: int, own: bool) -> None:
    card: ModelCard = read_card(WEIGHTS / name)
    rng = np.random.default_rng(3)
    counts = rng.integers(200, 900, (1000, card.classes))
    counts[:empty, 1:] = 0
    presence = 0.8 if card.presence is not None else None
    space = (1, 40, 40) if card.spatial_dims == 2 else (20, 40, 40)
    found = state_ranges(card, counts, space, presence, own)
    for one, sizes in zip(found.ranges, found.sizes, strict=True):
        low, median, high = (sizes.voxels[STEPS * part // 100] for part in (5, 50, 95))
        assert (low, median, high) == pytest.approx((one.low, one.median, one.high), rel=0.01)
    # A calibration by patient was learnt of outlines: what lies beside them is a share of its own.
    assert card.calibration is not None and card.calibration.patients
    apart = presence is not None or not own
    share = (presence or 1.0) * (1 - empty / 1000) if apart else 1.0
    assert found.sizes[0].outlined == pytest.approx(share)
