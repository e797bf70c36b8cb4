"""When and how an image was acquired, as far as its file says; for comparing two of a patient."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, repr=False)
class Acquired:
    """What of an acquisition changes the sizes that are seen; None where its file does not say.

    Attributes:
        day: on which it was taken; a person sees it and may change it, and no sidecar has it.
        kernel: sha256 of the kernel that it was reconstructed with, which is free text.
        thickness_mm: of a slice, which may be more than their distance.
        whose: sha256 of the patient's number, birth date and sex, each empty where it is not
            stated; no sidecar has it, and nothing shows it.
        series: UID of the series that it is of; empty where there is none.
    """

    day: date | None = None
    kernel: str | None = None
    thickness_mm: float | None = None
    whose: tuple[str, str, str] = ("", "", "")
    series: str = ""

    def of_another(self, other: Acquired) -> bool:
        """Whether the two are of different patients, by what both files state."""
        return any(a and b and a != b for a, b in zip(self.whose, other.whose, strict=True))


#: Of a file that says nothing.
UNACQUIRED = Acquired()


def acquired_by(source: object) -> Acquired:
    """What the source of an image says, as its ``acquired``; nothing without one.

    Examples:
        >>> from napari_ssn.geometry.acquired import acquired_by
        >>> acquired_by(None).day is None
        True
    """
    found = getattr(source, "acquired", None)
    return found if isinstance(found, Acquired) else UNACQUIRED
