"""A model on another computer: what goes over the line, who serves it, who asks.

`wire` is the form of a message, `messages` what a question and an answer are in it; `runs` does
what was asked, `service` is its side of the line, `serving` where it listens, `tokens` who may ask;
`elsewhere` names a server, `line` is the other side, and `distant` the model there, asked as one
that is here; `named` finds it for scripts.
Needs the extra ``server``.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from napari_ssn.errors import ServerError
from napari_ssn.later import door

if TYPE_CHECKING:
    from napari_ssn.remote import distant as distant
    from napari_ssn.remote import elsewhere as elsewhere
    from napari_ssn.remote import serving as serving
    from napari_ssn.remote import tokens as tokens

_module = door(__name__)
_OPTIONAL = ("fastapi", "requests", "starlette", "uvicorn", "zstandard")


def __getattr__(name: str) -> ModuleType:
    try:
        return _module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _OPTIONAL:
            raise
        raise ServerError(
            "To compute on another computer takes libraries that are not installed: pip install "
            '"napari-ssn[server]".'
        ) from None
