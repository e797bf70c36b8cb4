"""What a network is built from."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from napari_ssn.documents.closed import Closed

# Arguments of a network are no larger, longer or deeper.
_LARGEST, _LONGEST, _DEEPEST = 4096, 64, 8

#: Networks of monai.networks.nets that a card, or a bundle, may name: all take ``out_channels``.
MonaiNetwork = Literal[
    "AttentionUnet",
    "BasicUNet",
    "DynUNet",
    "HighResNet",
    "SegResNet",
    "SwinUNETR",
    "UNETR",
    "UNet",
    "VNet",
]
#: Networks that a card may name: MONAI's, those of nnU-Net's library, and that of
#: `napari_ssn.network.inflated`; it can start nothing else. An ensemble of others' maps has none,
#: and no card in a file is of one.
Backbone = Literal[
    MonaiNetwork,
    "PlainConvUNet",
    "ResidualEncoderUNet",
    "ResidualUNet",
    "SliceUNet",
    "none",
]

Radius = Annotated[float, Field(gt=0)]


def check_numbers(value: Any, depth: int = 0) -> None:
    """ValueError if an argument is larger than any network's: the rest would be memory."""
    if depth > _DEEPEST:
        raise ValueError(f"tables within tables, more than {_DEEPEST} deep")
    if isinstance(value, float | int) and not abs(value) <= _LARGEST:
        raise ValueError(f"a number beyond {_LARGEST:,}")
    if isinstance(value, dict | list):
        if len(value) > _LONGEST:
            raise ValueError(f"more than {_LONGEST} entries")
        for one in value.values() if isinstance(value, dict) else value:
            check_numbers(one, depth + 1)


class Architecture(Closed):
    """Backbone, its arguments, and the stochastic head on top of it."""

    backbone: Backbone
    arguments: dict[str, Any]
    features: int = Field(ge=1, le=4096)
    rank: int = Field(ge=1, le=4096)
    #: What varies: ``P z + √D ε`` (low-rank), ``√D ε`` alone (diagonal), or nothing (none). The
    #: last two are baselines; their P is one column of zeros.
    covariance: Literal["low-rank", "diagonal", "none"] = "low-rank"
    #: P in equal groups of columns, each smooth over so many voxels; one group at 1 if empty.
    scales: list[Annotated[int, Field(ge=1)]] = Field(default_factory=list)
    #: Of the columns of P so many for each axis, the last ones, are weighted by the offset from
    #: the region's middle along it: they move opposite borders apart. None if empty.
    offset_columns: list[Annotated[int, Field(ge=0)]] = Field(default_factory=list)
    #: Standard deviation in voxels of the bump that marks the region's middle, along each axis
    #: or along all; none if null.
    centre_radius: Radius | list[Radius] | None = None
    #: Whether the network says if there is anything at the middle of the region.
    presence: bool = False

    @field_validator("arguments")
    @classmethod
    def _bounded(cls, value: dict[str, Any]) -> dict[str, Any]:
        check_numbers(value)
        return value

    @model_validator(mode="after")
    def _one_column(self) -> Architecture:
        if self.covariance != "low-rank" and self.rank != 1:
            raise ValueError(f"a {self.covariance} covariance has rank 1, a column of zeros")
        if self.scales and self.rank % len(self.scales):
            raise ValueError(f"a rank of {self.rank} cannot be shared by {len(self.scales)} scales")
        if sum(self.offset_columns) > self.rank:
            raise ValueError(f"offset_columns: more than the {self.rank} columns there are")
        if self.offset_columns and self.centre_radius is None:
            raise ValueError("offset_columns are about the middle, so centre_radius must be set")
        if self.presence and self.centre_radius is None:
            raise ValueError("presence is asked of a region's middle, so centre_radius must be set")
        return self

    def radius_of(self, dims: int) -> tuple[float, ...]:
        """The centre's radius along each axis; empty where no centre is marked."""
        found = self.centre_radius
        if found is None:
            return ()
        return tuple(found) if isinstance(found, list) else (found,) * dims
