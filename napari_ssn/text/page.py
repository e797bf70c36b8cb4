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

from napari_ssn._version import __version__
from napari_ssn.text.change_page import MEANING, ChangePage
from napari_ssn.text.problems import RESEARCH_ONLY
from napari_ssn.text.report import Picture, Report
from napari_ssn.text.sizes import capital

# Pixels: an A4 page at 150 to the inch is as wide; it is as high as it has to be.
_WIDTH, _MARGIN, _GAP, _KEY = 1240, 60, 14, 300
_TITLE, _HEADING, _TEXT, _SMALL = 38, 27, 23, 19
_INK, _MUTED, _WARN = (27, 31, 36), (87, 96, 106), (138, 83, 0)
_FEWEST_PICTURES = 5
_LETTERS = str.maketrans({
    "×": "x", "–": "-", "—": "-", "−": "-", "²": "2", "³": "3", "μ": "u", "µ": "u", "σ": "sigma",
    "≤": "<=", "≥": ">=", "…": "...", "’": "'", "“": '"', "”": '"', "→": "->", "‖": "|",
    "\u00a0": " ", "⁄": "/", "½": "1/2", "÷": "/", "∞": "infinity", "Ø": "diameter", "Δ": "Delta",
    "√": "root ", "‑": "-", "‘": "'", "›": ">", "‹": "<", "«": '"', "»": '"', "„": '"', "ß": "ss",
    "æ": "ae", "Æ": "AE", "ø": "o", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L", "đ": "d",
    "ı": "i", "\u200b": "",
})  # fmt: skip


def to_picture(report: Report) -> NDArray[np.uint8]:
    """The page as pixels, (h, w, 3)."""
    page = _Page()
    page.write(report.title, _TITLE)
    page.write(report.purpose, _TEXT, _MUTED)
    page.write(f"{RESEARCH_ONLY}.", _HEADING, _WARN)
    page.write(report.doubt, _TEXT, _WARN)
    if report.unlikely:
        page.write(report.presence, _HEADING)
    page.write(f"On show: {report.shown}", _HEADING)
    for size in report.sizes:
        page.pair(size.label, size.amount, _HEADING, size.colour)
        page.pair("", size.spread, _TEXT)
    if not report.unlikely:
        page.write(capital(report.presence), _TEXT)
    page.write("Hypotheses", _HEADING)
    page.row(report.pictures)
    page.write(report.pictured, _SMALL, _MUTED)
    for title, lines in (("Given", report.given), ("Limits", report.limits)):
        if title == "Limits":
            page.write("How this came about", _HEADING)
            for name, value in report.facts:
                page.pair(name, value, _SMALL)
        if lines:
            page.write(title, _HEADING)
        for line in lines:
            page.write(f"- {line}", _SMALL)
    for name, value in report.codes:
        page.pair(name, value, _SMALL)
    page.write(
        f"Made by napari-ssn {__version__}. {RESEARCH_ONLY}. {report.meaning}", _SMALL, _MUTED
    )
    return page.pixels()


def change_picture(about: ChangePage) -> NDArray[np.uint8]:
    """The page about a change as pixels, (h, w, 3)."""
    page = _Page()
    page.write(about.title, _TITLE)
    page.write(f"{RESEARCH_ONLY}.", _HEADING, _WARN)
    page.write(about.headline, _HEADING)
    for line in about.lines:
        page.write(line, _TEXT)
    if about.cautions:
        page.write("Cautions", _HEADING)
        for line in about.cautions:
            page.write(f"- {line}", _SMALL)
    if about.pictures:
        page.write("Both scans", _HEADING)
        page.row(about.pictures, fewest=3)
        page.write(about.pictured, _SMALL, _MUTED)
    page.write("How this came about", _HEADING)
    for name, value in (*about.facts, *about.codes):
        page.pair(name, value, _SMALL)
    page.write(f"Made by napari-ssn {__version__}. {RESEARCH_ONLY}. {MEANING}", _SMALL, _MUTED)
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

    def row(self, pictures: Sequence[Picture], fewest: int = _FEWEST_PICTURES) -> None:
        """Pictures side by side, each with its lines below it."""
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
