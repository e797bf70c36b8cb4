"""Agreement of many hypotheses, against their label maps one by one."""

from __future__ import annotations

import numpy as np
import pytest

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.given.posterior import Posterior
from napari_ssn.core.given.residual import Residual
from napari_ssn.core.summaries.agreement import agreement
from napari_ssn.core.summaries.contours import contours
from napari_ssn.core.summaries.voxelwise import over_voxels
from napari_ssn.errors import Cancelled
from tests.support.packed import both, distributions


def test_levels_and_shares_by_hand() -> None:
    # Voxel v is labelled where z > threshold: all, 19, 10, 1 and none of the 20 draws.
    thresholds = np.array([[-1.0, 0.5, 9.5, 18.5, 99.0]])
    dist = LogitDistribution(
        np.stack([thresholds, np.zeros((1, 5))]),
        np.stack([np.zeros((1, 5)), np.ones((1, 5))])[None],
        np.ones((2, 1, 5)),
    )
    found = agreement(dist, np.arange(20.0)[:, None])
    assert found.levels().tolist() == [[3, 3, 2, 1, 0]]
    assert found.levels(0).tolist() == [[0, 1, 2, 3, 3]]
    assert found.tally().tolist() == [[20, 19, 10, 1, 0]]
    np.testing.assert_allclose(found.share(), [[1, 0.95, 0.5, 0.05, 0]])
    np.testing.assert_allclose(found.share(1), found.share())
    # What no draw changes is not counted.
    assert sorted(found.voxels) == [1, 2, 3]
    assert found.counts.dtype == np.uint16


def cases(classes: int) -> list[tuple[Decodable | Posterior, np.ndarray]]:
    packed, dense = distributions(classes)
    z = draw_z(37, dense.rank, 5)
    near = [(given, given.sample(37, 5)) for given in both(classes, Residual(length_mm=1.0))]
    alone = [(given, given.sample(37, 5)) for given in both(classes, None)]
    return [(packed, z), (dense, z), *near, *alone]


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_it_is_the_count_over_all_label_maps(classes: int) -> None:
    for dist, z in cases(classes):
        maps = dist.label_maps(z)
        expected = contours(maps, classes)
        found = agreement(dist, z)
        assert len(np.unique(found.voxels)) == len(found.voxels) < maps[0].size
        for label in range(classes):
            masks = [expected.outer[label], expected.median[label], expected.inner[label]]
            np.testing.assert_array_equal(found.levels(label), np.sum(masks, 0))
            share = (maps == label).mean(0).astype(np.float32)
            np.testing.assert_array_equal(found.share(label), share)
            np.testing.assert_array_equal(found.tally(label), (maps == label).sum(0))
        union = contours((maps > 0).astype(np.uint8), 2)
        expected_levels = np.sum([union.outer[1], union.median[1], union.inner[1]], 0)
        np.testing.assert_array_equal(found.levels(), expected_levels)
        # Where all agree against the mean, as far from the prior, the count says so.
        far = np.full((3, z.shape[1]), 4.0)
        np.testing.assert_array_equal(
            agreement(dist, far).share(1), (dist.label_maps(far) == 1).mean(0)
        )


def test_every_voxel_comes_once_with_the_labels_of_every_z() -> None:
    for dist, z in cases(3):
        maps = dist.label_maps(z).reshape(len(z), -1)
        seen = []

        def look(voxels: np.ndarray, labels: np.ndarray, maps: np.ndarray = maps) -> np.ndarray:
            np.testing.assert_array_equal(labels, maps[:, voxels])
            return voxels

        seen = np.concatenate(over_voxels(dist, z, look))
        assert len(np.unique(seen)) == len(seen)
        away = np.setdiff1d(np.arange(maps.shape[1]), seen)
        whole = dist.dist if isinstance(dist, Posterior) else dist
        assert (maps[:, away] == whole.label_map().reshape(-1)[away]).all()


def test_bad_draws_and_cancelling() -> None:
    packed, dense = distributions(3)
    with pytest.raises(ValueError, match="expected at least one, got none"):
        agreement(dense, np.zeros((0, 3)))
    with pytest.raises(ValueError, match="at most 65535 draws, got 65536"):
        agreement(dense, np.zeros((65536, 3)))

    def stop() -> None:
        raise Cancelled("The run was cancelled.")

    for dist in (packed, dense):
        with pytest.raises(Cancelled):
            agreement(dist, draw_z(4, 3, 0), between=stop)
