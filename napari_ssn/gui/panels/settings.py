"""The second tab: what most people never change."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import cast

from napari_ssn.core.kinds import DirectionKind
from napari_ssn.gui.layers.look import Look
from napari_ssn.gui.layers.scene import Scene
from napari_ssn.gui.panels.computer import ComputerPanel
from napari_ssn.gui.panels.spread import SpreadPanel
from napari_ssn.gui.widgets.forms import Form, lay_out
from napari_ssn.gui.widgets.parts import Block, text
from napari_ssn.prediction.wish import KINDS
from napari_ssn.session import Session
from napari_ssn.text.directions import KIND_WORDS
from napari_ssn.text.dock import WHEN_SETTINGS_COUNT
from napari_ssn.text.forms import asked

_SLIDER, _COMPUTING = "Boundary slider", "Computing"
_together = partial(asked, False, section="All hypotheses together")


@dataclass(frozen=True)
class Walking:
    """What of the slider's walk stands in the settings."""

    directions: str = asked(
        "label-weighted",
        "Directions",
        "How the directions of the boundary slider are chosen",
        choices=tuple((one.name, kind) for kind, one in KIND_WORDS.items()),
        tips={kind: one.tip for kind, one in KIND_WORDS.items()},
        section=_SLIDER,
    )


@dataclass(frozen=True)
class Together:
    """What of all hypotheses is shown: at first lines alone; a heat map changes no decision."""

    contours: bool = _together(
        "Inner, median and outer lines",
        "Around what 95, 50 and 5 % of the hypotheses that outline anything hold at least",
    )
    probability: bool = _together("Probability map", "How likely each voxel belongs, from 0 to 1")
    boxplot: bool = _together(
        "Boxplot, and unusual samples",
        "The hypothesis in the middle of all others, the half around it, and outliers by number",
    )


class SettingsPanel(Block):
    """Device, numbers, and how outlines are drawn. Each takes effect at once."""

    def __init__(self, scene: Scene, session: Session) -> None:
        super().__init__()
        self._scene, self._session = scene, session
        self._walking = Form(Walking(), self._turn)
        self._look = Form(scene.look, self._draw)
        self._numbers = Form(session.settings, session.configure)
        self._together = Form(self._wanted, self._show)
        forms = (self._numbers, self._walking, self._look, self._together)
        sections = lay_out(forms, self.body)
        #: Qt's control of each field.
        self.boxes = {name: box for form in forms for name, box in form.items()}
        for name in ("outline", "width"):
            self.boxes[name].setEnabled(not scene.look.lines)
        self.computer = ComputerPanel(session)
        # Above the device, which is this computer's.
        sections[_COMPUTING].body.insertWidget(1, self.computer)
        self.spread = SpreadPanel(session)
        self.body.insertWidget(self.body.indexOf(sections[_SLIDER]) + 1, self.spread)
        self.body.addWidget(text(WHEN_SETTINGS_COUNT, "muted"))
        self.body.addStretch(1)
        session.changed.connect(self._show_numbers)
        session.overviews.changed.connect(self._show_wanted)
        session.walk.moved.connect(self.follow)

    def _turn(self, wish: Walking) -> None:
        self._session.walk.turn(cast("DirectionKind", wish.directions))

    def _show(self, wish: Together) -> None:
        for kind in KINDS:
            self._session.overviews.show(kind, getattr(wish, kind))

    @property
    def _wanted(self) -> Together:
        wanted = self._session.overviews.wanted
        return Together(**{kind: kind in wanted for kind in KINDS})

    def _show_numbers(self) -> None:
        """A study brings its own."""
        if self._numbers.value != self._session.settings:
            self._numbers.show(self._session.settings)

    def _show_wanted(self) -> None:
        """Their layers can be deleted, too."""
        self._together.show(self._wanted)

    def follow(self) -> None:
        """Show how the directions are chosen that the session walks."""
        self._walking.show(Walking(self._session.walk.choice.basis))

    def _draw(self, look: Look) -> None:
        self.boxes["outline"].setEnabled(not look.lines)
        self.boxes["width"].setEnabled(look.outline and not look.lines)
        self.boxes["contours"].setEnabled(look.lines)
        self._scene.set_look(look)
