"""What is said of files that were not written because an earlier one could not be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from napari_ssn.errors import ExportError


@contextmanager
def naming_missing(files: Sequence[Path | None]) -> Iterator[None]:
    """Name files that are not there when writing fails: nobody misses one that they do not know of.

    Args:
        files: that have not been written yet; None of what nobody asked for.
    """
    try:
        yield
    except ExportError as error:
        names = [one.name for one in files if one is not None]
        were = "were" if len(names) > 1 else "was"
        raise ExportError(f"{error} {' and '.join(names)} {were} not written.") from None
