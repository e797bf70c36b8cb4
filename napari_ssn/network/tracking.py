"""MONAI's switch for what its transforms hand on: arrays that know their place, or plain ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module


@contextmanager
def tracking(on: bool) -> Iterator[None]:
    """Have MONAI's transforms track where arrays lie, or not, for a while.

    The switch is one for the whole process: whoever turns it and leaves it changes what all others
    get, a window's ensemble after a training, say.
    """
    data = import_module("monai.data")
    before = data.get_track_meta()
    data.set_track_meta(on)
    try:
        yield
    finally:
        data.set_track_meta(before)
