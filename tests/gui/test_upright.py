"""Whatever was shown before, what is shown now is upright: read from the canvas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

from napari_ssn.geometry.display import IMAGE_KEY, Display
from napari_ssn.geometry.volume import Volume
from napari_ssn.gui.demo import let_draw
from napari_ssn.gui.layers.sides import NAME, UNKNOWN
from napari_ssn.io.layers import image_layer
from tests.support import readers
from tests.support.docks import steady
from tests.support.helpers import noise_image, oblique_affine

# Where the canvas of a small window lies is not settled at once where others were wider before.
ALONE = pytest.mark.own_window
ACTIONS = ("open", "axial", "coronal", "sagittal", "delete", "3d", "home")
# Brighter towards the patient's left, front and head: each half of a picture shows its side.
LEFT, FRONT, HEAD = 50.0, 70.0, 90.0
SIZE = 16


def de_bruijn(symbols: int, length: int) -> list[int]:
    """A shortest walk that holds every sequence of some length (Fredricksen and Maiorana)."""
    word, out = [0] * symbols * length, []

    def extend(at: int, period: int) -> None:
        if at > length:
            if length % period == 0:
                out.extend(word[1 : period + 1])
            return
        word[at] = word[at - period]
        extend(at + 1, period)
        for symbol in range(word[at - period] + 1, symbols):
            word[at] = symbol
            extend(at + 1, at)

    extend(1, 1)
    return [*out, *out[: length - 1]]


def patient(letters: str) -> tuple[np.ndarray, np.ndarray]:
    """Cube stored along axes towards these sides, and its affine around the origin."""
    axes = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
    affine, index = np.eye(4), np.indices((SIZE,) * 3)
    affine[:3, :3] = 0
    for stored, (axis, sign) in enumerate(axes[letter] for letter in letters):
        affine[axis, stored] = sign
        affine[axis, 3] = -sign * (SIZE - 1) / 2
    right, front, head = (affine[:3, :3] @ index.reshape(3, -1) + affine[:3, 3:]).reshape(
        3, *index.shape[1:]
    )
    values = 20 + LEFT * (right < 0) + FRONT * (front > 0) + HEAD * (head > 0)
    return values.astype(np.float32), affine


def ours(viewer: Any, letters: str) -> None:
    """As the reader of napari-ssn opens a file."""
    values, affine = patient(letters)
    display = Display.of(Volume(values[None], affine, "volume", True))
    place = display.placement
    viewer.add_image(
        display.reorientation.apply(values),
        name=letters,
        scale=place.scale,
        translate=place.translate,
        units=place.units,
        contrast_limits=(0, 255),
        metadata={IMAGE_KEY: display.to_metadata()},
    )


def foreign(viewer: Any, reader: Callable[..., Any], letters: str) -> None:
    """As another plugin's reader lays its axes, which need not be (z, y, x)."""
    shown, options, _ = reader(*patient(letters))
    keys = ("scale", "translate", "metadata")
    options = {key: options[key] for key in keys}
    viewer.add_image(shown, name=letters, units=("mm",) * 3, contrast_limits=(0, 255), **options)


def plain(viewer: Any) -> None:
    """Nobody knows its sides: usual is (z, y, x) towards head, back and left."""
    values, _ = patient("SPL")
    middle = (-(SIZE - 1) / 2,) * 3
    viewer.add_image(
        values, name="plain", translate=middle, units=("mm",) * 3, contrast_limits=(0, 255)
    )


def photo(viewer: Any) -> None:
    """A colour picture, which nobody can segment: bright above and at the right."""
    values, _ = patient("SPL")
    colours = np.repeat(values[SIZE // 2][..., None], 3, -1).astype(np.uint8)
    viewer.add_image(colours, name="photo", rgb=True, translate=(-(SIZE - 1) / 2,) * 2)


OPENERS: tuple[Callable[[Any], None], ...] = (
    partial(ours, letters="RAS"),
    partial(foreign, reader=readers.napari_nifti, letters="RAS"),
    partial(ours, letters="PIR"),
    plain,
    partial(foreign, reader=readers.napari_itk_io, letters="PSL"),
)


def brighter(viewer: Any) -> tuple[bool, bool]:
    """Whether the canvas is brighter above than below, and right than left, around its middle."""
    shot = viewer.screenshot(canvas_only=True, flash=False)[..., :3].mean(-1)
    rows, columns = shot.shape
    # The image lies around the origin, and napari puts it in the middle.
    half = min(rows, columns) // 4
    middle = shot[rows // 2 - half : rows // 2 + half, columns // 2 - half : columns // 2 + half]
    above, below = middle[:half].mean(), middle[half:].mean()
    left, right = middle[:, :half].mean(), middle[:, half:].mean()
    assert abs(above - below) > 5 and abs(left - right) > 5, "nothing to see"
    return bool(above > below), bool(right > left)


def axis_of(layer: Any, axis: int) -> int:
    """Which axis of the patient (right, anterior, superior) one of a layer is, by its values."""
    halves = np.split(layer.data, 2, axis)
    step = abs(float(halves[0].mean() - halves[1].mean()))
    return int(np.argmin(np.abs(np.array([LEFT, FRONT, HEAD]) - step)))


def expected(viewer: Any) -> tuple[bool, bool]:
    """Head or front above; the patient's left at the right, or the front at the left."""
    rows, columns = (axis_of(viewer.layers[-1], axis) for axis in viewer.dims.order[-2:])
    # Where rows run across the patient, which no button shows, right is above.
    return rows != 0, columns != 1


def lettered(viewer: Any) -> str:
    """What stands at the left, right, upper and lower edge of the canvas."""
    # The first time they come after the image.
    QApplication.processEvents()
    letters = viewer.canvas.overlays[NAME]
    return "".join((one if letters.visible else "") or "-" for one in letters.words)


def facing(viewer: Any, above: bool, right: bool) -> str:
    """The same letters, by which halves of the canvas are the brighter ones."""
    rows, columns = (axis_of(viewer.layers[-1], axis) for axis in viewer.dims.order[-2:])
    # Left, front and head are brighter than right, back and feet.
    across, down = ("RL", "PA", "FH")[columns], ("RL", "PA", "FH")[rows]
    return (across if right else across[::-1]) + (down[::-1] if above else down)


def walk(viewer: Any, dock: Any, openers: Iterator[Callable[[Any], None]]) -> None:
    done: list[str] = []
    for symbol in de_bruijn(len(ACTIONS), 3):
        action = ACTIONS[symbol]
        done.append(action)
        if action == "open":
            next(openers)(viewer)
        elif action == "delete":
            viewer.layers.clear()
        elif action == "3d":
            viewer.dims.ndisplay = 5 - viewer.dims.ndisplay
        elif action == "home":
            viewer.reset_view()
        else:
            at = ("axial", "coronal", "sagittal").index(action)
            if dock.view.buttons[at].isVisibleTo(dock.view):
                dock.view.buttons[at].click()
                assert axis_of(viewer.layers[-1], viewer.dims.order[0]) == 2 - at
                assert [one.isChecked() for one in dock.view.buttons].index(True) == at
        if not viewer.layers:
            assert lettered(viewer) == "----"
            continue
        seen = brighter(viewer)
        assert seen == expected(viewer), done[-6:]
        flat = viewer.dims.ndisplay == 2
        known = not viewer.layers[-1].name.startswith("plain")
        named = facing(viewer, *seen) if flat else "----"
        assert lettered(viewer) == (named if known else f"--{UNKNOWN}-"), done[-6:]


# Many pictures of the screen: minutes where little else of a processor is left.
@pytest.mark.slow
@ALONE
@pytest.mark.shown
@pytest.mark.timeout(1200)
def test_all_sequences_of_three_actions_leave_the_picture_upright(
    open_dock: Callable[..., Any],
) -> None:
    viewer, dock = open_dock(show=True)
    viewer.window.resize(800, 600)
    let_draw()
    # What the canvas holds is looked at after each action, and drawn for that: once is enough.
    canvas = viewer.__wrapped__.window._qt_viewer.canvas.native
    canvas.setUpdatesEnabled(False)
    walk(viewer, dock, cycle(OPENERS))


@ALONE
@pytest.mark.shown
def test_a_colour_picture_is_upright_after_a_plane(open_dock: Callable[..., Any]) -> None:
    viewer, dock = open_dock(show=True)
    # With room for the canvas beside napari's controls, however wide the test before left them.
    viewer.window.resize(1100, 700)
    ours(viewer, "RAS")
    dock.view.buttons[1].click()
    viewer.layers.clear()
    photo(viewer)
    assert brighter(viewer) == (True, True) and lettered(viewer) == f"--{UNKNOWN}-"
    # Chosen beside a volume it does not turn that over.
    ours(viewer, "RAS")
    dock.view.buttons[1].click()
    photo(viewer)
    assert dock.session.setup.source.problem is not None
    viewer.layers[-1].visible = False
    assert brighter(viewer) == (True, True)


@ALONE
@pytest.mark.shown
def test_a_single_slice_comes_into_view_after_another_plane(open_dock: Callable[..., Any]) -> None:
    viewer, dock = open_dock(show=True)
    viewer.window.resize(800, 600)
    ours(viewer, "RAS")
    dock.view.buttons[2].click()
    values, _ = patient("SPL")
    middle = (-(SIZE - 1) / 2,) * 2
    viewer.add_image(values[SIZE // 2], translate=middle, units=("mm",) * 2, name="slice")
    assert viewer.dims.order == (0, 1, 2)
    assert brighter(viewer) == (True, True)


def test_an_image_beside_a_time_series_comes_into_view(open_dock: Callable[..., Any]) -> None:
    viewer, dock = open_dock()
    units = {"units": ("mm",) * 3}
    viewer.add_image(noise_image((3, 10, 20, 18)), units=("s", *units["units"]))
    # Its slices are none of those on show.
    other = viewer.add_image(noise_image((8, 20, 18), 1), translate=(200, 100, 300), **units)
    assert dock.picture.image is other.__wrapped__
    assert viewer.dims.point[1:] == pytest.approx((204, 110, 309), abs=1)
    assert viewer.scene.camera.center[1:] == pytest.approx((110, 309), abs=1)


def test_who_turns_the_camera_by_hand_has_it_until_the_next_plane(
    open_dock: Callable[..., Any],
) -> None:
    viewer, dock = open_dock()
    ours(viewer, "RAS")
    viewer.scene.camera.orientation2d = ("up", "left")
    dock.session.changed.emit()
    assert [str(one) for one in viewer.scene.camera.orientation2d] == ["up", "left"]
    assert lettered(viewer) == "LRPA"
    dock.view.buttons[1].click()
    dock.view.buttons[0].click()
    assert [str(one) for one in viewer.scene.camera.orientation2d] == ["down", "right"]


@ALONE
@pytest.mark.shown
def test_three_dimensions_are_not_as_in_a_mirror(open_dock: Callable[..., Any]) -> None:
    """From the front, and from the patient's left: head above, left at the right, front there."""
    viewer, dock = open_dock(show=True)
    viewer.window.resize(800, 600)
    ours(viewer, "RAS")
    camera, layer = viewer.scene.camera, viewer.layers[0]
    for button in range(3):
        dock.view.buttons[button].click()
        viewer.dims.ndisplay = 3
        order = viewer.dims.order
        # The layer's world is (head, back, left).
        for view, at_right in (((0, 1, 0), LEFT), ((0, 0, -1), FRONT)):
            place = [order.index(axis) for axis in range(3)]
            towards = [0.0] * 3
            above = [0.0] * 3
            for axis in range(3):
                towards[place[axis]] = view[axis]
            above[place[0]] = 1.0
            camera.set_view_direction(tuple(towards), tuple(above))
            up, right = brighter(viewer)
            # From the left the front is at the left.
            assert up and right == (at_right == LEFT), (button, view)
    assert layer.visible


@ALONE
@pytest.mark.shown
def test_letters_are_drawn_at_the_edges_and_go_with_the_dock(
    open_dock: Callable[..., Any], qtbot: Any
) -> None:
    viewer, dock = open_dock(show=True)
    viewer.window.resize(800, 600)
    ours(viewer, "RAS")
    overlays = viewer.canvas.overlays
    assert lettered(viewer) == "RLAP" and overlays.scale_bar.visible
    steady(viewer, qtbot)
    with_letters = viewer.screenshot(canvas_only=True, flash=False).astype(int)
    viewer.layers[0].visible = False
    assert lettered(viewer) == "----"
    viewer.layers[0].visible = True
    overlays[NAME].visible = False
    changed = np.abs(viewer.screenshot(canvas_only=True, flash=False) - with_letters).max(-1) > 50
    rows, columns = changed.shape
    near, far = slice(0, 60), slice(-60, None)
    middle = [slice(size // 2 - 30, size // 2 + 30) for size in (rows, columns)]
    places = ((middle[0], near), (middle[0], far), (near, middle[1]), (far, middle[1]))
    assert all(changed[place].any() for place in places)
    for place in places:
        changed[place] = False
    assert not changed.any()
    dock.shut()
    assert NAME not in overlays and not overlays.scale_bar.visible


@ALONE
@pytest.mark.shown
def test_the_legend_leaves_the_letter_above_to_be_read(open_dock: Callable[..., Any]) -> None:
    viewer, dock = open_dock(show=True)
    viewer.window.resize(800, 600)
    ours(viewer, "RAS")
    assert lettered(viewer) == "RLAP"
    legend, letter = dock.lines.legend, viewer.canvas.overlays[NAME]

    def drawn() -> np.ndarray:
        """Where the letter is on the canvas."""
        shots = []
        for letter.visible in (True, False):
            shots.append(viewer.screenshot(canvas_only=True, flash=False).astype(int))
        letter.visible = True
        return np.abs(shots[0] - shots[1]).max(-1) > 50

    alone = drawn()
    columns = np.flatnonzero(alone.any(0))
    # Rows that reach beyond the middle, as on a narrow canvas.
    legend.rows = (("What is drawn of the hypotheses that are outlined here", "#ffaa00", 1.6),) * 3
    before = viewer.screenshot(canvas_only=True, flash=False).astype(int)
    legend.visible = True
    after = viewer.screenshot(canvas_only=True, flash=False).astype(int)
    beneath = np.abs(after - before).max(-1) > 20
    assert beneath[:, columns].any(), "it does not reach the letter"
    np.testing.assert_array_equal(drawn(), alone)


@ALONE
@pytest.mark.shown
def test_the_legend_can_be_read_on_the_theme_that_is_chosen_meanwhile(
    open_dock: Callable[..., Any],
) -> None:
    viewer, dock = open_dock(show=True)
    viewer.window.resize(800, 600)
    ours(viewer, "RAS")
    legend = dock.lines.legend
    rows = (("What is drawn here", "#ffaa00", 1.6),)
    legend.rows, legend.visible = rows, True

    def seen() -> np.ndarray:
        return viewer.screenshot(canvas_only=True, flash=False)

    for name in ("light", "dark"):
        viewer.theme = name
        there = seen()
        # As it is drawn by whoever begins on that theme.
        legend.rows = ()
        legend.rows = rows
        np.testing.assert_array_equal(there, seen())


def test_a_tilted_scan_has_the_nearest_letters_with_a_mark(open_dock: Callable[..., Any]) -> None:
    viewer, dock = open_dock()
    volume = Volume(noise_image((12, 14, 16))[None], oblique_affine())
    data, options, _ = image_layer(volume)
    viewer.add_image(data, **options)
    assert lettered(viewer) == "R ~L ~A ~P ~"
    dock.view.buttons[2].click()
    assert lettered(viewer) == "A ~P ~H ~F ~"


def test_the_scale_bar_is_where_the_size_is_known_and_can_be_put_away(
    open_dock: Callable[..., Any],
) -> None:
    viewer, dock = open_dock()
    bar = viewer.canvas.overlays.scale_bar
    viewer.add_image(noise_image((12, 14, 16)), name="unknown")
    assert not bar.visible and lettered(viewer) == f"--{UNKNOWN}-"
    assert dock.image.place.text() == "Side unknown: left and right cannot be told."
    ours(viewer, "RAS")
    assert bar.visible and dock.image.place.text() == ""
    bar.visible = False
    dock.view.buttons[1].click()
    dock.session.changed.emit()
    assert not bar.visible
