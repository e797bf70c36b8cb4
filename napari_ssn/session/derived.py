"""What follows from what is chosen, and takes a while to find out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from psygnal import Signal

from napari_ssn.errors import Cancel
from napari_ssn.session.runner import Runner

K = TypeVar("K")
V = TypeVar("V")


class Derived(Generic[K, V]):
    """A value that follows from a key: of several keys the newest wins.

    While the value of a newer key is being found out the former one stays. What fails is said once
    and not tried again before another key is wanted, or `forget`.

    Attributes:
        changed: signal: there is another value.
        value: the last one that was found out; None before the first.
        key: that it follows from.
        wanted: newest key; None where nothing is wanted.

    Args:
        runner: finds out.
        channel: of the runner, for this alone.
        make: from a key to its value, in the runner's thread.
        failed: is told, in one sentence, when it fails.
    """

    changed = Signal()

    def __init__(
        self,
        runner: Runner,
        channel: str,
        make: Callable[[K, Cancel], V],
        failed: Callable[[str], None],
    ) -> None:
        self.value: V | None = None
        self.key: K | None = None
        self.wanted: K | None = None
        self._runner, self._channel = runner, channel
        self._make, self._failed = make, failed

    @property
    def current(self) -> V | None:
        """The value of the newest key; None while it is being found out."""
        return self.value if self.wanted is not None and self.key == self.wanted else None

    @property
    def waiting(self) -> bool:
        """Whether the value of the newest key is not known, as yet or for good."""
        return self.wanted is not None and self.key != self.wanted

    def want(self, key: K) -> None:
        """Have the value of a key found out, where it is not known or being found out already."""
        if key == self.wanted:
            return
        self.wanted = key
        if key == self.key:
            self._runner.cancel(self._channel)
            return
        self._runner.submit(
            self._channel,
            lambda progress, cancel: self._make(key, cancel),
            partial(self._found, key),
            self._failed,
        )

    def forget(self) -> None:
        """Nothing is known and nothing is wanted any more; nobody is told."""
        self._runner.cancel(self._channel)
        self.value = self.key = self.wanted = None

    def leave(self) -> tuple[K, V] | None:
        """The value that is known and what it follows from; None where none is."""
        return None if self.key is None or self.value is None else (self.key, self.value)

    def resume(self, left: tuple[K, V] | None) -> None:
        """Know again what was known when it was left; nobody is told."""
        if left is not None:
            self.key, self.value = left
            self.wanted = self.key

    def close(self) -> None:
        """Let go of everything and of who listens."""
        self.forget()
        self.changed.disconnect()

    def _found(self, key: K, value: V) -> None:
        if key == self.wanted:
            self.key, self.value = key, value
            self.changed.emit()
