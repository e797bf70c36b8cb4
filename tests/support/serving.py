"""A server of models on loopback, in a thread, as `napari-ssn serve` runs one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from napari_ssn.remote.serving import Line, serve

TOKEN = "a-token-that-is-long-enough-0001"


def token_file(folder: Path) -> Path:
    """A file with the server's token, for its owner alone."""
    path = folder / "token"
    path.touch(0o600)
    path.write_text(TOKEN)
    return path


@contextmanager
def served(models: Sequence[Any], line: Line | None = None, **options: Any) -> Iterator[str]:
    """Its address, while it runs; options as for `serve`."""
    there, found = threading.Event(), list[tuple[str, Callable[[], None]]]()
    failed: list[BaseException] = []

    def ready(address: str, stop: Callable[[], None]) -> None:
        found.append((address, stop))
        there.set()

    def work() -> None:
        try:
            serve(models, TOKEN, line or Line(port=0), ready, **options)
        except BaseException as error:  # noqa: BLE001
            failed.append(error)
        finally:
            there.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert there.wait(20)
    try:
        if failed:
            raise failed[0]
        yield found[0][0]
    finally:
        if found:
            found[0][1]()
        thread.join(20)
        assert not thread.is_alive()
    if failed:
        raise failed[0]
