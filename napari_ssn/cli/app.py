"""The command ``napari-ssn``: which commands there are, each in a file of its own.

A file is imported when its command is called and not before, so that ``--help`` does not wait for
torch. Results go to standard output, everything else to standard error. Nothing printed names a
file that was read: names of files often hold names of patients.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from napari_ssn._version import __version__
from napari_ssn.documents.problems import what_is_wrong
from napari_ssn.errors import SSNError
from napari_ssn.text.commands import OF_ARCHIVES

#: Exit status of a problem that the user can solve.
PROBLEM = 2


class Place(NamedTuple):
    """Where a command is: file of this folder, function in it, and what it does in a line."""

    file: str
    function: str
    help: str


COMMANDS = {
    "segment": Place("segment", "segment", "Segment an image: mean, samples, sidecars, volumes."),
    "verify": Place("verify", "verify", "Make a label map again and compare it bit for bit."),
    "change": Place(
        "change", "change", "Has it grown? A change between two scans, with its range."
    ),
    "readers": Place(
        "readers", "readers", "Several people's outlines side by side, and beside a model."
    ),
    "cohort": Place("cohort", "cohort", "Segment many scans: a table, and a page to review it."),
    "review": Place("review", "review", "Review a cohort on a page, and its scans in napari."),
    "serve": Place("serve", "serve", "Run models for other computers."),
    "models": Place("models", "models", "List the installed models."),
    "demo": Place("demo", "demo", "Open the window with an example, ready to run."),
    "train": Place("train", "train", "Train a model, or go on with a checkpoint."),
    "evaluate": Place("evaluate", "evaluate", "Measure a model against its raters."),
    "fit-head": Place("evaluate", "fit_head", "Fit a model's head to other patients."),
    "likeness": Place("likeness", "likeness", "Learn what a model's training images look like."),
    "export": Place("export", "export", "Write a model's network as ONNX."),
    "pacs add": Place("pacs", "add", "Keep an archive (PACS) in the list."),
    "pacs list": Place("pacs", "list_", "List the archives."),
    "pacs remove": Place("pacs", "remove", "Take an archive out of the list."),
    "pacs find": Place("pacs", "find", "Find studies in an archive, and the series of a study."),
    "pacs fetch": Place("pacs", "fetch", "Fetch a series into a folder."),
    "pacs send": Place("pacs", "send", "Send results to an archive."),
    "simulate-clicks": Place("evaluate", "simulate_clicks", "Measure correction by clicks."),
}
#: Words that several commands begin with.
GROUPS = {"pacs": OF_ARCHIVES}


class _Later(TyperGroup):
    """Commands by their names alone until one of them is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All, in the order of `COMMANDS`."""
        return list(dict.fromkeys(name.partition(" ")[0] for name in COMMANDS))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A name and a line of help, as for a list of them; None where there is no such one."""
        if cmd_name in GROUPS:
            return TyperCommand(cmd_name, help=GROUPS[cmd_name])
        place = COMMANDS.get(cmd_name)
        return None if place is None else TyperCommand(cmd_name, help=place.help)

    def invoke(self, ctx: Any) -> Any:
        """Run what is called; what is wrong with an option of it is said in our words."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            if problems := getattr(error.__cause__, "errors", None):
                # Newer versions of typer let pydantic check, in whose words nobody should read it.
                _, error.message = what_is_wrong(problems())
            raise

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The one that is called."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, (_command(name) if name in {*COMMANDS, *GROUPS} else command), rest


def _command(name: str) -> Any:
    """A command, or a group of those whose names begin with a word."""
    alone = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        help=GROUPS.get(name),
        no_args_is_help=name in GROUPS,
    )
    for one, place in COMMANDS.items():
        if one == name or one.startswith(f"{name} "):
            module = import_module(f"napari_ssn.cli.{place.file}")
            own = one.removeprefix(f"{name} ")
            alone.command(own, help=place.help if own != one else None)(
                getattr(module, place.function)
            )
    return get_command(alone)


app = typer.Typer(
    help="Stochastic segmentation: several plausible outlines of one lesion, with volumes. "
    "Research use only – not a medical device.",
    cls=_Later,
    no_args_is_help=True,
    add_completion=False,
    # A traceback with local variables would show names of files.
    pretty_exceptions_enable=False,
)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; a problem the user can solve is one sentence and exit status 2."""
    try:
        app()
    except SSNError as error:
        typer.echo(str(error), err=True)
        sys.exit(PROBLEM)
