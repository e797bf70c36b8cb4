"""What is printed of objects with large arrays."""

import numpy as np

from napari_ssn.core.directions.principal import principal_directions
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.geometry.volume import Volume


def test_large_arrays_are_named_by_their_shape() -> None:
    volume = Volume(np.zeros((1, 30, 20, 10), np.float32), np.eye(4), note="a note")
    assert repr(volume) == (
        "Volume(data=<1 × 30 × 20 × 10 float32>, affine=<4 × 4 float64>, extent='volume', "
        "oriented=True, source=None, note='a note')"
    )
    one = Hypothesis(np.zeros((30, 20), np.uint8), np.eye(4), np.array([0.5, -1.0]))
    assert "label_map=<30 × 20 uint8>" in repr(one) and "z=[0.5, -1.0]" in repr(one)
    rng = np.random.default_rng(0)
    dist = LogitDistribution(
        rng.normal(size=(2, 16, 16)), rng.normal(size=(3, 2, 16, 16)), np.full((2, 16, 16), 1e-3)
    )
    assert "cov_factor=<3 × 2 × 16 × 16 float32>" in repr(dist)
    assert len(repr(principal_directions(dist))) < 2000
