"""Features of an image, and its distance from those that a model learnt from."""

import numpy as np
import pytest

from napari_ssn.core.likeness import FEATURES, learn_reference, likeness_features


def feature(values: np.ndarray, name: str, along: tuple[int, ...] | None = None) -> float:
    return float(likeness_features(values[None], along)[FEATURES.index(name)])


def test_features_of_a_ramp_are_those_computed_by_hand() -> None:
    ramp = np.tile(np.arange(100.0), (12, 1))
    deviation = np.arange(100.0).std()
    assert feature(ramp, "mean") == pytest.approx(49.5)
    assert feature(ramp, "deviation") == pytest.approx(deviation)
    assert feature(ramp, "50 %") == pytest.approx(0, abs=1e-12)
    assert feature(ramp, "95 %") == pytest.approx((94.05 - 49.5) / deviation)
    # Along columns neighbours differ by 1 and those four apart by 4, along rows by nothing.
    assert feature(ramp, "gradient", (1,)) == pytest.approx(np.log(1 / deviation))
    assert feature(ramp, "gradient") == pytest.approx(np.log(0.5 / deviation))
    assert feature(ramp, "coarse", (1,)) == pytest.approx(np.log(4 / deviation))
    assert feature(ramp, "middle") == pytest.approx((49.5 - 49.5) / deviation)
    # 0 and 1 are within two hundredths of all that occurs of the lowest.
    assert feature(ramp, "lowest") == pytest.approx(np.sqrt(0.02))


def test_shape_features_do_not_see_a_change_of_scale_and_texture_sees_noise() -> None:
    rng = np.random.default_rng(0)
    smooth = np.add.outer(np.sin(np.arange(60) / 8), np.cos(np.arange(60) / 9))
    there, other = likeness_features(smooth[None]), likeness_features(300 * smooth[None] - 40)
    np.testing.assert_allclose(there[2:], other[2:], atol=1e-9)
    noisy = smooth + rng.normal(0, 0.3, smooth.shape)
    assert feature(noisy, "texture") > feature(smooth, "texture") + 1
    assert np.isfinite(likeness_features(np.ones((1, 5, 6)))).all()
    assert len(likeness_features(rng.normal(size=(3, 5, 6, 7)))) == 3 * len(FEATURES)


@pytest.mark.parametrize("bad", [np.zeros((1, 5)), np.zeros((1, 0, 5)), np.full((1, 5, 5), np.nan)])
def test_what_has_no_features_is_no_image(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="values"):
        likeness_features(bad)


def test_new_patients_are_within_the_limit_as_often_as_stated() -> None:
    """Of 200 held-back patients with two images each; the textbook distance beside it."""
    rng = np.random.default_rng(1)
    mixing = rng.normal(size=(4, 4))
    draw = lambda n: rng.normal(size=(n, 4)) @ mixing.T + 5  # noqa: E731
    held = np.repeat(draw(200), 2, axis=0)
    found = learn_reference(draw(400), held, np.repeat(np.arange(200), 2))
    assert found.level == pytest.approx(0.95)
    away = draw(2000)
    assert 0.9 < (found.distance(away) <= 1).mean() < 0.99
    moved = away - found.mean
    slow = [np.sqrt(row @ np.linalg.inv(found.covariance) @ row) for row in moved[:20]]
    np.testing.assert_allclose(found.distance(away[:20]) * found.limit, slow)
    assert (found.distance(away + 100) > 1).all()


def test_few_patients_state_no_more_than_they_can() -> None:
    rng = np.random.default_rng(2)
    found = learn_reference(rng.normal(size=(50, 3)), rng.normal(size=(9, 3)), np.arange(9))
    assert found.level == pytest.approx(0.9)
    with pytest.raises(ValueError, match="held"):
        learn_reference(rng.normal(size=(50, 3)), rng.normal(size=(9, 4)), np.arange(9))
    with pytest.raises(ValueError, match="features"):
        found.distance(np.zeros(4))
