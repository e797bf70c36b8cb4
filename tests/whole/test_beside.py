"""Benchmarks and scripts beside the package name what is in it: no test runs them."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [path for folder in ("benchmarks", "docs", ".ci") for path in ROOT.glob(f"{folder}/*.py")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_is_imported_is_there(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("napari_ssn")):
            continue
        module = import_module(node.module or "")
        for one in node.names:
            there = hasattr(module, one.name) or import_module(f"{node.module}.{one.name}")
            assert there, f"line {node.lineno}: {one.name}"
