"""Two workers that the tests of a file share: starting them takes seconds, and they are not left
running beside other tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="module")
def crew() -> Iterator[Any]:
    from napari_ssn.cohort.crew import local_crew

    with local_crew(2, 0) as made:
        yield made
