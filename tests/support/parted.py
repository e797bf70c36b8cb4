"""Small results that a server gives in parts, as large ones."""

from __future__ import annotations

import pytest

from napari_ssn.core.begun import awaiting, dense, packed
from napari_ssn.core.columns import columns
from napari_ssn.core.packed import distribution
from napari_ssn.remote import messages


def part_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is small is packed, and comes in parts although most of it can change."""
    monkeypatch.setattr(distribution, "LARGE", 0)
    monkeypatch.setattr(awaiting, "_MOST", 1.0)
    for name in ("_BEYOND", "_SEEN"):
        monkeypatch.setattr(awaiting, name, -1.0)
    monkeypatch.setattr(dense, "_CUT", 0.01)
    monkeypatch.setattr(packed, "CUT", 0.01)
    # In noise every voxel is beside one that can change.
    monkeypatch.setattr(awaiting.ndimage, "binary_dilation", lambda near, around: near)
    monkeypatch.setattr(columns, "_BLOCK", 64)
    monkeypatch.setattr(messages, "_WORTH", 0)
