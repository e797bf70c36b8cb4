"""Every word and control can be read on both of napari's themes: a contrast of 4.5:1 at least."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from napari.utils.theme import get_theme
from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import QLabel, QLineEdit

from napari_ssn.gui.layers.colours import TONES
from napari_ssn.gui.panels.overview import BACK
from napari_ssn.gui.widgets.style import colours_of, style_of

LEAST = 4.5
THEMES = ("dark", "light")
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
# What divides, fills or is seen through is no word and no control.
_NO_WORDS = ("transparent", "none")


def luminance(colour: str | QColor) -> float:
    """Relative luminance, WCAG 2.2."""
    one = QColor(colour)
    parts = (one.redF(), one.greenF(), one.blueF())
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return sum(w * v for w, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str | QColor, other: str | QColor) -> float:
    """``(L₁ + 0.05) / (L₂ + 0.05)`` of the lighter and the darker, from 1 to 21; WCAG 2.2."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def rules(sheet: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Selectors of a style sheet with their properties."""
    for selector, body in _RULE.findall(sheet):
        lines = [line.split(":", 1) for line in body.split(";") if ":" in line]
        yield selector.strip(), {name.strip(): value.strip() for name, value in lines}


def test_black_on_white_is_21_and_grey_on_white_is_known() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("name", THEMES)
def test_every_colour_of_the_style_sheet_can_be_told(name: str) -> None:
    theme = get_theme(name)
    behind, box = theme.background.as_hex(), theme.primary.as_hex()
    # What a role says in one rule and stands on in another.
    said: dict[str, dict[str, str]] = {}
    for selector, properties in rules(style_of(name, 10)):
        for one in selector.split(","):
            said.setdefault(one.strip(), {}).update(properties)
    pairs = {}
    for selector, properties in said.items():
        ground = properties.get("background", behind)
        ground = behind if ground in _NO_WORDS else ground
        for key in ("color", "placeholder-text-color"):
            if key in properties:
                pairs[selector, key] = (properties[key], box if key != "color" else ground)
        if "::" in selector and "background-color" in properties:
            pairs[selector, "itself"] = (properties["background-color"], behind)
        if "border" in properties and properties["border"] not in _NO_WORDS:
            pairs[selector, "border"] = (properties["border"].split()[-1], behind)
    assert len(pairs) > 10 and any(key == "border" for _, key in pairs)
    weak = {place: contrast(*pair) for place, pair in pairs.items() if contrast(*pair) < LEAST}
    assert not weak


@pytest.mark.parametrize("name", THEMES)
def test_what_is_painted_can_be_told(name: str) -> None:
    """Cards paint their own words; buttons, lists and tabs have napari's grounds."""
    theme, colours = get_theme(name), colours_of(name)
    behind, words = theme.background.as_hex(), theme.text.as_hex()
    for role in ("muted", "warn", "error", "faint"):
        assert contrast(colours[role], behind) >= LEAST, role
    for ground in ("background", "foreground", "primary", "highlight", "current"):
        assert contrast(words, getattr(theme, ground).as_hex()) >= LEAST, ground


def over(ink: QColor, ground: str) -> QColor:
    """A colour as it is seen where it lets some of its ground through."""
    below, share = QColor(ground), ink.alphaF()
    parts = zip(ink.getRgb()[:3], below.getRgb()[:3], strict=True)
    return QColor(*(round(share * one + (1 - share) * other) for one, other in parts))


@pytest.mark.styled
def test_every_word_of_the_dock_can_be_read(open_dock: Callable[..., Any]) -> None:
    viewer, dock = open_dock()
    for name in THEMES:
        viewer.theme = name
        theme = get_theme(name)
        behind, box = theme.background.as_hex(), theme.primary.as_hex()
        pairs = []
        for label in dock.findChildren(QLabel):
            label.ensurePolished()
            # What has a ground of its own is looked at above, and below.
            own = label.styleSheet() or "badge" in str(label.property("role"))
            if label.isEnabled() and not own:
                ink = label.palette().color(label.foregroundRole())
                pairs.append((label.text(), over(ink, behind), behind))
        for typed in dock.findChildren(QLineEdit):
            typed.ensurePolished()
            example = typed.placeholderText()
            for role in (QPalette.ColorRole.Text, QPalette.ColorRole.PlaceholderText):
                if example or role == QPalette.ColorRole.Text:
                    ink = typed.palette().color(QPalette.ColorGroup.Active, role)
                    pairs.append((example, over(ink, box), box))
        # The ramp of probabilities, whose words stand in its middle.
        pairs += [("ramp", QColor(BACK), tone) for tone in TONES]
        assert len(pairs) > 50
        assert not [(words, contrast(*two)) for words, *two in pairs if contrast(*two) < LEAST]
