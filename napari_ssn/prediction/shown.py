"""What there is to write of a prediction, and what was written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_ssn.errors import ExportError
from napari_ssn.io.dicom.series import DicomSeries
from napari_ssn.io.known import Held, holding
from napari_ssn.prediction.choice import Choice

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.core.summaries.lesions import Lesions
    from napari_ssn.prediction.cards import Cards
    from napari_ssn.prediction.lengths import Lengths
    from napari_ssn.prediction.prediction import Prediction
    from napari_ssn.prediction.ranges import Ranges

#: What goes into a file: the hypothesis on show, those of all cards, or the probability map.
Part = Literal["shown", "cards", "probability"]
# What a file has to be able to hold for these.
_HELD: dict[str, Held] = {
    "shown": "one", "cards": "several", "probability": "likely", "report": "report",
}  # fmt: skip
_OWN = {"report": {".html": "Web page"}, "volumes": {".csv": "Table"}}


def formats_of(part: str) -> dict[str, str]:
    """What each format that can hold a part, the report or the volumes is called, by its end.

    Examples:
        >>> formats_of("volumes")
        {'.csv': 'Table'}
    """
    held = holding(_HELD[part]) if part in _HELD else ()
    return {**_OWN.get(part, {}), **{one.written: one.title for one in held}}


@dataclass(frozen=True)
class Shown:
    """What there is to write.

    Attributes:
        prediction: that everything else is about.
        choice: the hypothesis on show.
        lesions: of the prediction; None until they are told apart.
        cards: of the points there are now; None until they are dealt.
        ranges: given the points there are now; None until they are counted.
        lengths: given them too; None until they are measured.
    """

    prediction: Prediction
    choice: Choice
    lesions: Lesions | None = None
    cards: Cards | None = None
    ranges: Ranges | None = None
    lengths: Lengths | None = None

    def dealt(self) -> Cards:
        """The cards; ExportError while there are none."""
        if self.cards is None:
            raise ExportError("The hypotheses are still being compared: try again in a moment.")
        return self.cards

    def counted(self) -> Ranges:
        """The ranges; ExportError while there are none."""
        if self.ranges is None:
            raise ExportError("The ranges are still being counted: try again in a moment.")
        return self.ranges

    @property
    def series(self) -> DicomSeries | None:
        """The DICOM series that the image came from; None for any other."""
        return series_of(self.prediction)


def series_of(prediction: Prediction) -> DicomSeries | None:
    """The DICOM series that an image came from; None for any other."""
    series = prediction.source.series
    return series if isinstance(series, DicomSeries) else None


@dataclass(frozen=True)
class Exported:
    """What an export wrote: the folder, the names of the files in it, and a word on the first."""

    folder: Path
    files: tuple[str, ...]
    caution: str = ""
