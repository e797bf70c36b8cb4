"""On which disk the numbers of a large result lie, if on any; a run is planned without torch."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import psutil

#: Bytes of packed numbers from which on they lie on a disk, where there is one.
ASIDE = 1 << 31
# Bytes that are left free for others.
_LEFT = 1 << 30
# Kinds of folders that are memory themselves.
_IN_MEMORY = {"tmpfs", "ramfs", "devtmpfs"}


def folder_for(size: int) -> Path | None:
    """Folder on a disk with room for so many bytes; None where there is none, or they are few."""
    if size < ASIDE:
        return None
    for folder in dict.fromkeys((tempfile.gettempdir(), "/var/tmp")):
        if not _is_memory(folder) and _free(folder) >= size + _LEFT:
            return Path(folder)
    return None


def _is_memory(folder: str) -> bool:
    """Whether a folder is no disk: what is written there takes memory."""
    there = Path(folder).resolve()
    holding = {
        part.mountpoint: part.fstype
        for part in psutil.disk_partitions(all=True)
        if there.is_relative_to(part.mountpoint)
    }
    within = max(holding, key=len, default="")
    return holding.get(within) in _IN_MEMORY


def _free(folder: str) -> int:
    try:
        return shutil.disk_usage(folder).free if os.access(folder, os.W_OK) else 0
    except OSError:
        return 0
