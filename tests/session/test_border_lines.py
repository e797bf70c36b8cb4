"""Lines of hypotheses: where circles have them, and as margins over the whole plane have them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from napari_ssn.core.decodable import Decodable
from napari_ssn.errors import NEVER, ServerError
from napari_ssn.geometry.contours import beside_border, field_of, isolines, outline
from napari_ssn.network.models import load_model
from napari_ssn.prediction.decode import Position
from napari_ssn.prediction.lines import (
    LEVELS,
    border_field,
    corner_of,
    lines_of,
    part_of,
    share_lines,
)
from napari_ssn.prediction.overview import make_overview
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.shells import outer_shell
from napari_ssn.prediction.source import Source
from napari_ssn.prediction.wish import DRAWS, SEED, Wish
from tests.support.begun import begun_of, blob
from tests.support.discs import disc
from tests.support.helpers import tiny_model
from tests.support.packed import distributions
from tests.support.smooth import smooth_dist

CONTOURS = Wish("contours", 1, None, (), (), SEED)


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load_model(tiny_model(tmp_path_factory.mktemp("models") / "tiny"), "cpu").card


def border_lines(
    prediction: Any, position: Any, lesions: Any, labels: Any, plane: Any, corner: Any, *label: Any
) -> Any:
    field = border_field(prediction, position, lesions, labels, plane, corner, *label)
    return lines_of(field, plane, corner)


def prediction_of(dist: Decodable, card: Any) -> Prediction:
    def load() -> Any:
        raise NotImplementedError

    source = Source(1, dist.image_space or dist.space, 1, dist.affine, "volume", True, load)
    return Prediction(
        run=1, source=source, card=card, device="cpu", device_title="CPU", tile=dist.space,
        centre=None, depth_mm=None, dist=dist, image_sha256="",
    )  # fmt: skip


@pytest.mark.parametrize("z", [(0.0, 0.0), (1.5, 0.0), (-2.0, 0.0)])
def test_a_disc_is_as_large_as_its_z_makes_it(card: Any, z: tuple[float, float]) -> None:
    """Radius 4 + 0.3 z: steps of less than a voxel, which no label map shows."""
    prediction = prediction_of(disc(), card)
    labels = prediction.dist.label_map(z)
    (line,) = border_lines(prediction, Position(np.array(z)), None, labels, (None, None), (0, 0), 1)
    apart = np.linalg.norm(line - 12, axis=1)
    np.testing.assert_allclose(apart, 4 + 0.3 * z[0], atol=1 / 8 / 3.4 + 1e-6)


def test_where_numbers_have_not_come_yet_a_border_runs_halfway(card: Any) -> None:
    def rest(arrays: Any) -> Any:
        raise ServerError("not yet")

    some = begun_of(blob((40, 40)), rest)
    prediction, z = prediction_of(some, card), np.array([0.4, -0.8, 0.3])
    labels = some.label_map(z)
    # Of the model's own border nothing is missing.
    own = border_lines(prediction, Position(z), None, labels, (None, None), (0, 0), 1)
    whole = prediction_of(blob((40, 40)), card)
    its = border_lines(whole, Position(z), None, labels, (None, None), (0, 0), 1)
    np.testing.assert_array_equal(own[0], its[0])
    labels[1:4, 1:4] = 1  # painted where nothing can change
    lines = border_lines(prediction, Position(z), None, labels, (None, None), (0, 0), 1)
    painted = min(lines, key=len)
    assert {float(x) % 1 for x in painted.reshape(-1)} <= {0.0, 0.5}
    assert 0.5 in painted and 3.5 in painted


def test_shares_have_the_radius_of_their_quantile(card: Any) -> None:
    """The radius is normal: what a share q of the hypotheses hold ends at its 1 − q quantile."""
    prediction = prediction_of(disc(size=30, spread=0.6), card)
    overview = make_overview(prediction, CONTOURS, NEVER)
    assert overview.draws == DRAWS
    lines = share_lines(prediction, overview, (None, None))
    for level, (line,) in zip(LEVELS, lines, strict=True):
        y, x = (line - 15).T
        # The second column of the factor tilts the disc to one side.
        deviation = 0.6 * np.hypot(1, 0.1 * x)
        expected = 4 + deviation * norm.ppf(1 - level / 100)
        # 400 draws know the quantile to a tenth of a deviation.
        np.testing.assert_allclose(np.hypot(y, x), expected, atol=0.2)
        assert abs(np.mean(np.hypot(y, x) - expected)) < 0.1
    # Each holds the voxels of its mask, bit for bit.
    for q, level in enumerate(LEVELS, start=1):
        inside = overview.tally >= np.ceil(level * DRAWS / 100)
        np.testing.assert_array_equal(inside, overview.values >= q)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("label", [None, 1, 2])
@pytest.mark.parametrize("across", [0, 1, 2])
def test_margins_beside_the_border_are_all_it_takes(
    card: Any, packed: bool, label: int | None, across: int
) -> None:
    dist = distributions(3)[0 if packed else 1]
    dense = distributions(3)[1]
    prediction, z = prediction_of(dist, card), np.array([0.4, -0.8, 0.3])
    logits = dense.logits(z).numpy().astype(float)
    own = logits[1:].max(0) if label is None else logits[label]
    rest = logits[0] if label is None else np.delete(logits, label, 0).max(0)
    found = 0
    for at in range(dist.space[across]):
        plane = tuple(at + dist.start[a] if a == across else None for a in range(3))
        part, corner = part_of(prediction, plane), corner_of(prediction, plane)
        assert part is not None
        lines = border_lines(
            prediction, Position(z), None, dist.label_map(z, part), plane, corner, label
        )
        margin = np.take(own - rest, at, axis=across)
        expected = isolines(margin)
        assert len(lines) == len(expected)
        found += len(lines)
        for line, other in zip(lines, expected, strict=True):
            np.testing.assert_allclose(np.delete(line, across, 1), other + corner, atol=2e-3)
            np.testing.assert_array_equal(line[:, across], plane[across])
    assert found
    outside = tuple(dist.start[a] - 1 if a == 0 else None for a in range(3))
    assert part_of(prediction, outside) is None


def test_a_lesion_that_stands_alone_has_its_own_border(card: Any) -> None:
    """Half of the disc stands elsewhere: its half of the line is that of its own z."""
    prediction = prediction_of(disc(), card)
    parts = np.ones((24, 24), np.uint8)
    parts[:, 12:] = 2
    common, alone = np.array([0.0, 0.0]), np.array([1.5, 0.0])
    labels = np.where(
        parts == 2, prediction.dist.label_map(alone), prediction.dist.label_map(common)
    )
    (line,) = border_lines(
        prediction, Position(common, own={2: alone}), SimpleNamespace(parts=parts),
        labels, (None, None), (0, 0), 1,
    )  # fmt: skip
    apart, right = np.linalg.norm(line - 12, axis=1), line[:, 1] > 12
    np.testing.assert_allclose(apart[right], 4.45, atol=0.05)
    np.testing.assert_allclose(apart[line[:, 1] < 11], 4, atol=0.05)


def test_what_was_painted_has_its_own_voxels_inside(card: Any) -> None:
    """Far from the border, and beyond the region that the model saw."""
    dist = distributions(2)[1]
    prediction, z = prediction_of(dist, card), np.zeros(3)
    labels = np.zeros(dist.image_space, np.uint8)
    labels[2] = dist.placed(dist.label_map(z))[2]
    labels[2, 0:2, 0:2] = 1
    labels[2, 6, 3:5] ^= 1
    plane = (2, None, None)
    lines = border_lines(prediction, Position(z), None, labels[2], plane, (0, 0))
    # Between the same voxels as a line halfway, wherever between them.
    halfway = outline(labels[2] > 0)
    assert len(lines) == len(halfway)
    for line, other in zip(lines, halfway, strict=True):
        assert len(line) == len(other) and np.abs(line[:, 1:] - other).max() < 0.5 + 1e-6
    beside = beside_border(labels[2] > 0)
    np.testing.assert_array_equal(
        field_of(labels[2] > 0, beside, np.ones(len(beside[0]))) > 0, labels[2] > 0
    )


def test_nothing_outlined_has_no_line(card: Any) -> None:
    prediction = prediction_of(disc(), card)
    empty = np.zeros((24, 24), np.uint8)
    at = Position(None, nothing=True)
    assert border_lines(prediction, at, None, empty, (None, None), (0, 0)) == []


def test_the_outer_surface_runs_along_the_outer_line_of_each_plane(card: Any) -> None:
    away = np.linalg.norm(np.indices((9, 13, 12)).T - (4.2, 6.1, 5.4), axis=-1).T
    prediction = prediction_of(smooth_dist(2.5 - away, [np.full(away.shape, 0.6)]), card)
    overview = make_overview(prediction, CONTOURS, NEVER)
    corners, _ = outer_shell(prediction, overview, NEVER)
    for plane in ((4, None, None), (None, 5, None), (None, None, 3)):
        line = np.concatenate(share_lines(prediction, overview, plane)[0])
        apart = np.linalg.norm(line[:, None] - corners[None], axis=2).min(1)
        assert len(line) > 15 and apart.max() < 1e-3


def test_of_a_slice_there_is_no_surface(card: Any) -> None:
    prediction = prediction_of(disc(), card)
    with pytest.raises(ValueError, match="contours of a volume"):
        outer_shell(prediction, make_overview(prediction, CONTOURS, NEVER), NEVER)
