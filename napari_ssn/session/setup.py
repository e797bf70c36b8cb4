"""What the user has chosen, and whether it can be run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_ssn import network
from napari_ssn.network.plan import DEPTH_MM
from napari_ssn.prediction.source import Source
from napari_ssn.session.records import Chosen, ModelEntry, Survey
from napari_ssn.text.dock import LOOKING_FOR_MODELS
from napari_ssn.text.hindrances import AROUND_POINT, NO_MEMBERS, NO_MODEL, OPEN_IMAGE, PLACE_CENTRE
from napari_ssn.text.image import TAKEN_FOR_HU

if TYPE_CHECKING:
    from napari_ssn.network.fit import Fit


class Setup:
    """Image, model and region. It says what stands in the way of a run before there is one.

    Attributes:
        survey: models that can be chosen; None while they are looked for.
        model, source: what is chosen.
        around_point: whether only a region around a point is segmented.
        centre: of that region, in the source's grid.
        depth_mm: how far a 2D model looks along a volume, to either side of the point.
        ensemble: members that take the place of the model; None where the model runs.
        insist: whether the image's values are taken for Hounsfield units, whatever they seem to be.
    """

    def __init__(self) -> None:
        self.survey: Survey | None = None
        self.model: ModelEntry | None = None
        self.source: Source | None = None
        self.around_point = False
        self.centre: tuple[int, ...] | None = None
        self.depth_mm = DEPTH_MM
        self.insist = False
        self.ensemble: Chosen | None = None
        self._fit: tuple[tuple[object, ...], Fit] | None = None
        # Whether the user chose the model; one that came by itself may go by itself.
        self._picked = False

    def set_source(self, source: Source | None) -> bool:
        """Take another image, or none; False if it is the one already there."""
        before, self.source = self.source, source
        if before is not None and source is not None and before.token == source.token:
            return False
        self.centre, self.insist = None, False
        if source is not None and not self._picked and not self._made_for(self.model, source):
            self.model = self._fitting()
        self.around_point = self.needs_point
        return True

    def _fitting(self) -> ModelEntry | None:
        """The first model that reads the image, one of as many axes before one that slices it.

        Without an image, or such a model, the first of all.
        """
        models = self.survey.models if self.survey is not None else ()
        source = self.source
        if source is not None and source.problem is None:
            fitting = tuple(m for m in models if _reads(m, source))
            suited = tuple(m for m in fitting if _suits(m, source))
            made = tuple(m for m in suited if self._made_for(m, source))
            models = made or suited or fitting or models
        return models[0] if models else None

    def _made_for(self, model: ModelEntry | None, source: Source) -> bool:
        """Whether a model reads images of as many axes and of this kind.

        Nothing is made for an image that is unusable. A volume of one slice is a slice.
        """
        if model is None or source.problem is not None:
            return source.problem is not None
        card, axes = model.card, 2 if 1 in source.space else len(source.space)
        if card.spatial_dims != axes or not _suits(model, source):
            return False
        return _reads(model, source)

    @property
    def picked(self) -> Path | None:
        """Folder of the model, if the user chose it."""
        return self.model.folder if self._picked and self.model is not None else None

    def pick_model(self, model: ModelEntry) -> bool:
        """Take the model that the user chose; False if it is the one already there."""
        self._picked = True
        if self.ensemble is not None:
            self.ensemble = None
            self.around_point = self.needs_point or self.centre is not None
        return self.set_model(model)

    def choose_members(self, chosen: Chosen) -> None:
        """Take an ensemble in the place of the model: of the whole image, as its maps are."""
        self.ensemble, self._picked, self.insist = chosen, True, False
        self.around_point = False

    def set_model(self, model: ModelEntry | None) -> bool:
        """Take a model; False if it is the one already there."""
        before, self.model = self.model, model
        if model is None or (before is not None and before.folder == model.folder):
            return False
        self.insist = False
        # A point that was placed stays: another model may look around it too.
        self.around_point = self.needs_point or self.centre is not None
        return True

    def set_survey(self, survey: Survey, wanted: Path | None) -> bool:
        """Take the models found and choose one; False if the one chosen stays.

        Args:
            survey: what was found.
            wanted: folder to choose, if it is among them.
        """
        self.survey = survey
        self._picked = self._picked or wanted is not None
        folder = wanted if wanted is not None else self.model and self.model.folder
        fallback = self.model or self._fitting()
        return self.set_model(next((m for m in survey.models if m.folder == folder), fallback))

    def look_at(self, centre: tuple[int, ...] | None) -> None:
        """Take the region of a result: around a voxel, or the whole image."""
        self.centre, self.around_point = centre, centre is not None

    def place_centre(self, index: tuple[int, ...]) -> bool:
        """Put the region's middle on a voxel; False if it is none of the image's."""
        if self.source is None or len(index) != len(self.source.space):
            return False
        if not all(0 <= i < n for i, n in zip(index, self.source.space, strict=True)):
            return False
        # What others have made is of the whole image; the point stays for a model.
        self.centre, self.around_point = index, self.ensemble is None
        return True

    @property
    def middle(self) -> tuple[int, ...] | None:
        """Middle of the region that a run would look at; None for the whole image."""
        return self.centre if self.around_point else None

    @property
    def needs_point(self) -> bool:
        """Whether model and image ask for a point on the lesion before a run."""
        fit = self._checked_fit()
        return fit is not None and fit.needs_point

    @property
    def looks_along(self) -> bool:
        """Whether a run takes the slices up to `depth_mm` from the point: a 2D model's, in mm."""
        source, fit = self.source, self._checked_fit()
        if source is None or fit is None or fit.problem is not None or not self.around_point:
            return False
        volume = len(source.space) == 3 and 1 not in source.space
        flat = self.model is not None and self.model.card.spatial_dims == 2
        return flat and volume and source.spacing_mm is not None

    @property
    def obstacle(self) -> str | None:
        """Why Run would be of no use yet, one sentence; None when nothing stands in its way."""
        if self.source is None:
            return OPEN_IMAGE
        if self.source.problem is not None:
            return self.source.problem
        if self.ensemble is not None:
            return NO_MEMBERS if self.ensemble.nothing else None
        if self.survey is None:
            return LOOKING_FOR_MODELS
        if self.model is None:
            return NO_MODEL
        fit = self._checked_fit()
        if fit is not None and fit.problem is not None:
            return fit.problem
        if self.foreign is not None and not self.insist:
            return self.foreign
        if self.around_point and self.centre is None:
            return PLACE_CENTRE
        if self.needs_point and not self.around_point:
            return AROUND_POINT
        return None

    @property
    def misfit(self) -> bool:
        """Whether the image itself is what stands in the way: the model cannot read it."""
        if self.source is None:
            return False
        fit = self._checked_fit()
        if self.source.problem is not None or (fit is not None and fit.problem is not None):
            return True
        return self.foreign is not None and not self.insist

    @property
    def foreign(self) -> str | None:
        """Why the values are none that the model reads, one sentence; None if they may be."""
        if self.model is None or self.source is None or self.source.units is None:
            return None
        if self.ensemble is not None:
            return None
        return network.fit.foreign_units(self.model.card, self.source.units)

    @property
    def may_insist(self) -> bool:
        """Whether it is for the user to say that the values are Hounsfield units.

        Also where nobody has looked at them yet: a run does, and refuses what is none.
        """
        fit = self._checked_fit()
        if fit is None or fit.problem is not None or self.model is None or self.source is None:
            return False
        return self.model.card.normalisation == "hu" and self.source.units != "hu"

    @property
    def caution(self) -> str | None:
        """Why the result would deserve doubt, one sentence."""
        if self.insist and self.may_insist:
            return TAKEN_FOR_HU
        fit = self._checked_fit()
        return fit.caution if fit is not None else None

    @property
    def fits(self) -> bool:
        """Whether the image is known to be like those that the model was trained on."""
        fit = self._checked_fit()
        return fit is not None and fit.kind == "fits" and self.foreign is None

    @property
    def unclaimed(self) -> str | None:
        """Why the model claims nothing of its range on any image, one sentence."""
        fit = self._checked_fit()
        return fit.unclaimed if fit is not None else None

    def _checked_fit(self) -> Fit | None:
        if self.source is None or self.model is None or self.source.problem is not None:
            return None
        if self.ensemble is not None:
            # What its networks were trained on is not known here.
            return None
        source, card = self.source, self.model.card
        centre = self.middle
        key = (source.token, self.model.folder, centre)
        if self._fit is None or self._fit[0] != key:
            # By now the survey has imported torch: nothing is waited for.
            distance = None
            if source.cut is not None and network.likeness.small_enough(card):
                distance = network.likeness.likeness_to_training(card, source, source.cut, centre)
            fit = network.fit.check_fit(card, source, source.ct, source.declared, distance)
            self._fit = (key, fit)
        return self._fit[1]


def _reads(model: ModelEntry, source: Source) -> bool:
    """Whether a model can read an image at all."""
    return network.fit.check_fit(model.card, source, declared=source.declared).problem is None


def _suits(model: ModelEntry, source: Source) -> bool:
    """Whether an image seems to be of the modality, and in the unit, that a model reads.

    A CT whose offset was left out is one all the same, and is told what it lacks.
    """
    if network.fit.other_modality(model.card, source.ct):
        return False
    if source.units in (None, "shifted"):
        return True
    return network.fit.foreign_units(model.card, source.units) is None
