"""The readers' room: people's outlines beside the hypotheses, and one made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_ssn import prediction
from napari_ssn.documents.adjudicated import How
from napari_ssn.errors import Cancel
from napari_ssn.session.lines import PLANES, Lines, keep
from napari_ssn.session.part import Busy
from napari_ssn.session.records import Plane
from napari_ssn.session.runner import Runner
from napari_ssn.text.readers import OUTLINE_WRITTEN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction
    from napari_ssn.prediction.readers import Placed, Readers
    from napari_ssn.prediction.readers_told import Row


@dataclass(frozen=True, eq=False)
class Compared:
    """People's outlines and where the model has them, with what is said of both.

    Attributes:
        readers, placed: the two.
        lines: all that is said.
        summary: of these what may be amiss, and what all, half and any have of each label.
        rows: of each label but the background a row for each person.
    """

    readers: Readers
    placed: Placed
    lines: tuple[str, ...]
    summary: tuple[str, ...]
    rows: tuple[tuple[Row, ...], ...]


@dataclass(frozen=True, eq=False)
class Made:
    """One outline of all, as it was made.

    Attributes:
        how: it was made.
        readers: of whose outlines.
        label_map: (*S), its labels on the source's grid.
        shares: everybody's; None where nobody has one.
        image_sha256: of the image that all of it lies on.
    """

    how: How
    readers: Readers
    label_map: NDArray[np.uint8]
    shares: Sequence[float] | None
    image_sha256: str


class ReadersRoom(Busy):
    """Compares outlines and makes one of them; the walk is left where it is.

    Attributes:
        changed: signal: others were compared, or one was made, or is being looked for.
        busy: whether one is.
        found: what was compared; None before, and of another result.
        made: the outline that was made last.
        drawn: whether somebody wants to see what all, half and any of the people have.

    Args:
        runner: does the work.
        tell: is told what a person should know, in one sentence, and whether it is an error.
    """

    _channel = "readers"

    def __init__(self, runner: Runner, tell: Callable[[str, bool], None]) -> None:
        self._runner, self._tell = runner, tell
        self.found: Compared | None = None
        self.made: Made | None = None
        self.drawn = True
        self._lines: dict[Plane, tuple[Compared, tuple[Lines, ...]]] = {}

    def begin(self, result: Prediction) -> None:
        """A new result: nobody is compared beside it."""
        super().begin(result)
        self.found = self.made = None
        self._lines.clear()
        self.changed.emit()

    def compare(self, values: Sequence[NDArray[np.generic]], names: Sequence[str]) -> None:
        """Compare label maps on the source's grid, of people of these names."""
        result = self._result
        if result is None:
            return

        def find(cancel: Cancel) -> Compared:
            room, source = prediction.readers, result.source
            found = room.gather(values, source.space, _spacing(result), names, result.labels)
            cancel.check()
            placed = room.place(found, result, cancel)
            unit = "px" if source.spacing_mm is None else "mm"
            told, measure = prediction.readers_told, result.measure
            return Compared(
                found,
                placed,
                tuple(told.lines_of(found, placed, measure, unit)),
                (*told.odd_ones(found), *told.nested_lines(found, placed, measure)),
                told.rows_of(found, placed, measure, unit),
            )

        self._start(find, self._compared)

    def draw(self, on: bool) -> None:
        """Somebody wants to see the lines of `lines`, or no longer."""
        self.drawn = on
        self.changed.emit()

    def lines(self, plane: Plane) -> tuple[Lines, ...]:
        """Around what any, at least half and all of the people have in a plane of the source.

        Empty while nobody is compared, or wants to see them; the same object while they are the
        same lines.
        """
        found = self.found
        if found is None or not self.drawn:
            return ()
        kept = self._lines.get(plane)
        if kept is None or kept[0] is not found:
            least = prediction.readers.levels_of(len(found.readers.maps))
            kept = found, prediction.lines.vote_lines(found.readers.votes, least, plane)
            keep(self._lines, plane, kept, PLANES)
        return kept[1]

    def make(self, how: How, number: int = 0) -> None:
        """Make one outline of all: as `prediction.readers.adjudicate`, with equal weights."""
        result, compared = self._result, self.found
        if result is None or compared is None:
            return
        readers = compared.readers

        def find(cancel: Cancel) -> Made:
            found = prediction.readers.adjudicate(readers, how, _spacing(result), number)
            return Made(how, readers, *found, result.image_sha256)

        self._start(find, self._was_made)

    def export(
        self,
        path: Path,
        overwrite: bool = False,
        painted: NDArray[np.generic] | None = None,
    ) -> None:
        """Write the outline that was made last, with a sidecar that names everybody's share.

        Args:
            path: of the NIfTI.
            overwrite: whether a file of that name may be replaced.
            painted: the outline as it stands in its layer, on the source's grid; as it was made
                if left out.
        """
        result, made = self._result, self.made
        if result is None or made is None:
            return

        def write(cancel: Cancel) -> None:
            room = prediction.readers
            written = made.label_map
            if painted is not None:
                written = room.corrected(made.readers, made.label_map, painted)
            shares = room.shares_of(made.readers, made.how, written, made.shares, made.label_map)
            room.write_outline(path, written, shares, result, overwrite)

        self._start(write, lambda _: self._tell(OUTLINE_WRITTEN, False))

    def _compared(self, found: Compared) -> None:
        self.found, self.made = found, None

    def _was_made(self, made: Made) -> None:
        self.made = made

    def close(self) -> None:
        """Let go of the result and of who listens."""
        super().close()
        self.found = self.made = None
        self._lines.clear()


def _spacing(result: Prediction) -> tuple[float, ...]:
    source = result.source
    return source.spacing_mm or (1.0,) * len(source.space)
