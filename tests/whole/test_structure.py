"""The house: no circles of files, few imports inside functions. Layers are import-linter's."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "napari_ssn"
#: Imports inside functions: each costs whoever reads the file, and needs a reason.
MOST_INSIDE = 40
#: Rooms whose sentences live in `text/`. What is raised stands where it is raised, what an option
#: is for beside the option.
SPEAKING = (
    "cli", "cohort", "gui", "hooks", "prediction", "remote", "samples.py", "session", "training"
)  # fmt: skip
#: Lines of a module: what has one purpose is seldom longer.
MOST_LINES = 350


#: A dotted name between single backticks.
NAMED = re.compile(r"(?<!`)`([A-Za-z_]\w*(?:\.\w+)+)`(?!`)")

Trees = dict[Path, ast.Module]


@pytest.fixture(scope="module")
def trees() -> Trees:
    """Every module, parsed once."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")}


def test_no_circle_of_files() -> None:
    graph = grimp.build_graph("napari_ssn", exclude_type_checking_imports=True, cache_dir=None)
    files = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    try:
        list(TopologicalSorter(files).static_order())
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_no_room_names_a_type_of_one_above_it(trees: Trees) -> None:
    """import-linter does not look at what only a checker of types imports."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = told["tool"]["importlinter"]["contracts"][0]["layers"]
    height = {name: -at for at, one in enumerate(layers) for name in re.findall(r"\w+", one)}
    upward = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}: {node.module}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (parts := (node.module or "").split("."))[0] == "napari_ssn"
        and len(parts) > 1
        and (room := path.relative_to(PACKAGE).parts[0].removesuffix(".py")) in height
        and height[parts[1]] > height[room]
    ]
    assert not upward


def test_few_imports_inside_functions(trees: Trees) -> None:
    found = {
        f"{path.relative_to(PACKAGE)}:{inner.lineno}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    }
    assert len(found) <= MOST_INSIDE, sorted(found)


def test_who_decodes_does_not_ask_how_numbers_are_stored(trees: Trees) -> None:
    asking = {
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path, tree in trees.items()
        if not path.is_relative_to(PACKAGE / "core" / "packed")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "isinstance"
        and "PackedDistribution" in ast.unparse(node.args[1])
    }
    assert not asking


def is_apart(node: ast.AST) -> bool:
    """Whether what it holds is no sentence of `text/`: an error, a line of the log, help."""
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        # `Place` says what a command is for.
        return called.endswith(("Error", "Place")) or called.startswith(("_LOG.", "logging."))
    docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    helps = isinstance(node, ast.keyword) and node.arg == "help"
    return docstring or helps or isinstance(node, ast.Raise | ast.Assert)


def strings_of(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of each string that may be a sentence; a field of one is …"""
    apart = {one for node in ast.walk(tree) if is_apart(node) for one in ast.walk(node)}
    names = {node.id for node in apart if isinstance(node, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and names & {ast.unparse(one) for one in node.targets}:
            apart.update(ast.walk(node))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and node not in apart:
            parts = (one.value if isinstance(one, ast.Constant) else "…" for one in node.values)
            yield node.lineno, "".join(map(str, parts))
        if isinstance(node, ast.JoinedStr):
            apart.update(node.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in apart:
            yield node.lineno, node.value


def test_every_sentence_that_a_person_reads_lives_in_one_room(trees: Trees) -> None:
    sentence = re.compile(r"(\S+ ){2,}.*[^\W\d_)][.?!](\s+[A-Z]|$)")
    said = {
        f"{path.relative_to(PACKAGE)}:{line}: {text}"
        for room in SPEAKING
        for path in [PACKAGE / room, *(PACKAGE / room).rglob("*.py")]
        if path.suffix == ".py"
        for line, text in strings_of(trees[path])
        if sentence.match(text)
    }
    assert not said


def test_modules_have_one_purpose() -> None:
    lines = {
        path.relative_to(PACKAGE).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in PACKAGE.rglob("*.py")
    }
    assert not {name: size for name, size in lines.items() if size > MOST_LINES}


def test_what_the_page_of_the_house_names_is_there() -> None:
    """Paths of files and folders; in a sentence or row the next one may lie beside the last."""
    page, missing = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"), []
    # A row, or a paragraph.
    for part in re.split(r"\n\n|\n(?=\|)", page):
        places = [PACKAGE, ROOT]
        for name in re.findall(r"`([\w./]+)`", part.replace("NAME.py", "__init__.py")):
            found = [place / name for place in places if (place / name).exists()]
            if found:
                places += [found[0] if found[0].is_dir() else found[0].parent]
            elif re.search(r"/|\.(py|md|toml|yaml)$", name):
                missing.append(name)
    assert not missing


def test_the_rooms_are_named_in_their_order() -> None:
    """`CONTRIBUTING.md` and the contract that import-linter holds."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = told["tool"]["importlinter"]["contracts"][0]["layers"]
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.search(r"from the highest to the lowest: (.*?)\.\n", page, re.DOTALL)
    assert named is not None
    rooms = [re.findall(r"`(\w+)`", one) for one in named[1].split("·")]
    files = ("__main__", "_version")
    held = [[name for name in re.findall(r"\w+", one) if name not in files] for one in layers]
    assert [sorted(one) for one in rooms] == [sorted(one) for one in held if one]


@pytest.fixture(scope="module")
def names(trees: Trees) -> dict[str, set[str]]:
    """What each module defines or imports, by its dotted path; classes are not told apart."""
    found = {}
    for path, tree in trees.items():
        inside = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                inside.add(node.name)
            elif isinstance(node, ast.alias):
                inside.add((node.asname or node.name).split(".")[0])
            elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
                inside.add(node.id if isinstance(node, ast.Name) else node.attr)
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = inside
    return found


def is_there(name: str, names: dict[str, set[str]]) -> bool:
    """Whether it is a module, by the end of its path, or in one; others' are not looked at."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        homes = [one for one in names if f".{one}".endswith("." + ".".join(parts[:end]))]
        if homes:
            return all(any(part in names[home] for home in homes) for part in parts[end:])
    # Of a room there is, or of somebody else's library.
    return not any(parts[0] in one.split(".") for one in names)


def test_what_docstrings_and_comments_name_is_there(names: dict[str, set[str]]) -> None:
    there = {"core.metrics.dice_each": True, "metrics.none_such": False, "core.cut": False}
    assert {name: is_there(name, names) for name in there} == there
    named = {
        f"{path.relative_to(PACKAGE)}:{number}: {name}": name
        for path in PACKAGE.rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        for name in NAMED.findall(line)
    }
    known = {name: is_there(name, names) for name in set(named.values())}
    assert not [place for place, name in named.items() if not known[name]]
