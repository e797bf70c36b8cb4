"""Which hypothesis is on show, said the same on every panel."""

from __future__ import annotations

from dataclasses import replace

from napari_ssn.gui.layers.picture import Picture
from napari_ssn.gui.layers.scene import Scene
from napari_ssn.session import Session
from napari_ssn.session.results import Entry
from napari_ssn.text.results import result_line
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


def entry_words(entry: Entry, session: Session, picture: Picture, scene: Scene) -> str:
    """``CT lung · slice 18 · 1.42 mL``: what tells a result from the others."""
    found = entry.prediction
    layer = picture.layer_of(found.source.token)
    counts = session.walk.counts if entry is session.results.current else entry.counts
    place = None if found.centre is None else scene.index_in(found, found.centre)
    return result_line(
        None if layer is None else layer.name,
        place,
        None if counts is None else found.measure.amount_here(int(counts[1:].sum())),
        None if found.source.frame is None else found.source.frame + 1,
    )
