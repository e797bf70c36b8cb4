"""Directions of nodules whose truth is known: what each one takes in, and which end it moves."""

from __future__ import annotations

import numpy as np
import pytest

from napari_ssn.core.directions.principal import Directions, principal_directions
from napari_ssn.core.directions.tissue import with_tissue
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.geometry.volume import Volume
from napari_ssn.prediction.bases import find_directions
from napari_ssn.prediction.source import Source
from napari_ssn.text.directions import effect_name
from napari_ssn.text.sizes import Measure

# (right, anterior, superior) of a voxel are its x, y, z: 1 mm each.
X, Y, Z = (axis - 12.0 for axis in np.indices((25, 25, 25)))
R = np.sqrt(X**2 + Y**2 + Z**2)
LUNG, GLASS, SOLID = -860.0, -550.0, 40.0
# Away from the nodule nothing ever changes.
NEVER = -50.0
VESSEL = (np.hypot(Y, Z) <= 2) & (X > 0)


def build(margin: np.ndarray, columns: list[np.ndarray], affine: np.ndarray | None = None):
    mean = np.stack([0 * margin, margin])
    factor = np.stack([np.stack([0 * column, column]) for column in columns])
    grid = np.eye(4) if affine is None else affine
    return LogitDistribution(mean, factor, np.full_like(mean, 1e-4), grid)


def grown() -> LogitDistribution:
    """A ball of 6 mm, from 4 to 8 between −2 and +2 σ."""
    return build(6 - R, [np.ones_like(R)])


def along(where: np.ndarray) -> LogitDistribution:
    """A ball of 5 mm of which one side goes from 3 to 11 mm, where it may."""
    margin = np.where(where & (X > 2), 7 - X, np.where(R <= 5, 5.0, NEVER))
    return build(margin, [np.where(where & (X > 2), 2.0, 0.0)])


def name(found: Directions, k: int = 0, oriented: bool = True) -> str:
    measure = Measure("volume", 1.0, False)
    return effect_name(found.effects[k], measure, 1e-3, oriented, sized=False)


def tissue_of(dist: LogitDistribution, values: np.ndarray) -> str:
    return name(with_tissue(principal_directions(dist), dist, values))


def test_ground_glass_around_a_core_is_told_from_the_border_of_what_is_solid() -> None:
    part_solid = np.select([R < 4.5, R < 8.5], [SOLID, GLASS], LUNG)
    assert tissue_of(grown(), part_solid) == "ground glass"
    # A solid nodule's border passes through the same values, as any scanner blurs it.
    blurred = LUNG + (SOLID - LUNG) / (1 + np.exp((R - 6) / 0.6))
    assert (np.abs(blurred - GLASS) < 150).any()
    assert tissue_of(grown(), blurred) == "overall size"
    # All of it ground glass: there is no core, and it is the size that changes.
    assert tissue_of(grown(), np.where(R < 8.5, GLASS, LUNG)) == "overall size"
    # Neither is lung that a generous outline takes in.
    assert tissue_of(grown(), np.where(R < 4.5, SOLID, LUNG)) == "overall size"


def test_an_end_goes_towards_a_vessel_or_the_wall_only_where_the_image_shows_one() -> None:
    nodule = np.where(R < 5.5, SOLID, LUNG)
    into_vessel = along(VESSEL)
    assert tissue_of(into_vessel, np.where(VESSEL, SOLID, nodule)) == "right edge towards a vessel"
    wall = X > 2
    assert tissue_of(into_vessel, np.where(wall, SOLID, nodule)) == "right edge towards the wall"
    # Too thick for a vessel and too thin for the wall: nobody can tell.
    between = (np.hypot(Y, Z) <= 5) & (X > 0)
    assert tissue_of(into_vessel, np.where(between, SOLID, nodule)) == "right edge"
    # The rest of a large nodule is thick enough, and ends.
    large = np.sqrt((X - 4) ** 2 + Y**2 + Z**2) < 7
    assert tissue_of(into_vessel, np.where(large, SOLID, nodule)) == "right edge"
    # And lung is neither.
    assert tissue_of(into_vessel, nodule) == "right edge"


@pytest.mark.parametrize("flip", [False, True])
def test_each_direction_of_a_volume_is_named_by_its_own_end(flip: bool) -> None:
    upper, front = (Z > 3) & (np.hypot(X, Y) < 3), (Y > 3) & (np.hypot(X, Z) < 3)
    margin = np.where(upper, 6 - Z, np.where(front, 6 - Y, np.where(R <= 5, 9.0, NEVER)))
    dist = build(
        margin,
        [np.where(upper, 1.5, 0.0), np.where(front, 1.0, 0.0)],
        np.diag([1.0, 1.0, -1.0 if flip else 1.0, 1.0]),
    )
    found = principal_directions(dist)
    names = {name(found, 0), name(found, 1)}
    assert names == {"inferior edge" if flip else "superior edge", "anterior edge"}
    # The ball as a whole is neither end.
    assert name(principal_directions(grown())) == "overall size"


def test_nothing_is_claimed_of_an_image_that_is_not_in_hounsfield_units() -> None:
    values = np.select([R < 4.5, R < 8.5], [SOLID, GLASS], LUNG).astype(np.float32)
    volume = Volume(values[None], np.eye(4))
    for units, words in (
        ("hu", "ground glass"),
        ("shifted", "overall size"),
        (None, "overall size"),
    ):
        source = Source(1, R.shape, 1, np.eye(4), "volume", True, lambda: volume, units=units)  # type: ignore[arg-type]
        assert name(find_directions(grown(), source)) == words
