"""Fewer draws where a statement is the same for however many, and both sides of it take as many."""

from __future__ import annotations

import pytest

#: Hypotheses that cards and pictures stand for then.
DRAWS = 100


def draw_fewer(patch: pytest.MonkeyPatch) -> None:
    """`DRAWS` hypotheses for cards and pictures instead of 400, twice as many for the ranges of a
    command instead of 1,000, ten for diameters instead of 50, and a thousand for a question
    instead of 4,000; what is chance of a share is told from four halves of them instead of fifty.
    Pictures of a report are a third as wide.
    """
    from napari_ssn.core.summaries import representatives
    from napari_ssn.prediction import (
        cards,
        change_report,
        given,
        lengths,
        overview,
        ranges,
        reporting,
    )  # fmt: skip

    for module in (cards, overview):
        patch.setattr(module, "DRAWS", DRAWS)
    patch.setattr(ranges, "DRAWS", 2 * DRAWS)
    patch.setattr(lengths, "DRAWS", 10)
    patch.setattr(given, "DRAWS", 1000)
    patch.setattr(representatives, "_HALVES", 4)
    for module in (change_report, reporting):
        patch.setattr(module, "_SIDE", 144)
