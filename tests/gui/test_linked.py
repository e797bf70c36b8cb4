"""The other planes beside the picture, linked to it by a crosshair."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_ssn.gui.layers.colours import REGION
from napari_ssn.gui.layers.crosshair import NAME
from napari_ssn.gui.layers.reticle import GAP, REACH
from napari_ssn.gui.layers.strokes import SHEER, Band, Stroke
from napari_ssn.gui.widgets.slice_view import Picture, SliceView
from tests.support.docks import add_image, run_and_wait
from tests.support.helpers import tiny_model

RIGHT = Qt.DockWidgetArea.RightDockWidgetArea
SPACE, SCALE = (14, 18, 22), (2.0, 0.7, 0.8)


@pytest.fixture
def deep(open_dock: Callable[..., Any], tmp_path: Path) -> tuple[Any, Any, np.ndarray]:
    viewer, dock = open_dock(tiny_model(tmp_path / "deep", dims=3, region=(16, 16, 16)))
    return viewer, dock, add_image(viewer, SPACE, scale=SCALE)


def steps(viewer: Any) -> tuple[int, ...]:
    return tuple(viewer.dims.current_step)


def views(dock: Any) -> tuple[Any, Any]:
    dock.view.linked.refresh()
    first, last = dock.view.linked.pair.views
    return first, last


def corners(dock: Any) -> list[Any]:
    """Whose the lower corners of the window are."""
    lower = (Qt.Corner.BottomLeftCorner, Qt.Corner.BottomRightCorner)
    return [dock.window().corner(one) for one in lower]


def listening(viewer: Any, dock: Any) -> list[int]:
    """How many are told of what."""
    dims, camera = viewer.dims.events, viewer.scene.camera.events
    session = dock.session
    events = (dims.point, dims.order, dims.ndisplay, camera.zoom)
    signals = (session.changed, session.walk.moved, session.overviews.changed, dock.scene.redrawn)
    looks = dock.picture.image.events.contrast_limits
    return [
        *(len(one.callbacks) for one in (*events, looks)),
        *(len(one) for one in signals),
        len(dock.scene.copies.touched),
        len(viewer.mouse_move_callbacks),
    ]


@pytest.mark.styled
def test_the_two_other_planes_follow_the_crosshair_and_lead_it(deep: Any, qtbot: Any) -> None:
    viewer, dock, data = deep
    assert dock.view.all.isVisibleTo(dock.view) and not dock.view.all.isChecked()
    dock.session.place_centre((3, 10, 5))
    high = dock.window().minimumSizeHint().height()
    dock.view.all.click()
    assert dock.view.all.isChecked() and steps(viewer) == (3, 10, 5)
    # They lie below the picture, and not below the list of layers or the dock: these need their
    # height.
    assert dock.window().minimumSizeHint().height() <= high
    assert corners(dock) == [Qt.DockWidgetArea.LeftDockWidgetArea, RIGHT]
    coronal, sagittal = views(dock)
    assert [one.picture.title for one in (coronal, sagittal)] == ["Coronal 10", "Sagittal 5"]
    low, high = viewer.layers["scan"].contrast_limits
    for view, plane in ((coronal, data[:, 10]), (sagittal, data[:, :, 5])):
        expected = np.clip((plane - low) * 255 / (high - low), 0, 255).astype(np.uint8)
        np.testing.assert_array_equal(view.picture.values, expected)
        # Head up, as the viewer's own coronal plane has it.
        assert view.picture.up and view.picture.letters == ("",) * 4
    assert coronal.picture.size == (2.0, 0.8) and sagittal.picture.size == (2.0, 0.7)
    assert coronal.cross == pytest.approx((3.0, 5.0)) and sagittal.cross == pytest.approx(
        (3.0, 10.0)
    )
    # There: a press, and a drag.
    dock.view.linked.pair.resize(640, 320)
    where = coronal.at(8.0, 12.0).toPoint()
    qtbot.mousePress(coronal, Qt.MouseButton.LeftButton, pos=where)
    assert steps(viewer) == (8, 10, 12)
    coronal, sagittal = views(dock)
    assert coronal.cross == pytest.approx((8.0, 12.0)) and sagittal.cross == pytest.approx(
        (8.0, 10.0)
    )
    assert sagittal.picture.title == "Sagittal 12"
    # And back: by the viewer's slider, and by a place to be looked at.
    viewer.dims.set_point(0, 2 * SCALE[0])
    assert views(dock)[0].cross == pytest.approx((2.0, 12.0))
    dock.session.places.look_at((6, 7, 8), centred=True)
    coronal, sagittal = views(dock)
    assert steps(viewer) == (6, 7, 8) and coronal.picture.title == "Coronal 7"
    assert coronal.cross == pytest.approx((6.0, 8.0)) and sagittal.cross == pytest.approx(
        (6.0, 7.0)
    )
    # Another plane in the viewer: the two that are left.
    dock.view.buttons[1].click()
    axial, sagittal = views(dock)
    assert [one.picture.title for one in (axial, sagittal)] == ["Axial 6", "Sagittal 8"]
    np.testing.assert_array_equal(axial.picture.values.shape, SPACE[1:])
    # Beside the picture the nearest of its places is meant.
    assert axial.place(-1e6, 1e6)[1] in (0.0, SPACE[2] - 1.0)


def test_lines_run_in_the_other_planes_and_follow_the_slider(deep: Any, qtbot: Any) -> None:
    viewer, dock, _ = deep
    dock.view.all.click()
    assert all(not one.lines for one in views(dock))
    run_and_wait(dock, qtbot)
    dock.session.places.look_at((7, 9, 11))
    session, turn = dock.session, dock.session.result.source.turn

    def borders() -> list[np.ndarray]:
        source = turn.index_to_source((7, 9, 11), session.result.source.space)
        plane = tuple(source[k] if k == turn.order[1] else None for k in range(3))
        return session.borders.of_walk(plane)[1]

    def drawn() -> list[np.ndarray]:
        return list(views(dock)[0].lines[-1].lines)

    def same() -> bool:
        space = session.result.source.space
        there = [turn.points_to_display(line, space)[:, [0, 2]] for line in borders()]
        here = drawn()
        return len(here) == len(there) and all(map(np.array_equal, here, there))

    assert drawn() and same()
    before = [line.tolist() for line in drawn()]
    session.walk.set_sigma(1.5)
    assert same() and [line.tolist() for line in drawn()] != before
    # Inner, median and outer lines besides, once they are counted; none while all are put away.
    qtbot.waitUntil(lambda: len(views(dock)[0].lines) == 4, timeout=20_000)
    dock.scene.toggle()
    assert not views(dock)[0].lines
    dock.scene.toggle()
    assert len(views(dock)[0].lines) == 4
    viewer.layers.remove("scan")
    assert all(one.picture is None and not one.lines for one in views(dock))


def test_samples_run_in_the_other_planes_in_their_own_colours(deep: Any, qtbot: Any) -> None:
    _, dock, _ = deep
    dock.view.all.click()
    run_and_wait(dock, qtbot)
    dock.samples.add.click()
    qtbot.waitUntil(lambda: len(list(dock.scene.still())) == 3, timeout=20_000)
    dock.session.places.look_at((7, 9, 11))
    session, scene, turn = dock.session, dock.scene, dock.session.result.source.turn
    space = session.result.source.space
    # The first of the others is coronal: what a layer has at row 9.
    source = turn.index_to_source((7, 9, 11), space)
    plane = tuple(source[k] if k == turn.order[1] else None for k in range(3))

    def wanted(layer: Any, choice: Any) -> list[list[Any]]:
        lines = session.borders.of_labels(choice, scene.frame.cut(layer.data, plane), plane)
        return [turn.points_to_display(line, space)[:, [0, 2]].tolist() for line in lines]

    def drawn() -> dict[str, list[list[Any]]]:
        known = {colour for _, _, colour in scene.still()}
        shown = [one for one in views(dock)[0].lines if one.colour in known]
        return {one.colour: [line.tolist() for line in one.lines] for one in shown}

    before = {colour: wanted(layer, choice) for layer, choice, colour in scene.still()}
    assert len(before) == 3 and drawn() == before and all(before.values())
    # Painted on, the line goes around what was painted.
    layer, choice, colour = next(iter(scene.still()))
    row, column = np.argwhere(layer.data[:, 9] == 0)[0]
    layer.data_setitem((np.array([row]), np.array([9]), np.array([column])), 1)
    qtbot.waitUntil(lambda: drawn()[colour] != before[colour], timeout=5_000)
    assert drawn()[colour] == wanted(layer, choice)
    layer.visible = False
    qtbot.waitUntil(lambda: colour not in drawn(), timeout=5_000)
    # Without the one that follows the slider they stay, as on the large picture.
    scene.walking.visible = False
    qtbot.waitUntil(lambda: len(views(dock)[0].lines) == 2, timeout=5_000)


def test_closed_it_costs_nothing(deep: Any, qtbot: Any) -> None:
    viewer, dock, _ = deep
    before = listening(viewer, dock)
    for close in (
        lambda pair: dock.view.all.click(),
        # Its own cross.
        lambda pair: viewer.window.remove_dock_widget(pair),
    ):
        dock.view.all.click()
        pair = dock.view.linked.pair
        assert NAME in viewer.scene.overlays and listening(viewer, dock) != before
        pair.setVisible(True)
        close(pair)
        qtbot.waitUntil(lambda: dock.view.linked.pair is None, timeout=5_000)
        assert not dock.view.all.isChecked() and listening(viewer, dock) == before
        assert NAME not in viewer.scene.overlays
        assert "Other planes" not in viewer.window.dock_widgets
        assert corners(dock) == [Qt.DockWidgetArea.BottomDockWidgetArea] * 2
    dock.view.all.click()
    viewer.window.remove_dock_widget(dock)
    assert dock.view.linked.pair is None and NAME not in viewer.scene.overlays


def test_what_has_no_other_planes_or_is_not_in_memory_is_said(
    open_dock: Callable[..., Any], tmp_path: Path
) -> None:
    import dask.array as da

    viewer, dock = open_dock(tiny_model(tmp_path / "deep", dims=3, region=(16, 16, 16)))
    lazy = da.zeros(SPACE, np.float32, chunks=(1, *SPACE[1:]))
    viewer.add_image(lazy, name="lazy", scale=SCALE, units=("mm",) * 3)
    dock.view.all.click()
    assert all(one.picture is None and "slice by slice" in one.words for one in views(dock))
    # A series shows the frame in front.
    viewer.layers.clear()
    data = np.stack([np.zeros(SPACE, np.float32), np.ones(SPACE, np.float32)])
    viewer.add_image(data, name="series", scale=(1, *SCALE), contrast_limits=(0, 1))
    dock.view.linked.refresh()
    assert {int(one.picture.values.max()) for one in views(dock)} == {0}
    dock.picture.choose_frame(1)
    assert {int(one.picture.values.min()) for one in views(dock)} == {255}


def test_a_pane_paints_its_picture_upright(qtbot: Any) -> None:
    view = SliceView("pane")
    qtbot.addWidget(view)
    view.resize(320, 160)
    values = np.zeros((10, 20), np.uint8)
    values[0, 0], values[9, 19] = 255, 128
    grey = tuple(0xFF000000 | k << 16 | k << 8 | k for k in range(256))
    for up, right in ((False, True), (True, False)):
        view.show_picture(Picture(values, grey, (1.0, 1.0), up, right))
        view.look_at((0, 0), (9, 19))
        view._zoom = 1.0
        shown = view.grab().toImage()
        corner = shown.pixelColor(5, 5).red()
        assert corner == (255 if right else 128)
        assert view.place(5, 5) == pytest.approx((0, 0) if right else (9, 19), abs=0.51)
        here = view.at(4.0, 7.0)
        assert view.place(here.x(), here.y()) == pytest.approx((4.0, 7.0))
    line = np.array([[2.0, 2.0], [2.0, 17.0]])
    view.show_lines((Stroke((line,), "#ff0000", 3.2),), None)
    middle = view.at(2.0, 9.0).toPoint()
    assert view.grab().toImage().pixelColor(middle).red() > 200
    beside = view.grab().toImage().pixelColor(middle + QPoint(0, 20))
    assert beside.red() == beside.green() == 0


def test_the_other_planes_draw_what_the_picture_draws_in_theirs(deep: Any, qtbot: Any) -> None:
    viewer, dock, _ = deep
    session = dock.session
    session.place_centre((7, 9, 11))
    dock.view.all.click()
    run_and_wait(dock, qtbot)
    qtbot.waitUntil(lambda: session.overviews.current("contours"), timeout=20_000)
    session.places.look_at((7, 9, 11))

    def rounded(points: Any) -> list[Any]:
        return np.round(np.asarray(points, np.float64), 5).tolist()

    def on_the_picture(order: tuple[int, int, int]) -> tuple[list[Any], list[Any]]:
        before = viewer.dims.order
        viewer.dims.order = order
        strokes, bands = dock.lines.strokes.strokes, dock.lines.strokes.bands
        across = np.array(SCALE)[list(order[1:])]
        lines = [
            (one.colour, one.width, sorted(rounded(line / across) for line in one.lines))
            for one in strokes
            if one.lines
        ]
        filled = [(one.colour, rounded(one.corners / across)) for one in bands]
        viewer.dims.order = before
        return sorted(lines), filled

    def beside_it(view: Any) -> tuple[list[Any], list[Any]]:
        lines = [
            (one.colour, one.width, sorted(map(rounded, one.lines)))
            for one in view.lines
            if one.lines
        ]
        return sorted(lines), [(one.colour, rounded(one.corners)) for one in view.filled]

    def same(least: int, filled: bool = False) -> None:
        for view, order in zip(views(dock), ((1, 0, 2), (2, 0, 1)), strict=True):
            here = beside_it(view)
            assert here == on_the_picture(order)
            assert len(here[0]) >= least and bool(here[1]) == filled

    # The box, three of all hypotheses, and the one on show.
    same(least=4)
    assert any(one.colour == REGION for one in views(dock)[0].lines)
    session.walk.hold()
    session.walk.set_sigma(2.0)
    same(least=4, filled=True)
    session.walk.let_go()
    session.effect.show(0)
    same(least=4)
    session.effect.hide()
    # Diameters, on the slices where they are.
    qtbot.waitUntil(lambda: session.summary.diameters is not None, timeout=20_000)
    (found,) = session.summary.diameters
    turn, space = session.result.source.turn, session.result.source.space
    middle = turn.points_to_display(np.array([found.ends[0]]), space)[0]
    session.places.look_at(turn.index_to_source(tuple(map(round, middle)), space))
    same(least=4)
    # They stay where borders are marked as voxels.
    dock.settings.boxes["lines"].setChecked(False)
    same(least=1)
    dock.settings.boxes["lines"].setChecked(True)
    dock.samples.add.click()
    qtbot.waitUntil(lambda: len(list(dock.scene.still())) == 3, timeout=20_000)
    session.places.look_at((7, 9, 11))
    same(least=6)
    cards = session.cards
    session.comparing.compare_with(cards.cards[0].choice)
    qtbot.waitUntil(lambda: dock.scene._compared.layer is not None, timeout=20_000)
    same(least=2)
    session.comparing.compare_with(None)
    dock.settings.boxes["lines"].setChecked(False)
    same(least=1)
    dock.settings.boxes["lines"].setChecked(True)
    # Of another place it is grey in every plane.
    session.place_centre((4, 9, 11))
    assert session.stale
    same(least=4)


def test_the_middle_of_the_region_is_marked_in_every_plane(deep: Any) -> None:
    viewer, dock, _ = deep
    dock.session.place_centre((7, 9, 11))
    dock.view.all.click()
    assert [one.middle for one in views(dock)] == [(7.0, 11.0), (7.0, 9.0)]
    viewer.dims.set_point(1, 10 * SCALE[1])
    assert [one.middle for one in views(dock)] == [None, (7.0, 9.0)]


def test_a_pane_marks_a_place_and_does_not_cover_it(qtbot: Any) -> None:
    view = SliceView("pane")
    qtbot.addWidget(view)
    view.resize(320, 160)
    grey = tuple(0xFF000000 | k << 16 | k << 8 | k for k in range(256))
    view.show_picture(Picture(np.zeros((10, 20), np.uint8), grey))
    view.look_at((0, 0), (9, 19))
    corners = np.array([[[6.0, 2.0], [6.0, 6.0], [8.0, 6.0], [8.0, 2.0]]])
    view.show_lines((), None, (Band(corners, "#ff0000"),), (4.0, 12.0))
    shown = view.grab().toImage()
    here = view.at(4.0, 12.0).toPoint()
    arm = shown.pixelColor(here + QPoint(round((GAP + REACH) / 2), 0))
    assert arm.blue() > 150 and shown.pixelColor(here).blue() == 0
    inside = shown.pixelColor(view.at(7.0, 4.0).toPoint())
    assert inside.red() == pytest.approx(255 * SHEER, abs=2) and inside.green() == 0


@pytest.mark.parametrize("wide", [130, 400])
def test_a_narrow_pane_writes_its_title_beside_no_letter(
    qtbot: Any, monkeypatch: pytest.MonkeyPatch, wide: int
) -> None:
    view = SliceView("pane")
    qtbot.addWidget(view)
    view.resize(wide, 200)
    grey = tuple(0xFF000000 | k << 16 | k << 8 | k for k in range(256))
    letters = ("R", "L", "H", "F")
    where: dict[str, Any] = {}

    def write(self: Any, painter: Any, inside: Any, flags: Any, words: str) -> None:
        where[words] = painter.boundingRect(inside, flags, words)

    monkeypatch.setattr(SliceView, "_write", write)
    values = np.zeros((10, 20), np.uint8)
    view.show_picture(Picture(values, grey, letters=letters, title="Sagittal 365"))
    view.grab()
    assert set(where) == {*letters, "Sagittal 365"}
    title = where.pop("Sagittal 365")
    assert not any(title.intersects(one) for one in where.values())
    # Where there is room both stand on one line.
    assert (title.top() == where["H"].top()) == (wide == 400)
