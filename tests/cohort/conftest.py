"""Two workers that all tests of a process share: starting them takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("distributed")


@pytest.fixture(scope="session")
def crew() -> Iterator[Any]:
    from napari_ssn.cohort.crew import local_crew

    with local_crew(2, 0) as made:
        yield made
