"""What is said of several lesions in one image."""

from __future__ import annotations

WITHOUT_POINTS = "range, share: without points"
OF_ALL = "range: of all hypotheses"
RANGE_TIP = "90 % of the hypotheses in which it is present"
#: Columns of a table of lesions, with what they mean.
COLUMNS = (
    ("Lesion", "Largest first. A click shows it."),
    ("Size", "In the hypothesis on show"),
    ("Range", RANGE_TIP),
    ("Present", "Share of the hypotheses in which it is present at all"),
)


def alone_line(number: int) -> str:
    """``Move lesion 2 alone``, where it is the one that is selected."""
    return f"Move lesion {number} alone"


def presence_tip(share: float, error: float, draws: int) -> str:
    """``Present in 97 ± 1 % of 200 hypotheses``: the error is that of so few draws."""
    return f"Present in {100 * share:.0f} ± {100 * error:.0f} % of {draws:,} hypotheses"


def left_out(count: int, smallest: str) -> str:
    """``3 below 0.01 mL left out``; nothing where there are none."""
    return f"{count} below {smallest} left out" if count else ""


def moved_alone(count: int) -> str:
    """``3 lesions moved alone``."""
    return f"{count} lesions moved alone"
