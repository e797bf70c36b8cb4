"""Lines on the picture: between the right voxels in every plane, over none of those in doubt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ImageColor

from napari_ssn.gui.demo import let_draw
from napari_ssn.gui.layers.colours import TONES
from napari_ssn.gui.layers.lines import NAME
from napari_ssn.gui.layers.results import HYPOTHESIS
from napari_ssn.gui.layers.strokes import BOLD, THIN
from napari_ssn.text.overview import LOOKED_AT, SHARES
from tests.support.docks import add_image, run_and_wait
from tests.support.drawn import check_between
from tests.support.helpers import COLOURS, tiny_model


def ready(dock: Any, qtbot: Any, calipers: bool = False) -> None:
    dock.settings.boxes["calipers"].setChecked(calipers)
    run_and_wait(dock, qtbot)
    overviews = dock.session.overviews
    qtbot.waitUntil(lambda: overviews.current("contours"), timeout=20_000)


def bold(dock: Any) -> list[Any]:
    return [one for one in dock.lines.strokes.strokes if one.width == BOLD]


def named(dock: Any) -> list[str]:
    thin = [one.words for one in dock.lines.strokes.strokes if one.width == THIN]
    return [words for words in thin if words != LOOKED_AT]


def test_they_run_between_the_voxels_in_every_plane(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "deep", 3, 3, region=(16, 16, 16)))
    where = {"scale": (2.5, 0.7, 0.9), "translate": (11.0, -40.0, 3.0)}
    add_image(viewer, (18, 22, 20), **where)
    ready(dock, qtbot)
    layer, session = viewer.layers[HYPOTHESIS].__wrapped__, dock.session
    overview = dock.scene.here.shown(session.overviews.of("contours").values)
    for order in ((0, 1, 2), (1, 0, 2), (2, 0, 1)):
        viewer.dims.order = order
        for step in (4, 9):
            viewer.dims.set_current_step(order[0], step)
            labels = np.asarray(layer.data)
            for stroke, label in zip(bold(dock), (1, 2), strict=True):
                assert (stroke.words, stroke.colour) == (f"Label {label}", COLOURS[label])
                check_between(viewer, layer, stroke, labels == label)
            for q, words in enumerate(SHARES, start=1):
                (stroke,) = (s for s in dock.lines.strokes.strokes if s.words == words)
                assert stroke.colour == TONES[q - 1]
                if stroke.lines:
                    check_between(viewer, layer, stroke, overview >= q)
    # The border of one that moves is elsewhere; that of all together is not drawn anew.
    before = dock.lines.strokes.strokes
    dock.slider.slider.setValue(30)
    after = dock.lines.strokes.strokes
    assert after[:3] == before[:3] and after[3:] != before[3:]
    check_between(viewer, layer, bold(dock)[0], np.asarray(layer.data) == 1)
    # Beside the image, and in three dimensions, there are none.
    viewer.dims.ndisplay = 3
    assert not dock.lines.strokes.visible and not dock.lines.legend.visible
    assert layer.opacity > 0.5
    viewer.dims.ndisplay = 2
    assert dock.lines.strokes.visible and layer.opacity == 0


def test_voxels_in_doubt_are_left_to_be_seen(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    ready(dock, qtbot)
    layer = viewer.layers[HYPOTHESIS]
    assert layer.visible and layer.opacity == 0 and layer.contour == 0
    assert viewer.canvas.overlays[NAME].visible
    rows = [words for words, _, _ in dock.lines.legend.rows]
    assert rows[0] == "Hypothesis on show" and set(rows[1:]) <= set(SHARES)
    # The old way, and back.
    dock.settings.boxes["lines"].setChecked(False)
    assert not dock.lines.strokes.visible and layer.opacity == 0.9 and layer.contour == 1
    assert dock.settings.boxes["outline"].isEnabled() and dock.settings.boxes["width"].isEnabled()
    dock.settings.boxes["lines"].setChecked(True)
    assert dock.lines.strokes.visible and layer.opacity == 0
    dock.settings.boxes["contours"].setChecked(False)
    assert not named(dock) and len(bold(dock)) == 1
    dock.settings.boxes["contours"].setChecked(True)
    qtbot.waitUntil(lambda: bool(named(dock)), timeout=20_000)


def test_keys_eyes_and_deleting(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    ready(dock, qtbot)
    layer, scene, art = viewer.layers[HYPOTHESIS], dock.scene, dock.lines
    scene.toggle()
    assert not art.strokes.visible and not art.legend.visible and not layer.visible
    scene.toggle()
    assert art.strokes.visible and layer.visible
    # Its eye hides what belongs to it, and opening it brings back what a key has hidden.
    layer.visible = False
    assert not art.strokes.visible
    scene.toggle()
    assert art.strokes.visible and layer.visible
    scene.toggle()
    layer.visible = True
    assert art.strokes.visible
    dock._fade(-0.1)
    assert art.strokes.opacity == pytest.approx(0.9) and layer.opacity == 0
    dock._fade(0.1)
    # Without its layer the one on show is gone, and the others stay.
    viewer.layers.remove(HYPOTHESIS)
    assert not bold(dock) and set(named(dock)) <= set(SHARES) and named(dock)
    dock.slider.slider.setValue(20)
    assert bold(dock)
    viewer.layers["scan"].data = viewer.layers["scan"].data[::-1].copy()
    greys = [ImageColor.getrgb(one.colour) for one in art.strokes.strokes]
    assert all(len(set(grey)) == 1 for grey in greys)


def test_copies_have_a_colour_each_and_follow_the_brush(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    ready(dock, qtbot)
    dock.samples.add.click()
    qtbot.waitUntil(lambda: len(dock.scene.copies.layers) == 3, timeout=20_000)
    copies = [one for one in dock.lines.strokes.strokes if one.words.startswith("Sample")]
    assert [one.words for one in copies] == ["Sample 01", "Sample 02", "Sample 03"]
    colours = {one.colour for one in copies}
    assert len(colours) == 3 and not colours & {*TONES, COLOURS[1]}
    first = viewer.layers["SSN · sample 01"].__wrapped__
    assert first.opacity == 0
    check_between(viewer, first, copies[0], first.data > 0)
    for layer in dock.scene.copies.layers[1:]:
        layer.visible = False
    assert [w for w in named(dock) if w.startswith("Sample")] == ["Sample 01"]
    # Painted on, the line goes around what was painted; undone, it is where it was.
    first.mode = "paint"
    assert first.opacity > 0
    before = [line.copy() for line in copies[0].lines]
    place = tuple(np.argwhere(first.data == 0)[0] + 1)
    first.data_setitem(tuple(np.array([at]) for at in place), 1 - first.data[place])
    (moved,) = (one for one in dock.lines.strokes.strokes if one.words == "Sample 01")
    check_between(viewer, first, moved, first.data > 0)
    assert sum(map(len, moved.lines)) != sum(map(len, before))
    viewer.layers.remove("SSN · sample 01")
    assert not any(words.startswith("Sample") for words in named(dock))


@pytest.mark.shown
def test_width_is_that_of_the_screen(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path
) -> None:
    """Twice as near, a line is twice as long and no wider; a line of voxels would be four times."""
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny"), show=True)
    add_image(viewer)
    ready(dock, qtbot)
    dock.settings.boxes["contours"].setChecked(False)
    colour = np.array(ImageColor.getrgb(bold(dock)[0].colour))
    summary = dock.session.summary
    # What is found out later draws all lines anew.
    qtbot.waitUntil(lambda: summary.diameters is not None and summary.dealt, timeout=20_000)
    qtbot.waitUntil(lambda: summary.lengths is not None, timeout=20_000)
    found = []
    longest = max(bold(dock)[0].lines, key=len)
    for near in (1.0, 2.0):
        viewer.reset_view()
        viewer.scene.camera.center = (0.0, *longest.mean(0))
        viewer.scene.camera.zoom = near * 8
        dock.lines.strokes.strokes = tuple(
            type(one)((longest,), one.colour, one.width) for one in bold(dock)
        )
        dock.lines.legend.visible = False
        let_draw()
        picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
        found.append(int((np.abs(picture - colour).max(-1) < 40).sum()))
    assert found[0] > 50 and 1.5 < found[1] / found[0] < 2.6


def test_a_closed_dock_leaves_the_voxels_and_no_line(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    ready(dock, qtbot)
    dock.shut()
    assert NAME not in viewer.scene.overlays and NAME not in viewer.canvas.overlays
    layer = viewer.layers[HYPOTHESIS]
    assert layer.visible and layer.opacity > 0 and layer.contour == 1


def test_diameters_are_drawn_where_they_are_longest(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "deep", 3, 3, region=(16, 16, 16)))
    add_image(viewer, (18, 22, 20), scale=(2.5, 0.7, 0.9), translate=(11.0, -40.0, 3.0))
    dock.session.place_centre((9, 11, 10))
    ready(dock, qtbot, calipers=True)
    session, layer = dock.session, viewer.layers[HYPOTHESIS].__wrapped__
    qtbot.waitUntil(lambda: session.summary.diameters is not None, timeout=20_000)
    turn = session.result.source.turn
    for label, one in enumerate(session.summary.diameters, start=1):
        assert one.longest > 0
        ends = turn.points_to_display(
            np.array([*one.ends, *one.across]), session.result.source.space
        )
        slab = int(ends[0, 0])
        for step in (slab, slab - 1 if slab else 1):
            viewer.dims.set_current_step(0, step)
            words = f"Ø {session.result.measure.across(one)} · label {label}"
            drawn = [s for s in dock.lines.strokes.strokes if s.words == words]
            assert len(drawn) == (step == slab)
            assert (words in [row[0] for row in dock.lines.legend.rows]) == (step == slab)
            for stroke in drawn:
                expected = [layer.data_to_world(end)[1:] for end in ends]
                np.testing.assert_allclose(np.concatenate(stroke.lines), expected)
                # As long on the screen as they are said to be.
                apart = [np.linalg.norm(np.diff(line, axis=0)) for line in stroke.lines]
                np.testing.assert_allclose(apart, (one.longest, one.perpendicular))
        viewer.dims.set_current_step(0, slab)
        dock.settings.boxes["calipers"].setChecked(False)
        assert words not in named(dock)
        dock.settings.boxes["calipers"].setChecked(True)
        assert words in named(dock)
    # While a finger is on the slider nothing is measured, and nothing of before is drawn.
    dock.slider.slider.setSliderDown(True)
    dock.slider.slider.setValue(20)
    assert not [one for one in named(dock) if one.startswith("Ø")]
    dock.slider.slider.setSliderDown(False)


def test_the_region_has_a_box(open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "deep", dims=3, region=(16, 16, 16)))
    add_image(viewer, (18, 22, 20), scale=(2.5, 0.7, 0.9), translate=(11.0, -40.0, 3.0))
    dock.session.place_centre((9, 11, 10))
    run_and_wait(dock, qtbot)
    layer, dist = viewer.layers[HYPOTHESIS].__wrapped__, dock.session.result.dist
    inside = np.argwhere(dock.scene.here.shown(dist.placed(np.ones(dist.space, np.uint8))))
    for order in ((0, 1, 2), (1, 0, 2), (2, 0, 1)):
        viewer.dims.order = order
        viewer.dims.set_current_step(order[0], 9)
        shown = list(viewer.dims.displayed)
        (box,) = (s for s in dock.lines.strokes.strokes if s.words == LOOKED_AT)
        ends = []
        for corner in box.lines[0][:4]:
            place = np.array(viewer.dims.point, dtype=float)
            place[shown] = corner
            ends.append(np.array(layer.world_to_data(place))[shown])
        near, far = np.min(ends, 0), np.max(ends, 0)
        np.testing.assert_allclose(near, inside.min(0)[shown] - 0.5)
        np.testing.assert_allclose(far, inside.max(0)[shown] + 0.5)
        # Beside the region there is no box.
        viewer.dims.set_current_step(order[0], 0)
        assert not any(s.words == LOOKED_AT for s in dock.lines.strokes.strokes)


def test_the_legend_covers_no_line_where_there_is_another_corner(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    ready(dock, qtbot)
    legend, camera = dock.lines.legend, viewer.scene.camera
    points = np.concatenate(bold(dock)[0].lines)
    low, high = points.min(0), points.max(0)
    camera.zoom = 0.25 * min(viewer.canvas.size) / (high - low).max()

    def lie(at: str) -> None:
        """Move the picture so that the outline lies in an upper corner, or in the middle."""
        room = np.array(viewer.canvas.size) / camera.zoom / 2
        way = {"left": (0.8, 0.8), "right": (0.8, -0.8), "middle": (0, 0)}[at]
        camera.center = (0, *((low + high) / 2 + way * room - way * (high - low) / 2))

    for at, where in (
        ("middle", "top_left"), ("left", "top_right"), ("middle", "top_right"),
        ("right", "top_left"),
    ):  # fmt: skip
        lie(at)
        assert str(legend.position) == where, at


def test_the_legend_leaves_the_picture_to_be_seen(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    ready(dock, qtbot)
    viewer.canvas.size = (1000, 600)
    dock.samples.add.click()
    qtbot.waitUntil(lambda: len(dock.scene.copies.layers) == 3, timeout=20_000)

    def rows() -> list[str]:
        return [words for words, _, _ in dock.lines.legend.rows]

    whole = rows()
    assert sum(words.startswith("Sample") for words in whole) == 3
    # As soon as it is smaller: the lines themselves are seen, and that others are there is said.
    viewer.canvas.size = (300, 600)
    few = rows()
    assert len(few) <= 6 and few[0] == whole[0] and few[-1] == "3 other outlines"
    viewer.canvas.size = (1000, 600)
    assert rows() == whole
