"""How far what takes a while is, for whoever waits; and the place where it can be stopped."""

from __future__ import annotations

from collections.abc import Callable

#: Called with how many were done, of how many; may raise `Cancelled`.
Step = Callable[[int, int], None]


def unseen(done: int, total: int) -> None:
    """Nobody waits."""
