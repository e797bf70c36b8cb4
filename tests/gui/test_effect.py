"""Where a direction leads is seen while the pointer rests on it, and not a moment longer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtGui import QCursor
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QScrollArea
from vispy.color import Color
from vispy.visuals.shaders.program import ModularProgram

from napari_ssn.geometry.contours import beside_border, outline
from napari_ssn.gui.layers.colours import WAYS
from napari_ssn.gui.layers.lines import NAME
from napari_ssn.gui.layers.strokes import BOLD
from napari_ssn.text import overview as text
from tests.support.docks import add_image, open_in, run_and_wait, settled
from tests.support.helpers import COLOURS, tiny_model
from tests.support.kept_open import KeptOpen
from tests.support.windows import SharedWindow


@pytest.fixture
def away() -> Iterator[Callable[[], None]]:
    """Moves the real pointer to a corner of the screen, also at the end."""

    def move() -> None:
        QCursor.setPos(1, 1)

    move()
    yield move
    move()


@pytest.fixture(scope="module")
def kept_open(shared_window: SharedWindow) -> Iterator[KeptOpen]:
    one = KeptOpen(shared_window, shown=True)
    yield one
    one.close()


@pytest.fixture
def shown(
    kept_open: KeptOpen,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    qtbot: Any,
    away: Any,
    fewer: None,
) -> Iterator[tuple[Any, Any]]:
    """Viewer and dock on the screen, with a result of which the mean is shown."""

    def begin(viewer: Any) -> Any:
        dock = open_in(viewer, qtbot, tiny_model(tmp_path / "three", classes=3, rank=4))
        add_image(viewer)
        run_and_wait(dock, qtbot)
        qtbot.waitUntil(lambda: dock.session.cards is not None, timeout=20_000)
        return dock

    viewer, dock = kept_open.lend(begin)
    session = dock.session
    mean = session.walk.choice
    assert mean.kind == "mean" and not is_there(dock) and not session.stale
    yield viewer, dock
    report = getattr(request.node, "rep_call", None)
    well = report is not None and not report.failed
    if not well or session.stale or session.result is None:
        kept_open.close(well)
        return
    away()
    session.effect.hide()
    viewer.dims.ndisplay = 2
    dock.settings.spread.overall.setValue(1.0)
    qtbot.waitUntil(lambda: session.result.spread.overall == 1.0, timeout=20_000)
    session.walk.show(mean)
    settle(dock, qtbot)


def settle(dock: Any, qtbot: Any) -> None:
    """Wait until all is known of the result on show."""
    qtbot.waitUntil(lambda: dock.session.walk.lesions is not None, timeout=20_000)
    qtbot.waitUntil(lambda: settled(dock.session), timeout=20_000)


def there(widget: Any) -> None:
    """Put the real pointer onto a widget; Qt hears of it from the screen."""
    area = widget.parent()
    while not isinstance(area, QScrollArea):
        area = area.parent()
    area.ensureWidgetVisible(widget)
    for nudge in range(100):
        place = widget.mapToGlobal(QPoint(widget.width() // 3, widget.height() // 2))
        # A screen without a window manager tells a new window of some moves only.
        QCursor.setPos(place.x() + nudge % 2, place.y())
        QTest.qWait(20)
        if widget.underMouse():
            return
    raise AssertionError("The pointer never came to the widget.")


def ahead(dock: Any) -> list[Any]:
    """Lines of where the border would run."""
    art = dock.lines.strokes
    return [one for one in art.strokes if one.colour in WAYS] if art.visible else []


def is_there(dock: Any) -> bool:
    return bool(ahead(dock))


def check(dock: Any, direction: int) -> None:
    """At ∓½, ∓1 and ∓2 σ of a direction, from its beginning, each label's border is drawn."""
    session = dock.session
    walk, dist, choice = session.walk, session.result.dist, session.walk.choice
    anchor = session.result.given.anchor(choice.points, choice.sample, choice.seed)
    drawn, scale = ahead(dock), dock.scene.frame.transform["scale"]
    assert [one.colour for one in drawn] == [WAYS[0]] * 3 + [WAYS[1]] * 3
    for stroke, sigma in zip(drawn, (-0.5, -1.0, -2.0, 0.5, 1.0, 2.0), strict=True):
        labels = dist.label_map(walk.here.directions.z(direction, sigma, anchor))
        expected = [outline(labels == label) for label in (1, 2)]
        assert len(stroke.lines) == sum(map(len, expected))
        # Between the same voxels as a line halfway.
        for line, other in zip(stroke.lines, [o for lines in expected for o in lines], strict=True):
            assert len(line) == len(other) and np.abs(line / scale - other).max() <= 0.5 + 1e-6


@pytest.mark.shown
def test_it_is_there_while_the_pointer_rests_on_the_slider(
    shown: Any, qtbot: Any, away: Any
) -> None:
    viewer, dock = shown
    session = dock.session
    session.walk.show_sample(1)
    names, selected = [one.name for one in viewer.layers], set(viewer.layers.selection)
    there(dock.slider.slider)
    qtbot.waitUntil(lambda: is_there(dock), timeout=5000)
    check(dock, 0)
    assert [words for words, _, _ in dock.lines.legend.rows][-2:] == list(text.WAYS)
    # What else there is steps back for as long.
    assert not [one for one in dock.lines.strokes.strokes if one.words in text.SHARES]
    away()
    qtbot.waitUntil(lambda: not is_there(dock), timeout=5000)
    assert not set(text.WAYS) & {words for words, _, _ in dock.lines.legend.rows}
    assert [one.name for one in viewer.layers] == names
    assert set(viewer.layers.selection) == selected


@pytest.mark.shown
def test_a_pointer_that_passes_by_shows_nothing(shown: Any, qtbot: Any, away: Any) -> None:
    _viewer, dock = shown
    there(dock.slider.slider)
    qtbot.wait(60)
    away()
    qtbot.wait(400)
    assert not is_there(dock)


@pytest.mark.shown
def test_a_press_ends_it_and_the_outline_moves(shown: Any, qtbot: Any) -> None:
    _viewer, dock = shown
    there(dock.slider.slider)
    qtbot.waitUntil(lambda: is_there(dock), timeout=5000)
    QTest.mousePress(dock.slider.slider, Qt.MouseButton.LeftButton)
    assert not is_there(dock)
    QTest.mouseRelease(dock.slider.slider, Qt.MouseButton.LeftButton)


@pytest.mark.shown
def test_every_entry_of_the_list_shows_its_own(shown: Any, qtbot: Any) -> None:
    _viewer, dock = shown
    combo = dock.slider.directions
    assert combo.count() > 1
    combo.showPopup()
    view = combo.view()
    qtbot.waitUntil(view.isVisible, timeout=5000)
    for index in (0, 1):
        # From the other one, as a list tells only of changes.
        for row in (1 - index, index):
            place = view.visualRect(combo.model().index(row, 0)).center()
            QTest.mouseMove(view.viewport(), place)
            QTest.mouseMove(view.viewport(), place + QPoint(1, 0))
            qtbot.wait(50)
        qtbot.waitUntil(lambda: is_there(dock), timeout=5000)
        check(dock, combo.itemData(index))
    combo.hidePopup()
    qtbot.waitUntil(lambda: not is_there(dock), timeout=5000)


@pytest.mark.shown
def test_it_follows_another_anchor_and_another_spread(shown: Any, qtbot: Any) -> None:
    _viewer, dock = shown
    session = dock.session
    session.effect.show(1)
    session.walk.set_direction(1)
    session.walk.set_sigma(1.0)
    check(dock, 1)
    for sample in (0, 2):
        session.walk.show_sample(sample)
        check(dock, 1)
    dock.settings.spread.overall.setValue(2.0)
    qtbot.waitUntil(lambda: session.result.spread.overall == 2.0, timeout=10_000)
    # The lines follow once all that listens has been told; until then what fails is tried again.
    qtbot.waitUntil(lambda: check(dock, 1) is None, timeout=10_000)
    # To a part of a voxel they are those that are found anew, the bold ones too.
    settle(dock, qtbot)
    before = dock.lines.strokes.strokes
    session.borders.begin(session.result)
    dock.lines._found(session.result)
    after = dock.lines.strokes.strokes
    assert [one.width for one in before] == [one.width for one in after]
    assert {one.width for one in after} >= {BOLD}
    for one, other in zip(before, after, strict=True):
        assert len(one.lines) == len(other.lines) and one.lines
        for line, again in zip(one.lines, other.lines, strict=True):
            np.testing.assert_array_equal(line, again)


@pytest.mark.shown
def test_looking_again_shows_it_again(shown: Any, qtbot: Any) -> None:
    _viewer, dock = shown
    effect = dock.session.effect
    for direction in (0, 1, 0):
        effect.show(direction)
        assert is_there(dock)
        check(dock, direction)
        effect.hide()
        assert not is_there(dock)


def test_of_a_volume_only_the_slice_on_show_is_decoded(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_ssn.core.distribution import LogitDistribution

    # Walks as small as this one are kept whole.
    monkeypatch.setattr("napari_ssn.prediction.counting._KEPT", 0)
    viewer, dock = open_dock(tiny_model(tmp_path / "deep", dims=3, region=(16, 16, 16)))
    add_image(viewer, (20, 24, 22))
    run_and_wait(dock, qtbot)
    session = dock.session
    qtbot.waitUntil(lambda: session.cards is not None and session.walk.lesions is not None)
    viewer.dims.set_current_step(0, 7)
    asked = []
    real = LogitDistribution.label_map

    def counted(self: Any, z: Any = None, where: Any = ()) -> Any:
        asked.append(where[0])
        return real(self, z, where)

    monkeypatch.setattr(LogitDistribution, "label_map", counted)
    session.effect.show(0)
    assert asked == [slice(7, 8)] * 6
    session.effect.hide()
    asked.clear()
    session.effect.show(1)
    assert asked == [slice(7, 8)] * 6


@pytest.mark.shown
def test_what_lies_between_fills_while_a_finger_is_on_the_slider(shown: Any, qtbot: Any) -> None:
    """From where it was taken hold of, never what is inside both; then nothing is filled."""
    _viewer, dock = shown
    session, slider, overlay = dock.session, dock.slider.slider, dock.lines.strokes
    scale = np.array(dock.scene.frame.transform["scale"])
    slider.setValue(5)
    assert not overlay.bands
    slider.setSliderDown(True)
    start = np.array(session.walk.label_map(()))
    assert not overlay.bands
    for position in (25, -30):
        slider.setValue(position)
        now = session.walk.label_map(())
        assert {one.colour for one in overlay.bands} <= {*COLOURS[1:3]} and overlay.bands
        for label, colour in enumerate(COLOURS[1:3], start=1):
            filled = [one.corners for one in overlay.bands if one.colour == colour]
            middles = np.concatenate([*filled, np.empty((0, 4, 2))]).mean(1) / scale
            # A run of one row touches these voxels, and is no longer than they are.
            either = (start == label) != (now == label)
            borders = np.zeros_like(either)
            for mask in (start == label, now == label):
                borders[beside_border(mask)] = True
            near = np.round(middles).astype(int)
            assert (either | borders)[tuple(near.T)].all()
    slider.setSliderDown(False)
    assert not overlay.bands


@pytest.mark.shown
def test_what_is_filled_has_its_labels_colour_and_costs_no_new_program(
    shown: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, dock = shown
    slider, overlay = dock.slider.slider, dock.lines.strokes
    built, real = [], ModularProgram._build

    def counted(program: Any) -> None:
        built.append(program)
        real(program)

    monkeypatch.setattr(ModularProgram, "_build", counted)

    def picture() -> np.ndarray:
        return viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(float)

    slider.setSliderDown(True)
    slider.setValue(25)
    picture()
    assert built
    built.clear()
    for position in (-30, 18):
        slider.setValue(position)
        assert overlay.bands
        picture()
    assert not built
    overlay.strokes = ()
    filled = picture()
    overlay.bands = ()
    plain = picture()
    changed = np.abs(filled - plain).max(-1) > 8
    assert changed.sum() > 50
    one, two = (255 * np.array(Color(colour).rgb) for colour in COLOURS[1:3])

    def over(below: np.ndarray, colour: np.ndarray) -> np.ndarray:
        return 0.6 * below + 0.4 * colour

    # Where the one label gives way to the other both are filled.
    expected = [over(plain, one), over(plain, two), over(over(plain, one), two)]
    off = [np.abs(filled - wanted)[changed].max(-1) for wanted in expected]
    assert (np.min(off, axis=0) < 8).mean() > 0.9
    slider.setSliderDown(False)


@pytest.mark.shown
@pytest.mark.parametrize("ending", ["run", "deactivated", "3d", "stale", "closed"])
def test_nothing_of_it_stays(shown: Any, qtbot: Any, ending: str) -> None:
    viewer, dock = shown
    there(dock.slider.slider)
    qtbot.waitUntil(lambda: is_there(dock), timeout=5000)
    if ending == "stale":
        viewer.layers["scan"].scale = (0.5, 0.5)
    elif ending == "run":
        run = dock.session.result.run
        dock.run.button.click()
        qtbot.waitUntil(lambda: dock.session.result.run > run, timeout=20_000)
    elif ending == "deactivated":
        QApplication.sendEvent(dock.slider.slider, QEvent(QEvent.Type.WindowDeactivate))
    elif ending == "3d":
        viewer.dims.ndisplay = 3
    else:
        dock.shut()
        assert NAME not in viewer.scene.overlays
        return
    assert not is_there(dock)
