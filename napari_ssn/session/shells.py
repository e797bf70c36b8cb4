"""The surface in space beyond which hardly any hypothesis goes, while somebody looks at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_ssn import prediction
from napari_ssn.errors import Cancel
from napari_ssn.session.derived import Derived
from napari_ssn.session.overview import Overviews
from napari_ssn.session.part import SessionPart
from napari_ssn.session.runner import Runner

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.overview import Overview
    from napari_ssn.prediction.prediction import Prediction

    Of = tuple[Prediction, Overview]
    Found = tuple[NDArray[np.float64], NDArray[np.int64]]


class Shells(SessionPart):
    """Finds it of the present result, and anew whenever the lines of shares are others.

    Attributes:
        found: of `prediction.shells.outer_shell`, and the overview that it follows from.

    Args:
        runner: finds it.
        overviews: what shares of many hold.
        failed: is told, in one sentence, when it cannot be found.
    """

    def __init__(self, runner: Runner, overviews: Overviews, failed: Callable[[str], None]) -> None:
        self._overviews = overviews
        self._wanted = False
        self.found: Derived[Of, Found] = Derived(runner, "shell", _made, failed)
        overviews.changed.connect(self._follow)

    def show(self, on: bool) -> None:
        """Somebody looks at it from now on, or no longer."""
        self._wanted = on
        self._follow()

    @property
    def shell(self) -> Found | None:
        """Corners on the source's grid and triangles; the former ones while others are found."""
        return self.found.value if self._wanted else None

    def _follow(self) -> None:
        result, overview = self._result, self._overviews.of("contours")
        if not self._wanted or result is None or overview is None or overview.tally is None:
            return
        if overview.wish.run == result.run and overview.tally.ndim == 3:
            self.found.want((result, overview))


def _made(of: Of, cancel: Cancel) -> Found:
    return prediction.shells.outer_shell(*of, cancel)
