"""Choices made in a session, as the window makes them, and sidecars that are changed."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path

import pytest

import napari_ssn as ssn
from napari_ssn.prediction.source import Source
from napari_ssn.session import Session
from tests.support.sessions import Inline, start, undealt

SPACE = (22, 16, 8)
NAME = "DOE_JANE"
_tokens = count(1)


def opened(
    scan: Path, model: Path, monkeypatch: pytest.MonkeyPatch, runner: Inline | None = None
) -> Session:
    """A session that has segmented the scan, as the window would.

    Args:
        scan, model: what is segmented, and by what.
        monkeypatch: hides models that are installed.
        runner: by default one that does all but deal cards, which no hypothesis needs.
    """
    volume = ssn.read(scan)
    session = start(runner or undealt(), model, monkeypatch)
    session.set_image(
        Source(next(_tokens), volume.space, 1, volume.affine, "volume", True, lambda: volume)
    )
    if session.setup.needs_point:
        session.place_centre((12, 5, 3))
    session.run()
    assert session.result is not None, session.note
    return session


def walk(session: Session) -> None:
    session.walk.show_sample(2)
    session.walk.set_sigma(-1.3)


def point(session: Session) -> None:
    assert session.result is not None
    shown = session.result.dist.placed(session.result.dist.label_map())
    for index in ((12, 5, 3), (9, 8, 3), (11, 2, 3)):
        session.pointing.add(index, 1 - min(1, int(shown[index])))
    session.walk.set_sigma(0.6)


def move_a_lesion(session: Session) -> None:
    assert session.walk.lesions is not None and session.walk.lesions.several
    session.walk.set_sigma(0.5)
    session.walk.select(1)
    session.walk.set_alone(1, True)
    session.walk.set_sigma(-1.5)


def change(sidecar: Path, **parts: dict) -> None:
    record = json.loads(sidecar.read_text())
    for part, values in parts.items():
        record[part] = {**record[part], **values} if isinstance(values, dict) else values
    sidecar.write_text(json.dumps(record))
