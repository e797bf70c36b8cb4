"""What a training run does, as data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from napari_ssn.documents.card import Architecture, ModelCard
from napari_ssn.documents.closed import Closed
from napari_ssn.training.nodule_views import NoduleViews
from napari_ssn.training.views import Plan, Views

Optimiser = Literal["adamw", "adam", "rmsprop"]


class Recipe(Closed):
    """Everything that decides what a training run does, apart from its data.

    A share of the steps, ``whole_share``, sees whole regions in batches of as many voxels as the
    crops have: what lies far from a lesion must be seen to be left alone.
    """

    architecture: Architecture = Architecture(
        backbone="BasicUNet",
        arguments={"features": [32, 32, 64, 128, 192, 32], "norm": "batch"},
        features=32,
        rank=10,
        centre_radius=10.0,
    )
    steps: int = Field(default=20_000, ge=1)
    #: Views of each step, all processes taken together.
    batch: int = Field(default=16, ge=1)
    #: Voxels of a crop, along each axis or along all of them.
    crop: int | list[int] = 64
    whole_share: float = Field(default=0.5, ge=0, le=1)
    optimiser: Optimiser = "adamw"
    learning_rate: float = Field(default=1e-3, gt=0)
    #: Half a cosine to zero, or the same rate to the end.
    schedule: Literal["cosine", "constant"] = "cosine"
    weight_decay: float = Field(default=1e-4, ge=0)
    #: Steps that train the mean alone, by cross-entropy.
    warmup: int = Field(default=1000, ge=0)
    #: Draws of the logits in each step, M.
    samples: int = Field(default=12, ge=4, multiple_of=2)
    likelihood: float = Field(default=1.0, ge=0)
    energy: float = Field(default=1.0, ge=0)
    #: Weight of the energy score over blocks of ``local_side`` voxels a side.
    local_energy: float = Field(default=0.0, ge=0)
    local_side: int | list[int] = 16
    #: Weight of the cross-entropy of presence, for a network that asks.
    presence: float = Field(default=1.0, ge=0)
    #: Weight of the energy score of sizes.
    size_energy: float = Field(default=0.0, ge=0)
    #: Weight of the energy score of place and proportions.
    shape_energy: float = Field(default=0.0, ge=0)
    clip: float = Field(default=1.0, gt=0)
    average: float = Field(default=0.999, ge=0, lt=1)
    validate_every: int = Field(default=1000, ge=1)
    validation_cases: int = Field(default=192, ge=1)
    seed: int = Field(default=0, ge=0)
    views: Views = Views()
    #: Views of nodules as volumes, in the place of ``views``.
    nodule_views: NoduleViews | None = None

    @model_validator(mode="after")
    def _something_to_learn(self) -> Recipe:
        energies = (self.energy, self.local_energy, self.size_energy, self.shape_energy)
        terms = (self.likelihood, *energies)
        if self.architecture.covariance != "none" and not any(terms):
            raise ValueError("likelihood and energies are all zero")
        return self

    def plan(self, card: ModelCard) -> Plan:
        """Sizes and numbers of the views of each step, for the region of a model."""
        region = tuple(card.region)
        asked = [self.crop] * len(region) if isinstance(self.crop, int) else self.crop
        crop = tuple(min(c, r) for c, r in zip(asked, region, strict=True))
        share = 1.0
        for c, r in zip(crop, region, strict=True):
            share *= c / r
        return Plan(crop, self.batch, region, max(1, round(self.batch * share)), self.whole_share)


def check_recipe(recipe: Recipe, card: ModelCard) -> None:
    """ValueError if a recipe does not fit the dimensions of its card."""
    if not isinstance(recipe.crop, int) and len(recipe.crop) != card.spatial_dims:
        raise ValueError(f"crop has {len(recipe.crop)} axes, and the model {card.spatial_dims}")
    sizes = [recipe.crop] if isinstance(recipe.crop, int) else recipe.crop
    if recipe.architecture.backbone == "SliceUNet":
        # It never halves the number of slices.
        sizes = sizes[1:]
    if min(sizes) < 16:
        raise ValueError("crop: at least 16 voxels along each axis")
    local = recipe.local_side
    if min([local] if isinstance(local, int) else local) < 2:
        raise ValueError("local_side: at least 2 voxels")
    if not isinstance(local, int) and len(local) != card.spatial_dims:
        raise ValueError(f"local_side has {len(local)} axes, and the model {card.spatial_dims}")
    if recipe.views.mirror and not set(recipe.views.mirror) <= set(range(card.spatial_dims)):
        raise ValueError(f"views.mirror names axes 0 to {card.spatial_dims - 1} only")
