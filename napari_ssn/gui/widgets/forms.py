"""Forms from typed models: magicgui makes a control of each field of a dataclass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from typing import Any, Generic, TypeVar, get_type_hints

from magicgui.widgets import create_widget
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_ssn.gui.widgets.parts import Section, line, row, with_dots
from napari_ssn.gui.widgets.wheel import unturned

Model = TypeVar("Model")

# What magicgui is told of a control; the rest is for us.
_OPTIONS = ("min", "max", "step", "choices", "widget_type")


class Form(Generic[Model]):
    """Controls for the fields of a frozen dataclass, each with its words (`text.forms.asked`).

    Args:
        model: what the controls show to begin with.
        changed: is given the model as a person has changed it.
    """

    def __init__(self, model: Model, changed: Callable[[Model], Any]) -> None:
        self._model, self._changed, self._told = model, changed, True
        kind: Any = type(model)
        types = get_type_hints(kind)
        self._how = {one.name: one.metadata for one in fields(kind) if "title" in one.metadata}
        self._made: dict[str, Any] = {}
        for name, how in self._how.items():
            options = {key: how[key] for key in _OPTIONS if key in how}
            made = create_widget(getattr(model, name), types[name], name, options=options)
            _finish(made.native, how)
            made.changed.connect(self._tell)
            self._made[name] = made

    def __getitem__(self, name: str) -> Any:
        """Qt's own control of a field."""
        native = self._made[name].native
        # A slider lies beside its number.
        return native.findChild(QSlider) or native

    def items(self) -> Iterator[tuple[str, Any]]:
        """Each field and Qt's control of it."""
        return ((name, self[name]) for name in self._made)

    @property
    def value(self) -> Model:
        """The model as the controls show it."""
        values = {name: made.value for name, made in self._made.items()}
        return replace(self._model, **values)  # type: ignore[type-var]

    def show(self, model: Model) -> None:
        """Let the controls show another model, which nobody is told of."""
        self._model, self._told = model, False
        for name, made in self._made.items():
            if made.value != getattr(model, name):
                made.value = getattr(model, name)
        self._told = True

    def offer(self, name: str, choices: Sequence[Any], value: Any) -> None:
        """Let a field be chosen among others, and show one of them; nobody is told."""
        self._told = False
        self._made[name].choices = tuple(choices)
        self._made[name].value = value
        self._told = True

    def _tell(self) -> None:
        if self._told:
            self._model = self.value
            self._changed(self._model)

    def rows(self) -> Iterator[tuple[str, QHBoxLayout]]:
        """Each field's section and its row: a name and the control."""
        for name, made in self._made.items():
            how, control = self._how[name], made.native
            if isinstance(control, QCheckBox):
                # Room to the right: Qt leaves words a pixel too few beside a box with an edge.
                yield how.get("section", ""), row([(control, 1)])
                continue
            words = line()
            words.setText(how["title"])
            words.setToolTip(how["title"].strip())
            # Words need more room than numbers.
            widths = (2, 3) if isinstance(control, QComboBox | QLineEdit) else (3, 2)
            yield how.get("section", ""), row([(words, widths[0]), (control, widths[1])])


def lay_out(forms: Iterable[Form[Any]], body: QVBoxLayout) -> dict[str, Section]:
    """Fields of several forms below each other, in sections by their titles; those by title."""
    sections: dict[str, Section] = {}
    for form in forms:
        for title, one in form.rows():
            if title not in sections:
                sections[title] = Section(title, ruled=bool(sections) and bool(title))
                body.addWidget(sections[title])
            sections[title].body.addLayout(one)
    return sections


def _finish(control: QWidget, how: Any) -> None:
    """Give a control of magicgui's the words and the manners of this window."""
    for part in (control, *control.findChildren(QWidget)):
        if part.focusPolicy() != Qt.FocusPolicy.NoFocus and not part.accessibleName():
            part.setAccessibleName(how["title"].strip())
    unturned(control).setToolTip(how["tooltip"] or how["title"].strip())
    if isinstance(control, QAbstractSpinBox):
        # One change for a number typed, not one for each of its digits.
        control.setKeyboardTracking(False)
        control.setAlignment(Qt.AlignmentFlag.AlignRight)
        control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        if "suffix" in how:
            control.setSuffix(how["suffix"])
        if "decimals" in how:
            control.setDecimals(how["decimals"])
        if "unset" in how:
            control.setSpecialValueText(how["unset"])
            control.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        return
    # Letters typed after a choice are keys of the window, not a search in the list.
    (control.findChild(QSlider) or control).setFocusPolicy(Qt.FocusPolicy.TabFocus)
    if isinstance(control, QCheckBox):
        control.setText(how["title"])
    if isinstance(control, QComboBox):
        with_dots(control).setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        for at in range(control.count()):
            tip = how.get("tips", {}).get(control.itemData(at), "")
            control.setItemData(at, tip, Qt.ItemDataRole.ToolTipRole)
