"""Names of directions, by what they do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_ssn.wording.sizes import Measure, percent

if TYPE_CHECKING:
    # Types only: that module imports torch, and words must not wait for it.
    from napari_ssn.core.directions import Directions, Effect

# Directions whose share of the uncertainty is below this are not offered.
_NEGLIGIBLE = 0.005

# tan(22.5°): a second axis this strong makes a side a corner.
_DIAGONAL = 0.414

# Per axis of the patient (right, anterior, superior): what lies at its positive and its
# negative end, as an adjective of an edge and as where a shift goes.
_ANATOMICAL = (
    (("right", "to the right"), ("left", "to the left")),
    (("anterior", "anteriorly"), ("posterior", "posteriorly")),
    (("superior", "superiorly"), ("inferior", "inferiorly")),
)

# Where the patient's axes are unknown the picture's are meant; it is drawn as radiologists
# look at a slice, so that −x is right in it.
_PICTURE = (
    (("left", "to the left"), ("right", "to the right")),
    (("upper", "upwards"), ("lower", "downwards")),
    (("later-slice", "to later slices"), ("earlier-slice", "to earlier slices")),
)


def _sides(side: Sequence[float], oriented: bool) -> list[tuple[str, str]]:
    """Words for the one or two axes a unit vector points along, left and right last."""
    strongest = max(abs(x) for x in side)
    table = _ANATOMICAL if oriented else _PICTURE
    kept = [a for a in (2, 1, 0) if abs(side[a]) > _DIAGONAL * strongest]
    kept = sorted(sorted(kept, key=lambda a: -abs(side[a]))[:2], reverse=True)
    return [table[a][0 if side[a] > 0 else 1] for a in kept]


def effect_name(
    effect: Effect, measure: Measure, voxel_ml: float, oriented: bool, label: str = ""
) -> str:
    """``size, 0.9–2.4 mL``, ``posterior edge, …``, ``shift to the left`` or ``presence, …``.

    Args:
        effect: of the direction.
        measure: how voxels are said.
        voxel_ml: the millilitres a voxel was counted as in the effect.
        oriented: whether the patient's axes are known; else words of the picture.
        label: name of the label that changes, where there are several.
    """
    if effect.kind == "none":
        return "no visible change"
    extremes = measure.short_interval(effect.low_ml / voxel_ml, effect.high_ml / voxel_ml)
    of_label = f" of {label}" if label else ""
    if effect.kind == "shift":
        where = " and ".join(adverb for _, adverb in _sides(effect.side, oriented))
        return f"shift{of_label} {where}"
    if effect.kind == "edge":
        where = " ".join(adjective for adjective, _ in _sides(effect.side, oriented))
        return f"{where} edge{of_label}, {extremes}"
    return f"{effect.kind}{of_label}, {extremes}"


def offered_directions(directions: Directions) -> list[int]:
    """Directions worth a slider: those that change something; always at least the first."""
    seen = [
        k
        for k, (share, effect) in enumerate(zip(directions.share, directions.effects, strict=True))
        if share >= _NEGLIGIBLE and effect.kind != "none"
    ]
    return seen or [0]


def direction_names(
    directions: Directions,
    measure: Measure,
    voxel_ml: float,
    oriented: bool,
    labels: Sequence[str],
) -> list[tuple[int, str]]:
    """Index and words of every direction offered: ``1 · size, 0.9–2.4 mL · 71 %``.

    Args:
        directions: of the result.
        measure, voxel_ml, oriented: as in `effect_name`.
        labels: names of all labels, background first.
    """
    several = len(labels) > 2
    names = []
    for k in offered_directions(directions):
        effect = directions.effects[k]
        label = labels[effect.label] if several else ""
        words = effect_name(effect, measure, voxel_ml, oriented, label)
        names.append((k, f"{k + 1} · {words} · {percent(float(directions.share[k]))}"))
    return names
