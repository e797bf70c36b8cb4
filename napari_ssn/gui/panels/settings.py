"""The second tab: what most people never change."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QSlider

from napari_ssn.gui.layers.scene import Look, Scene
from napari_ssn.gui.panels.spread import SpreadPanel
from napari_ssn.gui.widgets.parts import Section, combo, row, spin, text
from napari_ssn.prediction.wish import FEWEST, MOST, Kind
from napari_ssn.session import Session

_DEVICES = (
    ("Automatic", "auto"),
    ("CPU", "cpu"),
    ("GPU (CUDA)", "cuda"),
    ("GPU (Apple)", "mps"),
)
_OVERVIEWS: tuple[tuple[Kind, str, str], ...] = (
    (
        "contours",
        "Inner, median and outer contours",
        "What at least 95, 50 and 5 % of the hypotheses hold",
    ),
    ("probability", "Probability map", "How likely each voxel belongs, from 0 to 1"),
    (
        "boxplot",
        "Boxplot, and samples unlike the others",
        "The hypothesis in the middle of all others, the half around it, and outliers by number",
    ),
)
_DIRECTIONS = (
    ("What changes most", "label-weighted", "By how much of the outline they move; the default"),
    ("One place each", "varimax", "The same, turned so that each moves few places (varimax)"),
    (
        "Principal components",
        "plain",
        "By how much the model's numbers vary, also where no label ever changes",
    ),
)


class SettingsPanel(Section):
    """Device, numbers, and how outlines are drawn. Each takes effect at once."""

    def __init__(self, scene: Scene, session: Session) -> None:
        super().__init__("", ruled=False)
        self._scene, self._session = scene, session
        settings, look = session.settings, scene.look
        self.device = combo("Where the model runs; automatic takes the fastest device found")
        for words, value in _DEVICES:
            self.device.addItem(words, value)
        self.device.setCurrentIndex(self.device.findData(settings.device))
        self.samples = spin(1, 200, settings.samples, "How many samples previous and next show")
        self.cards = spin(
            FEWEST, MOST, settings.cards, "Hypotheses at most that are shown to stand for all"
        )
        self.hypotheses = spin(
            100, 10_000, settings.hypotheses, "Hypotheses drawn to state a range; more is steadier"
        )
        self.hypotheses.setSingleStep(100)
        self.reach = QDoubleSpinBox()
        self.reach.setRange(1, 5)
        self.reach.setSingleStep(0.5)
        self.reach.setDecimals(1)
        self.reach.setSuffix(" σ")
        self.reach.setValue(settings.reach)
        self.reach.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.reach.setToolTip("How far the boundary slider goes either way")
        self.directions = combo("How the directions of the boundary slider are chosen")
        for words, value, tip in _DIRECTIONS:
            self.directions.addItem(words, value)
            self.directions.setItemData(
                self.directions.count() - 1, tip, Qt.ItemDataRole.ToolTipRole
            )
        self.spread = SpreadPanel(session)
        self.outline = QCheckBox("Outlines only")
        self.outline.setChecked(look.outline)
        self.width = spin(1, 10, look.width, "Width of an outline, in pixels of the image")
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(5, 100)
        self.opacity.setValue(round(100 * look.opacity))
        self.opacity.setToolTip("Opacity of outlines (A and D change it for the one on show)")
        # Not by default: outlines of single hypotheses are understood at once.
        self.shown: dict[Kind, QCheckBox] = {}
        for kind, words, tip in _OVERVIEWS:
            box = self.shown[kind] = QCheckBox(words)
            box.setToolTip(tip)
            box.toggled.connect(partial(session.overviews.show, kind))
        session.overviews.changed.connect(self._show_wanted)
        self._fill()
        self.device.activated.connect(self._configure)
        self.directions.activated.connect(self._turn)
        session.walk.moved.connect(self.follow)
        for box in (self.cards, self.samples, self.hypotheses, self.reach):
            box.setKeyboardTracking(False)
            box.valueChanged.connect(self._configure)
        self.outline.toggled.connect(self._draw)
        self.width.valueChanged.connect(self._draw)
        self.opacity.valueChanged.connect(self._draw)

    def _fill(self) -> None:
        for title, rows in (
            ("Computing", [("Device", self.device), ("Hypotheses for the range", self.hypotheses)]),
            (
                "Hypotheses",
                [("Cards at most", self.cards), ("Samples to step through", self.samples)],
            ),
            (
                "Boundary slider",
                [("Directions", self.directions), ("Reaches", self.reach)],
            ),
            ("Display", [("Outline width", self.width), ("Opacity", self.opacity)]),
            ("All hypotheses together", []),
        ):
            section = Section(title, ruled=title != "Computing")
            if title == "Display":
                section.body.addWidget(self.outline)
            if title == "All hypotheses together":
                for box in self.shown.values():
                    section.body.addWidget(box)
            for words, control in rows:
                label = text(words, "", wrap=False)
                # Words need more room than numbers.
                widths = (2, 3) if control is self.directions else (3, 2)
                section.body.addLayout(row([(label, widths[0]), (control, widths[1])]))
            self.body.addWidget(section)
            if title == "Boundary slider":
                self.body.addWidget(self.spread)
        self.body.addWidget(
            text("Ranges and samples follow at once; the device counts from the next run.", "muted")
        )
        self.body.addStretch(1)

    def _configure(self) -> None:
        self._session.configure(
            replace(
                self._session.settings,
                device=self.device.currentData(),
                hypotheses=self.hypotheses.value(),
                samples=self.samples.value(),
                reach=self.reach.value(),
                cards=self.cards.value(),
            )
        )

    def _show_wanted(self) -> None:
        """Their layers can be deleted, too."""
        for kind, box in self.shown.items():
            box.blockSignals(True)
            box.setChecked(kind in self._session.overviews.wanted)
            box.blockSignals(False)

    def _turn(self) -> None:
        self._session.walk.turn(self.directions.currentData())

    def follow(self) -> None:
        """Show how the directions are chosen that the session walks."""
        at = self.directions.findData(self._session.walk.choice.basis)
        if at != self.directions.currentIndex():
            self.directions.setCurrentIndex(at)

    def _draw(self) -> None:
        self.width.setEnabled(self.outline.isChecked())
        self._scene.set_look(
            Look(self.outline.isChecked(), self.width.value(), self.opacity.value() / 100)
        )
