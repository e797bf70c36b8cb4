"""What holds for all tests of training."""

from __future__ import annotations

import pytest

from napari_ssn import training


@pytest.fixture(autouse=True)
def keeping(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """How often memory was to be kept, which this process, that other tests share, does not do."""
    asked: list[bool] = []
    monkeypatch.setattr(training.memory, "keep_memory", lambda: asked.append(True))
    return asked
