"""What tests of times forgive, and what they do not."""

from __future__ import annotations

import pytest

from tests.support.soon import TRIES, TooLate, in_time, no_longer, tried_again, within


def test_what_was_late_once_is_tried_again() -> None:
    clock = iter([0.0, 2.0, 0.0, 1.0])

    @tried_again
    def test() -> None:
        with within(1, lambda: next(clock)):
            pass

    test()
    assert not list(clock)


def test_what_is_always_late_fails() -> None:
    tried = []

    @tried_again
    def test() -> None:
        tried.append(1)
        in_time(0, 1, lambda: 2)

    with pytest.raises(TooLate, match=r"2\.00 s, 1 s allowed"):
        test()
    assert len(tried) == TRIES


def test_nothing_but_time_is_forgiven() -> None:
    tried = []

    @tried_again
    def test() -> None:
        tried.append(1)
        raise AssertionError("wrong")

    with pytest.raises(AssertionError, match="wrong"):
        test()
    assert len(tried) == 1


def test_the_least_of_each_counts_but_the_first() -> None:
    ours, theirs = iter([0.1, 3.0, 1.0]), iter([5.0, 1.0, 2.0])
    no_longer(lambda: next(ours), lambda: next(theirs), lambda mine, other: mine <= other)
    assert not list(ours) and not list(theirs)
    with pytest.raises(TooLate):
        no_longer(lambda: 1.2, lambda: 1.0, lambda mine, other: mine <= 1.1 * other)
