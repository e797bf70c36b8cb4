"""Cards from a result to their thumbnails, before and after a point."""

from __future__ import annotations

import numpy as np

from benchmarks.timing import median
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.given.residual import Residual
from napari_ssn.documents.card import Label, ModelCard
from napari_ssn.geometry.volume import Volume
from napari_ssn.prediction.cards import deal_cards
from napari_ssn.prediction.choice import Point
from napari_ssn.prediction.given import Given
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.source import Source
from napari_ssn.prediction.wish import CARDS, DRAWS

_COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442")


def cards(dist: Decodable, card: ModelCard, volume: Volume, name: str) -> list[str]:
    """Deal the cards of a distribution, and deal them anew after a point on its boundary."""
    labels = [Label(name="background", colour="#000000"), *(
        Label(name=f"label {k}", colour=_COLOURS[k - 1]) for k in range(1, dist.classes)
    )]  # fmt: skip
    result = Prediction(
        run=1,
        source=Source(1, dist.space, 1, dist.affine, "volume", True, lambda: volume),
        card=card.model_copy(update={"labels": labels}),
        device="cpu",
        device_title="CPU",
        tile=dist.space,
        centre=None,
        depth_mm=None,
        dist=dist,
        image_sha256="",
        residual=Residual().within(dist, volume.data[0], 0.15),
    )
    shown = dist.label_map()
    border = np.argwhere((shown[1:] > 0) != (shown[:-1] > 0))
    place = tuple(map(int, border[len(border) // 2]))
    spent = []
    for points in ((), (Point(place, 0),)):
        # The posterior is made anew each time, as after a click.
        def deal(points: tuple[Point, ...] = points) -> None:
            object.__setattr__(result, "given", Given(dist, result.residual))
            deal_cards(result, points)

        spent.append(median(deal, 5))
    return [
        (
            f"up to {CARDS} cards of {DRAWS} hypotheses with their thumbnails, {name}: "
            f"{spent[0] * 1000:.0f} ms; anew after a point: {spent[1] * 1000:.0f} ms"
        )
    ]
