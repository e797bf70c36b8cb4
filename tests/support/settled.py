"""What imports left behind, taken out of Python's search for cycles.

napari searches whenever layers go; torch and napari are a million objects that never do.
"""

from __future__ import annotations

import gc
import sys

# The youngest are searched when so many have come. Python's 700 are fewer than an import or a click
# makes here, and nearly all are still needed then.
gc.set_threshold(20_000, *gc.get_threshold()[1:])

# Modules that were there the last time; asking Python for what is set aside takes a while itself.
_known = -1


def settle() -> None:
    """Set aside what is there, if much came since the last time."""
    global _known
    if _known < 0 or len(sys.modules) > _known + 50:
        set_aside()
        _known = len(sys.modules)


def set_aside() -> None:
    """What is there now, whatever it is: a window is about to be used, and its layers to go.

    What is alive and goes later is found again by `unsettle` alone, so nobody may still hold what
    the test before has made.
    """
    gc.collect()
    gc.freeze()


def unsettle() -> None:
    """Bring everything back, until the next test begins."""
    global _known
    gc.unfreeze()
    _known = -1
