"""Maps that networks made, on the disk for as long as somebody may want them again."""

from __future__ import annotations

import hashlib
import weakref
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import numpy as np
from numpy.typing import NDArray


class Kept:
    """Keeps maps by what they are of, so that one member is left out without running the others.

    They lie in a folder for temporary files, which goes with this or with the program.
    """

    def __init__(self) -> None:
        self._place: Path | None = None
        self._known: dict[str, Path] = {}

    def get(self, image: int, member: str) -> NDArray[np.float16] | None:
        """What a member made of an image, read as it is asked for; None where it is not kept."""
        path = self._known.get(_name(image, member))
        if path is None:
            return None
        try:
            found: NDArray[np.float16] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError):
            # Somebody tidied up.
            return None
        return found

    def put(self, image: int, member: str, found: NDArray[np.float16]) -> None:
        """Keep it; where the disk is full it is run again."""
        name = _name(image, member)
        with suppress(OSError):
            if self._place is None:
                self._place = Path(mkdtemp(prefix="napari-ssn-"))
                weakref.finalize(self, rmtree, self._place, ignore_errors=True)
            path = self._place / f"{name}.npy"
            np.save(path, found, allow_pickle=False)
            self._known[name] = path


def _name(image: int, member: str) -> str:
    return hashlib.sha256(f"{image} {member}".encode()).hexdigest()
