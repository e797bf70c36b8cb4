"""Stochastic Segmentation Networks: one image, several plausible outlines.

Every name below is imported when it is first asked for, so that opening napari, which imports each
plugin, does not wait for torch and MONAI.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_ssn._version import __version__

if TYPE_CHECKING:
    from napari_ssn.core import metrics
    from napari_ssn.core.change import Change, change
    from napari_ssn.core.directions.principal import Directions, principal_directions
    from napari_ssn.core.distribution import LogitDistribution
    from napari_ssn.core.ensemble import ensemble
    from napari_ssn.core.given.clicks import Click
    from napari_ssn.core.given.conditioning import condition
    from napari_ssn.core.given.drawing import fit_drawing
    from napari_ssn.core.given.outcomes import VolumeAtLeast, VolumeAtMost, ask
    from napari_ssn.core.given.posterior import Posterior
    from napari_ssn.core.given.residual import Residual
    from napari_ssn.core.given.suggestion import suggest_click
    from napari_ssn.core.hypotheses import Hypothesis, ProbabilityMap
    from napari_ssn.core.measures import diameters, volume_distribution
    from napari_ssn.core.summaries.agreement import agreement
    from napari_ssn.core.summaries.boxplot import boxplot
    from napari_ssn.core.summaries.contours import contours
    from napari_ssn.core.summaries.representatives import representatives
    from napari_ssn.errors import SSNError
    from napari_ssn.geometry.volume import Volume
    from napari_ssn.io import read, write
    from napari_ssn.network.models import load_model
    from napari_ssn.network.others.finding import networks
    from napari_ssn.network.ssn import SSN
    from napari_ssn.remote.named import distant_model

__all__ = [
    "SSN",
    "Change",
    "Click",
    "Directions",
    "Hypothesis",
    "LogitDistribution",
    "Posterior",
    "ProbabilityMap",
    "Residual",
    "SSNError",
    "Volume",
    "VolumeAtLeast",
    "VolumeAtMost",
    "__version__",
    "agreement",
    "ask",
    "boxplot",
    "change",
    "condition",
    "contours",
    "diameters",
    "distant_model",
    "ensemble",
    "fit_drawing",
    "load_model",
    "metrics",
    "networks",
    "principal_directions",
    "read",
    "representatives",
    "suggest_click",
    "volume_distribution",
    "write",
]

_HOME = {
    "SSN": "napari_ssn.network.ssn",
    "Change": "napari_ssn.core.change",
    "Click": "napari_ssn.core.given.clicks",
    "Directions": "napari_ssn.core.directions.principal",
    "Hypothesis": "napari_ssn.core.hypotheses",
    "LogitDistribution": "napari_ssn.core.distribution",
    "Posterior": "napari_ssn.core.given.conditioning",
    "ProbabilityMap": "napari_ssn.core.hypotheses",
    "Residual": "napari_ssn.core.given.residual",
    "SSNError": "napari_ssn.errors",
    "Volume": "napari_ssn.geometry.volume",
    "VolumeAtLeast": "napari_ssn.core.given.outcomes",
    "VolumeAtMost": "napari_ssn.core.given.outcomes",
    "agreement": "napari_ssn.core.summaries.agreement",
    "ask": "napari_ssn.core.given.outcomes",
    "boxplot": "napari_ssn.core.summaries.boxplot",
    "change": "napari_ssn.core.change",
    "condition": "napari_ssn.core.given.conditioning",
    "contours": "napari_ssn.core.summaries.contours",
    "diameters": "napari_ssn.core.measures",
    "distant_model": "napari_ssn.remote.named",
    "ensemble": "napari_ssn.core.ensemble",
    "fit_drawing": "napari_ssn.core.given.drawing",
    "load_model": "napari_ssn.network.models",
    "metrics": "napari_ssn.core.metrics",
    "networks": "napari_ssn.network.others.finding",
    "principal_directions": "napari_ssn.core.directions.principal",
    "read": "napari_ssn.io",
    "representatives": "napari_ssn.core.summaries.representatives",
    "suggest_click": "napari_ssn.core.given.suggestion",
    "volume_distribution": "napari_ssn.core.measures",
    "write": "napari_ssn.io",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(_HOME[name])
    # `metrics` is its home: a module, not something in one.
    value = home if name == "metrics" else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
