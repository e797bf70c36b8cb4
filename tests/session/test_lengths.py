"""Ranges of diameters over hypotheses: as each of them is measured, and as they are said."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_ssn.core.measures import Range
from napari_ssn.errors import Cancel, Cancelled
from napari_ssn.geometry.diameters import Diameter, find_diameters, slice_axis
from napari_ssn.prediction.given import Given
from napari_ssn.prediction.lengths import DRAWS, SEED, measure_lengths
from napari_ssn.text.lengths import LengthRanges, lengths_line, lengths_tip
from napari_ssn.text.sizes import Measure
from tests.support.discs import disc
from tests.support.packed import distributions
from tests.support.segmented import opened, result_of, source
from tests.support.sessions import Inline

MM = Measure("volume", 1.0, False)


def prediction_of(dist: Any, extent: str = "volume") -> Any:
    """What `measure_lengths` reads of a prediction."""
    return SimpleNamespace(
        dist=dist, members=None, given=Given(dist), source=SimpleNamespace(extent=extent)
    )


@pytest.mark.parametrize("extent", ["volume", "unknown"])
def test_they_are_those_of_every_hypothesis_that_outlines_it(extent: str) -> None:
    """Cut to what is outlined, or not: the same lengths."""
    for dist in (disc(), *distributions(3)):
        found = measure_lengths(prediction_of(dist, extent))
        grid = np.eye(4) if extent == "unknown" else dist.affine
        maps = dist.label_maps(Given(dist).draws((), DRAWS, SEED))
        across = slice_axis(dist.space, grid)
        each = [find_diameters(one, grid, dist.classes, across) for one in maps]
        assert found.draws == DRAWS
        for label in range(dist.classes - 1):
            longest = np.array([one[label].longest for one in each])
            mean = np.array([(one[label].longest + one[label].perpendicular) / 2 for one in each])
            for values, said in ((longest, found.longest[label]), (mean, found.mean[label])):
                expected = np.quantile(values[longest > 0], [0.05, 0.5, 0.95])
                assert (said.low, said.median, said.high) == pytest.approx(tuple(expected))


def test_of_discs_the_range_is_that_of_their_radius() -> None:
    """Radii are normal, 4 ± 0.3: nine in ten diameters lie within 2 · 1.645 · 0.3 of 8."""
    found = measure_lengths(prediction_of(disc())).longest[0]
    assert found is not None
    # A disc of voxels is up to one of them longer; fifty draws know quantiles to a tenth or two.
    assert (found.low, found.median, found.high) == pytest.approx((7.5, 8.5, 9.5), abs=0.7)


def test_it_stops_when_it_is_told_to() -> None:
    asked = iter([False, False, True])
    with pytest.raises(Cancelled):
        measure_lengths(prediction_of(disc()), cancel=Cancel(lambda: next(asked)))


def test_what_is_not_known_is_not_said() -> None:
    here = Diameter(20.0, 15.2)
    longest, mean = Range(18.0, 13.2, 24.1, 0.9), Range(15.0, 11.0, 20.3, 0.9)
    over = LengthRanges(mean, longest, Range(12.0, 8.9, 17.0, 0.9), 50)
    said = "model 11.0–20.3; longest 13.2–24.1, across it 8.9–17.0"
    assert lengths_line(MM, here, over) == f"mean diameter 17.6 mm ({said})"
    assert lengths_line(MM, here, None) == "mean diameter 17.6 mm"
    alone = "mean diameter: model 11.0–20.3 mm; longest 13.2–24.1"
    assert lengths_line(MM, Diameter(), LengthRanges(mean, longest, None, 50)) == alone
    assert lengths_line(MM, Diameter(), None) == ""
    assert lengths_line(MM, None, None) == "mean diameter … mm"
    tip = lengths_tip(MM, over)
    assert (
        "Range of the mean 11.0–20.3 mm, of the longest 13.2–24.1 mm, of the longest across it "
        "8.9–17.0 mm: 90 % of 50 hypotheses" in tip
    )


def test_the_window_has_those_of_the_points_that_there_are(tmp_path: Path) -> None:
    session = opened(tmp_path, Inline(), source((40, 48)))
    summary, result = session.summary, result_of(session)
    assert summary.lengths is None
    summary.show_lengths()
    before = summary.lengths
    assert before == measure_lengths(result)
    session.pointing.add((20, 20), 1)
    assert summary.lengths == measure_lengths(result, session.pointing.points) != before
    session.pointing.clear()
    assert summary.lengths == before
