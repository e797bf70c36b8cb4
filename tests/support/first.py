"""What the window's own thread does the first time, in a process of its own.

``python -m tests.support.first ours|napari sample|ct`` opens an image in the dock, points at the
nodule and runs the model, or has napari add plain layers of the same kinds and sizes, and prints
the seconds of every turn as JSON. Where processes can divide, `Server` imports once for all what
napari imports for an empty window, and torch, which the dock imports in another thread: of that
nothing is measured.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_ssn.geometry.volume import Volume
from napari_ssn.io.layers import image_layer
from napari_ssn.samples import layers, sample, volume
from napari_ssn.text.overview import LOOKED_AT, ON_SHOW, SHARES
from tests.support.fewer import draw_fewer
from tests.support.turns import Turns

SIZE = (1280, 800)
SAMPLE = 4
# Seconds in which whatever follows has begun, after the window or the dock has opened too.
CALM, OPENED = 0.5, 1.0
#: A chest CT, and where the nodule's piece of one lies in it.
SPACE, CORNER = (512, 512, 133), (190, 190, 50)


def chest() -> tuple[Volume, tuple[int, ...]]:
    """A CT with the nodule of the sample, and its middle."""
    piece, centre = volume(SAMPLE), sample(SAMPLE).centre
    assert centre is not None
    values = np.full(SPACE, -850.0, np.float32)
    at = tuple(slice(a, a + n) for a, n in zip(CORNER, piece.space, strict=True))
    values[at] = piece.data[0]
    middle = tuple(a + c for a, c in zip(CORNER, centre, strict=True))
    return Volume(values[None], piece.affine), middle


def ours(viewer: Any, what: str) -> dict[str, list[float]]:
    _, dock = viewer.window.add_plugin_dock_widget("napari-ssn", "SSN hypotheses")
    session, opening = dock.session, dock.opening.opening

    def open_and_idle() -> bool:
        """Whether all is done that it does when it opens."""
        workers = dock.worker, dock.opening._worker
        return session.setup.survey is not None and all(one.idle for one in workers)

    Turns().until(list, open_and_idle, OPENED)
    if what == "ct":
        scan, middle = chest()
        found = [image_layer(scan, name="scan")]
        start: Callable[[], object] = lambda: opening.make("ct", lambda: found)  # noqa: E731
    else:
        middle = sample(SAMPLE).centre or ()
        start = dock.start.samples.menu().actions()[SAMPLE - 1].trigger
    taken: dict[str, list[float]] = {}

    def step(name: str, do: Callable[[], object], done: Callable[[], bool]) -> None:
        turns = Turns()
        turns.until(do, done, CALM)
        taken[name] = turns.taken

    def told() -> bool:
        """Whether all of a result is on show."""
        walk, summary = session.walk, session.summary
        parts = (session.result, session.ranges, walk.counts, session.cards, summary.lengths)
        return not session.busy and all(part is not None for part in parts)

    step("open", start, lambda: dock.picture.image is not None and not opening.busy)
    step("point", lambda: session.place_centre(middle), lambda: True)
    run, begun = Turns(), []
    # The turn in which the outline comes, and all that follow.
    session.found.connect(lambda result: begun.append(len(run.taken)))
    run.until(dock.run.button.click, told, CALM)
    assert not session.summary.hidden and dock.scene.walking.visible
    taken["wait"], taken["outline"] = run.taken[: begun[0]], run.taken[begun[0] :]
    return taken


def napari_alone(viewer: Any, what: str) -> dict[str, list[float]]:
    from napari.components.overlays import TextOverlay

    overlays = viewer.canvas.overlays
    if what == "ct":
        scan, _ = chest()
        (data, options, _), others = image_layer(scan, name="scan"), []
    else:
        (data, options, _), *others = layers(SAMPLE)
    where = {name: options[name] for name in ("scale", "translate", "units", "axis_labels")}
    middle = np.array(data.shape) / 2
    taken: dict[str, list[float]] = {}

    def step(name: str, *acts: Callable[[], object]) -> None:
        turns = Turns()
        for act in acts:
            turns.until(act, lambda: True, 0.05)
        turns.until(list, lambda: True, CALM)
        taken[name] = turns.taken

    def letters() -> None:
        places = ("middle_left", "middle_right", "top_center", "bottom_center")
        for letter, place in zip("RLAP", places, strict=True):
            overlay = TextOverlay(position=place, font_size=14, text=letter, visible=True)
            overlays[f"letter {letter}"] = overlay
        overlays.scale_bar.visible = True

    def ring(radius: float) -> NDArray[np.float64]:
        turn = np.linspace(0, 2 * np.pi, 80)
        around = np.stack([0 * turn, np.sin(turn), np.cos(turn)], axis=1)
        return np.asarray(middle + radius * around)

    def lines() -> None:
        viewer.add_shapes(
            [ring(radius) for radius in (6, 8, 10, 9)],
            shape_type="path",
            edge_color=["#c4f0ff", "#6fb7f2", "#4d82ff", "#ffb000"],
            edge_width=0.5,
            **where,
        )

    def legend() -> None:
        # The same words: each letter takes its time when it is first drawn.
        rows = "\n".join([ON_SHOW, *SHARES, LOOKED_AT])
        overlays["legend"] = TextOverlay(position="top_left", font_size=8, text=rows, visible=True)

    labels = np.zeros(data.shape, np.uint8)
    labels[tuple(slice(int(m) - 6, int(m) + 6) for m in middle)] = 1
    shapes = [
        lambda paths=paths, more=more: viewer.add_shapes(paths, **more) for paths, more, _ in others
    ]
    step("open", lambda: viewer.add_image(data, **options), letters, *shapes)
    step("point", lambda: viewer.add_points(middle[None], **where))
    step("outline", lambda: viewer.add_labels(labels, **where), lines, legend)
    return taken


def measured(who: str, what: str) -> dict[str, list[float]]:
    """Seconds of the turns of each step."""
    os.environ["NAPARI_CONFIG"] = ""
    import napari

    viewer = napari.Viewer()
    viewer.window.resize(*SIZE)
    Turns().until(list, lambda: True, OPENED)
    with pytest.MonkeyPatch.context() as patch:
        # Other threads draw, of which nothing is measured.
        draw_fewer(patch)
        taken = ours(viewer, what) if who == "ours" else napari_alone(viewer, what)
        viewer.close()
    return taken


class Server:
    """Measures in a process of its own each time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, who: str, what: str) -> dict[str, list[float]]:
        """See `measured`."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(who, what, file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, f"{who} {what} came to nothing: what it printed tells why"
        found: dict[str, list[float]] = json.loads(line)
        return found

    def close(self) -> None:
        """Let it end."""
        self._process.communicate()


def serve() -> None:
    """Divide for each line that is read, ``WHO WHAT``, and print what is found."""
    os.environ["NAPARI_CONFIG"] = ""
    # The second one is imported by a thread of its own, long before an image is opened.
    import torch  # noqa: F401
    from napari._qt import qt_main_window  # noqa: F401

    for line in sys.stdin:
        # A window that was closed may still be saving: its folder goes when its process has gone.
        with tempfile.NamedTemporaryFile() as told, tempfile.TemporaryDirectory() as state:
            one = os.fork()
            if not one:
                status = 1
                # Whatever else is printed is no number.
                os.dup2(2, 1)
                os.environ["XDG_STATE_HOME"] = state
                try:
                    with Path(told.name).open("w") as file:
                        json.dump(measured(*line.split()), file)
                    status = 0
                finally:
                    # Nobody else will tell.
                    if status:
                        traceback.print_exc()
                    os._exit(status)
            _, ended = os.waitpid(one, 0)
            assert ended == 0, f"{line}: {ended}"
            print(told.read().decode(), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        # Threads are waited for before this happens.
        atexit.register(shutil.rmtree, state := tempfile.mkdtemp(), True)
        os.environ["XDG_STATE_HOME"] = state
        print(json.dumps(measured(*sys.argv[1:])))
    else:
        serve()
