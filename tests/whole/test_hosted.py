"""What a hosted machine installs before it runs the tests is what they need."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
#: For whoever works on the project, or with a window of their own choice.
APART = {"all", "dev", "docs", "notebooks"}


def workflow() -> dict[str, Any]:
    return yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8"))


def installed() -> Iterator[set[str]]:
    """Extras of each line that installs the project for its tests."""
    for job in workflow()["jobs"].values():
        for step in job["steps"]:
            for extras in re.findall(r'-e "\.\[([\w,]+)\]"', step.get("run", "")):
                yield set(extras.split(","))


def holds(one: Requirement, extras: set[str]) -> bool:
    """Whether it is needed here, with these extras of what needs it."""
    return one.marker is None or any(one.marker.evaluate({"extra": e}) for e in extras | {""})


@cache
def homes() -> Mapping[str, list[str]]:
    """Distributions that bring a package: each asks every file of all that is installed."""
    return packages_distributions()


@cache
def brought(extras: frozenset[str]) -> set[str]:
    """Distributions that the project needs with these extras, and that those need."""
    lines = [*PROJECT["dependencies"], "napari"]
    lines += [line for extra in extras for line in PROJECT["optional-dependencies"][extra]]
    waiting = [one for one in map(Requirement, lines) if holds(one, set())]
    found: set[str] = set()
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if name in found:
            continue
        found.add(name)
        # What is not installed here, as nnU-Net's, brings nothing that is.
        with suppress(PackageNotFoundError):
            needed = map(Requirement, requires(name) or ())
            waiting += [each for each in needed if holds(each, one.extras)]
    return found


def imported() -> set[str]:
    """Packages of others that a file of the tests imports when it is read."""
    names = set()
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import):
                names |= {one.name.partition(".")[0] for one in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"benchmarks", "napari_ssn", "tests"}


def test_every_system_python_and_window() -> None:
    matrix = workflow()["jobs"]["tests"]["strategy"]["matrix"]
    assert [one.partition("-")[0] for one in matrix["os"]] == ["ubuntu", "macos", "windows"]
    assert matrix["python"] == ["3.11", "3.12", "3.13", "3.14"]
    assert matrix["qt"] == ["pyqt6", "pyside6"]
    edges = workflow()["jobs"]["edges"]["strategy"]["matrix"]["edge"]
    assert edges == ["lowest direct dependencies", "napari main"]


def test_every_extra_is_installed() -> None:
    lines = list(installed())
    assert len(lines) == 3
    for extras in lines:
        assert PROJECT["optional-dependencies"].keys() - APART <= extras


@pytest.mark.parametrize("name", sorted(imported()))
def test_what_tests_import_comes_with_an_extra(name: str) -> None:
    there = brought(frozenset(next(installed())))
    assert {canonicalize_name(one) for one in homes()[name]} & there
