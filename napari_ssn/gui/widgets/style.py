"""How the dock looks in either of napari's themes."""

from __future__ import annotations

from napari.utils.theme import get_theme
from qtpy import QT_VERSION

# Text on the theme's background, by what it says, "hint" on that of a box to type into, and "line"
# for what only divides. Every pair has a contrast of at least 4.5:1.
_DARK = {
    "muted": "#a9b0b8",
    "warn": "#f2b24a",
    "error": "#ff8a80",
    "line": "#414851",
    "faint": "#868d95",
    "hint": "#b9c0c8",
}
_LIGHT = {
    "muted": "#5a5a5a",
    "warn": "#8a5300",
    "error": "#b3261e",
    "line": "#c9c4c1",
    "faint": "#686562",
    "hint": "#4d4d4d",
}


def colours_of(theme: str) -> dict[str, str]:
    """Colours by what they say, on one of napari's themes."""
    return _LIGHT if get_theme(theme).background.as_hsl_tuple()[2] > 0.5 else _DARK


def style_of(theme: str, points: float) -> str:
    """Style sheet of the dock for one of napari's themes and a font size in points."""
    colour, plain = colours_of(theme), get_theme(theme).text.as_hex()
    large, small = round(1.25 * points, 2), round(0.92 * points, 2)
    return f"""
        QLabel[role="section"] {{ font-weight: bold; }}
        QLabel[role="headline"] {{ font-size: {large}pt; font-weight: bold; }}
        QLabel[role="muted"] {{ color: {colour["muted"]}; }}
        QLabel[role="warn"] {{ color: {colour["warn"]}; }}
        QLabel[role="error"] {{ color: {colour["error"]}; }}
        QLabel[role="headline"]:disabled, QLabel[role="muted"]:disabled {{
            color: {colour["faint"]};
        }}
        QLabel[role="badge-cpu"], QLabel[role="badge-gpu"] {{
            border-radius: 4px; padding: 0px 5px; color: #1b1b1b;
            font-size: {small}pt; font-weight: bold;
        }}
        QLabel[role="badge-cpu"] {{ background: #f2b24a; }}
        QLabel[role="badge-gpu"] {{ background: #7fc98b; }}
        QFrame[role="rule"] {{ background: {colour["line"]}; border: none; }}
        QLabel[role="notice"] {{ color: {colour["warn"]}; font-size: {small}pt; }}
        QProgressBar {{ min-height: 4px; max-height: 4px; }}
        QSpinBox, QDoubleSpinBox {{ min-width: 30px; }}
        CardButton {{ font-size: {points}pt; }}
        QLineEdit {{ font-size: {points}pt; {_placeholder(colour["hint"])} }}
        QSlider::handle:horizontal:enabled {{ background-color: {colour["muted"]}; }}
        QSlider::handle:horizontal:enabled:hover {{ background-color: {plain}; }}
        QCheckBox::indicator:enabled, QRadioButton::indicator:enabled {{
            border: 1px solid {colour["muted"]};
        }}
        QPushButton {{ padding: 3px 8px; }}
        QPushButton[role="sign"] {{ padding: 3px 4px; min-width: 18px; }}
        QPushButton[role="small"] {{ padding: 1px 4px; }}
        QPushButton[role="fold"] {{
            text-align: left; padding: 0px; background: transparent; color: {plain};
        }}
        QPushButton[role="main"] {{ font-weight: bold; padding: 5px; }}
    """


def _placeholder(colour: str) -> str:
    """Style of an example in an empty box; half transparent, as Qt has it, nobody reads it."""
    # Before 6.5 Qt knows no such property, and says so of each box.
    known = tuple(int(part) for part in QT_VERSION.split(".")[:2]) >= (6, 5)
    return f"placeholder-text-color: {colour};" if known else ""
