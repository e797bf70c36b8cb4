"""Two hypotheses against each other, kept up to date while the user walks on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_ssn.core.metrics import dice
from napari_ssn.core.surface import mean_surface_distance
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.decode import position_of
from tests.support.segmented import opened, result_of, source
from tests.support.sessions import Held, undealt


def test_a_comparison_is_of_both_label_maps_in_mm(tmp_path: Path) -> None:
    session = opened(tmp_path, undealt(), source((40, 48), (0.7, 0.7)))
    result = result_of(session)
    session.walk.show_sample(1)
    session.comparing.compare_with(Choice(2))
    found = session.comparing.found
    assert found is not None and (found.shown, found.other) == (Choice(1), Choice(2))
    one, two = (result.dist.label_map(position_of(result, Choice(i)).z) for i in (1, 2))
    np.testing.assert_array_equal(found.label_map, result.dist.placed(two))
    np.testing.assert_array_equal(found.dice, dice(one, two, classes=2))
    np.testing.assert_array_equal(found.apart, mean_surface_distance(one, two, (0.7, 0.7)))
    assert 0 < found.dice[0] < 1 and found.apart[0] > 0


def test_it_follows_the_slider_and_ends_with_the_run(tmp_path: Path) -> None:
    session = opened(tmp_path, undealt(), source((40, 48)))
    session.comparing.compare_with(Choice())
    assert session.comparing.found is not None and session.comparing.found.dice[0] == 1
    session.walk.set_sigma(2.0)
    assert session.comparing.found.shown.sigma == 2.0 and session.comparing.found.dice[0] < 1
    session.run()
    assert session.comparing.other is None and session.comparing.found is None


def test_only_the_newest_is_measured(tmp_path: Path) -> None:
    runner = Held({"compare"})
    session = opened(tmp_path, runner, source((40, 48)))
    session.comparing.compare_with(Choice(3))
    session.walk.set_sigma(1.0)
    session.walk.set_sigma(2.0)
    runner.go()
    found = session.comparing.found
    assert found is not None and found.shown.sigma == 2.0
    session.comparing.compare_with(None)
    assert "compare" in runner.cancelled and session.comparing.found is None
