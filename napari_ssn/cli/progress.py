"""How far a command is, on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress


@contextmanager
def progress(doing: str, total: int | None = None) -> Iterator[Callable[[int, int], None]]:
    """A bar, and what tells it how many of how many are done."""
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(doing, total=total)
        yield lambda done, of: bar.update(task, completed=done, total=of)
