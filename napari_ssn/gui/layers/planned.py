"""What is drawn of a result in a plane: one list, for the picture and for the planes beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_ssn.geometry.contours import box_edges
from napari_ssn.gui.layers import colours
from napari_ssn.gui.layers.copy_lines import CopyLines
from napari_ssn.gui.layers.scene import Scene
from napari_ssn.gui.layers.strokes import BOLD, Band, Stroke
from napari_ssn.session import Plane, Session
from napari_ssn.text.overview import LOOKED_AT, ON_SHOW, PEOPLE, WAYS, calipers_line
from napari_ssn.text.sizes import capital

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction

#: What lines tell of: where the model looked, a direction before it is walked, what shares of all
#: hold, and of several people, a sample or a kept hypothesis, diameters, the hypothesis on show.
Kind = Literal["box", "ahead", "shares", "people", "copy", "calipers", "walk"]


@dataclass(frozen=True, eq=False)
class Planned:
    """Lines that are to be drawn, made when somebody asks for them.

    Attributes:
        kind: what they tell of.
        cause: what they follow from: while it is equal the lines are the same.
        made: makes them.
        kept: has to live for as long as somebody remembers the cause, which may hold its id.
    """

    kind: Kind
    cause: Any
    made: Callable[[], Sequence[Stroke]]
    kept: Any


class Plan:
    """Of one plane after another. Main thread only.

    Lines of a hypothesis are there while its layer's eye is open, and those of shares and diameters
    with the one that follows the slider.

    Args:
        scene, session: the result and its layers.
    """

    def __init__(self, scene: Scene, session: Session) -> None:
        self._scene, self._session = scene, session
        self._copies = CopyLines(scene, session)

    @property
    def _walking(self) -> bool:
        walking = self._scene.walking
        return walking is not None and walking.visible

    def lines(self, result: Prediction, plane: Plane) -> Iterator[Planned]:
        """All lines in a plane of the source's grid, in the order in which they are drawn.

        Args:
            result: the present one.
            plane: index of its source's grid, None along the axes that lie in it.
        """
        look, grey = self._scene.look, self._scene.grey
        # What belongs to the place that is chosen now is not said of another one's result.
        ahead = not grey and any(self._session.effect.ways)
        if not grey:
            yield self._box(result, plane)
        if ahead:
            yield self._ahead(result, plane)
        # Who looks ahead, or compares, looks at this alone, and at where they stand.
        alone = ahead or self._session.comparing.other is not None
        if look.lines and not alone and (self._walking or self._scene.walking is None):
            yield from self._shares(plane)
        if look.lines and not alone and not grey:
            yield from self._people(plane)
        if look.lines and not ahead:
            yield from self._others(plane)
        if look.calipers and not alone and self._walking:
            yield from self._calipers(result, plane)
        if look.lines and self._walking:
            yield self._walk(result, plane)

    def swept(self, result: Prediction, plane: Plane) -> tuple[Band, ...]:
        """From where the border was when the slider was taken hold of to where it is now."""
        if not self._walking or not self._scene.look.lines:
            return ()
        return tuple(
            Band(corners, result.card.labels[label].colour)
            for label, corners in self._session.borders.of_band(plane).items()
            if len(corners)
        )

    def forget(self) -> None:
        """Find all anew: it is of another result."""
        self._copies.forget()

    def close(self) -> None:
        """Let go of the layers."""
        self._copies.close()

    def _box(self, result: Prediction, plane: Plane) -> Planned:
        """Edges of the region that the model looked at, where it is but a part of the plane."""

        def made() -> list[Stroke]:
            frame = self._scene.frame
            assert frame is not None
            start, space = result.dist.start or (), result.dist.space
            edges = box_edges(start, space, frame.display.image_space, plane)
            return [Stroke(edges, colours.REGION, words=LOOKED_AT)] if edges else []

        return Planned("box", (id(result), plane), made, result)

    def _ahead(self, result: Prediction, plane: Plane) -> Planned:
        """Where the border would run on a direction that somebody looks at before they walk it."""
        session, ways = self._session, self._session.effect.ways

        def made() -> Iterator[Stroke]:
            for choices, colour, words in zip(ways, colours.WAYS, WAYS, strict=True):
                for number, choice in enumerate(choices):
                    found = session.borders.of_choice(choice, plane).values()
                    lines = [one for each in found for one in each]
                    yield Stroke(lines, colour, words="" if number else words)

        return Planned("ahead", (id(result), ways, plane), lambda: [*made()], result)

    def _shares(self, plane: Plane) -> Iterator[Planned]:
        """Inner, median and outer line."""
        grey, found = self._scene.grey, self._session.borders.of_shares(plane)
        if not found:
            return
        said = self._session.overviews.shares

        def made() -> list[Stroke]:
            tones = colours.GREYS if grey else colours.TONES
            return [
                Stroke(lines, tone, words=words)
                for lines, tone, words in zip(found, tones, said, strict=True)
            ]

        # The lines are the same object while they are the same lines.
        yield Planned("shares", (id(found), grey), made, found)

    def _people(self, plane: Plane) -> Iterator[Planned]:
        """Around what any, at least half and all of several people outlined."""
        found = self._session.readers.lines(plane)
        if not found:
            return

        def made() -> list[Stroke]:
            people = zip(found, colours.PEOPLE, PEOPLE, strict=True)
            return [Stroke(lines, tone, words=words) for lines, tone, words in people]

        yield Planned("people", id(found), made, found)

    def _others(self, plane: Plane) -> Iterator[Planned]:
        """Samples and kept hypotheses, each in a colour of its own, and the one compared with."""
        for one in self._copies.of(plane):
            yield Planned("copy", id(one), lambda one=one: [one], one)  # type: ignore[misc]

    def _calipers(self, result: Prediction, plane: Plane) -> Iterator[Planned]:
        """Longest diameter and that across it of the hypothesis on show, where they lie."""
        grey, found = self._scene.grey, self._session.summary.diameters
        if found is None:
            return

        def made() -> list[Stroke]:
            labels, measure = result.card.labels, result.measure
            return [
                Stroke(
                    [np.array(one.ends), np.array(one.across)],
                    colours.GREY if grey else colours.CALIPERS,
                    words=calipers_line(label.name if len(labels) > 2 else "", measure, one),
                )
                for label, one in zip(labels[1:], found, strict=True)
                if one.longest and _lies_in((*one.ends, *one.across), plane)
            ]

        yield Planned("calipers", (id(found), plane, grey), made, found)

    def _walk(self, result: Prediction, plane: Plane) -> Planned:
        """The hypothesis on show, bold, in its labels' colours."""
        session, grey = self._session, self._scene.grey
        lesions = session.walk.lesions

        def made() -> list[Stroke]:
            labels = result.card.labels
            return [
                Stroke(
                    lines,
                    colours.GREY if grey else labels[label].colour,
                    BOLD,
                    capital(labels[label].name) if len(labels) > 2 else ON_SHOW,
                )
                for label, lines in session.borders.of_walk(plane).items()
            ]

        key = (id(result), session.walk.choice, id(lesions), plane, grey)
        return Planned("walk", key, made, (result, lesions))


def line_signals(scene: Scene, session: Session) -> tuple[Any, ...]:
    """After which other lines are planned, or the same in other colours."""
    return (
        session.changed,
        session.walk.moved,
        session.overviews.changed,
        session.effect.changed,
        session.readers.changed,
        session.summary.across.changed,
        scene.redrawn,
        scene.copies.touched,
    )


def _lies_in(points: Sequence[Sequence[float]], plane: Plane) -> bool:
    """Whether points of the source's grid all lie in a plane of it."""
    return all(at is None or point[axis] == at for point in points for axis, at in enumerate(plane))
