"""Statements about time, on machines that others use as well.

What else a machine does only adds to what something takes. So what is to take no longer than it
should is tried again when it does, and what always takes longer fails.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

Test = TypeVar("Test", bound=Callable[..., None])

#: So often something may take too long before it is said to.
TRIES = 4


class TooLate(AssertionError):
    """It took longer than it should."""


@contextmanager
def within(seconds: float, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """What happens inside ends in time.

    Args:
        seconds: it may take.
        clock: reads them.
    """
    began = clock()
    yield
    in_time(began, seconds, clock)


def in_time(began: float, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
    """Since ``began`` no more than so many seconds have passed."""
    if (took := clock() - began) > seconds:
        raise TooLate(f"it took {took:.2f} s, {seconds:g} s allowed")


def tried_again(test: Test) -> Test:
    """A test that is repeated while only its time was wrong; nothing else is forgiven."""

    @functools.wraps(test)
    def trying(*args: Any, **named: Any) -> None:
        for last in (*[False] * (TRIES - 1), True):
            try:
                return test(*args, **named)
            except TooLate:
                if last:
                    raise

    return trying  # type: ignore[return-value]


def no_longer(
    ours: Callable[[], float], theirs: Callable[[], float], fits: Callable[[float, float], bool]
) -> None:
    """What two things take, by turns; of each the least counts.

    Args:
        ours: does one and says how many seconds it took.
        theirs: the other.
        fits: whether the least of both are as they should be.

    Raises:
        TooLate: they never were.
    """
    # The first of each compiles.
    taken = [(ours(), theirs())]
    for _ in range(2 * TRIES):
        taken.append((ours(), theirs()))
        if fits(*map(min, zip(*taken[1:], strict=True))):
            return
    raise TooLate(f"seconds of each: {taken}")
