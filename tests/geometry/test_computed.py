"""A lazy array is computed beside napari, which slices others at that time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_ssn.geometry.computed import computed
from napari_ssn.geometry.intensity import some_values
from napari_ssn.geometry.volume import Volume


def test_who_watches_dask_is_told_nothing_of_it() -> None:
    array = pytest.importorskip("dask.array")
    callbacks = pytest.importorskip("dask.callbacks")
    values, told = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4), []
    lazy = array.from_array(values, chunks=2) + 0

    def watch(key: Any, *about: Any) -> None:
        told.append(key)

    # As napari's cache of what is computed.
    with callbacks.Callback(pretask=watch):
        found, volume = computed(lazy), Volume(lazy, np.eye(4))
        seen = some_values(lazy[0])
        assert not told
        np.asarray(lazy)
        assert told
    for one in (found, volume.data):
        np.testing.assert_array_equal(one, values)
    np.testing.assert_array_equal(seen, some_values(values[0]))


def test_what_is_there_is_not_copied() -> None:
    values = np.zeros((2, 3))
    assert computed(values) is values
    assert computed([[1, 2]]).shape == (1, 2)
