"""Every test has its place: folders mirror the package, and no test module imports another."""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).parents[1]
PACKAGE = TESTS.parent / "napari_ssn"
FILES = sorted(path for path in TESTS.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Modules that a file imports anywhere, and what it takes from them."""
    out: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            out |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            out |= {node.module} | {f"{node.module}.{one.name}" for one in node.names}
    return out


def test_folders_are_rooms_of_the_package() -> None:
    rooms = {path.stem for path in PACKAGE.iterdir()}
    folders = {path.parent.relative_to(TESTS).parts[0] for path in FILES if path.parent != TESTS}
    # What concerns several rooms, and what tests are made with.
    assert folders - {"whole", "support"} <= rooms
    assert [path.name for path in TESTS.glob("*.py")] == ["conftest.py"]


def test_no_module_imports_tests() -> None:
    """What several tests need lies in tests/support, and a fixture in a conftest.py."""
    for path in FILES:
        ours = {name for name in imported(path) if name.split(".")[0] == "tests"}
        parts = {part for name in ours for part in name.split(".")[:3]}
        assert not {one for one in parts if one.startswith("test_") or one == "conftest"}, path


def test_what_the_core_is_tested_with_needs_no_window() -> None:
    """`make core-test` has torch, numpy, scipy, pytest and hypothesis, and nothing else."""
    seen: set[Path] = set()
    todo = [
        TESTS / "conftest.py",
        *(TESTS / "core").glob("*.py"),
        *(TESTS / "geometry").glob("*.py"),
    ]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        names = at_the_top(path)
        todo += [
            file
            for name in names
            if name.startswith("tests.")
            and (file := TESTS.joinpath(*name.split(".")[1:]).with_suffix(".py")).exists()
        ]
        wanted = {name.split(".")[0] for name in names}
        assert not wanted & {"napari", "qtpy", "monai", "nibabel", "pydicom", "pytestqt"}, path


def at_the_top(path: Path) -> set[str]:
    """What is imported with the module, not inside a function."""
    out: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            out |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            out |= {node.module} | {f"{node.module}.{one.name}" for one in node.names}
    return out
