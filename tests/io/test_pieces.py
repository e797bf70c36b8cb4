"""Pieces are read as the library reads them."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from safetensors.numpy import load

from napari_ssn.io.pieces import arrays_in, encode_piece, read_piece

KINDS = ("bool", "u1", "i1", "i2", "i4", "i8", "f2", "f4", "f8")


@pytest.mark.parametrize("seed", range(20))
def test_arrays_are_those_that_safetensors_itself_reads(seed: int) -> None:
    rng = np.random.default_rng(seed)
    given = {}
    for number in range(int(rng.integers(1, 9))):
        # Of odd lengths, empty, and without axes, so that what follows lies anywhere.
        shape = tuple(int(n) for n in rng.integers(0 if number % 3 == 2 else 1, 6, number % 4))
        values = rng.normal(scale=50, size=shape)
        given[f"array {number}"] = np.asarray(values).astype(KINDS[rng.integers(len(KINDS))])
    piece, content = encode_piece(given)
    ours, theirs = arrays_in(read_piece(BytesIO(content), piece)), load(content)
    assert set(ours) == set(theirs) == set(given)
    for name, array in ours.items():
        assert array.dtype == theirs[name].dtype and array.shape == theirs[name].shape
        np.testing.assert_array_equal(array, theirs[name])
        np.testing.assert_array_equal(array, given[name])
        assert array.flags.aligned and array.flags.writeable
