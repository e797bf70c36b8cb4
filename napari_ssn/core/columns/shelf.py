"""Room for arrays that memory need not hold all of: they lie in files without a name.

Voxels are sorted by what it takes to change them, and most of a large image no slider ever comes
to. Their numbers are on the disk as they would be in memory, bit for bit; the system reads what is
looked at, keeps it as long as there is room, and removes the file with the last array of it, or
with the process, however that ends.
"""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from napari_ssn.errors import DeviceError

# Bytes written at once where room cannot be reserved.
_AT_ONCE = 1 << 24


def own_zeros(shape: Sequence[int]) -> Tensor:
    """A float32 tensor in memory that is given back when nobody has it any more.

    An allocator keeps what lies between other things, for the next who asks.
    """
    size = math.prod(shape) * torch.float32.itemsize
    if size == 0:
        return torch.zeros(*shape)
    return torch.frombuffer(mmap.mmap(-1, size), dtype=torch.float32).reshape(*shape)


class Shelf:
    """Where arrays are made.

    Args:
        folder: that files without a name are made in; None for memory.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._mapped: list[mmap.mmap] = []

    def empty(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """A tensor that holds whatever there was; memory is taken when it is written to.

        Raises:
            DeviceError: the disk is full, or it cannot be written to.
        """
        size = math.prod(shape) * dtype.itemsize
        if self._folder is None or size == 0:
            # numpy asks for large pages: each is given, and emptied, once where it was 512 times.
            return torch.from_numpy(np.empty(shape, str(dtype).removeprefix("torch.")))
        try:
            with tempfile.TemporaryFile(dir=self._folder) as file:
                _reserve(file, size)
                mapped = mmap.mmap(file.fileno(), size)
        except OSError:
            raise DeviceError(
                f"There is no room on the disk for the result: {size / 1e9:.1f} GB more are "
                "needed where temporary files lie."
            ) from None
        self._mapped.append(mapped)
        return torch.frombuffer(mapped, dtype=dtype).reshape(*shape)

    def let_go(self) -> None:
        """Take what was written so far out of this process's memory; it stays where it is."""
        if hasattr(mmap, "MADV_DONTNEED"):
            for mapped in self._mapped:
                mapped.madvise(mmap.MADV_DONTNEED)


def _reserve(file: BinaryIO, size: int) -> None:
    """OSError if a disk has no room: where it runs out later, the system ends the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    nothing = bytes(_AT_ONCE)
    for first in range(0, size, _AT_ONCE):
        file.write(nothing[: size - first])
    file.flush()
