"""Where a sentence may be broken into lines."""

from __future__ import annotations

import re

_NO_BREAK = "\u00a0"

# After a number; longer ones first.
_UNITS = (
    "mm²", "mm³", "mm2", "mm3", "mm", "cm", "µm", "mL", "ml", "px", "voxels", "voxel", "HU", "%",
    "°", "σ", "×", "ms", "min", "s", "h", "KiB", "MiB", "GiB", "kB", "MB", "GB",
)  # fmt: skip

# What stands between two numbers that are read together, or before one.
_SIGNS = "×±≥≤"

_AFTER_NUMBER = re.compile(rf"(?<=[\d…]) (?=(?:{'|'.join(map(re.escape, _UNITS))})(?![\w²³]))")
_AFTER_SIGN = re.compile(rf"(?<=[{_SIGNS}]) (?=[\d<>])")
_BEFORE_SIGN = re.compile(r"(?<=[\d%]) (?=[×±])")


def kept_together(words: str) -> str:
    """A sentence that is broken nowhere between a number and its unit.

    In ``15 × 12 mm``, ``23 ± 2 %`` and ``≥ 1.42 mL`` every space becomes one at which no line
    ends. For what is wrapped to a width, and for nothing that a program reads.
    """
    for pattern in (_AFTER_NUMBER, _AFTER_SIGN, _BEFORE_SIGN):
        words = pattern.sub(_NO_BREAK, words)
    return words
