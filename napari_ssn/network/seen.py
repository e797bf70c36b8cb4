"""What is seen of an image whose values are there, and whether a model suits it."""

from __future__ import annotations

from dataclasses import dataclass

from napari_ssn.documents.card import ModelCard
from napari_ssn.geometry.declared import Declared, declared_by
from napari_ssn.geometry.intensity import Units, seems_ct, some_values, units_of
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.fit import Fit, check_fit
from napari_ssn.network.likeness import likeness_of


@dataclass(frozen=True)
class Seen:
    """What is seen of an image, see `check_fit`.

    Attributes:
        ct: whether it seems to be a CT.
        units: what its values would be counted in.
        distance: from the training images; None where that cannot be told.
        fit: whether the model suits it.
    """

    ct: bool
    units: Units
    distance: float | None
    fit: Fit

    @classmethod
    def of(
        cls,
        card: ModelCard,
        volume: Volume,
        centre: tuple[int, ...] | None,
        declared: Declared | None = None,
    ) -> Seen:
        """Look at an image; ``declared`` where its source is known to another alone."""
        values = some_values(volume.data[0])
        ct, units = seems_ct(values), units_of(values)
        said = declared_by(volume.source) if declared is None else declared
        distance = likeness_of(card, volume, centre)
        fit = check_fit(card, volume, ct, said, distance)
        return cls(ct, units, distance, fit)
