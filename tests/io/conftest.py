"""What tests of reading and writing share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.connections import close_all


@pytest.fixture(autouse=True)
def connections_closed() -> Iterator[None]:
    yield
    close_all()
