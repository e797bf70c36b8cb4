"""Fit to my drawing: an outline that somebody painted becomes the hypothesis nearest to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_ssn import prediction
from napari_ssn.documents.sidecar import Provenance
from napari_ssn.errors import Cancel
from napari_ssn.session.part import Busy
from napari_ssn.session.steering import Means, Steering

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.drawing import Fitting as Found
    from napari_ssn.prediction.prediction import Prediction
    from napari_ssn.session.reading import Made


class Fitting(Busy, Steering):
    """Finds the hypothesis nearest to a drawing, shows it, and says how far they agree.

    The drawing is part of the walk's choice, so that undo and redo, a kept hypothesis and a sidecar
    know it.

    Attributes:
        changed: signal: another fitting is on show, or none any more; or one is being looked for.
        busy: whether one is being looked for.
    """

    _channel = "fit"

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        # By their drawings: undo comes back to one.
        self._found: dict[Any, Found] = {}
        self._seen: Found | None = None

    def begin(self, result: Prediction) -> None:
        """A new result: nothing is fitted to it."""
        super().begin(result)
        self._seen = None
        self._found.clear()
        self.changed.emit()

    def leave(self) -> Any:
        """See `SessionPart`."""
        return dict(self._found)

    def resume(self, left: Any) -> None:
        """See `SessionPart`."""
        self._found = dict(left)

    @property
    def found(self) -> Found | None:
        """The fitting that one walks from; None where none is."""
        drawing = self._walk.choice.drawing
        return None if drawing is None else self._found.get(drawing)

    @property
    def words(self) -> tuple[list[str], bool]:
        """What is said of it, line by line; and whether the model hardly has such a drawing."""
        found, result = self.found, self._result
        if found is None or result is None:
            return [], False
        return prediction.drawing.words_of(found, result)

    def fit(
        self,
        values: NDArray[np.generic],
        made: Made | None = None,
        told: Mapping[str, Any] | None = None,
    ) -> None:
        """Look for the hypothesis nearest to labels on the source's grid, and show it.

        Args:
            values: the labels.
            made: that they are, as they were made of several people's outlines, to be told with
                whatever comes of it; None where somebody drew them.
            told: content of the sidecar that they were opened with, whose people are told too.
        """
        result = self._ready()
        if result is None:
            return
        points = self._walk.choice.points

        def find(cancel: Cancel) -> Found:
            space, labels = result.source.space, result.labels
            drawn = prediction.drawing.as_drawing(values, space, labels)
            found = prediction.drawing.fit(result, drawn, points, cancel=cancel)
            if made is not None:
                return _of_people(found, made, drawn, result)
            return found if told is None else _of_file(found, told, drawn, result)

        self._start(find, self._fitted)

    def _fitted(self, found: Found) -> None:
        self._found[found.drawing] = found
        self._walk.set_drawing(found.drawing)

    def _follow(self) -> None:
        found = self.found
        if found is not self._seen:
            self._seen = found
            self.changed.emit()

    def close(self) -> None:
        """Let go of the result and of who listens."""
        super().close()
        self._seen = None
        self._found.clear()


def _of_people(found: Found, made: Made, drawn: NDArray[np.uint8], result: Prediction) -> Found:
    """What was found of an outline of several people's, with their shares; of no other image's."""
    if made.image_sha256 != result.image_sha256 or len(made.readers.labels) != len(result.labels):
        return found
    room = prediction.readers
    shares = room.shares_of(made.readers, made.how, drawn, made.shares, made.label_map)
    return room.of_people(found, shares)


def _of_file(
    found: Found, told: Mapping[str, Any], drawn: NDArray[np.uint8], result: Prediction
) -> Found:
    """As `_of_people`, of an outline that was opened from a file with its sidecar."""
    shares = prediction.readers.recorded(Provenance.model_validate(told), drawn, result)
    return found if shares is None else prediction.readers.of_people(found, shares)
