"""The hypothesis on show: where it is, how it moves, how large it is, and the way back."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_ssn import prediction
from napari_ssn.errors import Cancel
from napari_ssn.prediction.choice import Choice, Drawing, Point, Question
from napari_ssn.prediction.curve import STEP, Curve, stop_of, stops
from napari_ssn.session.derived import Derived
from napari_ssn.session.records import Settings
from napari_ssn.session.runner import Runner

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_ssn.core.directions.principal import Directions, Kind
    from napari_ssn.core.summaries.lesions import Lesions
    from napari_ssn.prediction.decode import Position
    from napari_ssn.prediction.prediction import Prediction

#: Steps that undo can take back, and redo make again.
UNDO_STEPS = 10


class Walk:
    """Where in the distribution the user stands: ``z = z_anchor + sigma · v_direction``.

    Attributes:
        moved: signal: another hypothesis is on show, or its size became known.
        choice: the hypothesis on show.
        grip: the hypothesis that a finger has taken hold of the slider at; None while none is on
            it.
        lesions: of the result; None until they are told apart.
        selected: number of the lesion that the user looks at; the slider moves it alone if it
            has a position of its own.

    Args:
        runner: counts sizes along the walk.
        settings: of the session.
        failed: is told, in one sentence, when counting fails.
    """

    moved = Signal()

    def __init__(self, runner: Runner, settings: Settings, failed: Callable[[str], None]) -> None:
        self.choice = Choice()
        self.grip: Choice | None = None
        self.lesions: Lesions | None = None
        self.selected: int | None = None
        self._position: Position | None = None
        # What was decoded last, and of what: a layer and lines ask for the same slice.
        self._decoded: tuple[Any, NDArray[np.uint8]] | None = None
        self._runner = runner
        self._settings = settings
        self._failed = failed
        self._result: Prediction | None = None
        self._curve: Derived[_Way, Curve] = Derived(runner, "curve", _counted, failed)
        self._curve.changed.connect(self.moved.emit)
        self._history: list[Choice] = []
        self._undone: list[Choice] = []

    def begin(self, result: Prediction) -> None:
        """Stand at the mean of a new result; its directions are others than before.

        Nobody is told yet: layers of the new result must be there first, and must find this
        walk in it when they are drawn. `announce` tells.
        """
        self._result, self.grip, self._decoded = result, None, None
        self._curve.forget()
        self._history.clear()
        self._undone.clear()
        self.lesions = self.selected = None
        known = self.choice.basis in result.bases.kinds
        basis = self.choice.basis if known else result.directions.kind
        self.choice = Choice(seed=self.choice.seed, basis=basis)
        self._position = prediction.decode.position_of(result, self.choice)

    def renew(self, result: Prediction) -> None:
        """Stand at the same place in the same run with another spread.

        It has other lesions, and no answer is true of it any more: positions of their own,
        conditions and what was nearest to a drawing are gone. `announce` tells.
        """
        self._result, self.grip, self._decoded = result, None, None
        self._curve.forget()
        self.lesions = self.selected = None
        self._history = [replace(choice, own=(), only=(), drawing=None) for choice in self._history]
        self._undone = [replace(choice, own=(), only=(), drawing=None) for choice in self._undone]
        self.choice = replace(self.choice, own=(), only=(), drawing=None)
        self._position = prediction.decode.position_of(result, self.choice)

    def leave(self) -> Any:
        """See `Leaving`."""
        steps = tuple(self._history), tuple(self._undone)
        return self.choice, steps, self.lesions, self.selected, self._curve.leave()

    def resume(self, left: Any) -> None:
        """See `Leaving`."""
        assert self._result is not None
        self.choice, steps, self.lesions, self.selected, curve = left
        self._history, self._undone = map(list, steps)
        self._curve.resume(curve)
        self._position = prediction.decode.position_of(self._result, self.choice)

    def stand(self, choice: Choice, lesions: Lesions | None) -> None:
        """Stand at a hypothesis of a result that has just begun; nobody is told."""
        self.resume((choice, ((), ()), lesions, None, None))

    def announce(self) -> None:
        """Count the sizes along the walk if they are not known, and say where one stands."""
        assert self._result is not None
        self._curve.want(self._way(self._result))
        self.moved.emit()

    def configure(self, settings: Settings) -> None:
        """Take new settings; from beyond the end of a shorter slider one goes back to 0."""
        before, self._settings = self._settings.reach, settings
        if settings.reach == before or self._result is None:
            return
        self._history = [c for c in self._history if _farthest(c) <= settings.reach]
        self._undone = [c for c in self._undone if _farthest(c) <= settings.reach]
        kept = tuple((k, at) for k, at in self.choice.own if abs(at) <= settings.reach)
        at = self.choice.sigma if abs(self.choice.sigma) <= settings.reach else 0.0
        self._take(replace(self.choice, sigma=at, own=kept))

    # ---- What is the case

    @property
    def z(self) -> NDArray[np.float64] | None:
        """Latent vector of the hypothesis on show; None without a result, and of nothing."""
        return None if self._position is None else self._position.z

    @property
    def held(self) -> bool:
        """Whether a finger is on the slider, so that what is slow may wait."""
        return self.grip is not None

    @property
    def run(self) -> int | None:
        """Number of the run whose result this walks through."""
        return None if self._result is None else self._result.run

    @property
    def directions(self) -> Directions | None:
        """Those that the slider can walk; None before there is a result."""
        result = self._result
        return None if result is None else result.bases.known(self.choice.basis)

    @property
    def members(self) -> int:
        """Members that one steps through in the place of samples; 0 of a model."""
        return 0 if self._result is None else prediction.crowd.stepped(self._result)

    @property
    def from_mean(self) -> bool:
        """Whether the slider starts from the model's mean, of which directions say their sizes."""
        choice = self.choice
        given = choice.points or choice.only or choice.drawing
        return choice.sample is None and choice.member is None and not given

    @property
    def counts(self) -> NDArray[np.int64] | None:
        """Voxels of each label here, (C,); None while they are being counted."""
        curve = self._here()
        if self.choice.nothing and self._result is not None:
            return self._result.nothing_counts
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
        """Voxels of each label that go with each lesion here, (K + 1, C); None if not known."""
        curve = self._here()
        found = None if curve is None else curve.at_each_lesion(self.choice)
        return 0 * found if self.choice.nothing and found is not None else found

    @property
    def alone(self) -> int | None:
        """Number of the lesion that the slider moves alone; None while it moves all others."""
        return self.selected if self.selected in dict(self.choice.own) else None

    @property
    def position(self) -> float:
        """Where the slider is: of the lesion that it moves alone, or of all others."""
        return dict(self.choice.own)[self.alone] if self.alone is not None else self.choice.sigma

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to go back."""
        return bool(self._history)

    @property
    def can_redo(self) -> bool:
        """Whether a step that was taken back can be made again."""
        return bool(self._undone)

    @property
    def _own_counts(self) -> NDArray[np.int64] | None:
        """Voxels of each label in a member's own label map; None where a decoded one is on show."""
        position, result = self._position, self._result
        if position is None or position.member is None or result is None:
            return None
        if result.members is None or result.spread.changed:
            return None
        found: NDArray[np.int64] = result.members.counts[position.member]
        return found

    def ends(self, direction: int | None = None) -> tuple[float, float]:
        """How far the slider goes along a direction, that on show if left out: to whole steps.

        In an ensemble to its outermost member, beyond whom nobody outlined anything so.
        """
        reach, result, directions = self._settings.reach, self._result, self.directions
        if result is None or result.members is None or directions is None:
            return -reach, reach
        choice = self.choice
        vector = directions.basis[:, choice.direction if direction is None else direction]
        anchor = prediction.decode.anchor_z(result, choice.anchor)[: len(vector)]
        low, high = (end - float(anchor @ vector) for end in result.members.reach(vector))
        return -_steps(min(-low, reach)), _steps(min(high, reach))

    def label_map(self, where: tuple[slice | int, ...]) -> NDArray[np.uint8] | None:
        """Labels of the hypothesis on show in a part of the region; None without a result."""
        return self.labels_of(self.choice, where)

    def labels_of(self, choice: Choice, where: tuple[slice | int, ...]) -> NDArray[np.uint8] | None:
        """As `label_map`, of another hypothesis, which is found soonest on the way one is on."""
        result, curve = self._result, self._curve.value
        if result is None:
            return None
        reach = self._settings.reach
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
            found = prediction.decode.labels_in(result, position, self.lesions, where)
            self._decoded = (key, found)
        # A copy: who gets it may do with it what they like.
        return self._decoded[1].copy()

    def position_at(self, choice: Choice) -> Position:
        """Where a hypothesis of the result stands in the distribution."""
        assert self._result is not None
        if choice == self.choice and self._position is not None:
            return self._position
        return prediction.decode.position_of(self._result, choice)

    # ---- Lesions

    def take_lesions(self, lesions: Lesions) -> None:
        """Tell lesions apart from now on."""
        self.lesions = lesions
        self.announce()

    def select(self, number: int | None) -> None:
        """Look at one of the lesions, or at all."""
        if number != self.selected:
            self.selected = number
            self.moved.emit()

    def set_alone(self, number: int, alone: bool) -> None:
        """Give a lesion a position of its own, to begin with where it is, or none."""
        found = self.lesions.found if self.lesions is not None and self.lesions.several else ()
        if not 1 <= number <= len(found):
            raise ValueError(f"number: expected that of a lesion, got {number}")
        own = dict(self.choice.own)
        if alone:
            own.setdefault(number, self.choice.sigma)
        else:
            own.pop(number, None)
        self._show(replace(self._outlined, own=tuple(sorted(own.items()))))

    # ---- Moves

    def set_sigma(self, sigma: float, same_gesture: bool = False) -> None:
        """Move the slider, to its nearest stop; moves of one gesture are undone together."""
        reach, (low, high) = self._settings.reach, self.ends()
        at = float(stops(reach)[stop_of(min(max(sigma, low), high), reach)])
        if self.alone is None:
            self._show(replace(self._outlined, sigma=at), same_gesture)
            return
        own = sorted({**dict(self.choice.own), self.alone: at}.items())
        self._show(replace(self._outlined, own=tuple(own)), same_gesture)

    def hold(self) -> None:
        """A finger is on the slider until `let_go`."""
        self.grip = self.choice

    def let_go(self) -> None:
        """The slider was let go: what waited follows now."""
        self.grip = None
        if self._result is not None:
            self.moved.emit()

    def nudge(self, by: float) -> None:
        """Move the slider by so many standard deviations."""
        self.set_sigma(self.position + by)

    def set_direction(self, direction: int) -> None:
        """Walk another direction, from the same anchor; every lesion, from its beginning."""
        self._show(self._start(direction=direction))

    def turn(self, basis: Kind) -> None:
        """Walk directions chosen in another way, from the same anchor; found if need be."""
        result = self._result
        if result is None:
            self.choice = replace(self.choice, basis=basis)
        elif basis in result.bases.kinds:
            self._runner.cancel("directions")
            if basis != self.choice.basis:
                self._show(self._start(basis=basis, direction=0))
        else:
            self._runner.submit(
                "directions",
                lambda progress, cancel: result.bases.find(basis),
                # By then the result may have another spread: asked again, of that one.
                lambda found: self.turn(basis),
                self._failed,
            )

    def show(self, choice: Choice) -> None:
        """Show a hypothesis, and walk on from it along directions chosen as they are now."""
        self._show(replace(choice, basis=self.choice.basis))

    def show_sample(self, sample: int | None) -> None:
        """Show a draw, or the mean."""
        self._show(self._sampled(sample, self.choice.seed))

    def set_points(self, points: tuple[Point, ...]) -> None:
        """Show the likeliest hypothesis given other points, with every lesion where it is then.

        Conditions were asked of other hypotheses, and go. What is nearest to a drawing stays:
        points correct it near them.
        """
        self._show(self._start(points=points, only=(), sample=None, member=None))

    def set_only(self, only: tuple[Question, ...]) -> None:
        """Show the middle of the hypotheses in which some things are so."""
        self._show(self._start(only=only, sample=None, member=None, drawing=None))

    def set_drawing(self, drawing: Drawing) -> None:
        """Show the hypothesis nearest to a drawing, given the points that there are."""
        self._show(self._start(drawing=drawing, only=(), sample=None, member=None))

    def step(self, by: int) -> None:
        """Show the next or the previous of the mean and the samples, around the end.

        Of a small ensemble its members take the place of samples.
        """
        members = self.members
        if members and self._result is not None:
            at = -1 if self.choice.member is None else self.choice.member
            after = (at + 1 + by) % (members + 1) - 1
            if after >= 0:
                self.show(prediction.crowd.member_choice(self._result, after))
            else:
                self.show_sample(None)
            return
        here = -1 if self.choice.sample is None else self.choice.sample
        after = (here + 1 + by) % (self._settings.samples + 1) - 1
        self.show_sample(None if after < 0 else after)

    def set_seed(self, seed: int) -> None:
        """Draw other samples; the one on show becomes the one of that number."""
        if self.choice.sample is None:
            # The mean has no seed: nothing moves, and nothing is to be undone.
            self.choice = replace(self.choice, seed=seed)
        else:
            self._show(self._sampled(self.choice.sample, seed))

    def undo(self) -> None:
        """Go back one step, if there is one."""
        if self._history:
            self._undone.append(self.choice)
            self._take(self._history.pop())

    def redo(self) -> None:
        """Make the step again that was taken back last, if there is one."""
        if self._undone:
            self._history.append(self.choice)
            self._take(self._undone.pop())

    def close(self) -> None:
        """Let go of the result and of who listens."""
        self._result = self._position = self.lesions = self._decoded = None
        self._curve.close()
        self._history.clear()
        self._undone.clear()
        self.moved.disconnect()

    def _start(self, **changes: Any) -> Choice:
        """The choice with every lesion at the beginning of a walk, and something outlined."""
        return replace(self._outlined, **{"sigma": 0.0, "own": (), **changes})

    @property
    def _outlined(self) -> Choice:
        """The choice with something outlined; who outlines nothing stands where the mean does."""
        choice = self.choice
        member = None if choice.nothing else choice.member
        return replace(choice, member=member, nothing=False)

    def _sampled(self, sample: int | None, seed: int) -> Choice:
        """The beginning of a walk from a draw, or from the mean."""
        choice = self._start(sample=sample, seed=seed, drawing=None, member=None)
        if sample is None or self._result is None:
            return choice
        drawn = prediction.decode.sample_choice(
            self._result, sample, seed, choice.points, choice.only
        )
        return replace(choice, nothing=drawn.nothing)

    def _show(self, choice: Choice, same_gesture: bool = False) -> None:
        if self._result is None or choice == self.choice:
            return
        if not same_gesture:
            self._history = [*self._history, self.choice][-UNDO_STEPS:]
        self._undone.clear()
        self._take(choice)

    def _take(self, choice: Choice) -> None:
        assert self._result is not None
        self.choice = choice
        self._position = prediction.decode.position_of(self._result, choice)
        self.announce()

    def _way(self, result: Prediction) -> _Way:
        choice = self.choice
        start = replace(choice.anchor, basis=choice.basis, direction=choice.direction)
        several = self.lesions is not None and self.lesions.several
        return _Way(result, start, self._settings.reach, self.lesions if several else None)

    def _here(self) -> Curve | None:
        """The curve, if it is about the walk one is on."""
        curve, result = self._curve.value, self._result
        if curve is None or result is None:
            return None
        return curve if curve.fits(result.run, self.choice, self._settings.reach) else None


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


def _counted(way: _Way, cancel: Cancel) -> Curve:
    return prediction.counting.curve_along(way.result, way.start, way.reach, way.lesions, cancel)


def _steps(sigma: float) -> float:
    """The last stop before so many standard deviations, and 0 at least."""
    return max(0, math.floor(sigma / STEP + 1e-9)) * STEP


def _farthest(choice: Choice) -> float:
    """The largest distance of anything in a choice from its anchor, in σ."""
    return max(abs(choice.sigma), *(abs(at) for _, at in choice.own), 0.0)
