"""Memory of one training step, kept for the next."""

from __future__ import annotations

import ctypes
import sys

# Of glibc's malloc.h: from how many free bytes on memory goes back, and how many blocks at most are
# asked of the system one by one.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_NEVER = 2**31 - 1
# What it begins with.
_TRIM, _BLOCKS = 128 * 1024, 65536


def keep_memory(kept: bool = True) -> bool:
    """Have this process keep what it frees, where its C library is glibc.

    Large tensors are otherwise given back and asked for again in each step, and the system clears
    every page of them anew.

    Args:
        kept: False for what it begins with.

    Returns:
        whether it does so from now on.

    Examples:
        >>> keep_memory(False)
        False
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        # Another C library.
        return False
    blocks, trim = (0, _NEVER) if kept else (_BLOCKS, _TRIM)
    done = bool(mallopt(_M_MMAP_MAX, blocks)) and bool(mallopt(_M_TRIM_THRESHOLD, trim))
    return kept and done
