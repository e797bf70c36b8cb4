"""A distribution in two parts, whichever way it is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from napari_ssn.core.begun import dense, packed
from napari_ssn.core.begun.awaiting import Awaiting, Begin
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.kinds import Form

_BEGIN: dict[str, Callable[[Any], Begin | None]] = {"dense": dense.begin, "packed": packed.begin}
_BEGUN: dict[str, type[dense.Begun] | type[packed.Begun]] = {
    one.form: one for one in (dense.Begun, packed.Begun)
}


def begin(dist: Decodable) -> Begin | None:
    """What a label map needs of a distribution; None where that is most of it."""
    # Of one that awaits its own rest there is nothing to leave for later.
    return None if isinstance(dist, Awaiting) else _BEGIN[dist.form](dist)


def begun(form: Form, parts: Begin, space: Sequence[int], **place: Any) -> Awaiting:
    """The distribution of what comes first.

    Args:
        form: how its numbers are stored.
        parts: what comes first, and what gets the rest.
        space: shape S of the grid.
        place: affine, start, image_space and presence.

    Raises:
        KeyError: one of the numbers is missing.
        ValueError: they are of no distribution.
    """
    return _BEGUN[form].of_first(parts, space, **place)
