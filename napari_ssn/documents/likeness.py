"""What a model's card says of the images that the model learnt from."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from napari_ssn.documents.closed import Closed
from napari_ssn.geometry.declared import Weighting

# Features of all channels that a card may state.
_MOST_FEATURES = 256

#: An image is as those that a model was trained on; is not; cannot be read; nobody knows.
FitKind = Literal["fits", "unlike", "refused", "unknown"]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Likeness(Closed):
    """What the images that a model learnt from were like (`core.likeness`, `network.likeness`).

    It is of the images and not of the weights: training again on the same data changes nothing.
    """

    data: str
    #: Of training images, and of patients of held-back ones.
    images: int = Field(ge=2)
    patients: int = Field(ge=1)
    #: Names of the features, channel by channel; others than this program's are not compared.
    features: list[str] = Field(min_length=1, max_length=_MOST_FEATURES)
    mean: list[Finite] = Field(min_length=1, max_length=_MOST_FEATURES)
    covariance: list[Annotated[list[Finite], Field(max_length=_MOST_FEATURES)]]
    #: Distance up to which an image is like them, and the share of new patients' that is.
    limit: float = Field(gt=0, allow_inf_nan=False)
    level: float = Field(gt=0, lt=1)
    #: Smallest and largest size of an image along each axis of the network; null for a model that
    #: looks around a point, and where sizes are not known.
    size_mm: list[tuple[Finite, Finite]] | None = None
    #: Of magnetic resonance, where the data has but one.
    weighting: Weighting | None = None

    @model_validator(mode="after")
    def _one_size(self) -> Likeness:
        count = len(self.features)
        rows = [len(self.mean), len(self.covariance), *map(len, self.covariance)]
        if any(row != count for row in rows):
            raise ValueError(f"mean and covariance are not of {count} features")
        try:
            np.linalg.cholesky(np.array(self.covariance))
        except np.linalg.LinAlgError:
            raise ValueError("the covariance is not that of anything") from None
        return self
