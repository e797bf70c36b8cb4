"""A slider frame against napari refreshing the same Labels layer from a plain array."""

from __future__ import annotations

from collections.abc import Callable

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from benchmarks.timing import compare
from napari_ssn.gui.demo import wait_until

FRAMES = 100
_REFRESH = {"extent": False, "thumbnail": False, "highlight": False}


def slider() -> list[str]:
    """Move the dock's slider through its stops; napari gets the same label maps as an array."""
    viewer = napari.Viewer(show=True)
    try:
        viewer.open_sample("napari-ssn", "nodule-1")
        _, dock = viewer.window.add_plugin_dock_widget("napari-ssn", "SSN hypotheses")
        session = dock.session
        wait_until(dock, lambda: session.setup.obstacle is None)
        session.run()
        # Everything the worker counts after a run must be done, or it is timed as well.
        wait_until(dock, lambda: session.ranges is not None and session.walk.lesions is not None)
        wait_until(dock, lambda: session.walk.counts is not None)
        walking = viewer.layers["SSN · hypothesis"]
        plain = viewer.add_labels(
            np.asarray(walking.data).copy(),
            name="plain array",
            scale=walking.scale,
            translate=walking.translate,
            units=walking.units,
        )
        plain.contour, plain.opacity = walking.contour, walking.opacity
        plain.colormap = walking.colormap
        stops = [float(t) for t in np.linspace(-2, 2, 41)]
        maps, places = [], []
        for stop in stops:
            session.walk.set_sigma(stop)
            maps.append(np.asarray(walking.data).copy())
            places.append(session.walk.z)
        frame = {"ours": 0, "plain": 0}

        def layer() -> None:
            frame["ours"] += 1
            session.walk.z = places[frame["ours"] % len(stops)]
            walking.refresh(**_REFRESH)

        def window() -> None:
            frame["ours"] += 1
            session.walk.set_sigma(stops[frame["ours"] % len(stops)])

        def theirs() -> None:
            frame["plain"] += 1
            plain.data[:] = maps[frame["plain"] % len(stops)]
            plain.refresh(**_REFRESH)

        def drawn(step: Callable[[], None]) -> Callable[[], None]:
            def both() -> None:
                step()
                QApplication.processEvents()

            return both

        lines = []
        for name, ours, other in (
            ("slider frame", layer, theirs),
            ("slider frame with every text of the dock", window, theirs),
            ("the same, drawn", drawn(window), drawn(theirs)),
        ):
            pair = compare(ours, other, FRAMES)
            lines.append(
                f"{name}: {pair.ours * 1000:.2f} ms; napari from a plain array: "
                f"{pair.other * 1000:.2f} ms; ratio {pair.ratio:.2f}"
            )
        return lines
    finally:
        viewer.close()
