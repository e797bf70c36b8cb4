"""What pint knows of units, read beside the window: napari has it read when the first layer comes.

That takes a third of a second, in which the window would stand still.
"""

from __future__ import annotations

from typing import Any

import pint
from pint.registry import LazyRegistry


def known() -> pint.UnitRegistry[Any]:
    """All units, as pint itself has them read when somebody asks for one. In any thread."""
    return pint.UnitRegistry(on_redefinition="raise")


def take(registry: pint.UnitRegistry[Any]) -> None:
    """Have pint use a registry of `known`, if nobody has asked for a unit yet. Main thread only.

    Whoever has is left with theirs: units of two registries have nothing to do with each other.
    """
    if not ready():
        pint.set_application_registry(registry)  # type: ignore[no-untyped-call]


def ready() -> bool:
    """Whether units can be asked for at once, in any thread: pint reads them in one alone."""
    application = pint.get_application_registry()  # type: ignore[no-untyped-call]
    return type(application.get()) is not LazyRegistry
