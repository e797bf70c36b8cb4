"""What the window's own thread does the first time, beside napari with plain layers of the kind.

Of a sample and of a whole CT: opened and pointed into, and the outline with all that is said of it.
``python -m benchmarks.window`` prints it alone. It needs a screen or a virtual one.
"""

from __future__ import annotations

from tests.support.first import Server

ROUNDS = 3
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
    return lines


if __name__ == "__main__":
    print("\n".join(window()))
