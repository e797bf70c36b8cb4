"""Which hypothesis is on show, said the same on every panel."""

from __future__ import annotations

from dataclasses import replace

from napari_ssn.session import Session
from napari_ssn.text.steering import hypothesis_words


def shown_words(session: Session) -> str:
    """``Mean``, ``Hypothesis 3 of 16``, ``Card 2, boundary moved``."""
    choice, card = session.walk.choice, None
    if session.cards is not None:
        start = replace(choice.anchor, nothing=choice.nothing)
        choices = [one.choice for one in session.cards.cards]
        card = choices.index(start) + 1 if start in choices else None
    words = hypothesis_words(
        choice.sample,
        session.settings.samples,
        card,
        choice.nothing,
        bool(choice.sigma),
        [number for number, _ in choice.own],
        choice.drawing is not None,
    )
    if choice.member is None:
        return words
    of = f" of {session.walk.here.members}" if session.walk.here.members else ""
    return f"Member {choice.member + 1}{of}"
