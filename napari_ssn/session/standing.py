"""A hypothesis of a result: its label map, and its sizes as far as they are counted."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_ssn import prediction
from napari_ssn.errors import Cancel, DataError, ServerError, SSNError
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.curve import STEP, Curve
from napari_ssn.session.derived import Derived
from napari_ssn.session.runner import Runner
from napari_ssn.text.problems import problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_ssn.core.directions.principal import Directions
    from napari_ssn.core.summaries.lesions import Lesions
    from napari_ssn.prediction.decode import Position
    from napari_ssn.prediction.prediction import Prediction


class Standing:
    """Decodes and counts the hypothesis that somebody stands at; where that is, others decide.

    Attributes:
        choice: the hypothesis; any before there is a result.
        position: of it in the distribution; None without a result.
        result: that it is one of.
        lesions: of the result; None until they are told apart.
        curve: of the sizes along the walk that the hypothesis is on.

    Args:
        runner: counts sizes along the walk.
        reach: says how far the walk goes either way, in standard deviations.
        failed: is told, in one sentence, when counting fails, or a hypothesis takes numbers that
            are on a server still.
    """

    def __init__(
        self, runner: Runner, reach: Callable[[], float], failed: Callable[[str], None]
    ) -> None:
        self.choice = Choice()
        self.position: Position | None = None
        self.result: Prediction | None = None
        self.lesions: Lesions | None = None
        self.curve: Derived[_Way, Curve] = Derived(runner, "curve", _counted, failed)
        self._failed, self._reach = failed, reach
        # The hypothesis of which it was told that numbers are missing: who is told looks again.
        self._lacking: Choice | None = None
        # What was decoded last, and of what: a layer and lines ask for the same slice.
        self._decoded: tuple[Any, NDArray[np.uint8]] | None = None

    def begin(self, result: Prediction, choice: Choice) -> None:
        """Stand at a hypothesis of another result, whose lesions are not told apart yet."""
        self.result, self.lesions, self._decoded = result, None, None
        self._lacking = None
        self.curve.forget()
        self.move(choice)

    def move(self, choice: Choice) -> None:
        """Stand at another hypothesis of the result."""
        assert self.result is not None
        self.choice = choice
        if choice != self._lacking:
            self._lacking = None
        self.position = prediction.decode.position_of(self.result, choice)

    def count(self) -> None:
        """Have the sizes along the walk counted, if they are not known."""
        assert self.result is not None
        choice, lesions = self.choice, self.lesions
        start = replace(choice.anchor, basis=choice.basis, direction=choice.direction)
        several = lesions if lesions is not None and lesions.several else None
        self.curve.want(_Way(self.result, start, self._reach(), several))

    @property
    def directions(self) -> Directions | None:
        """Those that the slider can walk; None before there is a result."""
        result = self.result
        return None if result is None else result.bases.known(self.choice.basis)

    @property
    def members(self) -> int:
        """Members that one steps through in the place of samples; 0 of a model."""
        return 0 if self.result is None else prediction.crowd.stepped(self.result)

    @property
    def from_mean(self) -> bool:
        """Whether the slider starts from the model's mean, of which directions say their sizes."""
        choice = self.choice
        given = choice.points or choice.only or choice.drawing
        return choice.sample is None and choice.member is None and not given

    def ends(self, direction: int | None = None) -> tuple[float, float]:
        """How far the slider goes along a direction, that on show if left out: to whole steps.

        In an ensemble to its outermost member, beyond whom nobody outlined anything so.
        """
        reach, result, directions = self._reach(), self.result, self.directions
        if result is None or result.members is None or directions is None:
            return -reach, reach
        choice = self.choice
        vector = directions.basis[:, choice.direction if direction is None else direction]
        anchor = prediction.decode.anchor_z(result, choice.anchor)[: len(vector)]
        low, high = (end - float(anchor @ vector) for end in result.members.reach(vector))
        return -_steps(min(-low, reach)), _steps(min(high, reach))

    @property
    def counts(self) -> NDArray[np.int64] | None:
        """Voxels of each label, (C,); None while they are being counted."""
        curve = self._along()
        if self.choice.nothing and self.result is not None:
            return self.result.nothing_counts
        if (own := self._own_counts) is not None:
            return own
        if curve is None:
            return None
        if self.choice.own:
            found = self.lesion_counts
            return None if found is None else found.sum(0)
        return curve.at(self.choice.sigma)

    @property
    def lesion_counts(self) -> NDArray[np.int64] | None:
        """Voxels of each label that go with each lesion, (K + 1, C); None if not known."""
        curve = self._along()
        found = None if curve is None else curve.at_each_lesion(self.choice)
        return 0 * found if self.choice.nothing and found is not None else found

    @property
    def _own_counts(self) -> NDArray[np.int64] | None:
        """Voxels of each label in a member's own label map; None where a decoded one is on show."""
        position, result = self.position, self.result
        if position is None or position.member is None or result is None:
            return None
        if result.members is None or result.spread.changed:
            return None
        found: NDArray[np.int64] = result.members.counts[position.member]
        return found

    def labels_of(self, choice: Choice, where: tuple[slice | int, ...]) -> NDArray[np.uint8] | None:
        """Labels of a hypothesis, found soonest on the way one is on, in a part of the region.

        None without a result, and where it takes numbers that are still on a server, which is told.
        """
        result, curve = self.result, self.curve.value
        if result is None:
            return None
        reach = self._reach()
        on_way = curve is not None and curve.fits(result.run, choice, reach)
        # A member's own label map is as it was given, where that of its z may round otherwise.
        decoded = choice.kind != "member" and not (choice.own or choice.nothing)
        if on_way and abs(choice.sigma) <= reach and decoded:
            assert curve is not None
            kept = curve.label_map(choice.sigma, where)
            if kept is not None:
                return kept
        position = self.position_at(choice)
        key = (position, self.lesions, _ends(where, result.dist.space))
        if self._decoded is None or self._decoded[0] != key:
            try:
                found = prediction.decode.labels_in(result, position, self.lesions, where)
            except (ServerError, DataError) as error:
                self.lacks(choice, error)
                return None
            self._decoded = (key, found)
        # A copy: who gets it may do with it what they like.
        return self._decoded[1].copy()

    def lacks(self, choice: Choice, error: SSNError) -> None:
        """Tell once why a hypothesis cannot be shown."""
        if choice != self._lacking:
            self._lacking = choice
            self._failed(problem(error))

    def position_at(self, choice: Choice) -> Position:
        """Where a hypothesis of the result lies in the distribution."""
        assert self.result is not None
        if choice == self.choice and self.position is not None:
            return self.position
        return prediction.decode.position_of(self.result, choice)

    def close(self) -> None:
        """Let go of the result and of who listens."""
        self.result = self.position = self.lesions = self._decoded = None
        self.curve.close()

    def _along(self) -> Curve | None:
        """The curve, if it is about the walk one is on."""
        curve, result = self.curve.value, self.result
        if curve is None or result is None:
            return None
        return curve if curve.fits(result.run, self.choice, self._reach()) else None


@dataclass(frozen=True)
class _Way:
    """What sizes along a walk hang on: its lesions where there are several."""

    result: Prediction
    start: Choice
    reach: float
    lesions: Lesions | None


def _ends(where: tuple[slice | int, ...], space: tuple[int, ...]) -> tuple[Any, ...]:
    """A part of a grid, said in one way only."""
    full = (*where, *(slice(None),) * (len(space) - len(where)))
    return tuple(
        one.indices(size) if isinstance(one, slice) else one
        for one, size in zip(full, space, strict=True)
    )


def _steps(sigma: float) -> float:
    """The last stop before so many standard deviations, and 0 at least."""
    return max(0, math.floor(sigma / STEP + 1e-9)) * STEP


def _counted(way: _Way, cancel: Cancel) -> Curve:
    return prediction.counting.curve_along(way.result, way.start, way.reach, way.lesions, cancel)
