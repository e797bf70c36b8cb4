"""An outline made of several people's in the readers' room, and a hypothesis fitted to it."""

from __future__ import annotations

import numpy as np

from napari_ssn.session import Session
from napari_ssn.session.reading import Made

NAMES = ("Anna", "Ben", "Cleo")


def adjudicated(session: Session) -> Made:
    """The first one's outline, and a bit more and less by two others, blended."""
    assert session.result is not None
    dist = session.result.dist
    maps = [np.array(dist.placed(dist.label_map(z))) for z in _positions(dist.rank)]
    session.readers.compare(maps, NAMES)
    session.readers.make("blend")
    assert session.readers.made is not None, session.note
    return session.readers.made


def _positions(rank: int) -> list[list[float]]:
    ways = ([1.0, -0.6, 0.4], [-0.8, 0.5, 0.3], [0.2, 0.9, -0.5])
    return [(one + [0.0] * rank)[:rank] for one in ways]


def fit_to_people(session: Session) -> Made:
    """Fit the hypothesis nearest to it, of which two voxels were painted otherwise."""
    made = adjudicated(session)
    painted = made.label_map.copy()
    painted.reshape(-1)[:2] = 1 - np.minimum(painted.reshape(-1)[:2], 1)
    session.fitting.fit(painted, made)
    assert session.walk.choice.drawing is not None, session.note
    return made
