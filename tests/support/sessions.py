"""Sessions whose jobs are done inline, or held back by the test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ssn.errors import NEVER, SSNError
from napari_ssn.geometry.display import (
    plain_display,
    to_volume,
)
from napari_ssn.prediction.source import Source
from napari_ssn.session import (
    Session,
    Settings,
)
from napari_ssn.text.problems import problem
from tests.support.helpers import noise_image

_tokens = count(1)


class Inline:
    """Does every job at once, in this thread."""

    def submit(
        self,
        channel: str,
        job: Callable[..., Any],
        done: Callable[[Any], None],
        failed: Callable[[str], None],
        progress: Callable[..., None] | None = None,
    ) -> None:
        try:
            value = job(progress or (lambda *what: None), NEVER)
        except (SSNError, OSError) as error:
            failed(problem(error))
        else:
            done(value)

    def cancel(self, channel: str) -> None: ...

    def close(self) -> None: ...


@dataclass
class Held(Inline):
    """Holds the jobs of some channels back until the test lets them go."""

    channels: set[str]
    waiting: list[tuple[str, Callable[[], None]]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    def submit(self, channel: str, *job: Any, **more: Any) -> None:
        start = partial(super().submit, channel, *job, **more)
        if channel in self.channels:
            self.waiting = [held for held in self.waiting if held[0] != channel]
            self.waiting.append((channel, start))
        else:
            start()

    def cancel(self, channel: str) -> None:
        self.cancelled.append(channel)
        self.waiting = [held for held in self.waiting if held[0] != channel]

    def go(self) -> None:
        while self.waiting:
            self.waiting.pop(0)[1]()


def undealt() -> Held:
    """Does every job but dealing cards, for those who look at none."""
    return Held({"cards"})


def source(
    data: np.ndarray, scale: tuple[float, ...] | None = None, problem: str | None = None
) -> Source:
    units = None if scale is None else ["mm"] * data.ndim
    display = plain_display(data.shape, scale, units=units)
    return Source(
        next(_tokens),
        display.image_space,
        1,
        display.affine,
        display.extent,
        display.oriented,
        partial(to_volume, data, display),
        problem,
    )


def start(runner: Inline, model: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    # Installed models must not decide what these tests see.
    monkeypatch.setattr("napari_ssn.network.places.model_folders", dict)
    made = Session(runner, Settings(device="cpu", hypotheses=50, samples=4), (model,))
    made.catalogue.look()
    return made


def ran(session: Session, space: tuple[int, ...] = (32, 40)) -> Session:
    session.set_image(source(noise_image(space), (0.7,) * len(space)))
    session.run()
    assert session.state == "result", session.note
    return session
