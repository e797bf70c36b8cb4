"""The layer of the hypothesis that the one on show is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from napari.layers import Labels
from napari.viewer import Viewer

from napari_ssn.gui.layers import colours
from napari_ssn.gui.layers import results as layers
from napari_ssn.gui.layers.frame import ResultFrame
from napari_ssn.prediction.choice import Choice
from napari_ssn.session import Session


class Compared:
    """Shows it while a comparison lasts.

    Attributes:
        layer: None while nothing is compared.

    Args:
        viewer: where it is.
        session: says what is compared.
        add: adds a layer of ours under what moves.
    """

    def __init__(self, viewer: Viewer, session: Session, add: Callable[[Labels], None]) -> None:
        self._viewer, self._session, self._add = viewer, session, add
        self.layer: Labels | None = None

    def refresh(self, frame: ResultFrame) -> None:
        """Show the other hypothesis, or take it away.

        Args:
            frame: where the result lies.
        """
        result, comparing = self._session.result, self._session.comparing
        if comparing.other is None or result is None:
            if self.layer is not None:
                self._viewer.layers.remove(self.layer)
            return
        found = comparing.found
        if found is None:
            return
        data = frame.shown(found.label_map)
        if self.layer is None:
            self.layer = layers.label_layer(layers.COMPARED, data, frame.transform, {})
            self.layer.colormap = colours.one_colour(result.dist.classes, colours.PLAIN)
            self._add(self.layer)
            self.layer.editable = False
        elif self.layer.metadata.get("other") != found.other:
            self.layer.data = data
        self.layer.metadata["other"] = found.other

    def drawn(self) -> Iterator[tuple[Labels, Choice, str]]:
        """The layer with the hypothesis that it is, and its colour, where there is one."""
        other = self._session.comparing.other
        if self.layer is not None and other is not None:
            yield self.layer, other, colours.PLAIN
