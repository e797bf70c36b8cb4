"""What models of documents have in common: nothing beyond their fields, and nothing changes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, field_validator

from napari_ssn.documents.controls import without_controls

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Index = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=3)]
Shape = Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=3)]
Row = Annotated[list[FiniteFloat], Field(min_length=4, max_length=4)]
Affine = Annotated[list[Row], Field(min_length=4, max_length=4)]


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return without_controls(value)
    if isinstance(value, list | tuple) and any(isinstance(one, str) for one in value):
        return type(value)(map(_cleaned, value))
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(one) for key, one in value.items()}
    return value


class Closed(BaseModel):
    """Has its fields and no other, and stays as it was made.

    Whoever wrote it, no text of it holds control characters.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="after")
    @classmethod
    def _no_controls(cls, value: Any) -> Any:
        return _cleaned(value)


class Exact(Closed):
    """Takes values of a field's own type alone: a number in quotes is none."""

    model_config = ConfigDict(strict=True)
