"""What tests of reading and writing share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.connections import close_all


@pytest.fixture(autouse=True, scope="module")
def fewer(few_draws: None) -> None:
    """What is written is the same for however many draws it is written of."""


@pytest.fixture(autouse=True)
def connections_closed() -> Iterator[None]:
    yield
    close_all()
