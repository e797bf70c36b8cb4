"""A line that broke off is tried again, for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from napari_ssn.errors import Cancel
from napari_ssn.remote.line import TIMEOUTS, AwayError, SilentError
from napari_ssn.text.server import TRYING_AGAIN

#: Seconds for which a line that broke off is tried again.
PATIENCE = 20.0
# Times that a line may break off after it held for longer than that.
_AGAIN = 3
# Seconds between two attempts.
_LOOK = 0.1

_Value = TypeVar("_Value")


def tried(
    work: Callable[[], _Value],
    patience: float,
    cancel: Cancel,
    say: Callable[[str], None] | None = None,
) -> _Value:
    """What some work over a line returns, again and again where the line breaks off.

    Args:
        work: is begun anew then.
        patience: seconds for which it is tried again.
        cancel: looked at between two attempts.
        say: told once that the line broke off.

    Raises:
        AwayError: it breaks off for longer than that.
        Cancelled: somebody stopped; and what else ``work`` raises.
    """
    end, told, again = 0.0, False, 0
    while True:
        began = time.monotonic()
        try:
            return work()
        except AwayError as error:
            now = time.monotonic()
            # Of those seconds in which nothing came nobody says that they went well.
            mute = TIMEOUTS[1] if isinstance(error, SilentError) else 0.0
            if end == 0.0 or now - began - mute > patience:
                # What broke off after a while had begun well, as a long answer on a slow line.
                end, again = now + patience, again + 1
            if now > end or again > _AGAIN:
                raise
        if not told and say is not None:
            told = True
            say(TRYING_AGAIN)
        time.sleep(_LOOK)
        cancel.check()
