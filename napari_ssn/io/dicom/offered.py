"""Images of DICOM that are offered for choice, without a word about the patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from napari_ssn.errors import ImageError

# How many series are named where one is to be chosen.
_NAMED = 100


@dataclass(frozen=True)
class SeriesInfo:
    """A series to choose, without a word about the patient.

    Attributes:
        number: to choose it by, from 1.
        modality: as CT.
        size: columns, rows, slices; of a series that makes no volume those of its first slice.
        spacing_mm: along these; None if it makes no volume.
        problem: why it makes none, one sentence.
        uid: of the series.
        part: what sets it apart from other images of that series, as ``echo time 10 ms``.
        uids: of its instances, in the order of its slices; of one of many frames a single one.
        doubt: whether it is an image of its own, one sentence; empty where that is clear.
    """

    number: int
    modality: str
    size: tuple[int, int, int]
    spacing_mm: tuple[float, ...] | None
    problem: str | None = None
    uid: str = ""
    part: str = ""
    uids: tuple[str, ...] = field(default=(), repr=False)
    doubt: str = ""

    @property
    def title(self) -> str:
        """``CT 512 × 512 × 36``."""
        return f"{self.modality or 'DICOM'} {' × '.join(map(str, self.size))}"

    @property
    def words(self) -> str:
        """``CT 512 × 512 × 36 · 0.76 × 0.76 × 1 mm``, and its part."""
        said = "cannot be opened"
        if self.spacing_mm is not None:
            said = f"{' × '.join(f'{mm:.3g}' for mm in self.spacing_mm)} mm"
        return " · ".join(one for one in (self.title, said, self.part) if one)


def several(infos: Sequence[SeriesInfo]) -> ImageError:
    """The error that there are several series, and which."""
    # The command has no other list of them.
    named = "; ".join(f"{info.number}: {info.words}" for info in infos[:_NAMED])
    more = f"; and {len(infos) - _NAMED} more" if len(infos) > _NAMED else ""
    said = f"There are {len(infos)} series, choose one by its number: {named}{more}."
    return ImageError(" ".join([said, *doubts(infos)]))


def doubts(infos: Sequence[SeriesInfo]) -> list[str]:
    """What is not clear of images that are offered for choice, each sentence once."""
    return list(dict.fromkeys(one.doubt for one in infos if one.doubt))
