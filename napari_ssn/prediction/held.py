"""What there is to keep of a session, in values that pass between threads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_ssn.geometry.arrays import Labels
from napari_ssn.prediction.choice import Choice

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.core.summaries.lesions import Lesions
    from napari_ssn.documents import study as documents
    from napari_ssn.prediction.prediction import Prediction


@dataclass(frozen=True, eq=False)
class Drawn:
    """A hypothesis that somebody kept, as its layer is now.

    Attributes:
        choice: that it was.
        labels: (*S) uint8 on the image's grid; None where it is as the choice decodes.
        edited: whether it was painted on.
    """

    choice: Choice
    labels: Labels | None = None
    edited: bool = False


@dataclass(frozen=True)
class Held:
    """A result, the hypothesis on show in it, and what was kept of it.

    Attributes:
        prediction: it.
        choice: on show.
        lesions: of the prediction, where they are told apart.
        kept: hypotheses.
        whole: whether all numbers of the prediction are here, or some on a server still.
    """

    prediction: Prediction
    choice: Choice
    lesions: Lesions | None = None
    kept: tuple[Drawn, ...] = ()
    whole: bool = True


@dataclass(frozen=True, eq=False)
class Waiting:
    """A result in a study whose image is not open.

    Attributes:
        path: of the study, a file or a folder.
        result, image: what the study says of them.
    """

    path: Path
    result: documents.Result
    image: documents.Image


@dataclass(frozen=True)
class Whole:
    """All that there is to keep; two are equal where nothing has changed between them.

    Attributes:
        held: results, in their order.
        shown: place of the one on show; None for none.
        waiting: results whose images are not open.
        settings: hypotheses behind a range, samples, reach of the slider and cards.
    """

    held: tuple[Held, ...] = ()
    shown: int | None = None
    waiting: tuple[Waiting, ...] = ()
    settings: tuple[int, int, float, int] | None = None

    @property
    def empty(self) -> bool:
        """Whether there is no result to keep."""
        return not (self.held or self.waiting)
