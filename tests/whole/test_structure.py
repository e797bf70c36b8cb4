"""The house: no circles of files, few imports inside functions. Layers are import-linter's."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "napari_ssn"
#: Imports inside functions: each costs whoever reads the file, and needs a reason.
MOST_INSIDE = 40
#: Rooms whose words live in `text/`: what is printed, shown or written to a person. What is raised
#: stands where it is raised, what an option is for beside the option, what a control is called and
#: its tip beside the control, where that is no sentence. Rooms below `text` say what they found.
SPEAKING = (
    "cli", "cohort", "gui", "hooks", "prediction", "remote", "samples.py", "session", "training"
)  # fmt: skip
#: Lines of a module: what has one purpose is seldom longer.
MOST_LINES = 350


Trees = dict[Path, ast.Module]


@pytest.fixture(scope="module")
def trees() -> Trees:
    """Every module, parsed once."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")}


def named_later(tree: ast.Module) -> set[str]:
    """Modules that a file names in a text, for `import_module` or by a door to their package."""
    doors, found = {}, set[str]()
    for node in ast.walk(tree):
        text = ast.unparse(node) if isinstance(node, ast.Assign | ast.Call) else ""
        if made := re.fullmatch(r"(\w+) = door\('([\w.]+)'\)", text):
            doors[made[1]] = made[2]
        elif asked := re.match(r"(?!door)(\w+)\('([\w.]+)'\)$", text):
            package = doors.get(asked[1])
            found |= {asked[2] if package is None else f"{package}.{asked[2]}"}
    return found


def test_no_circle_of_files(trees: Trees) -> None:
    graph = grimp.build_graph("napari_ssn", exclude_type_checking_imports=True, cache_dir=None)
    files = {name: set(graph.find_modules_directly_imported_by(name)) for name in graph.modules}
    for path, tree in trees.items():
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        files[name] |= named_later(tree) & files.keys()
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


#: What makes or names a control: what it is called and its tip stand beside it.
_CONTROLS = {
    "addAction", "button", "check", "combo", "hint", "setAccessibleName", "setToolTip", "spin",
    "getExistingDirectory", "getOpenFileNames",
}  # fmt: skip
#: What a person reads at once.
_SAYING = {
    "Note", "_failed", "_say", "_tell", "announce", "echo", "notify", "print", "question", "say",
    "setLabelText", "setText", "show_info", "show_warning", "tell",
}  # fmt: skip
#: Of a table's or a window's own languages: shaders, style sheets, SQL.
_CODE = re.compile(r"[{};]\n| = |^(insert|select) ")
_WORD = re.compile(r"[^\w\s…]?[^\W\d_][\w'’-]*[^\w\s]*")
_SENTENCE = re.compile(r"(\S+\s+)+\S*[^\s()][.?!][\"”’)]*(\s+[A-Z“…]|\s*$)")
#: What has as many words says something, and what is said at once; in the window a few are a
#: heading, or the name of a button.
_MANY, _MANY_IN_WINDOW = (3, 1), (5, 3)


def called(node: ast.AST) -> str:
    """The last part of what is called; nothing where nothing is."""
    return ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""


def is_apart(node: ast.AST) -> bool:
    """Whether what it holds is no word of `text/`: of an error or the log, a docstring, help."""
    if isinstance(node, ast.Call):
        # `Place` says what a command is for; who checks raises with the words handed over.
        log = ast.unparse(node.func).lower().startswith(("_log.", "logging."))
        return log or bool(re.search(r"(Error|^Place)$|^check_|^execute", called(node)))
    docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    helps = isinstance(node, ast.keyword) and node.arg in ("help", "show_default")
    return docstring or helps or isinstance(node, ast.Raise | ast.Assert)


def is_control(node: ast.AST) -> bool:
    """Whether what it holds is of a control: a call that makes or names it, a form's field."""
    field = isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Call)
    tip = isinstance(node, ast.Assign) and "tip" in ast.unparse(node.targets[0]).lower()
    return field or tip or called(node) in _CONTROLS


def strings_of(tree: ast.Module, *kinds: Callable[[ast.AST], bool]) -> dict[ast.expr, str]:
    """Text of each string that is in none of some kinds of nodes; a field of one is …"""
    held = [node for node in ast.walk(tree) if any(kind(node) for kind in kinds)]
    apart = {one for node in held for one in ast.walk(node)}
    names = {node.id for node in apart if isinstance(node, ast.Name) and node.id.isupper()}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and names & {ast.unparse(one) for one in node.targets}:
            apart.update(ast.walk(node))
    out: dict[ast.expr, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and node not in apart:
            parts = (one.value if isinstance(one, ast.Constant) else "…" for one in node.values)
            out[node] = "".join(map(str, parts))
        if isinstance(node, ast.JoinedStr):
            apart.update(node.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in apart:
            out[node] = node.value
    return out


def words_in(text: str) -> int:
    """Words of a text, none of which is a field or a number."""
    return sum(_WORD.fullmatch(one) is not None for one in text.split())


def own(node: ast.AST) -> Iterator[ast.AST]:
    """What is handed to a call, by itself or as what a condition chooses; not to one inside it."""
    for one in ast.iter_child_nodes(node):
        if not isinstance(one, ast.Call):
            yield one
            yield from own(one)


def stray(tree: ast.Module, many: int, at_once: int) -> Iterator[str]:
    """What of `text/` stands in another room: sentences, parts of them, what is said at once."""
    handed = {one for node in ast.walk(tree) if called(node) in _SAYING for one in own(node)}
    parts = strings_of(tree, is_apart, is_control)
    for node, text in strings_of(tree, is_apart).items():
        sentence = _SENTENCE.match(text)
        part = node in parts and not _CODE.search(text) and words_in(text) >= many
        said = node in handed and " " in text.strip() and words_in(text) >= at_once
        if sentence or part or said:
            yield f"{node.lineno}: {text}"


def test_every_sentence_that_a_person_reads_lives_in_one_room(trees: Trees) -> None:
    said = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for room in SPEAKING
        for path in [PACKAGE / room, *(PACKAGE / room).rglob("*.py")]
        if path.suffix == ".py"
        for line in stray(trees[path], *(_MANY_IN_WINDOW if room == "gui" else _MANY))
    ]
    assert not said, "\n".join(said)


@pytest.mark.parametrize(
    "code",
    [
        'x = "Read it again."',
        'x = f"They are {name}."',
        """x = f'Install it: pip install "{name}".'""",
        'x = "the sidecar states another z"',
        'x = f"{count} of them lie outside"',
        'typer.echo(f"Wrote {name}")',
        'self._tell("Not saved: " + problem)',
        'say(label, "it is" if one else "they are")',
        'button("Run", "Runs it again.")',
    ],
)
def test_what_no_other_room_says(code: str) -> None:
    assert list(stray(ast.parse(code), *_MANY))


@pytest.mark.parametrize(
    "code",
    [
        'raise DataError(f"They are {name}.")',
        '_WHY = "It is damaged."\nraise DataError(_WHY)',
        'typer.Option(help="Where it is written.", show_default="a folder of your own")',
        'def x() -> None:\n    """It is read again."""',
        'class X:\n    size: int = asked(1, "Size", "How large it is at least")',
        'button("Run", "Segments the image around the point")',
        '_LOG.info("A run of so many has ended.")',
        'base.execute("select state from scans where id = ?")',
        'typer.echo(f"{name}\\t{size}")',
    ],
)
def test_what_other_rooms_may_say(code: str) -> None:
    assert not list(stray(ast.parse(code), *_MANY))


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
