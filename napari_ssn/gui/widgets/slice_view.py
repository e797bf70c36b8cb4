"""One plane of a volume, painted small: the picture, lines over it, and a crosshair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QLineF, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPen, QPolygonF, QTransform
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_ssn.gui.layers.colours import MIDDLE
from napari_ssn.gui.layers.reticle import GAP, REACH
from napari_ssn.gui.layers.strokes import SHEER, THIN, Band, Stroke

# Pixels of the screen: the least, so that a small screen has room for the window, around the
# crosshair's middle, from the edge to letters, and the halo's more than its line.
_LEAST, _GAP, _MARGIN, _MORE = 110, 8.0, 6, 2.4
# Of what is written: pixels beside it, and what lies behind it.
_AROUND, _BEHIND = 3.0, QColor(0, 0, 0, 150)
_HALO, _CROSS, _LETTERS = QColor(0, 0, 0, 190), QColor(189, 189, 189, 190), QColor(255, 255, 255)
# Of letters, in points.
_POINTS = 11
_TITLE = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
# A turn of the wheel, and how far one may go beyond the whole picture and into it.
_ZOOM, _FAR, _NEAR = 1.15, 0.8, 40.0
# Beside the whole box.
_ROOM = 1.25


@dataclass(frozen=True, eq=False)
class Picture:
    """A plane as it is painted.

    Attributes:
        values: (rows, columns) uint8, places in the table.
        table: of 256 colours, as Qt counts them.
        size: of a pixel, of a row and of a column, in the same unit.
        up, right: whether rows run up, and columns to the right.
        letters: at the left, right, top and bottom edge.
        title: which plane it is.
    """

    values: NDArray[np.uint8]
    table: tuple[int, ...]
    size: tuple[float, float] = (1.0, 1.0)
    up: bool = False
    right: bool = True
    letters: tuple[str, str, str, str] = ("", "", "", "")
    title: str = ""


class SliceView(QWidget):
    """Shows a plane; a press or a drag moves the crosshair, the wheel magnifies around it.

    Attributes:
        picked: signal: row and column that somebody wants the crosshair at.

    Args:
        name: to be read aloud.
    """

    picked = Signal(float, float)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setToolTip("A click or a drag moves the crosshair; the wheel magnifies")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(_LEAST, _LEAST)
        font = self.font()
        font.setPointSize(max(font.pointSize(), _POINTS))
        self.setFont(font)
        self._picture: Picture | None = None
        self._image: QImage | None = None
        self.lines: tuple[Stroke, ...] = ()
        self.filled: tuple[Band, ...] = ()
        self.middle: tuple[float, float] | None = None
        self.cross: tuple[float, float] | None = None
        self.words = ""
        # Row and column in the middle, and how many times the whole picture is magnified.
        self._middle, self._zoom = (0.0, 0.0), 1.0

    def sizeHint(self) -> QSize:
        """Of a picture on which a lesion can be told."""
        return QSize(2 * _LEAST, 2 * _LEAST)

    # ---- What it shows

    @property
    def picture(self) -> Picture | None:
        """The plane on show."""
        return self._picture

    def show_picture(self, picture: Picture | None, words: str = "") -> None:
        """Show another plane, or words in its place."""
        self._picture, self.words = picture, words
        self._image = None
        if picture is not None:
            rows, columns = picture.values.shape
            # Qt looks at these very bytes for as long as the image lives.
            self._image = QImage(
                picture.values.data, columns, rows, columns, QImage.Format.Format_Indexed8
            )
            self._image.setColorTable(list(picture.table))
        self.update()

    def show_lines(
        self,
        lines: tuple[Stroke, ...],
        cross: tuple[float, float] | None,
        filled: tuple[Band, ...] = (),
        middle: tuple[float, float] | None = None,
    ) -> None:
        """Draw others.

        Args:
            lines: over all else.
            cross: row and column of the crosshair, which is kept in sight; None for none.
            filled: under the lines.
            middle: row and column that a small cross is drawn around; None for none.
        """
        self.lines, self.cross = lines, cross
        self.filled, self.middle = filled, middle
        if cross is not None and not self.rect().contains(self.at(*cross).toPoint()):
            self._middle = cross
        self.update()

    def look_at(self, low: tuple[float, float], high: tuple[float, float]) -> None:
        """Show a box of rows and columns, with some room around it."""
        self._middle = ((low[0] + high[0]) / 2, (low[1] + high[1]) / 2)
        if self._picture is not None:
            size, whole = self._picture.size, self._whole()
            tall, wide = ((b - a + 1) * each for a, b, each in zip(low, high, size, strict=True))
            fits = min(self.height() / max(tall, 1e-9), self.width() / max(wide, 1e-9)) / _ROOM
            self._zoom = min(max(fits / whole, 1.0), _NEAR)
        self.update()

    # ---- Where things are

    def _whole(self) -> float:
        """Pixels of the screen for a unit of the picture, when all of it is seen."""
        assert self._picture is not None
        (rows, columns), (tall, wide) = self._picture.values.shape, self._picture.size
        return float(min(self.height() / (rows * tall), self.width() / (columns * wide)))

    def _steps(self) -> tuple[float, float]:
        """Pixels of the screen for a row, and for a column."""
        assert self._picture is not None
        scale, (tall, wide) = self._whole() * self._zoom, self._picture.size
        up, right = self._picture.up, self._picture.right
        return scale * tall * (-1 if up else 1), scale * wide * (1 if right else -1)

    def at(self, row: float, column: float) -> QPointF:
        """Where a row and column lie on the widget."""
        if self._picture is None:
            return QPointF(0, 0)
        down, across = self._steps()
        return QPointF(
            self.width() / 2 + (column - self._middle[1]) * across,
            self.height() / 2 + (row - self._middle[0]) * down,
        )

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Row and column under a place on the widget, of the picture's nearest."""
        assert self._picture is not None
        down, across = self._steps()
        row = self._middle[0] + (y - self.height() / 2) / down
        column = self._middle[1] + (x - self.width() / 2) / across
        rows, columns = self._picture.values.shape
        return min(max(row, 0.0), rows - 1.0), min(max(column, 0.0), columns - 1.0)

    # ---- What somebody does

    def mousePressEvent(self, event: Any) -> None:
        """Move the crosshair there."""
        if self._picture is not None and event.buttons() & Qt.MouseButton.LeftButton:
            here = event.position()
            self.picked.emit(*self.place(here.x(), here.y()))

    #: A drag moves it along.
    mouseMoveEvent = mousePressEvent

    def wheelEvent(self, event: Any) -> None:
        """Magnify around the crosshair."""
        turned = event.angleDelta().y()
        if self._picture is None or not turned:
            return
        before, self._zoom = self._zoom, self._zoom * _ZOOM ** (turned / 120)
        self._zoom = min(max(self._zoom, _FAR), _NEAR)
        if self.cross is not None:
            # It stays where it is on the screen.
            part = 1 - before / self._zoom
            self._middle = (
                self._middle[0] + (self.cross[0] - self._middle[0]) * part,
                self._middle[1] + (self.cross[1] - self._middle[1]) * part,
            )
        event.accept()
        self.update()

    # ---- Painting

    def paintEvent(self, event: Any) -> None:
        """Paint the picture, the lines with their halos, the crosshair and the letters."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(0, 0, 0))
        picture, image = self._picture, self._image
        if picture is None or image is None:
            painter.setPen(_LETTERS)
            painter.drawText(
                self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.words
            )
            painter.end()
            return
        down, across = self._steps()
        origin = self.at(0.0, 0.0)
        # The middle of a pixel is at whole numbers.
        painter.setTransform(QTransform(across, 0, 0, down, origin.x(), origin.y()))
        painter.drawImage(QPointF(-0.5, -0.5), image)
        painter.resetTransform()
        self._fill(painter)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_cross(painter)
        around = self._around_middle()
        for more in (_MORE, 0.0):
            for one in self.lines:
                colour = _HALO if more else QColor(one.colour)
                painter.setPen(QPen(colour, one.width + more))
                for line in one.lines:
                    painter.drawPolyline(self._polygon(line))
            painter.setPen(QPen(_HALO if more else QColor(MIDDLE), THIN + more))
            painter.drawLines(around)
        self._paint_letters(painter, picture)
        painter.end()

    def _polygon(self, line: NDArray[np.float64]) -> QPolygonF:
        down, across = self._steps()
        x = self.width() / 2 + (line[:, 1] - self._middle[1]) * across
        y = self.height() / 2 + (line[:, 0] - self._middle[0]) * down
        return QPolygonF([QPointF(*one) for one in zip(x.tolist(), y.tolist(), strict=True)])

    def _fill(self, painter: QPainter) -> None:
        """Without smooth edges: where two rectangles meet, these would be seen."""
        painter.setPen(Qt.PenStyle.NoPen)
        for one in self.filled:
            colour = QColor(one.colour)
            colour.setAlphaF(SHEER)
            painter.setBrush(colour)
            for corners in one.corners:
                painter.drawPolygon(self._polygon(corners))
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _around_middle(self) -> list[QLineF]:
        """Four arms that leave the place itself to be seen."""
        if self.middle is None:
            return []
        here = self.at(*self.middle)
        ways = (QPointF(1, 0), QPointF(-1, 0), QPointF(0, 1), QPointF(0, -1))
        return [QLineF(here + way * GAP, here + way * REACH) for way in ways]

    def _paint_cross(self, painter: QPainter) -> None:
        if self.cross is None:
            return
        here = self.at(*self.cross)
        x, y, wide, tall = here.x(), here.y(), float(self.width()), float(self.height())
        painter.setPen(QPen(_CROSS, 1.0))
        for start, end in (
            (QPointF(0, y), QPointF(x - _GAP, y)),
            (QPointF(x + _GAP, y), QPointF(wide, y)),
            (QPointF(x, 0), QPointF(x, y - _GAP)),
            (QPointF(x, y + _GAP), QPointF(x, tall)),
        ):
            painter.drawLine(start, end)

    def _paint_letters(self, painter: QPainter, picture: Picture) -> None:
        inside = QRectF(self.rect()).adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN)
        flag = Qt.AlignmentFlag
        places = (
            flag.AlignLeft | flag.AlignVCenter,
            flag.AlignRight | flag.AlignVCenter,
            flag.AlignHCenter | flag.AlignTop,
            flag.AlignHCenter | flag.AlignBottom,
        )
        for words, where in zip(picture.letters, places, strict=True):
            self._write(painter, inside, where, words)
        # Where both had no room side by side the title stands below the upper letter.
        letters = painter.fontMetrics()
        wide = letters.horizontalAdvance(picture.title) + _MARGIN
        beside = inside.center().x() - letters.horizontalAdvance(picture.letters[2]) / 2
        under = 0 if inside.left() + wide < beside else letters.height()
        self._write(painter, inside.adjusted(0, under, 0, 0), _TITLE, picture.title)

    def _write(self, painter: QPainter, inside: QRectF, where: Any, words: str) -> None:
        if not words:
            return
        # Bright tissue and lines run behind them.
        behind = painter.boundingRect(inside, where, words)
        painter.fillRect(behind.adjusted(-_AROUND, 0, _AROUND, 0), _BEHIND)
        painter.setPen(_LETTERS)
        painter.drawText(inside, where, words)
