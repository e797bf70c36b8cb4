"""The report as a picture, for archives that hold pictures and no pages.

Pillow's own font draws it, so that it looks the same everywhere; signs which that has not are
written in letters: ``mm2`` for mm².
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from napari_ssn.text.problems import RESEARCH_ONLY
from napari_ssn.text.report import Picture, Sheet, Size

# Pixels: an A4 page at 150 to the inch is as wide; it is as high as it has to be.
_WIDTH, _MARGIN, _GAP, _KEY = 1240, 60, 14, 300
_TITLE, _HEADING, _TEXT, _SMALL = 38, 27, 23, 19
_INK, _MUTED, _WARN = (27, 31, 36), (87, 96, 106), (138, 83, 0)
_LOOKS = {
    "": (_TEXT, _INK),
    "muted": (_TEXT, _MUTED),
    "muted small": (_SMALL, _MUTED),
    "notice": (_TEXT, _WARN),
}
_LETTERS = str.maketrans({
    "×": "x", "–": "-", "—": "-", "−": "-", "²": "2", "³": "3", "μ": "u", "µ": "u", "σ": "sigma",
    "≤": "<=", "≥": ">=", "…": "...", "’": "'", "“": '"', "”": '"', "→": "->", "‖": "|",
    "\u00a0": " ", "⁄": "/", "½": "1/2", "÷": "/", "∞": "infinity", "Ø": "diameter", "Δ": "Delta",
    "√": "root ", "‑": "-", "‘": "'", "›": ">", "‹": "<", "«": '"', "»": '"', "„": '"', "ß": "ss",
    "æ": "ae", "Æ": "AE", "ø": "o", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L", "đ": "d",
    "ı": "i", "\u200b": "",
})  # fmt: skip


def to_picture(sheet: Sheet) -> NDArray[np.uint8]:
    """The page as pixels, (h, w, 3)."""
    page = _Page()
    page.write(sheet.title, _TITLE)
    for kind, *what in sheet.parts():
        getattr(page, kind)(*what)
    return page.pixels()


class _Page:
    """Draws from the top down."""

    def __init__(self) -> None:
        self._image = Image.new("RGB", (_WIDTH, 6000), "white")
        self._draw = ImageDraw.Draw(self._image)
        self._y = _MARGIN

    def pixels(self) -> NDArray[np.uint8]:
        """What was drawn, down to a margin below it."""
        return np.asarray(self._image)[: self._y + _MARGIN]

    def write(self, text: str, size: int, ink: tuple[int, int, int] = _INK) -> None:
        """A paragraph over the whole width; nothing of an empty one."""
        self._y = self._block(text, size, ink, _MARGIN, _WIDTH - 2 * _MARGIN, self._y)

    def paragraph(self, words: str, look: str) -> None:
        """One in a look of the style sheet of HTML."""
        self.write(words, *_LOOKS[look])

    def notice(self) -> None:
        """That it is for research."""
        self.write(f"{RESEARCH_ONLY}.", _HEADING, _WARN)

    def heading(self, words: str) -> None:
        """Of what follows."""
        self.write(words, _HEADING)

    def sizes(self, sizes: Sequence[Size]) -> None:
        """Each with its range below it."""
        for size in sizes:
            self.pair(size.label, size.amount, _HEADING, size.colour)
            self.pair("", size.spread, _TEXT)

    def listed(self, title: str, lines: Sequence[str]) -> None:
        """A title and a list under it; nothing where there are no lines."""
        self.write(title if lines else "", _HEADING)
        for line in lines:
            self.write(f"- {line}", _SMALL)

    def facts(self, rows: Sequence[tuple[str, str]], _: str = "") -> None:
        """Names and what they are of."""
        for name, value in rows:
            self.pair(name, value, _SMALL)

    def pair(self, name: str, value: str, size: int, colour: str = "") -> None:
        """A name, after a swatch of its colour if it has one, and beside it what it is of."""
        left = _MARGIN
        if colour:
            box = (left, self._y + 4, left + size - 6, self._y + size - 2)
            self._draw.rectangle(box, fill=colour)
            left += size + 6
        room = _KEY + _MARGIN - left - _GAP
        below = self._block(name, size, _MUTED, left, room, self._y)
        right = _MARGIN + _KEY
        self._y = max(
            below, self._block(value, size, _INK, right, _WIDTH - _MARGIN - right, self._y)
        )

    def pictures(self, pictures: Sequence[Picture], fewest: int) -> None:
        """Side by side, as wide as so many at least, each with its lines below it."""
        step = (_WIDTH - 2 * _MARGIN) // max(fewest, len(pictures))
        below = self._y
        for number, one in enumerate(pictures):
            left, side = _MARGIN + number * step, step - _GAP
            height = round(side * one.pixels.shape[0] / one.pixels.shape[1])
            small = Image.fromarray(one.pixels).resize((side, height), Image.Resampling.LANCZOS)
            self._image.paste(small, (left, self._y))
            y = self._block(one.title, _TEXT, _INK, left, side, self._y + height + 4)
            below = max(below, self._block(one.line, _SMALL, _INK, left, side, y))
        self._y = below

    def _block(
        self, text: str, size: int, ink: tuple[int, int, int], left: int, width: int, top: int
    ) -> int:
        """Lines of a text in some width; where what follows begins."""
        font = ImageFont.load_default(size)
        lines = list(_lines(_plain(text), font, width))
        for line in lines:
            self._draw.text((left, top), line, ink, font)
            top += round(1.25 * size)
        return top + (_GAP // 2 if lines else 0)


def _lines(
    text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int
) -> Iterator[str]:
    """As many words a line as there is room for; of a longer word as many letters."""
    line = ""
    for word in text.split():
        if line and font.getlength(f"{line} {word}") > width:
            yield line
            line = ""
        line = f"{line} {word}" if line else word
        while font.getlength(line) > width and len(line) > 1:
            fits = max(1, int(len(line) * width / font.getlength(line)))
            yield line[:fits]
            line = line[fits:]
    if line:
        yield line


def _plain(text: str) -> str:
    """A text in signs that the font has."""
    known = text.translate(_LETTERS)
    apart = unicodedata.normalize("NFKD", known)
    letters = (c for c in apart if not unicodedata.combining(c))
    return "".join(c if c.isascii() or c in "·±°" else "?" for c in letters)
