"""How often the model drew each size, and where the hypothesis on show stands among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_ssn.text.sizes import Measure, histogram_tip

if TYPE_CHECKING:
    # Types only: the measures import torch.
    from napari_ssn.core.measures import Range
    from napari_ssn.core.summaries.histogram import Histogram

_TALL, _SMALL = 30, (110, 20)
# Room above the bars for the marker's head, and half the head's width.
_HEAD = 5


class SizeHistogram(QWidget):
    """Bars of the sizes over all hypotheses, the range shaded, a marker at the one on show.

    Painted by hand: a plotting library would be a dependency and half a second of imports for
    forty rectangles and a line.

    Args:
        colour: of the label.
        small: of a width that leaves room for words beside it.
    """

    def __init__(self, colour: str, small: bool = False) -> None:
        super().__init__()
        self._colour = QColor(colour)
        self._bars: Histogram | None = None
        self._range: Range | None = None
        self.at: float | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        if small:
            self.setFixedSize(*_SMALL)
        else:
            self.setFixedHeight(_TALL)

    def show_sizes(self, bars: Histogram | None, spread: Range | None, measure: Measure) -> None:
        """Show other sizes, or none while they are counted."""
        self._bars, self._range = bars, spread
        if bars is not None:
            self.setToolTip(histogram_tip(measure, bars.first, bars.end - 1, sum(bars.counts)))
        self.update()

    def mark(self, size: float | None) -> None:
        """Put the marker at a size, in voxels; None hides it."""
        if size != self.at:
            # A slider's frames repaint no more of it than where the marker was and is.
            for at in (self.at, size):
                if at is not None and self._bars is not None and self._range is not None:
                    x = self.place(at)
                    around = QRectF(x - _HEAD - 1, 0, 2 * _HEAD + 2, self.height())
                    self.update(around.toAlignedRect())
            self.at = size

    def place(self, size: float) -> float:
        """Where a size lies, in pixels from the left; the outermost lie at the ends."""
        low, high = self._ends()
        share = (size - low) / (high - low)
        return _HEAD + min(max(share, 0.0), 1.0) * float(self.width() - 2 * _HEAD)

    def _ends(self) -> tuple[float, float]:
        """Sizes at the left and the right end: every bar, and the range, which may reach on."""
        assert self._bars is not None and self._range is not None
        low = min(self._bars.first, self._range.low) - 0.5
        return low, max(self._bars.end - 0.5, self._range.high + 0.5)

    def paintEvent(self, event: Any) -> None:
        """Draw the range, the bars over it, and the marker over both."""
        if self._bars is None or self._range is None:
            return
        painter = QPainter(self)
        bottom = float(self.height() - 1)
        ink = self.palette().color(self.foregroundRole())
        # What is greyed is of another image.
        colour = self._colour if self.isEnabled() else ink
        left, right = self.place(self._range.low - 0.5), self.place(self._range.high + 0.5)
        painter.fillRect(QRectF(left, _HEAD, right - left, bottom - _HEAD), _faded(colour, 60))
        most, bars, asked = max(self._bars.counts), self._bars, QRectF(event.rect())
        for i, count in enumerate(bars.counts):
            first = bars.first + i * bars.width
            x, end = self.place(first - 0.5), self.place(first + bars.width - 0.5)
            if max(end, x + 1) < asked.left() or x > asked.right():
                continue
            # What occurs at all is seen.
            tall = max(1.0, (bottom - _HEAD) * count / most) if count else 0.0
            inside = self._range.low <= first + (bars.width - 1) / 2 <= self._range.high
            painter.fillRect(
                QRectF(x, bottom - tall, max(1.0, end - x - 0.5), tall),
                _faded(colour, 255 if inside else 120),
            )
        painter.fillRect(QRectF(0, bottom, self.width(), 1), _faded(ink, 90))
        if self.at is not None:
            self._paint_marker(painter, self.place(self.at), bottom, ink)
        painter.end()

    def _paint_marker(self, painter: QPainter, x: float, bottom: float, ink: QColor) -> None:
        painter.fillRect(QRectF(x - 0.75, 0, 1.5, bottom + 1), ink)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        head = [QPointF(x - _HEAD, 0), QPointF(x + _HEAD, 0), QPointF(x, _HEAD + 1)]
        painter.drawPolygon(QPolygonF(head))


def _faded(colour: QColor, alpha: int) -> QColor:
    made = QColor(colour)
    made.setAlpha(alpha)
    return made
