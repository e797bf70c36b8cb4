"""From an empty window to an exported file with mouse and keys, and pictures of it: ``make walk``.

Nothing of ours is called: menus and buttons are clicked, files dropped, keys pressed, as a person
would, and what a person would have to do is counted. What is waited for is what they would see.
The walk is seeded: which card, how far the slider and where on the lesion are drawn beforehand.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QApplication,
    QDialogButtonBox,
    QFileDialog,
    QMenu,
    QPushButton,
    QScrollArea,
    QSlider,
    QStyle,
    QStyleOptionSlider,
    QWidget,
)

#: How napari calls the dock, in its menu and as a title.
TITLE = "SSN hypotheses (napari-ssn)"
LEFT = Qt.MouseButton.LeftButton
#: As many clicks and drops as there may be from an empty window to a file.
MOST = 8
_PATIENCE = 120.0


class Hands:
    """Mouse and keys in napari's window.

    Attributes:
        done: each click and each drop, in words.
        scrolled: what the dock had to be scrolled for.
    """

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.window: QWidget = viewer.window._qt_window
        self.canvas = viewer.window._qt_viewer.canvas
        self.done: list[str] = []
        self.scrolled: list[str] = []

    @property
    def dock(self) -> Any:
        """The dock, once it is there."""
        return self.viewer.window.dock_widgets[TITLE]

    def press(self, widget: QWidget, words: str = "") -> None:
        """Click on something that can be seen and is enabled."""
        words = words or getattr(widget, "text", lambda: "")() or widget.accessibleName()
        assert widget.isVisible() and widget.isEnabled(), f"{words}: cannot be pressed"
        self._reveal(widget)
        seen = widget.visibleRegion().boundingRect()
        assert seen.contains(widget.rect().center()), f"{words}: cannot be seen"
        self.done.append(words)
        QTest.mouseClick(widget, LEFT, pos=widget.rect().center())

    def _reveal(self, widget: QWidget) -> None:
        """Scroll the dock to something, as with the wheel; what is in sight is left where it is."""
        page = widget.parentWidget()
        while page is not None and not isinstance(page, QScrollArea):
            page = page.parentWidget()
        if page is not None and not widget.visibleRegion().contains(widget.rect().center()):
            self.scrolled.append(getattr(widget, "text", str)())
            page.ensureWidgetVisible(widget)
            QApplication.processEvents()

    def choose(self, button: QPushButton, title: str) -> None:
        """Open a button's menu and click on an entry."""
        self._then(lambda: self.press(button), lambda: self._entry(button.menu(), title))

    def from_menus(self, *titles: str) -> None:
        """Click through the window's menus."""
        bar = self.window.menuBar()
        first = next(a for a in bar.actions() if a.text().replace("&", "") == titles[0])
        self.done.append(titles[0])
        QTest.mouseClick(bar, LEFT, pos=bar.actionGeometry(first).center())
        menu = first.menu()
        for title in titles[1:]:
            wait(lambda menu=menu, title=title: self._entry(menu, title))
            menu = QApplication.activePopupWidget()

    def _entry(self, menu: QMenu | None, title: str) -> bool:
        """Click on an entry of a menu that is open; whether it was there."""
        if menu is None or not menu.isVisible():
            return False
        action = next((a for a in menu.actions() if a.text().replace("&", "") == title), None)
        if action is None:
            return False
        self.done.append(title)
        QTest.mouseClick(menu, LEFT, pos=menu.actionGeometry(action).center())
        return True

    def drop(self, path: Path) -> None:
        """Drop a file on the dock."""
        self.done.append("(a file dropped)")
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        how = (Qt.DropAction.CopyAction, data, LEFT, Qt.KeyboardModifier.NoModifier)
        over = QDragEnterEvent(QPoint(40, 200), *how)
        over.setAccepted(False)
        QApplication.sendEvent(self.dock, over)
        assert over.isAccepted(), "the dock takes no files"
        QApplication.sendEvent(self.dock, QDropEvent(QPointF(40, 200), *how))

    def save(self, button: QPushButton, seen: Callable[[QWidget], None]) -> None:
        """Press a button that asks for a file, and save under the name that it proposes."""

        def answer() -> bool:
            dialog = QApplication.activeModalWidget()
            if not isinstance(dialog, QFileDialog) or not dialog.isVisible():
                return False
            seen(dialog)
            box = dialog.findChild(QDialogButtonBox)
            self.press(box.button(QDialogButtonBox.StandardButton.Save))
            return True

        self._then(lambda: self.press(button), answer)

    def key(self, *keys: Qt.Key, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
        """Press keys, with the picture in front."""
        native = self.canvas.native
        native.setFocus()
        for one in keys:
            QTest.keyClick(native, one, modifier)
        QApplication.processEvents()

    def drag(self, slider: QSlider, to: int) -> Iterator[int]:
        """Take hold of a slider and move it, a step each time that one asks."""
        option = QStyleOptionSlider()
        slider.initStyleOption(option)
        handle = slider.style().subControlRect(
            QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderHandle, slider
        )
        at, room = handle.center(), slider.width() - handle.width()
        each = room / (slider.maximum() - slider.minimum())
        far = round((to - slider.value()) * each)
        QTest.mousePress(slider, LEFT, pos=at)
        for step in range(1, 6):
            QTest.mouseMove(slider, QPoint(at.x() + far * step // 5, at.y()))
            QApplication.processEvents()
            yield slider.value()
        QTest.mouseRelease(slider, LEFT, pos=QPoint(at.x() + far, at.y()))

    def on_canvas(self, place: tuple[float, ...]) -> QPoint:
        """Pixel of the canvas where a place of the viewer's world is seen."""
        shown = [place[axis] for axis in self.viewer.dims.displayed]
        x, y = self.canvas.view.scene.transform.map(shown[::-1])[:2]
        return QPoint(round(x), round(y))

    def scroll_to(self, place: tuple[float, ...]) -> None:
        """Bring the slice of a place to the front by keys."""
        dims = self.viewer.dims
        for axis in dims.not_displayed:
            wanted = round((place[axis] - dims.range[axis].start) / dims.range[axis].step)
            steps = wanted - dims.current_step[axis]
            self.key(*[Qt.Key.Key_Right if steps > 0 else Qt.Key.Key_Left] * abs(steps))
            assert dims.current_step[axis] == wanted

    def click_image(self, place: tuple[float, ...], words: str) -> None:
        """Click on a place of the picture."""
        native, at = self.canvas.native, self.on_canvas(place)
        assert native.rect().contains(at), f"{words}: out of sight"
        self.done.append(words)
        QTest.mouseMove(native, at)
        QApplication.processEvents()
        QTest.mouseClick(native, LEFT, pos=at)

    def _then(self, begin: Callable[[], None], follow: Callable[[], bool]) -> None:
        """Begin what may wait for an answer in a loop of its own, and give that."""
        answered: list[bool] = []
        clock = QTimer()
        clock.setInterval(20)

        def look() -> None:
            if not answered and follow():
                answered.append(True)
                clock.stop()

        clock.timeout.connect(look)
        clock.start()
        try:
            begin()
            wait(lambda: bool(answered))
        finally:
            # Of PySide6's the connection and the clock would keep each other, and the window.
            clock.timeout.disconnect(look)


@dataclass(frozen=True)
class Case:
    """An image, how one comes by it, and where on it one would click.

    Attributes:
        sample: entry of the menu of samples; empty for a file that is dropped.
        image: as `verify` takes it.
        centre: voxel of the lesion in the file's own order; none where the image is the region.
    """

    name: str
    sample: str
    image: Path
    centre: tuple[int, ...] | None = None


class Walk:
    """One image from an empty window to a file.

    Attributes:
        clicks: how many clicks and drops it took until the file was there.

    Args:
        viewer: empty, and shown.
        case: what is opened.
        out: the file goes there; it has to be the current folder, as where dialogs begin.
        chance: decides which hypothesis it is to be.
        take: is told whenever there is something to see, and with which dialog, if with one.
    """

    def __init__(
        self,
        viewer: Any,
        case: Case,
        out: Path,
        chance: random.Random,
        take: Callable[[str, QWidget | None], None] = lambda name, dialog: None,
    ) -> None:
        self.hands, self.case, self.out, self.chance = Hands(viewer), case, out, chance
        self._viewer, self._take = viewer, take
        self.clicks = 0

    @property
    def _session(self) -> Any:
        return self.hands.dock.session

    def to_export(self) -> Path:
        """From the empty window to the exported file; its sidecar."""
        hands = self.hands
        self._take("window", None)
        hands.from_menus("Plugins", TITLE)
        wait(lambda: self._session.setup.survey is not None)
        self._take("start", None)
        self.open()
        self._take("opened", None)
        if self.case.centre is not None:
            self.point(self.case.centre)
            self._take("placed", None)
        self.run()
        self._take("result", None)
        self.choose()
        self._take("chosen", None)
        sidecar = self.export()
        self.clicks = len(hands.done)
        self._take("exported", None)
        return sidecar

    def open(self) -> None:
        """Try a sample, or drop the file."""
        if self.case.sample:
            self.hands.choose(self.hands.dock.start.samples, self.case.sample)
        else:
            self.hands.drop(self.case.image)
        wait(lambda: self._session.setup.source is not None)

    def point(self, centre: tuple[int, ...]) -> None:
        """Scroll to the lesion and click on it."""
        dock = self.hands.dock
        if not dock.region.place.isChecked():
            self.hands.press(dock.region.place)
        place = dock.picture.place_of(centre)
        self.hands.scroll_to(place)
        self.hands.click_image(place, "(the lesion)")
        wait(lambda: self._session.setup.centre is not None)
        found = self._session.setup.centre
        assert max(abs(a - b) for a, b in zip(found, centre, strict=True)) <= 1, (found, centre)

    def run(self) -> None:
        """Press Run and wait until all is said."""
        session = self._session
        self.hands.press(self.hands.dock.run.button)
        wait(lambda: session.activity == "running" or not session.busy)
        self._take("running", None)
        wait(lambda: session.result is not None and not session.busy, lambda: str(session.note))
        wait(lambda: session.ranges is not None and session.cards is not None)
        wait(lambda: session.walk.counts is not None and session.summary.lengths is not None)

    def choose(self) -> None:
        """Step along the slider by keys, to one side."""
        session, before = self._session, self._session.walk.position
        key = self.chance.choice((Qt.Key.Key_Comma, Qt.Key.Key_Period))
        self.hands.key(*[key] * self.chance.randint(3, 10))
        wait(lambda: session.walk.position != before and session.walk.counts is not None)

    def export(self) -> Path:
        """Press Export, and save under the name that is proposed; the sidecar of that."""
        session, before = self._session, self._session.files.exported
        self.hands.save(self.hands.dock.export.write, lambda dialog: self._take("saving", dialog))
        wait(lambda: session.files.exported not in (None, before), lambda: str(session.note))
        (sidecar,) = (one for one in session.files.exported.files if one.endswith(".json"))
        return self.out / sidecar

    def on(self) -> None:
        """What one would try next: cards, the slider, keys, copies, other planes."""
        dock, session = self.hands.dock, self._session
        slider = dock.slider.slider
        to = self.chance.choice((-1, 1)) * self.chance.randint(20, 50)
        for step, _ in enumerate(self.hands.drag(slider, to)):
            if step == 3:
                self._take("sliding", None)
        wait(lambda: session.walk.counts is not None)
        self.hands.press(self.chance.choice(dock.cards.buttons), "(a card)")
        self._take("card", None)
        self.hands.key(Qt.Key.Key_K)
        before = len(self._viewer.layers)
        self.hands.press(dock.samples.add)
        wait(lambda: len(self._viewer.layers) >= before + dock.samples.count.value())
        self._take("samples", None)
        if dock.view.all.isVisibleTo(dock):
            self.hands.press(dock.view.all)
            self._take("planes", None)
            self.hands.press(dock.view.all)
        self.hands.key(Qt.Key.Key_Z, modifier=Qt.KeyboardModifier.ControlModifier)


def wait(ready: Callable[[], bool], why: Callable[[], str] = str) -> None:
    """Let the window live until something is the case."""
    end = time.monotonic() + _PATIENCE
    while not ready():
        assert time.monotonic() < end, f"it takes too long: {why()}"
        QApplication.processEvents()
        time.sleep(0.005)


#: Width and height of a window, and napari's size of letters.
SIZES = {"1280": (1280, 800, 9), "1080p": (1920, 1050, 9), "large": (1280, 800, 15)}
SAMPLES = (
    Case("slice", "Lung nodule, readers disagree on its size", Path("nodule-1")),
    Case("volume", "Lung nodule in 3D, a CT in Hounsfield units", Path("nodule-4"), (64, 64, 12)),
)
# Of the series LungFCP-01-0001 of TCIA's Lung-Fused-CT-Pathology.
NODULE = (180, 285, 18)


@contextmanager
def window(size: str, theme: str) -> Iterator[Any]:
    """An empty window of napari, with nothing left of sessions before."""
    import napari
    from napari.settings import get_settings

    width, height, points = SIZES[size]
    look = get_settings().appearance
    look.theme, look.font_size = theme, points
    # What was closed may still be saving.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as state:
        os.environ["XDG_STATE_HOME"] = state
        viewer = napari.Viewer()
        viewer.window.resize(width, height)
        try:
            yield viewer
        finally:
            viewer.close()


def pictures_of(viewer: Any, out: Path, name: str) -> Callable[[str, QWidget | None], None]:
    """What takes pictures, numbered as they come."""
    from napari_ssn.gui.demo import let_draw

    taken: list[str] = []

    def take(what: str, dialog: QWidget | None) -> None:
        taken.append(what)
        path = str(out / f"{name}-{len(taken):02d}-{what}.png")
        if dialog is not None:
            dialog.grab().save(path)
            return
        if what != "running":
            let_draw()
        viewer.window.screenshot(path, canvas_only=False, flash=False)

    return take


def main() -> int:
    """Run it from the command line."""
    # Nobody's settings of napari decide what is seen, and none are written.
    os.environ["NAPARI_CONFIG"] = ""
    from napari_ssn.cli.verifying import verify

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder for the pictures")
    parser.add_argument("--ct", type=Path, help="a chest CT, walked too")
    parser.add_argument("--centre", default=",".join(map(str, NODULE)), help="of its lesion")
    parser.add_argument(
        "--only", default="", help="walks whose names hold one of these, commas between them"
    )
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    cases = SAMPLES
    if asked.ct is not None:
        centre = tuple(map(int, asked.centre.split(",")))
        cases = (*cases, Case("ct", "", asked.ct.resolve(), centre))
    out = asked.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    for case in cases:
        for size in SIZES:
            for theme in ("dark", "light"):
                name = f"{case.name}-{size}-{theme}"
                if not any(part in name for part in asked.only.split(",")):
                    continue
                with window(size, theme) as viewer, tempfile.TemporaryDirectory() as folder:
                    os.chdir(folder)
                    take = pictures_of(viewer, out, name)
                    walk = Walk(viewer, case, Path(folder), random.Random(asked.seed), take)
                    sidecar = walk.to_export()
                    print(f"{name}: {walk.clicks} clicks:", " · ".join(walk.hands.done), flush=True)
                    assert not walk.hands.scrolled, walk.hands.scrolled
                    walk.on()
                    assert verify(case.image, sidecar), "what was exported could not be made again"
                    assert walk.clicks <= MOST
                    os.chdir(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
