"""Where things lie in a cohort's folder."""

from __future__ import annotations

from pathlib import Path

#: Name of the picture of a scan in its folder.
PICTURE = "outline.png"
#: Name of the manifest in a cohort's folder.
NAME = "cohort.sqlite"
#: Folder of what is written of each scan.
SCANS = "scans"


def folder_of(out: Path, number: int) -> Path:
    """Folder of what is written of a scan."""
    return out / SCANS / f"{number:06d}"
