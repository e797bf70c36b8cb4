"""Of several images at one place somebody chooses: what they are asked, however they are asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

#: One of them: its number, words for it, and why it cannot be opened.
Entry = tuple[int, str, str | None]


@dataclass(frozen=True)
class Several:
    """What there is to choose from.

    Attributes:
        entries: one for each; their words name nobody.
        first: number of the one that is proposed; None for none.
        kind: what they are.
        remark: what is not clear of them, in sentences; empty where there is nothing.
    """

    entries: tuple[Entry, ...]
    first: int | None
    kind: str = "DICOM series"
    remark: str = ""


#: Returns the numbers of those that are to be opened; none if none is.
Ask = Callable[[Several], Sequence[int]]
