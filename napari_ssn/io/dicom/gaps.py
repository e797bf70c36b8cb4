"""A gap between slices that lie evenly otherwise: slices that are missing, or another stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_ssn.geometry.arrays import Floats

# How far a gap may be from a whole number of steps, and steps of stacks from each other, as a
# share of a step, beside what positions were rounded to.
_WHOLE = 0.1


@dataclass(frozen=True, eq=False)
class Gaps:
    """Between stacks of slices, in the order in which they lie.

    Attributes:
        vectors: from the last slice of each to the first of the next, (n, 3) mm.
        steps: from slice to slice within each, (n + 1, 3) mm.
        slices: of the largest.
        rounded_mm: what positions were rounded to; 0 for hardly at all.
    """

    vectors: Floats
    steps: Floats
    slices: int
    rounded_mm: float

    @property
    def step(self) -> Floats:
        """From slice to slice, the mean of all stacks, (3,) mm."""
        mean: Floats = self.steps.mean(axis=0)
        return mean

    @property
    def missing(self) -> list[int] | None:
        """Slices that each gap has room for; None if these stacks are no pieces of one.

        So they are if steps within them are equal and every gap is a whole number of these.
        """
        length = float(np.linalg.norm(self.step))
        unsure = self.rounded_mm / (self.slices - 1)
        spread = float(np.linalg.norm(self.steps - self.step, axis=1).max())
        if spread > _WHOLE * length + unsure:
            return None
        times = np.rint(self.vectors @ self.step / length**2)
        off = np.linalg.norm(self.vectors - times[:, None] * self.step, axis=1)
        allowed = _WHOLE * length + self.rounded_mm + times * max(spread, unsure)
        return None if (off > allowed).any() else [int(one) - 1 for one in times]

    def words(self, missing: Sequence[int], numbered: bool) -> str:
        """What is said of them, one sentence.

        Args:
            missing: slices that each has room for.
            numbered: whether the numbers of the files run on within each stack.
        """
        widest = float(np.linalg.norm(self.vectors, axis=1).max())
        usual = f"where slices are {float(np.linalg.norm(self.step)):.3g} mm apart"
        if len(missing) == 1:
            where, gap = "Between the two", f"a gap of {widest:.3g} mm"
        else:
            where, gap = "Between them", f"gaps of up to {widest:.3g} mm"
        if numbered:
            return (
                f"{where} there {'is' if len(missing) == 1 else 'are'} {gap}, {usual}. As the "
                "numbers of their files run on these are separate stacks, unless somebody "
                "numbered them anew when slices were lost."
            )
        count = sum(missing)
        lost = "1 slice is missing" if count == 1 else f"{count} slices are missing"
        return (
            f"{where} either {lost}, or these are separate stacks: there "
            f"{'is' if len(missing) == 1 else 'are'} {gap}, {usual}, and the files do not tell "
            "which it is."
        )


def by_numbers(runs: Sequence[Sequence[int | None]], missing: Sequence[int]) -> bool | None:
    """What the numbers of the files tell of gaps: True for stacks, False for missing slices.

    As many numbers left out as slices have room in the gaps are files that are missing. Stacks
    are numbered through, one after the other. None where neither is so.

    Args:
        runs: numbers of the instances of each stack.
        missing: slices that each gap has room for.
    """
    numbers = [one for run in runs for one in run if one is not None]
    if len(numbers) < sum(map(len, runs)) or len(set(numbers)) < len(numbers):
        return None
    if max(numbers) - min(numbers) + 1 - len(numbers) == sum(missing):
        return False
    ends = [[one for one in run if one is not None] for run in runs]
    return True if all(max(run) - min(run) + 1 == len(run) for run in ends) else None
