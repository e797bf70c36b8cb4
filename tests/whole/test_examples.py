"""Every public name has an example in its docstring, and it is true; so is the page for Python."""

from __future__ import annotations

import doctest
import io
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import napari_ssn as ssn

DOCS = Path(__file__).parents[2] / "docs"
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


def test_the_page_for_python_is_true() -> None:
    text = (DOCS / "python.md").read_text(encoding="utf-8")
    # A fence is no output.
    assert len(run("python.md", re.sub(r"(?m)^```.*$", "", text))) > 30


def test_the_reference_has_every_public_name() -> None:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in DOCS.glob("reference/*.md"))
    listed = set(re.findall(r"(?m)^::: (\S+)$", pages))
    named = {
        f"{one.__module__}.{one.__qualname__}"
        for name, one in DOCUMENTED.items()
        if "." not in name and name != "metrics"
    }
    assert not sorted(named - listed)
    assert {"napari_ssn.core.metrics", "napari_ssn.core.scores"} <= listed


def with_examples() -> list[str]:
    """Modules that show something; what a public name shows is looked at above too."""
    root = DOCS.parent
    return [
        ".".join(path.relative_to(root).with_suffix("").parts)
        for path in sorted((root / "napari_ssn").rglob("*.py"))
        if ">>> " in path.read_text(encoding="utf-8") and path.name != "__init__.py"
    ]


@pytest.mark.parametrize("name", with_examples())
def test_what_any_docstring_shows_is_true(name: str) -> None:
    said, runner = io.StringIO(), doctest.DocTestRunner(False, optionflags=doctest.ELLIPSIS)
    public = {id(one.__doc__) for one in DOCUMENTED.values()}
    module = import_module(name)
    for one in doctest.DocTestFinder(exclude_empty=True).find(module, name):
        if one.docstring and id(one.docstring) not in public:
            runner.run(one, out=said.write)
    assert not runner.failures, said.getvalue()
