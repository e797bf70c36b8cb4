"""What a model was made from: the part of its card that tells of its training."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from napari_ssn.documents.closed import Closed


class FittedHead(Closed):
    """What a trained head was multiplied by and moved by, to fit data the weights did not see.

    ``columns`` are factors of the columns of P, ``shifts`` what was added to the logits of the
    labels after background. Both are in the weights already.
    """

    columns: list[Annotated[float, Field(gt=0, allow_inf_nan=False)]]
    shifts: list[Annotated[float, Field(allow_inf_nan=False)]]
    data: str
    cases: int = Field(ge=1)


class Training(Closed):
    """What the weights were made from and how."""

    data: str
    url: str = ""
    licence: str
    attribution: str
    sha256: str = ""
    steps: int = Field(default=0, ge=0)
    recipe: dict[str, Any] = Field(default_factory=dict)
    #: Figures of each validation on the way.
    history: list[dict[str, float]] = Field(default_factory=list)
    #: Null where the head is as it was trained.
    head: FittedHead | None = None
