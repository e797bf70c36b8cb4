"""A network that says whether there is anything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_ssn.network.models import Model

P = 0.8


def give_presence(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Give every answer of a network a presence, as a model with a head for it does."""
    wanted, infer = {"p": P}, Model.infer

    def patched(self: Model, *args, **kwargs):
        found = infer(self, *args, **kwargs)
        return replace(found, dist=found.dist.with_presence(wanted["p"]))

    monkeypatch.setattr(Model, "infer", patched)
    monkeypatch.setattr("napari_ssn.network.places.model_folders", dict)
    return wanted
