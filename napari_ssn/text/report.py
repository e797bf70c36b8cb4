"""One page about a result, to print or to keep: HTML that needs no other file.

Nothing on it comes from a name, a path or a header of the image's file: whoever prints it adds
what names the patient by hand.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_ssn._version import __version__
from napari_ssn.text.lines import kept_together
from napari_ssn.text.pictures import png_of
from napari_ssn.text.problems import RESEARCH_ONLY
from napari_ssn.text.sizes import capital

# Tables and plain rules throughout: mail programs and word processors show these as well.
_STYLE = """
@page { size: A4; margin: 12mm; }
body { font: 10pt/1.35 "Helvetica Neue", Arial, sans-serif; color: #1b1f24;
  max-width: 186mm; margin: 0 auto; padding: 4mm; }
h1 { font-size: 16pt; margin: 0; }
h2 { font-size: 10.5pt; margin: 4mm 0 1mm; }
p { margin: 1mm 0; }
table { border-collapse: collapse; width: 100%; }
td { vertical-align: top; padding: 0.6mm 3mm 0.6mm 0; }
ul { margin: 1mm 0; padding-left: 5mm; }
img { width: 100%; display: block; }
.notice { font-weight: bold; border: 0.4mm solid #8a5300; color: #8a5300;
  padding: 1mm 3mm; margin: 2mm 0 3mm; text-align: center; }
.muted { color: #57606a; }
.small { font-size: 8pt; }
.card { padding: 0 2mm 0 0; }
.card b { font-size: 10.5pt; }
.swatch { display: inline-block; width: 3mm; height: 3mm; margin-right: 2mm; }
.key { white-space: nowrap; color: #57606a; width: 1%; padding-right: 5mm; }
td.size { font-size: 13pt; font-weight: bold; color: #1b1f24; line-height: 1.1; }
.code { font-family: Menlo, Consolas, monospace; font-size: 7.5pt; }
@media print {
  body { padding: 0; max-width: none; }
  tr, p, li, .notice { break-inside: avoid; }
  .notice, .swatch { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
"""

#: A part of a page: what it is, and its words or pictures. HTML and picture show each their way.
Part = tuple[Any, ...]
HOW_IT_CAME = "How this came about"
#: A row of a page's table.
OTHER_SPREAD = ("Spread", "changed by hand: not the model's own")
SUM_OF_SHOWN = "Label map on show, sha256"
# Where the coordinates of a patient grow to.
_TOWARDS = ("right", "front", "head")
# Points of a label, or members, that the report names.
_TOLD = 8
#: What the range of a model is.
MODEL_MEANING = (
    "A model range says how far the model's hypotheses differ, a calibrated one is widened or "
    "narrowed to hold what readers of other images outlined; neither says where the truth is."
)


@dataclass(frozen=True)
class Size:
    """One label's size: its name and colour, the size on show, and its range in words."""

    label: str
    colour: str
    amount: str
    spread: str


@dataclass(frozen=True, eq=False)
class Picture:
    """A hypothesis as a picture (h, w, 3) uint8, with two lines under it."""

    pixels: NDArray[np.uint8]
    title: str
    line: str


@dataclass(frozen=True, eq=False)
class Report:
    """What stands on the page.

    Attributes:
        title: what was segmented, in a few words.
        purpose: what the model is for.
        shown: which hypothesis the sizes are of.
        sizes: one per label.
        pictures: of the hypothesis on show and of the cards.
        pictured: what the pictures show and what their shares mean.
        given: what was pointed at and what has to be so, a line each.
        presence: how many readers would outline anything, one sentence; empty where the model does
            not tell that apart from where the border runs.
        unlikely: whether that is said before any size.
        doubt: why the result deserves doubt, one sentence; empty where nothing speaks for it.
        facts: name and value, in this order.
        limits: of the model.
        meaning: what a range is, and what it is not.
        codes: what tells image, weights and label map from all others, by what it is of.
    """

    title: str
    purpose: str
    shown: str
    sizes: Sequence[Size]
    pictures: Sequence[Picture]
    pictured: str
    given: Sequence[str]
    facts: Sequence[tuple[str, str]]
    limits: Sequence[str]
    codes: Sequence[tuple[str, str]]
    presence: str = ""
    unlikely: bool = False
    doubt: str = ""
    meaning: str = MODEL_MEANING

    def parts(self) -> Iterator[Part]:
        """What stands below the title."""
        yield "paragraph", self.purpose, "muted"
        yield ("notice",)
        if self.doubt:
            yield "paragraph", self.doubt, "notice"
        if self.unlikely:
            yield "heading", self.presence
        yield "heading", f"On show: {self.shown}"
        yield "sizes", self.sizes
        if self.presence and not self.unlikely:
            yield "paragraph", capital(self.presence), ""
        yield "heading", "Hypotheses"
        yield "pictures", self.pictures, 5
        yield "paragraph", self.pictured, "muted small"
        yield "listed", "Given", self.given
        yield "heading", HOW_IT_CAME
        yield "facts", self.facts
        yield "listed", "Limits", self.limits
        yield "facts", self.codes, "code"
        yield made_by(self.meaning)


class Sheet(Protocol):
    """A page: its title, and what stands below."""

    @property
    def title(self) -> str:
        """Its title."""

    def parts(self) -> Iterator[Part]:
        """From the top down."""


def to_html(sheet: Sheet) -> bytes:
    """The page as one file, pictures and all."""
    head = [
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
        f"<title>{escape(sheet.title)} · napari-ssn</title>",
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{_said(sheet.title)}</h1>",
    ]
    below = (_HTML[kind](*what) for kind, *what in sheet.parts())
    return "\n".join([*head, *filter(None, below), "</body></html>\n"]).encode()


def made_by(meaning: str) -> Part:
    """The last line of a page."""
    line = f"Made by napari-ssn {__version__}. {RESEARCH_ONLY}. {meaning}"
    return "paragraph", line, "muted small"


def _said(words: str) -> str:
    """Words as they stand on the page, on which no line begins with a unit."""
    return escape(kept_together(words))


def _paragraph(text: str, look: str) -> str:
    """Words in one of the looks of the style sheet."""
    return f'<p class="{look}">{_said(text)}</p>'


def _table(rows: Iterable[str]) -> str:
    return f"<table>{''.join(rows)}</table>"


def _heading(words: str) -> str:
    return f"<h2>{_said(words)}</h2>"


def _listed(title: str, lines: Sequence[str]) -> str:
    """A title and a list under it; nothing where there are no lines."""
    items = "".join(f"<li>{_said(line)}</li>" for line in lines)
    return f'{_heading(title)}\n<ul class="small">{items}</ul>' if lines else ""


def _size(size: Size) -> str:
    swatch = f'<span class="swatch" style="background: {escape(size.colour)}">&nbsp;</span>'
    return (
        f'<tr><td class="key">{swatch}{_said(size.label)}</td>'
        f'<td class="key size">{_said(size.amount)}</td><td>{_said(size.spread)}</td></tr>'
    )


def _pictures(shown: Sequence[Picture], _: int) -> str:
    """Pictures side by side."""
    # Every picture gets the room of one of five, so that a single one does not fill the page.
    width = 100 // max(5, len(shown))
    cells = []
    for one in shown:
        code = base64.b64encode(png_of(one.pixels)).decode()
        cells.append(
            f'<td class="card" width="{width}%"><img alt="{escape(one.title)}" '
            f'src="data:image/png;base64,{code}"><b>{_said(one.title)}</b><br>'
            f'<span class="small">{_said(one.line)}</span></td>'
        )
    rest = 100 - width * len(shown)
    if rest:
        cells.append(f'<td width="{rest}%"></td>')
    return f"<table><tr>{''.join(cells)}</tr></table>"


def _fact(name: str, value: str, look: str) -> str:
    """A row with a name and what it is of."""
    cells = f'<td class="key small">{_said(name)}</td><td class="small {look}">{_said(value)}</td>'
    return f"<tr>{cells}</tr>"


_HTML: dict[str, Callable[..., str]] = {
    "paragraph": _paragraph,
    "notice": lambda: _paragraph(RESEARCH_ONLY, "notice"),
    "heading": _heading,
    "sizes": lambda sizes: _table(map(_size, sizes)),
    "pictures": _pictures,
    "listed": _listed,
    "facts": lambda rows, look="": _table(_fact(name, value, look) for name, value in rows),
}


def some_of(names: Sequence[str]) -> str:
    """``a, b and 5 more``: all of a hundred would take a second page."""
    more = len(names) - _TOLD
    return ", ".join(names[:_TOLD]) + (f" and {more} more" if more > 0 else "")


def pointed_at(label: str, places: Sequence[str]) -> str:
    """``Nodule at (3, 4, 5) (voxels, …)``, where somebody said that a label is."""
    where = "(voxels, counted from 0 in the order of the image's file)"
    return f"{capital(label)} at {some_of(places)} {where}"


def around(centre: Sequence[int], moved_to: Sequence[int] | None, depth_mm: float | None) -> str:
    """``(3, 4, 5), moved to (3, 4, 6) · slices up to 20 mm from it``."""
    moved = "" if moved_to is None else f", moved to ({', '.join(map(str, moved_to))})"
    depth = "" if depth_mm is None else f" · slices up to {depth_mm:g} mm from it"
    return f"({', '.join(map(str, centre))}){moved}{depth}"


def channels(names: Sequence[str]) -> str:
    """``T1, T2 · grid and pictures of T1``."""
    return f"{', '.join(names)} · grid and pictures of {names[0]}"


def slices_line(low: int, high: int, count: int, mm: Sequence[float], towards: int) -> str:
    """``slices 2 to 5 of 0 to 7 · −3.0 to 1.5 mm towards the head``.

    Args:
        low, high: slices of so many.
        count: of the image.
        mm: where they lie along an axis of the patient; empty where nobody knows.
        towards: which axis.
    """
    several = low < high
    words = f"slices {low} to {high} of 0 to {count - 1}" if several else f"slice {low}"
    if not mm:
        return words
    where = " to ".join(f"{at:.1f}" for at in mm[: 1 + several]).replace("-", "−")
    return f"{words} · {where} mm towards the {_TOWARDS[towards]}"


def slice_line(deep: bool, oriented: bool) -> str:
    """On which slice of a volume pictures are, and how these lie; empty, or ends in a space."""
    where = "All pictures show the slice on which they differ most" if deep else ""
    if oriented:
        where += f"{', in' if where else 'Pictures are in'} the radiological convention"
    return f"{where}. " if where else ""


def draws_of(draws: int, drawn_around: str, apart: bool) -> str:
    """Whose shares are counted: of readers, where presence is modelled apart."""
    if drawn_around:
        # Nobody here is a reader.
        return f"{draws:,} hypotheses drawn around {drawn_around}"
    whose = f"{draws:,} hypotheses of the model"
    return f"readers, by {whose}," if apart else whose


def shares_line(where: str, whose: str) -> str:
    """What the percentages below the cards are of; ``where`` says on which slice, or nothing."""
    return (
        f"{where}Each percentage is the share of {whose} that are most like the one shown, with "
        "the error of so few draws; sizes are of the whole image."
    )


def counted_line(where: str, noun: str) -> str:
    """The same of an ensemble of few, of which members are counted."""
    return (
        f"{where}Below each stands how many of the {noun} are most like the one shown; "
        "sizes are of the whole image."
    )
