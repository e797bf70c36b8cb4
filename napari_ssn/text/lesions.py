"""What is said of several lesions in one image."""

from __future__ import annotations


def presence_tip(share: float, error: float, draws: int) -> str:
    """``Present in 97 ± 1 % of 200 hypotheses``: the error is that of so few draws."""
    return f"Present in {100 * share:.0f} ± {100 * error:.0f} % of {draws:,} hypotheses"


def left_out(count: int, smallest: str) -> str:
    """``3 below 0.01 mL left out``; nothing where there are none."""
    return f"{count} below {smallest} left out" if count else ""
