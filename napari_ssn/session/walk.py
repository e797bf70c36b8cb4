"""The hypothesis on show: which it is, and how one moves on to another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_ssn import prediction
from napari_ssn.core.kinds import DirectionKind
from napari_ssn.prediction.choice import Choice, Drawing, Point, Question
from napari_ssn.prediction.curve import stop_of, stops
from napari_ssn.session.derived import Derived
from napari_ssn.session.history import Deed, History
from napari_ssn.session.part import SessionPart
from napari_ssn.session.records import Settings
from napari_ssn.session.runner import Runner
from napari_ssn.session.standing import Standing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_ssn.core.directions.principal import Directions
    from napari_ssn.core.summaries.lesions import Lesions
    from napari_ssn.prediction.prediction import Prediction


class Walk(SessionPart):
    """Where in the distribution the user stands: ``z = z_anchor + sigma · v_direction``.

    Attributes:
        moved: signal: another hypothesis is on show, or its size became known.
        here: what is there: label map and sizes.
        grip: the hypothesis that a finger has taken hold of the slider at; None while none is on
            it.
        selected: number of the lesion that the user looks at; the slider moves it alone if it
            has a position of its own.

    Args:
        runner: counts sizes along the walk.
        settings: of the session.
        failed: is told, in one sentence, when counting fails.
    """

    moved = Signal()

    def __init__(self, runner: Runner, settings: Settings, failed: Callable[[str], None]) -> None:
        self.here = Standing(runner, lambda: self._settings.reach, failed)
        self.here.curve.changed.connect(self.moved.emit)
        self.grip: Choice | None = None
        self.selected: int | None = None
        self._turned: Derived[tuple[Prediction, DirectionKind], Directions] = Derived(
            runner, "directions", lambda key, cancel: key[0].bases.find(key[1]), self._not_turned
        )
        self._turned.changed.connect(self._turn_on)
        self._settings = settings
        self._failed = failed
        #: Steps of the result on show.
        self.history = History()

    def begin(self, result: Prediction) -> None:
        """Stand at the mean of a new result; its directions are others than before.

        Nobody is told yet: layers of the new result must be there first, and must find this
        walk in it when they are drawn. `announce` tells.
        """
        super().begin(result)
        self.grip = self.selected = None
        self.history.clear()
        known = self.choice.basis in result.bases.kinds
        basis = self.choice.basis if known else result.directions.kind
        self.here.begin(result, Choice(seed=self.choice.seed, basis=basis))

    def renew(self, result: Prediction) -> None:
        """Stand at the same place in the same run with another spread.

        It has other lesions, and no answer is true of it any more: positions of their own,
        conditions and what was nearest to a drawing are gone. `announce` tells.
        """
        self._result = result
        self.grip = self.selected = None
        self.history.change(lambda choice: choice.unanswered)
        self.here.begin(result, self.choice.unanswered)

    def leave(self) -> Any:
        """See `SessionPart`."""
        here = self.here
        return self.choice, self.history.leave(), self.lesions, self.selected, here.curve.leave()

    def resume(self, left: Any) -> None:
        """See `SessionPart`."""
        choice, steps, self.here.lesions, self.selected, curve = left
        self.history.resume(steps)
        self.here.curve.resume(curve)
        self.here.move(choice)

    def stand(self, choice: Choice, lesions: Lesions | None) -> None:
        """Stand at a hypothesis of a result that has just begun; nobody is told."""
        self.resume((choice, ((), ()), lesions, None, None))

    def announce(self) -> None:
        """Count the sizes along the walk if they are not known, and say where one stands."""
        self.here.count()
        self.moved.emit()

    def configure(self, settings: Settings) -> None:
        """Take new settings; from beyond the end of a shorter slider one goes back to 0."""
        before, self._settings = self._settings.reach, settings
        if settings.reach == before or self._result is None:
            return
        self.history.change(lambda one: one if one.farthest <= settings.reach else None)
        kept = tuple((k, at) for k, at in self.choice.own if abs(at) <= settings.reach)
        at = self.choice.sigma if abs(self.choice.sigma) <= settings.reach else 0.0
        self._take(replace(self.choice, sigma=at, own=kept))

    # ---- What is the case

    @property
    def choice(self) -> Choice:
        """The hypothesis on show."""
        return self.here.choice

    @property
    def lesions(self) -> Lesions | None:
        """Of the result; None until they are told apart."""
        return self.here.lesions

    @property
    def z(self) -> NDArray[np.float64] | None:
        """Latent vector of the hypothesis on show; None without a result, and of nothing."""
        return None if self.here.position is None else self.here.position.z

    @property
    def held(self) -> bool:
        """Whether a finger is on the slider, so that what is slow may wait."""
        return self.grip is not None

    @property
    def run(self) -> int | None:
        """Number of the run whose result this walks through."""
        return None if self._result is None else self._result.run

    @property
    def counts(self) -> NDArray[np.int64] | None:
        """See `Standing`."""
        return self.here.counts

    @property
    def alone(self) -> int | None:
        """Number of the lesion that the slider moves alone; None while it moves all others."""
        return self.selected if self.selected in dict(self.choice.own) else None

    @property
    def position(self) -> float:
        """Where the slider is: of the lesion that it moves alone, or of all others."""
        return dict(self.choice.own)[self.alone] if self.alone is not None else self.choice.sigma

    def label_map(self, where: tuple[slice | int, ...]) -> NDArray[np.uint8] | None:
        """Labels of the hypothesis on show in a part of the region; None without a result."""
        return self.here.labels_of(self.choice, where)

    # ---- Lesions

    def take_lesions(self, lesions: Lesions) -> None:
        """Tell lesions apart from now on."""
        self.here.lesions = lesions
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
        self._show(replace(self.choice.outlined, own=tuple(sorted(own.items()))))

    # ---- Moves

    def set_sigma(self, sigma: float, same_gesture: bool = False) -> None:
        """Move the slider, to its nearest stop; moves of one gesture are undone together."""
        reach, (low, high) = self._settings.reach, self.here.ends()
        at = float(stops(reach)[stop_of(min(max(sigma, low), high), reach)])
        if self.alone is None:
            self._show(replace(self.choice.outlined, sigma=at), same_gesture)
            return
        own = sorted({**dict(self.choice.own), self.alone: at}.items())
        self._show(replace(self.choice.outlined, own=tuple(own)), same_gesture)

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
        self._show(self.choice.begun(direction=direction))

    def turn(self, basis: DirectionKind) -> None:
        """Walk directions chosen in another way, from the same anchor; found if need be."""
        result = self._result
        if result is None:
            self.here.choice = replace(self.choice, basis=basis)
        elif basis in result.bases.kinds:
            self._turned.forget()
            if basis != self.choice.basis:
                self._show(self.choice.begun(basis=basis, direction=0))
        else:
            self._turned.want((result, basis))

    def _turn_on(self) -> None:
        # By then the result may have another spread: asked again, of that one.
        if self._turned.key is not None:
            self.turn(self._turned.key[1])

    def _not_turned(self, words: str) -> None:
        # Whoever asks again is not told that it had failed before.
        self._turned.forget()
        self._failed(words)

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
        self._show(self.choice.begun(points=points, only=(), sample=None, member=None))

    def set_only(self, only: tuple[Question, ...]) -> None:
        """Show the middle of the hypotheses in which some things are so."""
        self._show(self.choice.begun(only=only, sample=None, member=None, drawing=None))

    def set_drawing(self, drawing: Drawing) -> None:
        """Show the hypothesis nearest to a drawing, given the points that there are."""
        self._show(self.choice.begun(drawing=drawing, only=(), sample=None, member=None))

    def step(self, by: int) -> None:
        """Show the next or the previous of the mean and the samples, around the end.

        Of a small ensemble its members take the place of samples.
        """
        members = self.here.members
        at = self.choice.member if members else self.choice.sample
        count = (members or self._settings.samples) + 1
        after = ((-1 if at is None else at) + 1 + by) % count - 1
        if members and after >= 0 and self._result is not None:
            self.show(prediction.crowd.member_choice(self._result, after))
        else:
            self.show_sample(None if after < 0 else after)

    def set_seed(self, seed: int) -> None:
        """Draw other samples; the one on show becomes the one of that number."""
        if self.choice.sample is None:
            # The mean has no seed: nothing moves, and nothing is to be undone.
            self.here.choice = replace(self.choice, seed=seed)
        else:
            self._show(self._sampled(self.choice.sample, seed))

    def undo(self) -> None:
        """Go back one step, if there is one."""
        self._stepped(self.history.undo(self.choice))

    def redo(self) -> None:
        """Make the step again that was taken back last, if there is one."""
        self._stepped(self.history.redo(self.choice))

    def did(self, deed: Deed) -> None:
        """Something was done that can be taken back, and the hypothesis on show stays."""
        self.history.step(deed)
        self.moved.emit()

    def _stepped(self, to: Choice | None) -> None:
        if to is not None:
            self._take(to)
        elif self._result is not None:
            # Whether there is another step is shown.
            self.moved.emit()

    def close(self) -> None:
        """Let go of the result and of who listens."""
        super().close()
        self.here.close()
        self.history.clear()

    def _sampled(self, sample: int | None, seed: int) -> Choice:
        """The beginning of a walk from a draw, or from the mean."""
        choice = self.choice.begun(sample=sample, seed=seed, drawing=None, member=None)
        if sample is None or self._result is None:
            return choice
        drawn = prediction.decode.sample_choice(
            self._result, sample, seed, choice.points, choice.only
        )
        return replace(choice, nothing=drawn.nothing)

    def _show(self, choice: Choice, same_gesture: bool = False) -> None:
        if self._result is None or choice == self.choice:
            return
        self.history.step(self.choice, same_gesture)
        self._take(choice)

    def _take(self, choice: Choice) -> None:
        self.here.move(choice)
        self.announce()
