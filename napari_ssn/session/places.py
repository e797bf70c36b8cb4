"""Where the lesions of a result are, and where somebody wants to look."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_ssn import prediction
from napari_ssn.errors import Cancel, SSNError
from napari_ssn.session.derived import Derived
from napari_ssn.session.part import SessionPart
from napari_ssn.session.runner import Runner
from napari_ssn.session.walk import Walk
from napari_ssn.text.problems import problem

if TYPE_CHECKING:
    from napari_ssn.core.summaries.lesions import Lesions
    from napari_ssn.prediction.prediction import Prediction


class Places(SessionPart):
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
        self._lesions: Derived[Prediction, Lesions] = Derived(
            runner, "lesions", _tell_apart, failed
        )
        self._lesions.changed.connect(self._found)
        self._walk = walk
        self._failed = failed

    def tell_lesions_apart(self, result: Prediction) -> None:
        """Find the lesions of a result, once."""
        self._lesions.want(result)

    def _found(self) -> None:
        lesions, result = self._lesions.current, self._lesions.key
        if lesions is not None and result is not None and self._walk.run == result.run:
            self._walk.take_lesions(lesions)

    def leave(self) -> Any:
        """See `SessionPart`."""
        return self._lesions.leave()

    def resume(self, left: Any) -> None:
        """See `SessionPart`."""
        self._lesions.resume(left)

    def look_at(self, place: tuple[int, ...], centred: bool = False) -> None:
        """Show a voxel of the source's grid; ``centred`` as in the signal."""
        self.looked.emit(place, centred)

    def look_at_middle(self, result: Prediction) -> None:
        """Show the place where the hypothesis on show is largest, if it is anywhere."""
        # At once: behind the jobs that follow a run it would move the view seconds later, when
        # somebody may be looking at something else.
        try:
            choice, lesions = self._walk.choice, self._walk.lesions
            shown = prediction.decode.hypothesis_of(result, choice, lesions)
            place = prediction.lesions.middle_of(shown.label_map)
        except SSNError as error:
            self._failed(problem(error))
            return
        if place is not None:
            self.looked.emit(place, False)


def _tell_apart(result: Prediction, cancel: Cancel) -> Lesions:
    return prediction.lesions.tell_apart(result, cancel)
