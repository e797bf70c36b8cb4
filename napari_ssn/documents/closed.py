"""What models of documents have in common: nothing beyond their fields, and nothing changes."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Index = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=3)]


class Closed(BaseModel):
    """Has its fields and no other, and stays as it was made."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Exact(Closed):
    """Takes values of a field's own type alone: a number in quotes is none."""

    model_config = ConfigDict(strict=True)
