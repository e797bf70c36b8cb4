"""What the window's own thread does the first time, beside napari with plain layers of the kind.

Of a sample and of a whole CT: opened and pointed into, and the outline with all that is said of it.
``python -m benchmarks.window`` prints it alone. It needs a screen or a virtual one.
"""

from __future__ import annotations

import time

import numpy as np

from tests.support.first import Server

ROUNDS, SAMPLES = 3, 4
WHAT = {"sample": "the sample in three dimensions", "ct": "a CT of 512 × 512 × 133"}
STEPS = {"opened and pointed into": ("open", "point"), "the outline": ("outline",)}


def window() -> list[str]:
    """Seconds of the processor, and the longest turn of the event loop, of both."""
    measure, lines = Server(), []
    for what, name in WHAT.items():
        rounds = [[measure(who, what) for _ in range(ROUNDS)] for who in ("ours", "napari")]
        for step, parts in STEPS.items():
            mine, napari = (min(sum(sum(t[p]) for p in parts) for t in each) for each in rounds)
            ours, theirs = (min(max(max(t[p]) for p in parts) for t in each) for each in rounds)
            lines.append(
                f"the first time in a window, {name}: {step}: {mine:.2f} s of the window's thread, "
                f"at most {ours * 1000:.0f} ms at a time; plain layers in napari {napari:.2f} s, "
                f"{theirs * 1000:.0f} ms: {mine / napari:.2f}×"
            )
    measure.close()
    return [*lines, away()]


def away() -> str:
    """Seconds that the window stands still while samples are taken back."""
    import napari

    # As in a session, where a network is loaded: so many objects are looked through.
    import torch  # noqa: F401

    from napari_ssn.gui.layers.adding import take_away

    viewer = napari.Viewer(show=False)
    took: dict[str, list[float]] = {"ours": [], "napari": []}
    for who in list(took) * ROUNDS:
        gone = [viewer.add_labels(np.zeros((64, 64, 64), np.uint8)) for _ in range(SAMPLES)]
        before = time.thread_time()
        if who == "ours":
            take_away(viewer, gone)
        else:
            for layer in gone:
                viewer.layers.remove(layer)
        took[who].append(time.thread_time() - before)
    viewer.close()
    mine, plain = (min(each) for each in took.values())
    return (
        f"{SAMPLES} samples are taken back: {mine:.2f} s; the same layers removed in napari one by "
        f"one {plain:.2f} s: {mine / plain:.2f}×"
    )


if __name__ == "__main__":
    print("\n".join(window()))
