"""The hypothesis on show against another one: how much they share, how far apart they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_ssn.session import decoding
from napari_ssn.session.records import Choice, Result
from napari_ssn.session.runner import Runner

if TYPE_CHECKING:
    from napari_ssn.core.lesions import Lesions
    from napari_ssn.session.walk import Walk


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two hypotheses of one run.

    Attributes:
        run: that they belong to.
        shown, other: the two.
        dice: (C − 1,) overlap of each label.
        apart: (C − 1,) mean surface distance of each label, in mm, or in pixels where the voxel
            size is unknown; NaN where only one of the two has the label.
        label_map: (*S) uint8 of the other one, on the source's grid.
    """

    run: int
    shown: Choice
    other: Choice
    dice: NDArray[np.float64]
    apart: NDArray[np.float64]
    label_map: NDArray[np.uint8]


def compare_job(
    result: Result, shown: Choice, other: Choice, lesions: Lesions | None
) -> Comparison:
    """Decode two hypotheses and measure how they differ."""
    from napari_ssn.core.metrics import dice
    from napari_ssn.core.surface import mean_surface_distance

    one, two = (decoding.hypothesis_of(result, c, lesions).label_map for c in (shown, other))
    classes = result.dist.classes
    spacing = result.source.spacing_mm or (1.0,) * one.ndim
    two.flags.writeable = False
    return Comparison(
        result.run,
        shown,
        other,
        dice(one, two, classes=classes),
        mean_surface_distance(one, two, spacing, classes),
        two,
    )


class Comparing:
    """Keeps a comparison up to date while the user walks on.

    Attributes:
        changed: signal: another comparison, or none any more.
        other: what the hypothesis on show is compared with; None while nothing is.
        found: the last comparison; of the hypothesis that was on show when it was made.

    Args:
        runner: measures.
        walk: says what is on show.
        failed: is told, in one sentence, when measuring fails.
    """

    changed = Signal()

    def __init__(self, runner: Runner, walk: Walk, failed: Callable[[str], None]) -> None:
        self.other: Choice | None = None
        self.found: Comparison | None = None
        self._runner, self._walk, self._failed = runner, walk, failed
        self._result: Result | None = None
        walk.moved.connect(self._measure)

    def begin(self, result: Result) -> None:
        """A new result: nothing of it is compared yet."""
        self._result = result
        self.compare_with(None)

    def compare_with(self, other: Choice | None) -> None:
        """Compare what is on show with another hypothesis from now on, or with none."""
        self.other, self.found = other, None
        self._runner.cancel("compare")
        self._measure()
        self.changed.emit()

    def close(self) -> None:
        """Let go of the result and of who listens."""
        self.other = self.found = self._result = None
        self.changed.disconnect()

    def _measure(self) -> None:
        result, shown, other = self._result, self._walk.choice, self.other
        lesions = self._walk.lesions
        if result is None or other is None:
            return
        if self.found is not None and (self.found.shown, self.found.other) == (shown, other):
            return
        self._runner.submit(
            "compare",
            lambda progress, cancelled: compare_job(result, shown, other, lesions),
            self._measured,
            self._failed,
        )

    def _measured(self, found: Comparison) -> None:
        self.found = found
        self.changed.emit()
