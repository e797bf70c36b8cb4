"""Every public name has an example in its docstring, and it is true."""

from __future__ import annotations

import doctest
import io
from pathlib import Path
from typing import Any

import pytest

import napari_ssn as ssn

#: What a distribution is asked first.
METHODS = ("label_map", "sample", "probabilities", "spread", "given_presence")


def documented() -> dict[str, Any]:
    """Public things by name. A version needs no example."""
    found = {name: getattr(ssn, name) for name in ssn.__all__ if name != "__version__"}
    found |= {f"metrics.{name}": getattr(ssn.metrics, name) for name in ssn.metrics.__all__}
    return found | {f"dist.{name}": getattr(ssn.LogitDistribution, name) for name in METHODS}


DOCUMENTED = documented()


def run(name: str, text: str) -> list[doctest.Example]:
    """Run what stands behind >>> and compare what it gives."""
    example = doctest.DocTestParser().get_doctest(text, {}, name, None, None)
    said = io.StringIO()
    found = doctest.DocTestRunner(verbose=False).run(example, out=said.write)
    assert not found.failed, said.getvalue()
    return example.examples


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some write files."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_public_name_has_an_example_and_it_is_true(name: str) -> None:
    lines = run(name, DOCUMENTED[name].__doc__ or "")
    assert lines and lines[-1].want, f"{name} has no example that shows what it gives"
