"""Legend of what is shown of all hypotheses, and those that are unlike the others."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QMenu, QPushButton, QSizePolicy

from napari_ssn.gui.layers.colours import TONES
from napari_ssn.gui.widgets.parts import Section, button, combo, say, text
from napari_ssn.prediction.choice import Choice
from napari_ssn.session import Session
from napari_ssn.text.overview import SCALE, missing_line, probability_tip, unlike_line, votes_scale
from napari_ssn.text.sizes import capital

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction

# Samples with a button of their own.
_BUTTONS = 5
# Black behind the tones, as the image is behind the lines.
BACK = "#1b1b1b"


class OverviewPanel(Section):
    """Shown while there is something to choose or to say of what the settings have shown."""

    def __init__(self, session: Session) -> None:
        self.label = combo("Whose lines, probability and boxplot are shown")
        self.label.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.label.setFixedWidth(130)
        super().__init__("All hypotheses", beside=(self.label,))
        self._session = session
        outer, median, inner = TONES
        self.probability = QLabel()
        self.probability.setFixedHeight(16)
        self.probability.setText(SCALE)
        self.probability.setAlignment(Qt.AlignmentFlag.AlignCenter)
        across = "qlineargradient(x1:0, y1:0, x2:1, y2:0"
        stops = f"stop:0 {BACK}, stop:0.05 {outer}, stop:0.5 {median}, stop:1 {inner})"
        self.probability.setStyleSheet(
            f"border-radius: 3px; color: {BACK}; background: {across}, {stops};"
        )
        self.boxplot = _legend(
            [(inner, "━", "middle one"), (median, "█", "half"), (outer, "█", "all but outliers")]
        )
        self.boxplot.setToolTip(
            "Contour boxplot: the hypothesis in the middle of all others, the band of the half "
            "around it, and the band of all but those that are unlike the others"
        )
        self.missing = text("", "muted")
        self.unlike = text("", "muted")
        self.median = button(
            "Middle one", "Show the hypothesis in the middle of all others", "small"
        )
        self.buttons: list[QPushButton] = []
        for _ in range(_BUTTONS):
            made = button("", "Show this hypothesis", "small")
            made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            self.buttons.append(made)
        self.more = button("…", "Those without a button", "small")
        self.menu = QMenu(self.more)
        self.more.setMenu(self.menu)
        self.below(self.missing, self.probability, self.boxplot, self.unlike)
        self.below([self.median, *((one, 2) for one in self.buttons), self.more, 1])
        self.label.activated.connect(lambda at: session.overviews.set_label(at or None))
        self.median.clicked.connect(partial(self._show, None))
        for at, one in enumerate(self.buttons):
            one.clicked.connect(partial(self._show, at))
        session.found.connect(self._found)
        session.changed.connect(self.refresh)
        session.overviews.changed.connect(self.refresh)
        self.refresh()

    def _found(self, result: Prediction) -> None:
        """Labels to choose from, by their numbers; background stands for all others."""
        self.label.clear()
        self.label.addItems(["All labels", *(capital(name) for name in result.labels[1:])])
        self.refresh()

    def _show(self, at: int | None, checked: bool = False) -> None:
        found = self._session.overviews.of("boxplot")
        if found is not None and found.median is not None:
            self._session.walk.show(found.median if at is None else found.outliers[at])

    def refresh(self) -> None:
        """Show the legends of what is on show, and who is unlike the others."""
        session, overviews = self._session, self._session.overviews
        contours = overviews.of("contours")
        missing = "" if contours is None else missing_line(contours.highest, contours.noun)
        # The lines have their legend on the picture.
        more = bool(overviews.wanted - {"contours"}) or bool(missing) or self.label.count() > 2
        self.setVisible(bool(overviews.wanted) and more and session.result is not None)
        self.setEnabled(not session.stale)
        self.label.setVisible(self.label.count() > 2)
        self.label.setCurrentIndex(overviews.label or 0)
        say(self.missing, missing)
        probable = overviews.of("probability")
        self.probability.setVisible("probability" in overviews.wanted)
        draws, noun = (None, "") if probable is None else (probable.draws, probable.noun)
        self.probability.setToolTip(probability_tip(draws, noun))
        votes = draws if noun else None
        self.probability.setText(SCALE if votes is None else votes_scale(votes))
        self.boxplot.setVisible("boxplot" in overviews.wanted)
        self._show_unlike()

    def _show_unlike(self) -> None:
        overviews = self._session.overviews
        found, current = overviews.of("boxplot"), overviews.current("boxplot")
        wanted = "boxplot" in overviews.wanted
        outliers: tuple[Choice, ...] = ()
        words = "Comparing hypotheses…" if wanted else ""
        if found is not None and current:
            outliers = found.outliers
            what = "hypothesis" if found.median is None or found.median.member is None else "member"
            words = unlike_line([_number(one) for one in outliers], found.draws or 0, what)
        say(self.unlike, words)
        self.median.setVisible(wanted)
        self.median.setEnabled(current)
        for one, choice in zip(self.buttons, (*outliers, *[None] * _BUTTONS), strict=False):
            one.setVisible(choice is not None)
            if choice is not None:
                one.setText(str(_number(choice)))
                one.setToolTip(f"Show {_named(choice)}")
                one.setAccessibleName(one.toolTip())
        rest = outliers[_BUTTONS:]
        self.more.setVisible(bool(rest))
        self.menu.clear()
        for at, choice in enumerate(rest, start=_BUTTONS):
            self.menu.addAction(capital(_named(choice)), partial(self._show, at))


def _number(choice: Choice) -> int:
    """Of a draw or a member, from 1."""
    return (choice.member if choice.member is not None else choice.sample or 0) + 1


def _named(choice: Choice) -> str:
    return f"{'hypothesis' if choice.member is None else 'member'} {_number(choice)}"


def _legend(entries: list[tuple[str, str, str]]) -> QLabel:
    """One line of signs in their tone, each with its words."""
    made = QLabel()
    made.setTextFormat(Qt.TextFormat.RichText)
    made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    made.setText(
        "&nbsp; ".join(
            f'<span style="background-color:{BACK}; color:{tone}">&nbsp;{sign}&nbsp;</span>'
            f"&nbsp;{words}"
            for tone, sign, words in entries
        )
    )
    return made
