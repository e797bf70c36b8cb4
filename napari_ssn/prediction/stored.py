"""Predictions and choices as a study keeps them; `restored` is the way back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from weakref import WeakKeyDictionary

from napari_ssn.core.begun.awaiting import Awaiting
from napari_ssn.core.directions.effects import Effect
from napari_ssn.core.directions.principal import Directions
from napari_ssn.core.members import Members
from napari_ssn.documents import study as kept
from napari_ssn.documents.chosen import Point
from napari_ssn.documents.study import Piece
from napari_ssn.geometry.arrays import Arrays
from napari_ssn.io.pieces import encode_piece
from napari_ssn.prediction import kept_members
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.given import EDGE_SHARE
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.record import adjudicated_of, conditions_of, run_of, spread_of


class Pieces:
    """Arrays of what is stored, each encoded and hashed once for as long as it lives.

    Attributes:
        makers: bytes of each piece by its sha256, made when they are wanted.
    """

    def __init__(self) -> None:
        self.makers: dict[str, Callable[[], bytes | bytearray]] = {}
        self._known: WeakKeyDictionary[object, Piece] = WeakKeyDictionary()

    def put(self, owner: object, arrays: Callable[[], Arrays]) -> Piece:
        """The piece of some arrays.

        Args:
            owner: whose they are, and of which they are all; never changed.
            arrays: gives them, now and whenever they are written.
        """
        piece = self._known.get(owner)
        if piece is None:
            piece = self._known[owner] = encode_piece(arrays())[0]
        self.makers[piece.sha256] = lambda: encode_piece(arrays())[1]
        return piece


def store(
    prediction: Prediction, choice: Choice, image: int, pieces: Pieces, hypotheses: list[kept.Kept]
) -> kept.Result:
    """What a study keeps of a prediction.

    Args:
        prediction: it.
        choice: on show.
        image: place of its image among those of the study.
        pieces: take its arrays.
        hypotheses: that somebody kept.
    """
    # With another spread the same numbers are made again from those of the run.
    dist, residual = (prediction.origin or prediction).dist, prediction.residual
    reach, piece = None, partial(pieces.put, dist, dist.numbers)
    if isinstance(dist, Awaiting) and not dist.whole:
        # Nobody who works, or leaves, waits for what is on its way.
        reach, piece = dist.reach, partial(pieces.put, dist.later, dist.first)
    return kept.Result(
        image=image,
        run=run_of(prediction).model_copy(update={"dicom": None}),
        card=prediction.card,
        distribution=kept.Distribution(
            form=dist.form,
            piece=piece(),
            classes=dist.classes,
            rank=dist.rank,
            space=list(dist.space),
            affine=dist.affine.tolist(),
            start=list(dist.start),
            image_space=list(dist.image_space),
            presence=dist.presence,
            reach=reach,
        ),
        directions=[
            _stored_directions(prediction.bases.known(kind), pieces)
            for kind in prediction.bases.kinds
        ],
        spread=spread_of(prediction),
        correction=None
        if residual is None
        else kept.Correction(
            length_mm=residual.length_mm,
            amplitude=residual.amplitude,
            chance=residual.chance,
            edge_share=EDGE_SHARE,
        ),
        tolerance=prediction.tolerance,
        slip=prediction.slip,
        distance=prediction.distance,
        members=_stored_members(prediction.members, pieces),
        shown=chosen(choice),
        kept=hypotheses,
    )


def image_of(prediction: Prediction, pixels: Piece | None = None) -> kept.Image:
    """What a study keeps of a prediction's image; ``pixels`` where they are kept too."""
    source = prediction.source
    return kept.Image(
        sha256=prediction.image_sha256,
        space=list(source.space),
        channels=source.channels,
        affine=source.affine.tolist(),
        extent=source.extent,
        oriented=source.oriented,
        frame=None if source.frame is None else source.frame + 1,
        ct=source.ct,
        units=source.units,
        modality=source.declared.modality,
        weighting=source.declared.weighting,
        pixels=pixels,
    )


def chosen(choice: Choice) -> kept.Chosen:
    """A choice as a study has it."""
    points = [Point(index=list(one.index), label=one.label) for one in choice.points]
    values = {**vars(choice), "own": list(choice.own), "points": points}
    values["only"] = conditions_of(choice) or []
    if (drawing := choice.drawing) is not None:
        values["drawing"] = kept.Nearest(
            z=list(drawing.z),
            sha256=drawing.sha256,
            tolerance=drawing.tolerance,
            length_mm=drawing.length_mm,
            adjudicated=adjudicated_of(drawing),
        )
    return kept.Chosen(**values)


def _stored_members(members: Members | None, pieces: Pieces) -> Piece | None:
    if members is None:
        return None
    return pieces.put(members, lambda: kept_members.arrays_of(members))


def _stored_directions(found: Directions, pieces: Pieces) -> kept.Directions:
    return kept.Directions(
        kind=found.kind,
        piece=pieces.put(found, lambda: {"basis": found.basis, "share": found.share}),
        effects=[_stored_effect(one) for one in found.effects],
    )


def _stored_effect(effect: Effect) -> kept.Effect:
    values = {**vars(effect), "others": tuple(map(_stored_effect, effect.others))}
    values["side"] = tuple(map(float, effect.side))
    return kept.Effect(**values)
