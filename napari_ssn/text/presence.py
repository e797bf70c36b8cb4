"""Whether there is anything to outline, in a clinician's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari_ssn.text.ensembles import nothing_of_members
from napari_ssn.text.sizes import UNLIKE, percent

#: Below this chance that a reader outlines anything, "is it there?" is answered before any size.
LIKELY = 0.5
#: Below this it is said plainly that there is none; from here on, how many would outline one.
HARDLY = 0.1


@dataclass(frozen=True)
class Presence:
    """Whether a reader outlines anything here.

    Attributes:
        share: of the readers who would, 0 to 1.
        apart: whether the model tells this apart from where the border runs; if not, there is
            nothing to say.
        labels: names of what is outlined, background left out.
        unlike: whether the image is unlike those that the model was trained on.
        members, noun: of an ensemble, whose share it is, and what they are; 0 for readers.
    """

    share: float
    apart: bool
    labels: tuple[str, ...]
    unlike: bool = False
    members: int = 0
    noun: str = ""

    @property
    def unlikely(self) -> bool:
        """Whether this is said before any size, and outlines are shown on request only."""
        return self.apart and self.share < LIKELY

    @property
    def line(self) -> str:
        """What is said of it, a line of its own; nothing where there is nothing to say."""
        if not self.apart:
            return ""
        if self.members:
            absent = round((1 - self.share) * self.members)
            return nothing_of_members(absent, self.members, self.noun)
        line = nothing_line(1 - self.share)
        if self.unlikely:
            line = unlikely_line(self.share, self.labels)
        return f"{line} · {UNLIKE}" if self.unlike else line


def nothing_line(share: float) -> str:
    """``about 14 % would outline nothing here``; of hardly anybody ``fewer than 1 %``.

    Args:
        share: of the readers who outline nothing.
    """
    words = percent(share)
    many = {"<": f"fewer than {words[1:]}", ">": f"more than {words[1:]}"}
    return f"{many.get(words[0], f'about {words}')} would outline nothing here"


def unlikely_line(share: float, labels: Sequence[str]) -> str:
    """``This does not look like a nodule (2 %)``; from `HARDLY` on it is less sure.

    ``Probably no nodule here: about 42 % of readers would outline one``: that so many would is
    a reason to look again, and neither a finding nor none.

    Args:
        share: of the readers who would outline one, below `LIKELY`.
        labels: of what is outlined, background left out.
    """
    one = len(labels) == 1
    if share < HARDLY:
        what = "anything that this model outlines"
        if one:
            what = f"{'an' if labels[0][:1].lower() in 'aeiou' else 'a'} {labels[0]}"
        return f"This does not look like {what} ({percent(share)})"
    what, whom = (f"no {labels[0]}", "one") if one else ("nothing", "anything")
    # 49.7 % is not the half from which on outlines are shown unasked.
    about = percent(min(share, LIKELY - 0.01))
    return f"Probably {what} here: about {about} of readers would outline {whom}"


def in_full(line: str, readers: int, outlined: bool) -> str:
    """A `range_line` with over whom it holds, which it has no room for where it is of outlines.

    Args:
        line: what is said of the range.
        readers: of each image that it was learnt from; 0 of the model's own.
        outlined: whether presence is told apart from it.
    """
    whom = "That holds on average over patients like those of the calibration, not for each image."
    return f"{line}.\n{whom}" if readers and outlined else line
