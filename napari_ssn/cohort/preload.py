"""What each worker on this computer does first; dask calls it by its name."""

from __future__ import annotations

import signal


def dask_setup(worker: object) -> None:
    """Leave Ctrl+C, which a terminal sends to all, to the process that hands out the scans."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
