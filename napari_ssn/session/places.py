"""Where the lesions of a result are, and where somebody wants to look."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_ssn.core.errors import SSNError
from napari_ssn.session import jobs
from napari_ssn.session.records import Result
from napari_ssn.session.runner import Runner
from napari_ssn.session.walk import Walk
from napari_ssn.wording.problems import problem

if TYPE_CHECKING:
    from napari_ssn.core.lesions import Lesions


class Places:
    """Finds places in the image.

    Attributes:
        looked: signal: a voxel of the source's grid is to be seen, and whether in the middle.

    Args:
        runner: does the long part.
        walk: is told of the lesions.
        failed: is told, in one sentence, when something fails.
    """

    looked = Signal(tuple, bool)

    def __init__(self, runner: Runner, walk: Walk, failed: Callable[[str], None]) -> None:
        self._runner = runner
        self._walk = walk
        self._failed = failed
        # Whose lesions were asked for.
        self._result: Result | None = None

    def tell_lesions_apart(self, result: Result) -> None:
        """Find the lesions of a result, once."""
        if self._result is result:
            return
        self._result = result
        self._runner.submit(
            "lesions",
            lambda progress, cancelled: jobs.lesions_job(result, cancelled),
            partial(self._found, result),
            self._failed,
        )

    def _found(self, result: Result, lesions: Lesions) -> None:
        if self._result is result and self._walk.run == result.run:
            self._walk.take_lesions(lesions)

    def forget(self) -> None:
        """The result has another spread, and with it other lesions."""
        self._runner.cancel("lesions")
        self._result = None

    def look_at(self, place: tuple[int, ...], centred: bool = False) -> None:
        """Show a voxel of the source's grid; ``centred`` as in the signal."""
        self.looked.emit(place, centred)

    def look_at_middle(self, result: Result) -> None:
        """Show the place where the hypothesis on show is largest, if it is anywhere."""
        # At once: behind the jobs that follow a run it would move the view seconds later, when
        # somebody may be looking at something else.
        try:
            place = jobs.middle_job(result, self._walk.choice, self._walk.lesions)
        except SSNError as error:
            self._failed(problem(error))
            return
        if place is not None:
            self.looked.emit(place, False)

    def close(self) -> None:
        """Let go of the result and of who listens."""
        self._result = None
        self.looked.disconnect()
