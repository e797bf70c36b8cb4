"""A session that has segmented an image of noise."""

from __future__ import annotations

from functools import partial
from itertools import count
from pathlib import Path

from napari_ssn.geometry.display import (
    plain_display,
    to_volume,
)
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.source import Source
from napari_ssn.session import (
    Session,
    Settings,
)
from tests.support.helpers import noise_image, tiny_model
from tests.support.sessions import Inline

_tokens = count(1)


def source(space: tuple[int, ...], scale: tuple[float, ...] | None = None) -> Source:
    data = noise_image(space)
    display = plain_display(space, scale, units=("mm",) * len(space) if scale else None)
    return Source(
        next(_tokens), space, 1, display.affine, display.extent, False,
        partial(to_volume, data, display), shown=display.reorientation,
    )  # fmt: skip


def opened(folder: Path, runner: Inline, image: Source, dims: int = 2, classes: int = 2) -> Session:
    model = tiny_model(folder / "tiny", dims, classes)
    session = Session(runner, Settings(device="cpu", hypotheses=100), (model,))
    session.catalogue.look()
    session.set_image(image)
    session.run()
    return session


def result_of(session: Session) -> Prediction:
    assert session.result is not None
    return session.result
