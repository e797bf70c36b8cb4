"""Which margins win and which are in doubt: as torch compares them, and lists what is true."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_ssn.core.deciding import signs


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (3, 0), (40, 1)])
def test_signs_are_those_of_torch(shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(shape[0])
    value = torch.randn(shape, generator=generator).round(decimals=1)
    # Not all beside one another in memory, as a block of columns is not.
    value = torch.cat([value, value], 1)[:, : shape[1]]
    doubt = torch.rand((shape[0], 1), generator=generator).round(decimals=1)
    if shape[1] > 9:
        value[:, 3], value[:, 4], value[:, 5] = torch.nan, torch.inf, -0.0
        # As far from 0 as the doubt reaches is in doubt.
        value[:, 6], value[:, 7] = doubt[:, 0], -doubt[:, 0]
    above, close = value > 0, (value.abs() <= doubt).nonzero()
    found, row, column = signs(value, doubt)
    assert torch.equal(found, above) and found.dtype == torch.bool
    np.testing.assert_array_equal(torch.stack([row, column], 1), close)
    assert shape[1] <= 9 or (len(close) and above.any())
