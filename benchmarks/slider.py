"""A slider frame against napari refreshing the same Labels layer from a plain array."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from benchmarks.phantom import network_output
from benchmarks.timing import Pair, compare, median
from napari_ssn.core.packed.distribution import PackedDistribution
from napari_ssn.errors import NEVER
from napari_ssn.geometry.orientation import Reorientation
from napari_ssn.gui.demo import let_draw, wait_until
from napari_ssn.gui.layers.walking import Walking
from napari_ssn.network.models import load_model
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.source import Source
from napari_ssn.session import Chosen, Settings
from napari_ssn.session.runner import Job
from napari_ssn.session.walk import Walk

# The first of a walk find caches cold. What is drawn takes many times as long.
FRAMES, DRAWN = 300, 100
_STEPS = [float(t) for t in np.linspace(-2, 2, 41)]
_REFRESH = {"extent": False, "thumbnail": False, "highlight": False}


def slider() -> list[str]:
    """Move the dock's slider through its stops; napari gets the same label maps as an array."""
    viewer = napari.Viewer(show=True)
    try:
        viewer.open_sample("napari-ssn", "nodule-1")
        _, dock = viewer.window.add_plugin_dock_widget("napari-ssn", "SSN hypotheses")
        return _in_window(viewer, dock, "slider frame", np.s_[:])
    finally:
        viewer.close()


def ensemble_slider(image: Path, maps: Path) -> list[str]:
    """The same of five folds of a large volume, as `benchmarks.ensembles` writes them."""
    viewer = napari.Viewer(show=True)
    try:
        _, dock = viewer.window.add_plugin_dock_widget("napari-ssn", "SSN hypotheses")
        (layer,) = viewer.open(image, plugin="napari-ssn")
        wait_until(dock, lambda: dock.session.setup.source is not None)
        chosen = Chosen((maps,), image_name=image.name)
        dock.session.choose_members(chosen)
        # Where the labels are.
        viewer.dims.set_point(0, np.mean(layer.extent.world, axis=0)[0])
        return _in_window(viewer, dock, "slider frame of an ensemble", 0)
    finally:
        viewer.close()


def _in_window(viewer: napari.Viewer, dock: Any, name: str, axis: Any) -> list[str]:
    """Run what is chosen, and walk through its result."""
    session = dock.session
    wait_until(dock, lambda: session.setup.obstacle is None)
    session.run()
    wait_until(dock, lambda: session.walk.counts is not None)
    # Everything the worker counts after a run must be done, or it is timed as well; one thing is
    # asked for after the other.
    for _ in range(3):
        wait_until(dock, lambda: dock.worker.idle)
        let_draw(0.5)
    walking = viewer.layers["SSN · hypothesis"]
    part = (viewer.dims.current_step[0],) if axis == 0 else np.s_[:]
    plain = viewer.add_labels(
        np.asarray(walking.data).copy(),
        name="plain array",
        scale=walking.scale,
        translate=walking.translate,
        units=walking.units,
    )
    plain.colormap = walking.colormap
    # napari's list of layers looks at the neighbours of one that is drawn anew: two for each.
    above = {"scale": walking.scale, "units": walking.units, "visible": False}
    viewer.add_points(ndim=walking.ndim, name="above both", **above)
    stops = _STEPS
    maps, choices = [], []
    for stop in stops:
        session.walk.set_sigma(stop)
        maps.append(np.array(walking.data[part]))
        choices.append(session.walk.choice)
    if all(np.array_equal(one, maps[0]) for one in maps):
        raise RuntimeError("nothing moves on the slice that is looked at")
    frame = {"ours": 0, "plain": 0}

    def layer() -> None:
        frame["ours"] += 1
        session.walk.here.choice = choices[frame["ours"] % len(stops)]
        walking.refresh(**_REFRESH)

    def window() -> None:
        frame["ours"] += 1
        session.walk.set_sigma(stops[frame["ours"] % len(stops)])

    def theirs() -> None:
        frame["plain"] += 1
        plain.data[part] = maps[frame["plain"] % len(stops)]
        plain.refresh(**_REFRESH)

    def drawn(step: Callable[[], None]) -> Callable[[], None]:
        def both() -> None:
            step()
            QApplication.processEvents()

        return both

    lines = []
    # As while a finger drags it.
    session.walk.hold()
    look, texts = dock.scene.look, f"{name} with every text of the dock"
    for what, ours, other, frames, lined in (
        (name, layer, theirs, FRAMES, True),
        (texts, window, theirs, FRAMES, True),
        ("the same, drawn", drawn(window), drawn(theirs), DRAWN, True),
        # As voxels, which is what napari draws; lines between them are more than it has.
        (f"{texts}, as voxels", window, theirs, FRAMES, False),
        ("the same as voxels, drawn", drawn(window), drawn(theirs), DRAWN, False),
    ):
        dock.scene.set_look(replace(look, lines=lined))
        plain.contour, plain.opacity = walking.contour, walking.opacity
        QApplication.processEvents()
        pair = compare(ours, other, frames)
        lines.append(
            f"{what}: {pair.ours * 1000:.2f} ms; napari from a plain array: "
            f"{pair.other * 1000:.2f} ms; ratio {pair.ratio:.2f}"
        )
    return lines


class _AtOnce:
    """A session's runner that does each job in this thread."""

    def submit(
        self,
        channel: str,
        job: Job,
        done: Callable[[Any], None],
        failed: Callable[[str], None],
        progress: Any = None,
    ) -> None:
        done(job(lambda *what: None, NEVER))

    def cancel(self, channel: str) -> None: ...

    def close(self) -> None: ...


def _walk(dist: PackedDistribution) -> Walk:
    """The session's walk through a result that no network was asked for."""

    def failed(text: str) -> None:
        raise RuntimeError(text)

    def load() -> Any:
        raise NotImplementedError

    card = load_model("lidc-2d", "cpu").card
    source = Source(1, dist.space, 1, dist.affine, "volume", True, load)
    result = Prediction(
        run=1, source=source, card=card, device="cpu", device_title="CPU", tile=dist.space,
        centre=None, depth_mm=None, dist=dist, image_sha256="",
    )  # fmt: skip
    walk = Walk(_AtOnce(), Settings(), failed)
    walk.begin(result)
    walk.announce()
    return walk


def volume_slider(dist: PackedDistribution) -> list[str]:
    """Walk a whole volume in each plane, and volumes of growing depth in one."""
    lines = []
    for axis, plane in enumerate(("axial", "coronal", "sagittal")):
        own, pair = _frames(dist, axis)
        lines.append(
            f"slider frame of the volume, {plane}: {own * 1000:.2f} ms of ours; with napari "
            f"{pair.ours * 1000:.2f} ms; napari from a plain array: "
            f"{pair.other * 1000:.2f} ms; ratio {pair.ratio:.2f}"
        )
    figures = []
    for slices in (1, 10, 40, dist.space[2]):
        space = (*dist.space[:2], slices)
        deep = dist if space == dist.space else PackedDistribution.of(network_output(space))
        own, pair = _frames(deep, 0)
        figures.append(f"{slices}: {pair.ours * 1000:.2f} ms ({own * 1000:.2f} of ours)")
    lines.append(f"slider frame, axial, in a volume of so many slices: {', '.join(figures)}")
    walk, walking = _walking(dist)
    steps = cycle(_STEPS)

    def whole() -> None:
        walk.set_sigma(next(steps))
        np.asarray(walking)

    lines.append(f"the whole volume, for the 3D view: {median(whole, 9) * 1000:.0f} ms")
    return lines


def _walking(dist: PackedDistribution) -> tuple[Walk, Walking]:
    walk = _walk(dist)
    turn = Reorientation.for_display(dist.affine, 3)
    return walk, Walking(walk.label_map, dist.space, (0, 0, 0), dist.space, turn)


def _frames(dist: PackedDistribution, axis: int) -> tuple[float, Pair]:
    """Seconds of ours for a slice at the next stop, and of a frame beside napari's own.

    napari gets the same labels, copied into the slice of an array before each frame.
    """
    walk, walking = _walking(dist)
    whole = np.asarray(walking)
    # Where there is most to change: through the middle of what is labelled.
    at = int(np.median(np.nonzero(whole)[axis]))
    part = (*([slice(None)] * axis), at)
    slices = []
    for step in _STEPS:
        walk.set_sigma(step)
        slices.append(walking[part])
    viewer = napari.Viewer(show=True)
    try:
        ours = viewer.add_labels(walking, name="walking")
        plain = viewer.add_labels(np.array(whole), name="plain array")
        ours.contour = plain.contour = 1
        viewer.dims.order = (axis, *(a for a in range(3) if a != axis))
        viewer.dims.set_current_step(axis, at)
        stops, arrays = cycle(_STEPS), cycle(slices)

        def read() -> None:
            walk.set_sigma(next(stops))
            walking[part]

        def frame() -> None:
            walk.set_sigma(next(stops))
            ours.refresh(**_REFRESH)

        def theirs() -> None:
            plain.data[part] = next(arrays)
            plain.refresh(**_REFRESH)

        return median(read, FRAMES), compare(frame, theirs, FRAMES)
    finally:
        viewer.close()
