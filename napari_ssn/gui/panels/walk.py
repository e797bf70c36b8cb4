"""The result in words, and the slider that walks through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QLabel, QVBoxLayout
from superqt.utils import signals_blocked

from napari_ssn.gui.widgets.histogram import SizeHistogram
from napari_ssn.gui.widgets.hover import Hover
from napari_ssn.gui.widgets.later import Later
from napari_ssn.gui.widgets.marked_slider import MarkedSlider
from napari_ssn.gui.widgets.parts import Section, button, combo, hint, row, say, text
from napari_ssn.prediction.curve import STEP
from napari_ssn.session import Session
from napari_ssn.text.directions import DIRECTION_TIP, SHARE_TIP, direction_names, effect_tip, ends
from napari_ssn.text.dock import CUT_OFF, NOTHING_YET, RUN_AGAIN
from napari_ssn.text.ensembles import beyond_tip
from napari_ssn.text.lengths import lengths_line, lengths_tip
from napari_ssn.text.presence import in_full
from napari_ssn.text.sizes import (
    capital,
    headline,
    in_brief,
    remarks_on,
)
from napari_ssn.text.steering import SLIDER_TIP

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction

# Pixels that the style leaves around an entry of a list.
_ROOM = 16


class ResultPanel(Section):
    """Size of each label in the hypothesis on show, and its range over all."""

    def __init__(self, session: Session) -> None:
        super().__init__("")
        self._session = session
        self.empty = text(NOTHING_YET, "muted")
        self._lines = QVBoxLayout()
        self._lines.setSpacing(2)
        self.old, self.doubt = text("", "warn"), text("", "warn")
        self.below(self.empty, self._lines, self.old, self.doubt)
        for words in (self.old, self.doubt):
            words.hide()
        self.headlines: list[QLabel] = []
        self.cut_off: list[QLabel] = []
        self.ranges: list[QLabel] = []
        self.lengths: list[QLabel] = []
        self.bars: list[SizeHistogram] = []
        session.summary.show_lengths()
        session.found.connect(self._found)
        session.changed.connect(self.refresh)
        self._later = Later(self, self.follow, lambda: session.walk.held)
        session.walk.moved.connect(self._later.ask)
        session.summary.across.changed.connect(self.follow)

    def _found(self, result: Prediction) -> None:
        while self._lines.count():
            self._lines.removeItem(self._lines.itemAt(0))
        for all_of_a_kind in (self.headlines, self.cut_off, self.bars, self.ranges, self.lengths):
            for widget in all_of_a_kind:
                widget.deleteLater()
            all_of_a_kind.clear()
        for label in range(1, len(result.labels)):
            self.headlines.append(text("", "headline"))
            # Air above every label but the first, so that each range belongs to one.
            self.headlines[-1].setContentsMargins(0, 0 if label == 1 else 4, 0, 0)
            colour, several = result.card.labels[label].colour, len(result.labels) > 2
            self.bars.append(SizeHistogram(colour, small=several))
            self.cut_off.append(text("", "warn"))
            self.cut_off[-1].setToolTip(CUT_OFF)
            self.ranges.append(text("", "muted"))
            self.lengths.append(text("", "muted"))
            self.lengths[-1].hide()
            if several:
                # Side by side they take no more room than the words alone.
                self._lines.addLayout(row([(self.headlines[-1], 1), self.bars[-1]]))
            else:
                self._lines.addWidget(self.headlines[-1])
                self._lines.addWidget(self.bars[-1])
            for words in (self.cut_off[-1], self.ranges[-1], self.lengths[-1]):
                self._lines.addWidget(words)
        self.empty.hide()

    def refresh(self) -> None:
        """Show the ranges; greyed when the image has changed."""
        session, result = self._session, self._session.result
        self.setEnabled(not session.stale)
        say(self.old, RUN_AGAIN if session.stale else "")
        if result is None:
            self.empty.setVisible(not session.busy)
            return
        say(self.doubt, result.doubt)
        for k, (line, bars) in enumerate(zip(self.ranges, self.bars, strict=True)):
            if session.ranges is None:
                line.setText("Range …")
                bars.show_sizes(None, None, result.measure)
                continue
            found = session.ranges.ranges[k]
            bars.show_sizes(session.ranges.bars[k], found, result.measure)
            words = capital(session.ranges.line(result.measure, k))
            line.setText(in_brief(words))
            apart = session.ranges.presence.apart and not session.ranges.members
            line.setToolTip(in_full(words, found.readers, apart))
        self._say_lengths(result)

    def _say_lengths(self, result: Prediction) -> None:
        """Mean diameter of the hypothesis on show, and the ranges of many."""
        summary = self._session.summary
        here, ranges = summary.diameters, summary.lengths
        for k, line in enumerate(self.lengths):
            found = None if here is None else here[k]
            over = None if ranges is None else ranges.of(k)
            say(line, capital(lengths_line(result.measure, found, over)))
            if over is not None:
                line.setToolTip(lengths_tip(result.measure, over))

    def follow(self) -> None:
        """Show the size of the hypothesis on show."""
        result, counts = self._session.result, self._session.walk.counts
        if result is None:
            for bars in self.bars:
                bars.mark(None)
            return
        if counts is None:
            # What is being counted takes a moment: the former number would be wrong by little,
            # but wrong.
            for name, line in zip(result.labels[1:], self.headlines, strict=False):
                line.setText(headline(name, result.measure, None))
            for bars in self.bars:
                bars.mark(None)
            return
        across = self._session.summary.diameters
        for k, line in enumerate(self.headlines):
            name, found = result.labels[k + 1], None if across is None else across[k]
            words = headline(name, result.measure, int(counts[k + 1]), found)
            line.setText(words)
            if found is not None:
                # Until it is known what was said before stands, or the slider jumps in the hand.
                said = remarks_on(result.measure, found)
                say(self.cut_off[k], " ".join(f"{capital(one)}." for one in said))
            self.bars[k].mark(float(counts[k + 1]))
        self._say_lengths(result)


class SliderPanel(Section):
    """Walks the boundary along one direction of the model's uncertainty."""

    def __init__(self, session: Session) -> None:
        self.value = text("0", "", wrap=False)
        self.play = button("▶", "Move the boundary to and fro", "sign", name="Play")
        self.play.setCheckable(True)
        self.reset = button("0", "Back to where the slider began", "sign", name="Reset")
        self.undo = button("↶", "Take back the last step (Ctrl+Z)", "sign", name="Undo")
        self.redo = button("↷", "Make it again (Ctrl+Shift+Z)", "sign", name="Redo")
        tools = (self.value, self.play, self.reset, self.undo, self.redo)
        super().__init__("Boundary", beside=tools)
        self._session = session
        self.directions = combo(DIRECTION_TIP)
        self.slider = MarkedSlider()
        self.slider.setAccessibleName("Boundary")
        self.slider.setToolTip(SLIDER_TIP)
        self.slider.setPageStep(round(0.5 / STEP))
        self.low, self.high = text("", "muted", wrap=False), text("", "muted", wrap=False)
        self.below(self.directions, [self.low, (self.slider, 1), self.high])
        self._timer = QTimer(self)
        self._timer.setInterval(40)
        self._timer.timeout.connect(self._tick)
        self._forward, self._in_gesture = True, False
        # What the combo offers.
        self._offered: Any = None
        self.directions.activated.connect(self._picked)
        self.slider.valueChanged.connect(self._slid)
        self.slider.sliderPressed.connect(session.walk.hold)
        self.slider.sliderReleased.connect(self._let_go)
        self.play.toggled.connect(self._played)
        self.reset.clicked.connect(self._reset)
        self.undo.clicked.connect(session.walk.undo)
        self.redo.clicked.connect(session.walk.redo)
        # What a direction would change is seen before it is walked.
        for control in (self.slider, self.directions):
            hover = Hover(control)
            hover.rested.connect(self._look)
            hover.left.connect(session.effect.hide)
        self._listed = Hover(self.directions.view())
        self._listed.left.connect(session.effect.hide)
        self.directions.highlighted.connect(self._look_through)
        session.found.connect(self._found)
        session.changed.connect(self.refresh)
        session.walk.moved.connect(self.follow)
        self.refresh()

    def _look(self) -> None:
        self._look_at(self.directions.currentIndex())

    def _look_through(self, index: int) -> None:
        # Qt tells of an entry too when the list is made anew.
        if self.directions.view().isVisible():
            self._listed.engage()
            self._look_at(index)

    def _look_at(self, index: int) -> None:
        direction = self.directions.itemData(index)
        if direction is not None and self.isEnabled():
            self._session.effect.show(direction)

    def _found(self, result: Prediction) -> None:
        self._timer.stop()
        self.play.setChecked(False)

    def _offer(self, result: Prediction) -> None:
        """Name the directions, which are others if the session chose them in another way."""
        walk, source = self._session.walk, result.source
        directions = walk.here.directions
        # At ±2 σ, of which the sizes in the names are, an ensemble may have no member any more.
        sized = walk.here.from_mean and result.members is None
        offered = (directions, sized)
        if directions is None or offered == self._offered:
            return
        self._offered = offered
        self.directions.clear()
        sizes = (result.measure, result.voxel_ml)
        names = direction_names(
            directions,
            *sizes,
            source.oriented,
            result.labels,
            walk.choice.direction,
            sized,
        )
        unit = "mm" if source.spacing_mm is not None else "px"
        for index, name in names:
            self.directions.addItem(name, index)
            what = effect_tip(directions.effects[index], *sizes, result.labels, unit, sized)
            last = self.directions.count() - 1
            # The dock is too narrow for some names in full.
            tip = f"{name}\n{what}\n{SHARE_TIP}"
            self.directions.setItemData(last, tip, Qt.ItemDataRole.ToolTipRole)
        # In the list there is room for names that the dock is too narrow for.
        view = self.directions.view()
        view.setMinimumWidth(view.sizeHintForColumn(0) + 2 * view.frameWidth() + _ROOM)

    def _picked(self, index: int) -> None:
        self._session.walk.set_direction(self.directions.itemData(index))

    def _slid(self, position: int) -> None:
        self._session.walk.set_sigma(position * STEP, same_gesture=self._in_gesture)
        self._in_gesture = self.slider.isSliderDown() or self._timer.isActive()

    def _let_go(self) -> None:
        self._in_gesture = False
        self._session.walk.let_go()

    def _reset(self) -> None:
        self.play.setChecked(False)
        self._session.walk.set_sigma(0.0)

    def _played(self, on: bool) -> None:
        self.play.setText("❚❚" if on else "▶")
        self._in_gesture = False
        if on:
            self._timer.start()
        else:
            self._timer.stop()

    def _tick(self) -> None:
        ends = (self.slider.minimum(), self.slider.maximum())
        if self.slider.value() in ends:
            self._forward = self.slider.value() == ends[0]
        self.slider.setValue(self.slider.value() + (1 if self._forward else -1))

    def refresh(self) -> None:
        """Show the reach of the slider, and whether it can be used."""
        session = self._session
        usable = session.result is not None and not session.stale
        if not usable and self.play.isChecked():
            self.play.setChecked(False)
        self.setEnabled(usable)
        self.follow()

    def _end(self) -> None:
        """Where the slider ends, which is another place from every anchor of an ensemble."""
        walk, result = self._session.walk, self._session.result
        least, most = walk.here.ends()
        stops = round(least / STEP), round(most / STEP)
        if (self.slider.minimum(), self.slider.maximum()) != stops:
            with signals_blocked(self.slider):
                self.slider.setRange(*stops)
            self.slider.update()
        # Where one network outlines anything there is nowhere to go.
        self.slider.setEnabled(least < most)
        self.play.setEnabled(least < most)
        words = ("smaller", "larger")
        if result is not None and walk.here.directions is not None:
            effect = walk.here.directions.effects[walk.choice.direction]
            words = ends(effect, result.source.oriented)
        tip = "" if result is None or result.members is None else beyond_tip(result.noun)
        for end, word, at in ((self.low, words[0], least), (self.high, words[1], most)):
            say(end, word)
            where = f"{at:+.3g} standard deviations (σ)".replace("-", "−") if at else "Here"
            hint(end, f"{where}. {tip}".strip())

    def follow(self) -> None:
        """Show where the session stands."""
        walk = self._session.walk
        choice, sigma = walk.choice, walk.position
        self._end()
        position = round(sigma / STEP)
        if self.slider.value() != position:
            with signals_blocked(self.slider):
                self.slider.setValue(position)
        if self._session.result is not None and walk.here.directions is not None:
            self._offer(self._session.result)
        at = self.directions.findData(choice.direction)
        if at != self.directions.currentIndex():
            self.directions.setCurrentIndex(at)
        tip = self.directions.itemData(at, Qt.ItemDataRole.ToolTipRole) or DIRECTION_TIP
        hint(self.directions, tip)
        words = f"{sigma:+.2f}".replace("-", "−") if sigma else "0"
        # Longer words would widen the dock.
        self.value.setText(words if walk.alone is None else f"{walk.alone}: {words}")
        whose = "" if walk.alone is None else f"Lesion {walk.alone} alone: "
        hint(self.value, f"{whose}{words} standard deviations (σ) from where it began")
        self.undo.setEnabled(walk.history.can_undo)
        self.redo.setEnabled(walk.history.can_redo)
        self.reset.setEnabled(sigma != 0)
