"""The hypothesis on show: where it is, how it moves, how large it is, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_ssn.session import jobs
from napari_ssn.session.records import Choice, Curve, Result, Settings, stop_of, stops
from napari_ssn.session.runner import Runner

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Steps that undo can take back.
UNDO_STEPS = 10


class Walk:
    """Where in the distribution the user stands: ``z = z_anchor + sigma · v_direction``.

    Attributes:
        moved: signal: another hypothesis is on show, or its size became known.
        choice: the hypothesis on show.
        z: its latent vector; None before there is a result.
        held: whether a finger is on the slider, so that what is slow may wait.

    Args:
        runner: counts sizes along the walk.
        settings: of the session.
        failed: is told, in one sentence, when counting fails.
    """

    moved = Signal()

    def __init__(self, runner: Runner, settings: Settings, failed: Callable[[str], None]) -> None:
        self.choice = Choice()
        self.z: NDArray[np.float64] | None = None
        self.held = False
        self._runner = runner
        self._settings = settings
        self._failed = failed
        self._result: Result | None = None
        self._curve: Curve | None = None
        self._history: list[Choice] = []

    def begin(self, result: Result) -> None:
        """Stand at the mean of a new result; its directions are others than before.

        Nobody is told yet: layers of the new result must be there first, and must find this
        walk in it when they are drawn. `announce` tells.
        """
        self._result, self._curve = result, None
        self._history.clear()
        self.choice = Choice(seed=self.choice.seed)
        self.z = jobs.choice_z(result, self.choice)

    def announce(self) -> None:
        """Count the sizes along the walk if they are not known, and say where one stands."""
        assert self._result is not None
        if self._here() is None:
            self._count(self._result)
        self.moved.emit()

    def configure(self, settings: Settings) -> None:
        """Take new settings; from beyond the end of a shorter slider one goes back to 0."""
        before, self._settings = self._settings.reach, settings
        if settings.reach == before or self._result is None:
            return
        self._history = [c for c in self._history if abs(c.sigma) <= settings.reach]
        beyond = abs(self.choice.sigma) > settings.reach
        self._take(replace(self.choice, sigma=0.0) if beyond else self.choice)

    # ---- What is the case

    @property
    def counts(self) -> NDArray[np.int64] | None:
        """Voxels of each label here, (C,); None while they are being counted."""
        curve = self._here()
        return None if curve is None else curve.at(self.choice.sigma)

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to go back."""
        return bool(self._history)

    def label_map(self, where: tuple[slice | int, ...]) -> NDArray[np.uint8] | None:
        """Labels of the hypothesis on show in a part of the region; None without a result."""
        if self._result is None or self.z is None:
            return None
        curve = self._here()
        kept = None if curve is None else curve.label_map(self.choice.sigma, where)
        return self._result.dist.label_map(self.z, where) if kept is None else kept

    # ---- Moves

    def set_sigma(self, sigma: float, same_gesture: bool = False) -> None:
        """Move the slider, to its nearest stop; moves of one gesture are undone together."""
        reach = self._settings.reach
        at = float(stops(reach)[stop_of(sigma, reach)])
        self._show(replace(self.choice, sigma=at), same_gesture)

    def hold(self) -> None:
        """A finger is on the slider until `let_go`."""
        self.held = True

    def let_go(self) -> None:
        """The slider was let go: what waited follows now."""
        self.held = False
        if self._result is not None:
            self.moved.emit()

    def nudge(self, by: float) -> None:
        """Move the slider by so many standard deviations."""
        self.set_sigma(self.choice.sigma + by)

    def set_direction(self, direction: int) -> None:
        """Walk another direction, from the same anchor."""
        self._show(replace(self.choice, direction=direction, sigma=0.0))

    def show(self, choice: Choice) -> None:
        """Show a hypothesis, and walk on from it."""
        self._show(choice)

    def show_sample(self, sample: int | None) -> None:
        """Show a draw, or the mean."""
        self._show(replace(self.choice, sample=sample, sigma=0.0))

    def step(self, by: int) -> None:
        """Show the next or the previous of the mean and the samples, around the end."""
        here = -1 if self.choice.sample is None else self.choice.sample
        after = (here + 1 + by) % (self._settings.samples + 1) - 1
        self.show_sample(None if after < 0 else after)

    def set_seed(self, seed: int) -> None:
        """Draw other samples; the one on show becomes the one of that number."""
        if self.choice.sample is None:
            # The mean has no seed: nothing moves, and nothing is to be undone.
            self.choice = replace(self.choice, seed=seed)
        else:
            self._show(replace(self.choice, seed=seed, sigma=0.0))

    def undo(self) -> None:
        """Go back one step, if there is one."""
        if self._history:
            self._take(self._history.pop())

    def close(self) -> None:
        """Let go of the result and of who listens."""
        self._result = self._curve = self.z = None
        self._history.clear()
        self.moved.disconnect()

    def _show(self, choice: Choice, same_gesture: bool = False) -> None:
        if self._result is None or choice == self.choice:
            return
        if not same_gesture:
            self._history = [*self._history, self.choice][-UNDO_STEPS:]
        self._take(choice)

    def _take(self, choice: Choice) -> None:
        assert self._result is not None
        self.choice, self.z = choice, jobs.choice_z(self._result, choice)
        self.announce()

    def _here(self) -> Curve | None:
        """The curve, if it is about the walk one is on."""
        curve, result = self._curve, self._result
        if curve is None or result is None:
            return None
        return curve if curve.fits(result.run, self.choice, self._settings.reach) else None

    def _count(self, result: Result) -> None:
        choice, reach = self.choice, self._settings.reach
        self._runner.submit(
            "curve",
            lambda progress, cancelled: jobs.curve_job(result, choice, reach, cancelled),
            self._take_curve,
            self._failed,
        )

    def _take_curve(self, curve: Curve) -> None:
        self._curve = curve
        self.moved.emit()
