"""Labels of several outlines in one order, where their files say what each is called."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

# What programs call a label that nobody has named.
_UNNAMED = re.compile(r"(label|segment|segmentation)?[ _]?\d*", re.IGNORECASE)


def one_order(
    names: Sequence[Mapping[int, str]], labels: Sequence[str] | None = None
) -> tuple[list[dict[int, int]], tuple[str, ...] | None]:
    """Which number each label of several outlines gets, so that what has one name has one number.

    A name is the same in capitals. An outline whose labels are not all named, or have a name that
    the others have not, keeps its numbers; so do all where one thing alone is told apart.

    Args:
        names: of each outline, by number, the background left out; empty where nobody says.
        labels: that they are to be numbered as, background first; of the outline with most labels
            if left out.

    Returns:
        of each outline the numbers that change, by what they were; and the names of all labels,
        background first, where all outlines have theirs among these.

    Examples:
        >>> one_order([{1: "head", 2: "tail"}, {1: "Tail", 2: "Head"}, {}])
        ([{}, {1: 2, 2: 1}, {}], None)
        >>> one_order([{1: "tail"}], ("background", "head", "tail"))
        ([{1: 2}], ('background', 'head', 'tail'))
    """
    known = [_told(one) for one in names]
    wanted = (
        max(known, key=len, default={})
        if labels is None
        else {name.casefold(): number for number, name in enumerate(labels) if number}
    )
    if len(wanted) < 2:
        return [{} for _ in names], None
    to, all_of_them = list[dict[int, int]](), True
    for one, told in zip(names, known, strict=True):
        fits = bool(one) and len(told) == len(one) and set(told) <= set(wanted)
        all_of_them = all_of_them and fits
        moves = {told[name]: wanted[name] for name in told} if fits else {}
        to.append({was: now for was, now in moves.items() if was != now})
    if not all_of_them or sorted(wanted.values()) != list(range(1, len(wanted) + 1)):
        return to, None
    if labels is not None:
        return to, tuple(labels)
    said = next(one for one, told in zip(names, known, strict=True) if told == wanted)
    return to, ("background", *(said[number] for number in range(1, len(wanted) + 1)))


def renumbered(values: NDArray[np.generic], moves: Mapping[int, int]) -> NDArray[np.generic]:
    """A label map (*S) with some of its numbers changed at once; itself where none is.

    Args:
        values: whole numbers.
        moves: what each becomes.
    """
    if not moves:
        return values
    out = values.copy()
    for was, now in moves.items():
        out[values == was] = now
    return out


def _told(names: Mapping[int, str]) -> dict[str, int]:
    """Numbers by name; empty where some have no name of their own, or one that another has."""
    found = {name.strip().casefold(): number for number, name in names.items()}
    if len(found) < len(names) or any(_UNNAMED.fullmatch(name) for name in found):
        return {}
    return found
