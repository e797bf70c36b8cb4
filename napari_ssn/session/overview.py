"""What many hypotheses look like together: contours, probability, and a boxplot of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_ssn.core.lines import MEDIAN_BIT
from napari_ssn.session.cards import DRAWS, SEED
from napari_ssn.session.jobs import Asked
from napari_ssn.session.records import Choice, Point, Question, Result
from napari_ssn.session.runner import Runner

if TYPE_CHECKING:
    from napari_ssn.session.walk import Walk

Kind = Literal["contours", "probability", "boxplot"]

#: What can be shown, in the order of the settings.
KINDS: tuple[Kind, ...] = ("contours", "probability", "boxplot")
#: Hypotheses in a boxplot: its cost grows with their third power.
IN_BOXPLOT = 100
#: Of which so many must outline something for a boxplot of these alone.
FEWEST_IN_BOXPLOT = 3


@dataclass(frozen=True)
class Wish:
    """What one picture is about.

    Attributes:
        kind: which picture.
        run: of the result.
        label: whose; None for all but the background together.
        points, only: that the hypotheses are given.
        seed: of the draws.
    """

    kind: Kind
    run: int
    label: int | None
    points: tuple[Point, ...]
    only: tuple[Question, ...]
    seed: int


@dataclass(frozen=True, eq=False)
class Overview:
    """One picture of many hypotheses.

    Attributes:
        wish: what it is about.
        draws: hypotheses in it; None where it is the model's exact probability.
        values: (*S) on the source's grid. Contours: uint8, in how many of outer, median and
            inner mask a voxel lies. Probability: float32, 0 to 1. Boxplot: uint8, 2 in the box,
            1 in the whole band only, and `MEDIAN_BIT` more inside the median hypothesis.
        median: shows the hypothesis in the middle of a boxplot.
        outliers: show those that are unlike the others, farthest first.
    """

    wish: Wish
    draws: int | None
    values: NDArray[np.generic]
    median: Choice | None = None
    outliers: tuple[Choice, ...] = ()

    @cached_property
    def highest(self) -> int:
        """Of contours the innermost mask that is not empty: 3 inner, 2, 1; 0 for none."""
        return int(self.values.max())


def overview_job(result: Result, wish: Wish, cancelled: Asked) -> Overview:
    """Make one picture of a result.

    Without points the probability is the model's own, pixel noise included; given points it is
    the share of the hypotheses drawn. It is of all readers; contours and boxplot are of those who
    outline anything. At 240 × 240 × 155 voxels contours and boxplot hold 9 MB
    and a probability 36 MB; making any of them takes some 200 MB more at most.
    """
    from napari_ssn.core.errors import Cancelled

    def between() -> None:
        if cancelled():
            raise Cancelled("The run was cancelled.")

    dist, given = result.dist, result.given
    if wish.kind == "probability" and not (wish.points or wish.only):
        share = dist.probability(wish.label, between=between)
        return Overview(wish, None, _frozen(dist.placed(share)))
    if wish.kind == "boxplot":
        return _boxplot(result, wish, between)

    from napari_ssn.core.agreement import agreement

    draws, source = given.draws(wish.points, DRAWS, wish.seed, wish.only), given.source(wish.points)
    if wish.kind == "probability":
        share = agreement(source, draws, between).share(wish.label)
        share = mixed(share, wish.label, given.presence(wish.points, wish.only))
        return Overview(wish, DRAWS, _frozen(dist.placed(share)))
    found = agreement(source, draws[given.outlined(wish.points, draws)], between)
    return Overview(wish, DRAWS, _frozen(dist.placed(found.levels(wish.label))))


def _boxplot(result: Result, wish: Wish, between: Callable[[], None]) -> Overview:
    from napari_ssn.core.boxplot import boxplot

    given = result.given
    draws = given.draws(wish.points, IN_BOXPLOT, wish.seed, wish.only)
    # Those that one can step to and see outlined.
    present = given.present(wish.points, IN_BOXPLOT, wish.seed, wish.only)
    numbers = np.intersect1d(given.outlined(wish.points, draws), np.flatnonzero(present))
    if len(numbers) < FEWEST_IN_BOXPLOT:
        numbers = np.arange(IN_BOXPLOT)
    draws = draws[numbers]
    found = boxplot(given.source(wish.points), draws, wish.label, between)
    values = found.whole.astype(np.uint8)
    # A hypothesis far out may lie in the box, which the whole band without it leaves out.
    values[found.box] = 2
    values += np.uint8(MEDIAN_BIT) * found.inside

    def choice(number: int) -> Choice:
        return Choice(int(numbers[number]), wish.seed, points=wish.points, only=wish.only)

    return Overview(
        wish,
        len(draws),
        _frozen(result.dist.placed(values)),
        choice(found.median),
        tuple(choice(number) for number in found.outliers),
    )


def mixed(share: NDArray[np.float32], label: int | None, presence: float) -> NDArray[np.float32]:
    """Share of all readers who give a voxel the label, from that given presence."""
    if presence == 1:
        return share
    rest = np.float32(1 - presence) if label == 0 else np.float32(0)
    return np.float32(presence) * share + rest


def _frozen(values: NDArray[Any]) -> NDArray[Any]:
    values.flags.writeable = False
    return values


class Overviews:
    """Makes the pictures that somebody wants to see, and keeps them in step with the points.

    Attributes:
        changed: signal: a picture was made, or another is wanted, or none.
        wanted: kinds that are to be shown; they stay wanted from run to run.
        label: whose; None for all but the background together.

    Args:
        runner: makes them.
        walk: says what was pointed at, and which draws are stepped through.
        failed: is told, in one sentence, when one cannot be made.
    """

    changed = Signal()

    def __init__(self, runner: Runner, walk: Walk, failed: Callable[[str], None]) -> None:
        self.wanted: frozenset[Kind] = frozenset()
        self.label: int | None = None
        self._runner, self._walk, self._failed = runner, walk, failed
        self._result: Result | None = None
        self._labels: tuple[str, ...] = ()
        self._found: dict[Kind, Overview] = {}
        # What is being made, so that it is not asked for twice.
        self._making: dict[Kind, Wish] = {}
        walk.moved.connect(self._follow)

    def begin(self, result: Result) -> None:
        """Nothing is known of a new result; `make` begins to find out."""
        self._result = None
        self._forget()
        if result.labels != self._labels:
            # Of another model the same number is another label.
            self._labels, self.label = result.labels, None
        self._result = result

    def make(self) -> None:
        """Make what is wanted and not there."""
        for kind in KINDS:
            wish = self._wish(kind)
            found = self._found.get(kind)
            if wish is None or self._making.get(kind) == wish:
                continue
            if found is None or found.wish != wish:
                self._making[kind] = wish
                self._submit(wish)

    def show(self, kind: Kind, on: bool) -> None:
        """Show a picture from now on, or no longer."""
        if on == (kind in self.wanted):
            return
        self.wanted = self.wanted | {kind} if on else self.wanted - {kind}
        if not on:
            self._drop(kind)
        self.make()
        self.changed.emit()

    def set_label(self, label: int | None) -> None:
        """Make pictures of another label, or of all together."""
        if label != self.label:
            self.label = label
            self.make()
            self.changed.emit()

    def of(self, kind: Kind) -> Overview | None:
        """The picture of a kind; while another is being made, the former one."""
        return self._found.get(kind)

    def current(self, kind: Kind) -> bool:
        """Whether the picture of a kind is about what is asked for now."""
        found = self._found.get(kind)
        return found is not None and found.wish == self._wish(kind)

    def _wish(self, kind: Kind) -> Wish | None:
        result = self._result
        if result is None or kind not in self.wanted:
            return None
        # A boxplot names draws by their numbers: those that one steps through.
        seed = self._walk.choice.seed if kind == "boxplot" else SEED
        choice = self._walk.choice
        return Wish(kind, result.run, self.label, choice.points, choice.only, seed)

    def _follow(self) -> None:
        if self._result is not None and self._walk.run == self._result.run:
            before = dict(self._making)
            self.make()
            if self._making != before:
                self.changed.emit()

    def _submit(self, wish: Wish) -> None:
        result = self._result
        assert result is not None
        self._runner.submit(
            wish.kind,
            lambda progress, cancelled: overview_job(result, wish, cancelled),
            self._made,
            lambda text: self._not_made(wish, text),
        )

    def _made(self, found: Overview) -> None:
        self._making.pop(found.wish.kind, None)
        if found.wish == self._wish(found.wish.kind):
            self._found[found.wish.kind] = found
            self.changed.emit()

    def _not_made(self, wish: Wish, text: str) -> None:
        # Not wanted any more, or it would fail again at every move.
        self.wanted = self.wanted - {wish.kind}
        self._drop(wish.kind)
        self.changed.emit()
        self._failed(text)

    def _drop(self, kind: Kind) -> None:
        self._runner.cancel(kind)
        self._making.pop(kind, None)
        self._found.pop(kind, None)

    def _forget(self) -> None:
        for kind in KINDS:
            self._drop(kind)

    def close(self) -> None:
        """Let go of the result and of who listens."""
        self._result = None
        self._forget()
        self.changed.disconnect()
