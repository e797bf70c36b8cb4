"""A result given what somebody has pointed at: each set of points is conditioned on once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.distribution import draw_z
from napari_ssn.core.given.clicks import Click
from napari_ssn.core.given.conditioning import condition
from napari_ssn.core.given.outcomes import Outcome, VolumeAtLeast, VolumeAtMost, ask
from napari_ssn.core.given.posterior import Posterior
from napari_ssn.core.given.residual import Residual
from napari_ssn.core.measures import label_counts
from napari_ssn.core.presence import draw_present
from napari_ssn.errors import NEVER, Cancel
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Floats, Ints, Mask
from napari_ssn.prediction.choice import Conditions, Points, Question

Value = TypeVar("Value")

#: Standard deviation of a click's own error, in standard deviations of its margin: enough for
#: points that contradict each other to compromise.
TOLERANCE = 0.1
#: How likely a click is a slip of the hand: draws follow a click nearly always, and of two that
#: contradict each other one; and one click on an object does not say for certain that there is one.
#: With a hundredth 2.6 % of clicks are holes in draws, and 2 % are too many (``holes_N`` of the
#: same command, with ``--slip``).
SLIP = 0.003
#: Step of the intensity that stops a correction, as a share of the region's range.
EDGE_SHARE = 0.15

# Draws made together. Draw i is the same however many are asked for: it is one of the i-th block,
# which has random numbers of its own.
_BLOCK = 200
# Posteriors that are kept: of many points in a volume one may take hundreds of megabytes, and it
# is made again in a moment. Blocks of draws are small.
_POSTERIORS, _BLOCKS = 3, 24
# More than undo can come back to: finding out anew would keep a person waiting.
_OUTCOMES = 24

#: Draws that a question is put to, and of a large volume, where each takes milliseconds.
DRAWS, DRAWS_LARGE = 4000, 1000


class Given:
    """Posteriors of one result, and draws from them. Safe between threads.

    Args:
        dist: what the model found.
        residual: lets a point act where the model cannot explain it; None for the model alone.
        slip: how likely a point is a slip of the hand.
        tolerance: how exactly a point is meant, see `condition`.
    """

    def __init__(
        self,
        dist: Decodable,
        residual: Residual | None = None,
        slip: float = SLIP,
        tolerance: float = TOLERANCE,
    ) -> None:
        self.dist, self.residual = dist, residual
        self.slip, self.tolerance = slip, tolerance
        self._lock = threading.Lock()
        self._posteriors: OrderedDict[object, Posterior] = OrderedDict()
        self._draws: OrderedDict[object, Floats] = OrderedDict()
        self._outcomes: OrderedDict[object, Outcome] = OrderedDict()

    def posterior(self, points: Points) -> Posterior:
        """The distribution given some points, in whichever order.

        GeometryError: one of them lies outside the region that was segmented.
        """
        key = tuple(sorted(points))
        clicks = [Click(point.index, point.label) for point in key]
        return self._once(
            self._posteriors,
            key,
            lambda: condition(self.dist, clicks, self.tolerance, self.residual, self.slip),
            _POSTERIORS,
        )

    def source(self, points: Points) -> Decodable | Posterior:
        """What decodes hypotheses: without any points, the distribution itself."""
        return self.posterior(points) if points else self.dist

    @property
    def apart(self) -> bool:
        """Whether the model tells apart whether there is anything and where its border runs."""
        return self.dist.presence < 1

    def presence(self, points: Points, only: Conditions = ()) -> float:
        """P(a reader outlines anything | points, conditions); a draw may be empty by its z too."""
        if not self.apart:
            return 1.0
        return self.outcome(points, only).presence if only else self.source(points).presence

    def present(self, points: Points, n: int, seed: int, only: Conditions = ()) -> Mask:
        """Which of so many `draws` are of a reader who outlines something, (n,)."""
        return draw_present(n, self.presence(points, only), seed)

    def outlined(self, points: Points, z: Floats, always: bool = False) -> Ints:
        """Numbers of those z whose label map is not empty, which tell of the border.

        All of them where none is left, and where the model does not tell presence apart.

        Args:
            points: that the hypotheses are given.
            z: (n, R) or as many numbers as `draws` gives.
            always: whether also such a model's empty ones are left out.
        """
        if not (self.apart or always):
            return np.arange(len(z))

        found = np.flatnonzero(label_counts(self.source(points), z)[:, 1:].any(1))
        return found if len(found) else np.arange(len(z))

    def outcome(self, points: Points, only: Conditions, cancel: Cancel = NEVER) -> Outcome:
        """How likely it is, given some points, that something is so, and draws in which it is.

        Args:
            points: that hold.
            only: what is to be so, all of it.
            cancel: looked at on the way.
        """
        posterior = self.posterior(points) if points else None
        questions = [self._asked(one) for one in sorted(only)]
        draws = DRAWS_LARGE if self.dist.large else DRAWS
        return self._once(
            self._outcomes,
            (tuple(sorted(points)), tuple(sorted(only))),
            lambda: ask(self.dist, questions, posterior, draws, between=cancel.check),
            _OUTCOMES,
        )

    def _asked(self, question: Question) -> VolumeAtLeast | VolumeAtMost | Click:

        if question.kind == "reaches":
            return Click(question.index, question.label)
        size = VolumeAtLeast if question.kind == "at least" else VolumeAtMost
        return size(question.voxels * Affine(self.dist.affine).voxel_ml, question.label)

    def draws(self, points: Points, n: int, seed: int, only: Conditions = ()) -> Floats:
        """Draw n hypotheses, (n, R), or given points (n, `Posterior.width`).

        The first k do not depend on n.
        """
        if only:
            outcome, key = self.outcome(points, only), (tuple(sorted(points)), tuple(sorted(only)))
            return self._blocks(key, n, seed, outcome.draw)
        if not points:
            return draw_z(n, self.dist.rank, seed)
        return self._blocks(tuple(sorted(points)), n, seed, self.posterior(points).draw)

    def _blocks(self, key: object, n: int, seed: int, make: Callable[[int, int], Floats]) -> Floats:
        """The first n of the draws that a function makes, block by block."""
        blocks: list[Floats] = []
        for first in range(0, n, _BLOCK):
            # Seeds of a person are small numbers: no two blocks share one.
            made = partial(make, _BLOCK, seed + (first << 64))
            block = self._once(self._draws, (key, seed, first), made, _BLOCKS)
            blocks.append(block[: n - first])
        return np.concatenate(blocks) if blocks else np.empty((0, self.dist.rank))

    def anchor(
        self, points: Points, sample: int | None, seed: int, only: Conditions = ()
    ) -> Floats:
        """What a walk starts from: the mean's z (R,), or a draw."""
        if sample is not None:
            return np.asarray(self.draws(points, sample + 1, seed, only)[-1])
        if only:
            return self.outcome(points, only).centre
        return self.posterior(points).mean if points else np.zeros(self.dist.rank)

    def _once(
        self, kept: OrderedDict[object, Value], key: object, make: Callable[[], Value], most: int
    ) -> Value:
        """What was made for a key, of which the newest so many are kept."""
        with self._lock:
            if key in kept:
                kept.move_to_end(key)
                return kept[key]
        # Two threads may make the same one: better than one that waits for the other.
        made = make()
        with self._lock:
            kept[key] = made
            while len(kept) > most:
                kept.popitem(last=False)
        return made
