"""A question that a job has while it runs, and that a person answers in the window."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from napari_ssn.errors import Cancel
from napari_ssn.io.asking import Several

# Seconds after which a job that waits for an answer looks whether it is to stop.
_LOOK = 0.05


class Query:
    """Asked in the job's thread and answered in another.

    Attributes:
        what: there is to choose from.
    """

    def __init__(self, what: Several) -> None:
        self.what = what
        self._numbers: Sequence[int] = ()
        self._answered = threading.Event()

    def answer(self, numbers: Sequence[int]) -> None:
        """Choose these; none is an answer too."""
        self._numbers = tuple(numbers)
        self._answered.set()

    def wait(self, cancel: Cancel) -> Sequence[int]:
        """What was chosen, once it is; Cancelled if the job is to stop before."""
        while not self._answered.wait(_LOOK):
            cancel.check()
        return self._numbers
