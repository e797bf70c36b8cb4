"""One page about the change between two scans, to print or to keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from napari_ssn.text.report import HOW_IT_CAME, Part, Picture, made_by
from napari_ssn.text.sizes import plural

# What a range of pairs is, and what it is not.
_MEANING = (
    "Every hypothesis of one scan is paired with every one of the other, as if readers of the two "
    "knew nothing of each other; ranges hold 90 % of these pairs. How much a second scan of an "
    "unchanged lesion differs by itself (breath, dose, kernel, slices) is not in them."
)


@dataclass(frozen=True, eq=False)
class ChangePage:
    """What stands on the page.

    Attributes:
        title: whose change.
        headline: the growth that was asked about, beside what no change would give.
        lines: on sizes, ratio, rate and diameters.
        cautions: a sentence for each thing besides that differs or is not known.
        pictures: of both scans; none where their images are not at hand.
        pictured: what these show.
        facts: name and value, in this order.
        codes: what tells images and weights from all others.
    """

    title: str
    headline: str
    lines: Sequence[str]
    cautions: Sequence[str]
    facts: Sequence[tuple[str, str]]
    codes: Sequence[tuple[str, str]]
    pictures: Sequence[Picture] = ()
    pictured: str = ""

    def parts(self) -> Iterator[Part]:
        """What stands below the title."""
        yield "paragraph", "Has it grown? Two scans, outlined by one model.", "muted"
        yield ("notice",)
        yield "heading", self.headline
        yield from (("paragraph", one, "") for one in self.lines)
        yield "listed", "Cautions", self.cautions
        if self.pictures:
            yield "heading", "Both scans"
            yield "pictures", self.pictures, 3
            yield "paragraph", self.pictured, "muted small"
        yield "heading", HOW_IT_CAME
        yield "facts", self.facts
        yield "facts", self.codes, "code"
        yield made_by(_MEANING)


def scan_line(
    day: date | None,
    steps_mm: Sequence[float],
    thickness_mm: float | None,
    points: int,
    conditions: int,
) -> str:
    """``2024-03-02 · voxels of 1 × 0.7 × 0.7 mm · slices 1.25 mm thick · 2 points``."""
    size = " × ".join(f"{step:.3g}" for step in steps_mm)
    parts = ["date not known" if day is None else day.isoformat(), f"voxels of {size} mm"]
    if thickness_mm is not None:
        parts.append(f"slices {thickness_mm:.3g} mm thick")
    parts.append(plural(points, "point"))
    if conditions:
        parts.append(plural(conditions, "condition"))
    return " · ".join(parts)
