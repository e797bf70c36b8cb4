"""One of two scans that are compared: a result as it is now, or what a sidecar says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_ssn import prediction
from napari_ssn.errors import Cancel
from napari_ssn.geometry.acquired import acquired_by
from napari_ssn.prediction.choice import Point, Question
from napari_ssn.session.derived import Derived
from napari_ssn.session.results import Entry

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.followed import Followed
    from napari_ssn.prediction.lengths import Lengths
    from napari_ssn.prediction.prediction import Prediction
    from napari_ssn.prediction.ranges import Ranges
    from napari_ssn.prediction.scan import Scan


@dataclass(frozen=True)
class Given:
    """Of which hypotheses of a result something is said; what is known of them already."""

    result: Prediction
    points: tuple[Point, ...]
    only: tuple[Question, ...]
    count: int
    place: tuple[int, ...] | None
    ranges: Ranges | None = field(default=None, compare=False)
    lengths: Lengths | None = field(default=None, compare=False)


def follow(given: Given, cancel: Cancel) -> Followed:
    """What is said and seen of a result, given what is given."""
    return prediction.followed.follow(
        given.result,
        given.points,
        given.only,
        given.count,
        given.place,
        given.ranges,
        given.lengths,
        cancel,
    )


@dataclass(eq=False)
class Side:
    """One of the two scans; of neither result nor sidecar nothing is chosen.

    Attributes:
        found: what its result says; of a sidecar nothing has to be found out.
        entry: the result.
        sidecar: what a sidecar says.
    """

    found: Derived[Given, Followed]
    entry: Entry | None = None
    sidecar: Scan | None = None

    @property
    def chosen(self) -> bool:
        """Whether anything is."""
        return self.entry is not None or self.sidecar is not None

    @property
    def scan(self) -> Scan | None:
        """What is said of it; while it is found out anew, what was said before."""
        if self.sidecar is not None:
            return self.sidecar
        return None if self.seen is None else self.seen.scan

    @property
    def seen(self) -> Followed | None:
        """What is seen of its result; None of a sidecar, and before the first."""
        key, entry = self.found.key, self.entry
        if key is None or entry is None or key.result.run != entry.prediction.run:
            return None
        return self.found.value

    def take(self, entry: Entry | None, sidecar: Scan | None = None) -> None:
        """Be another scan from now on."""
        self.found.forget()
        self.entry, self.sidecar = entry, sidecar

    @property
    def image(self) -> str | None:
        """Hash of its image; None where nothing is chosen."""
        if self.entry is not None:
            return self.entry.prediction.image_sha256
        return None if self.sidecar is None else self.sidecar.image_sha256

    @property
    def day(self) -> str:
        """When it was taken, as DICOM has it; empty where that is not known."""
        if self.entry is not None:
            found = acquired_by(self.entry.prediction.source.series).day
        else:
            found = None if self.sidecar is None else self.sidecar.acquired.day
        return "" if found is None else found.isoformat()
