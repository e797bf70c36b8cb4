"""Write ``docs/commands.md`` from the commands themselves: ``make commands``."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, NamedTuple

from typer.models import ArgumentInfo, ParameterInfo

from napari_ssn.cli.app import COMMANDS, PROBLEM
from napari_ssn.cli.options import DIFFERENT

ROOT = Path(__file__).parents[1]
PAGE = "docs/commands.md"

_HEAD = f"""# From the terminal

Research use only – not a medical device. This page is written by `make commands` from the commands
themselves; `napari-ssn COMMAND --help` says the same.

Results go to standard output, everything else to standard error. The exit status is 0 where all
went well, {PROBLEM} for a problem that you can solve, said in one sentence, and {DIFFERENT} where
`verify` finds another label map than was stated. No message names a file that was read: names of
files often hold names of patients.

| command | what it does |
|---|---|
"""


def page() -> str:
    """The whole page."""
    lines = [f"| [`{name}`](#{_anchor(name)}) | {place.help} |" for name, place in COMMANDS.items()]
    return _HEAD + "\n".join(lines) + "\n" + "".join(map(_section, COMMANDS))


def _anchor(name: str) -> str:
    return name.replace(" ", "-")


class _Parameter(NamedTuple):
    """An argument or option, as the function of a command declares it."""

    name: str
    info: ParameterInfo
    kind: type
    several: bool
    default: Any

    @property
    def needed(self) -> bool:
        return self.default is inspect.Parameter.empty

    @property
    def is_argument(self) -> bool:
        return isinstance(self.info, ArgumentInfo)


def _parameters(function: Callable[..., Any]) -> list[_Parameter]:
    # By the annotations, which stay as they are where typer's own classes change.
    hints = typing.get_type_hints(function, include_extras=True)
    found = []
    for name, parameter in inspect.signature(function).parameters.items():
        kind, info = typing.get_args(hints[name])[:2]
        if isinstance(kind, UnionType):
            (kind,) = (one for one in kind.__args__ if one is not NoneType)
        several = typing.get_origin(kind) is list
        (kind,) = typing.get_args(kind) if several else (kind,)
        found.append(_Parameter(name, info, kind, several, parameter.default))
    return [one for one in found if not one.info.hidden]


def _section(name: str) -> str:
    place = COMMANDS[name]
    function = getattr(import_module(f"napari_ssn.cli.{place.file}"), place.function)
    parameters = _parameters(function)
    options = [one for one in parameters if not one.is_argument]
    usage = ["napari-ssn", name, *(_shown(one) for one in parameters if one.is_argument)]
    usage += [_shown(one) for one in options if one.needed]
    usage += ["[OPTIONS]"] if any(not one.needed for one in options) else []
    lines = ["", f"## {name}", "", *_paragraphs(function), "```", " ".join(usage), "```", ""]
    rows = [(f"`{_shown(one)}`", _help(one)) for one in parameters]
    if rows:
        lines += ["| | |", "|---|---|", *(f"| {' | '.join(map(_cell, row))} |" for row in rows)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _paragraphs(function: Callable[..., Any]) -> list[str]:
    found = []
    for part in re.split(r"\n\s*\n", inspect.getdoc(function) or ""):
        found += [" ".join(part.split()), ""]
    return found


def _shown(one: _Parameter) -> str:
    """How it is written on the line."""
    if one.is_argument:
        name = (one.info.metavar or one.name.upper()) + ("…" if one.several else "")
        return name if one.needed else f"[{name}]"
    # What stands first in `Option(…)` of an annotation is a name, for typer its default.
    first = [one.info.default] if isinstance(one.info.default, str) else []
    names = "/".join([*first, *(one.info.param_decls or [])]) or f"--{one.name.replace('_', '-')}"
    if one.kind is bool:
        return names
    if issubclass(one.kind, Enum):
        return f"{names} {one.info.metavar or '|'.join(str(each.value) for each in one.kind)}"
    return f"{names} {one.info.metavar or _VALUES[one.kind]}"


_VALUES = {int: "N", float: "X", Path: "PATH", str: "TEXT"}


def _help(one: _Parameter) -> str:
    """Its help, with what holds where it is left out."""
    text = " ".join((one.info.help or "").split())
    if one.needed:
        return f"{text} Needed.".strip()
    shown = one.info.show_default
    default = shown if isinstance(shown, str) else one.default
    if default is None or isinstance(default, bool):
        return text
    return f"{text} Default: {getattr(default, 'value', default)}."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Write the page."""
    (ROOT / PAGE).write_text(page(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
