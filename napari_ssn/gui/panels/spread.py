"""How far apart the hypotheses lie, overall and label by label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, make_dataclass
from typing import TYPE_CHECKING, Any

from napari_ssn.core.spread import Spread
from napari_ssn.gui.widgets.forms import Form, lay_out
from napari_ssn.gui.widgets.parts import Block, Section, button, text
from napari_ssn.session import Session
from napari_ssn.text.dock import OWN_SPREAD
from napari_ssn.text.forms import asked
from napari_ssn.text.sizes import capital

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction

_OVERALL_TIP = "How far from the mean all hypotheses lie; 0 is the mean alone"
_LABEL_TIP = "How far this label's own part of the uncertainty reaches"


def _factors(names: Sequence[str]) -> Any:
    """Model of the factors: overall, then one for each name; the background's is the last."""
    how: dict[str, Any] = {"min": 0, "max": 3, "step": 0.1, "decimals": 2, "suffix": " ×"}
    rows = [("Overall", _OVERALL_TIP), *((f"    {capital(name)}", _LABEL_TIP) for name in names)]
    return make_dataclass(
        "Factors",
        [(f"factor_{k}", float, asked(1.0, *words, **how)) for k, words in enumerate(rows)],
        frozen=True,
    )


class SpreadPanel(Section):
    """A factor for all labels and one for each; every hypothesis follows at once."""

    def __init__(self, session: Session) -> None:
        self.reset = button("Reset", "Back to the spread that the model has learnt", "small")
        super().__init__("Spread of the hypotheses", beside=(self.reset,))
        self._session = session
        self._place = Block()
        self.below(self._place, text(OWN_SPREAD, "muted"))
        self._rows: Block | None = None
        self._ask(())
        # Of which result there are boxes.
        self._run: int | None = None
        self.reset.clicked.connect(self._reset)
        session.found.connect(self._found)
        session.changed.connect(self.refresh)
        self.refresh()

    def _found(self, result: Prediction) -> None:
        # Of two labels the mean of both factors counts: a second one would say the same.
        names = result.labels if len(result.labels) > 2 else ()
        self._ask((*names[1:], *names[:1]))

    def _ask(self, names: Sequence[str]) -> None:
        """A box for all, and one for each name."""
        if self._rows is not None:
            self._rows.deleteLater()
        self._rows = Block()
        self._place.below(self._rows)
        self._model = _factors(names)
        self._form: Form[Any] = Form(self._model(), self._changed)
        lay_out((self._form,), self._rows.body)
        self.overall, *boxes = (box for _, box in self._form.items())
        # By their numbers, the background first.
        self.per_label = [*boxes[-1:], *boxes[:-1]]

    def _changed(self, factors: Any) -> None:
        overall, *each = astuple(factors)
        self._session.set_spread(Spread(overall, (*each[-1:], *each[:-1])))

    def _reset(self) -> None:
        self._show(Spread())
        self._session.set_spread(Spread())

    def refresh(self) -> None:
        """Show whether there is anything to spread, and how far it is if that is another run's."""
        result = self._session.result
        self.setEnabled(result is not None and not self._session.stale)
        if result is not None and result.run != self._run:
            self._run = result.run
            self._show(result.spread)

    def _show(self, spread: Spread) -> None:
        each = spread.per_label or (1.0,) * len(self.per_label)
        self._form.show(self._model(spread.overall, *each[1:], *each[:1]))
