"""What many hypotheses look like together: time, and memory beside what is kept.

``python -m benchmarks.overview`` prints the lines of a packed volume alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from benchmarks.phantom import network_output
from benchmarks.timing import median, seconds
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.distribution import draw_z
from napari_ssn.core.packed.distribution import PackedDistribution
from napari_ssn.core.summaries.agreement import agreement
from napari_ssn.core.summaries.boxplot import boxplot
from napari_ssn.core.summaries.contours import contours
from napari_ssn.prediction.wish import DRAWS, IN_BOXPLOT

# Hypotheses that the slow way is timed with; the rest is extrapolated.
_FEW = 10


def overview(dist: Decodable) -> list[str]:
    """Contours, probability and boxplot of one distribution."""
    size = " × ".join(map(str, dist.space))
    z, few = draw_z(DRAWS, dist.rank, 0), draw_z(_FEW, dist.rank, 0)
    slow = seconds(lambda: contours(dist.label_maps(few), dist.classes)) * DRAWS / _FEW
    lines = [
        (
            f"contours of {DRAWS} hypotheses, {size}: {_measured(lambda: agreement(dist, z))}; "
            f"from whole label maps, extrapolated from {_FEW}: {slow:.2g} s"
        ),
        f"probability of one label, {size}: {_measured(lambda: dist.probability(1))}",
        (
            f"boxplot of {IN_BOXPLOT} hypotheses, {size}: "
            f"{_measured(lambda: boxplot(dist, z[:IN_BOXPLOT]))}"
        ),
    ]
    return lines


def _measured(function: Callable[[], object]) -> str:
    """Median time of three calls, and the most memory that one of them took at any moment."""
    spent = median(function, 3)
    resident = _resident()
    if resident is None:
        return f"{spent * 1000:.3g} ms"
    before, most, stop = resident, [resident], threading.Event()

    def watch() -> None:
        while not stop.wait(0.005):
            most[0] = max(most[0], _resident() or 0.0)

    watching = threading.Thread(target=watch)
    watching.start()
    function()
    stop.set()
    watching.join()
    return f"{spent * 1000:.3g} ms, {max(0.0, most[0] - before):.0f} MB at most"


def _resident() -> float | None:
    """Megabytes that this process holds; None where the system does not say."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return float(line.split()[1]) / 1024


if __name__ == "__main__":
    for text in overview(PackedDistribution.of(network_output())):
        print(text)
