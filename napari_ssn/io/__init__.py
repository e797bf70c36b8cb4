"""Images in, hypotheses out.

`read` and `write` choose by the file's suffix. No message of this package names a file or a
folder: names of files often hold names of patients.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_ssn.io.api import read as read
    from napari_ssn.io.api import write as write

__all__ = ["read", "write"]


def __getattr__(name: str) -> Any:
    # Not before somebody reads or writes: much of this package costs nothing to import.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.api"), name)
