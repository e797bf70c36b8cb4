"""What a run is validated by: few hypotheses of a case against its raters."""

from __future__ import annotations

from napari_ssn.core import metrics
from napari_ssn.network.models import Model
from napari_ssn.training.cases import Cases

_SAMPLES = 16


def figure_names(cases: Cases) -> list[str]:
    """Of `figures_of`, in their order."""
    return [f"ged2_v_{_SAMPLES}", "diversity", *(f"dice/{label}" for label in cases.labels[1:])]


def figures_of(model: Model, cases: Cases, index: int) -> list[float]:
    """``ged2_v_16``; ``diversity`` of 16 samples; ``dice/LABEL`` of the mean against each rater."""
    case = cases[index]
    dist = model.segment(case.volume, case.centre)
    # Beyond a region around a point there is nothing, and a rater may go on there.
    maps = dist.placed(dist.sample(_SAMPLES, seed=index, pixel_noise=True))
    mean_map = dist.placed(dist.label_map())
    found = metrics.SetDistances.between(maps, case.raters, classes=len(cases.labels))
    dice = metrics.dice_each(mean_map, case.raters, classes=len(cases.labels))
    return [found.energy_distance(), found.sample_diversity(), *dice.tolist()]
