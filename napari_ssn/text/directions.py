"""Names of directions, by what they do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from napari_ssn.core.kinds import DirectionKind
from napari_ssn.text.sizes import Measure, capital, listed, percent

if TYPE_CHECKING:
    # Types only: that module imports torch, and words must not wait for it.
    from napari_ssn.core.directions.effects import Effect
    from napari_ssn.core.directions.principal import Directions


class DirectionWords(NamedTuple):
    """Words for directions of a kind: the choice of it, its tip, and what one is called."""

    name: str
    tip: str
    one: str


#: In the order in which they are offered.
KIND_WORDS: dict[DirectionKind, DirectionWords] = {
    "label-weighted": DirectionWords(
        "What changes most", "By how much of the outline they move; the default", "direction"
    ),
    "varimax": DirectionWords(
        "One place each",
        "The same, turned so that each moves few places (varimax)",
        "varimax direction",
    ),
    "plain": DirectionWords(
        "Principal components",
        "By how much the model's numbers vary, also where no label ever changes",
        "principal component",
    ),
}
SHARE_TIP = "The percentage is its share of all that can change, to first order."
DIRECTION_TIP = f"What the slider changes. {SHARE_TIP}"

# Directions whose share of the uncertainty is below this are not offered.
_NEGLIGIBLE = 0.005

# Cosine of the angle between two sides that count as one.
_SAME_SIDE = 0.7

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


# What an edge goes towards, where the image tells.
_TOWARDS = {"vessel": " towards a vessel", "wall": " towards the wall"}


def _sides(side: Sequence[float], oriented: bool) -> list[tuple[str, str]]:
    """Words for the one or two axes a unit vector points along, left and right last."""
    strongest = max(abs(x) for x in side)
    table = _ANATOMICAL if oriented else _PICTURE
    kept = [a for a in (2, 1, 0) if abs(side[a]) > _DIAGONAL * strongest]
    kept = sorted(sorted(kept, key=lambda a: -abs(side[a]))[:2], reverse=True)
    return [table[a][0 if side[a] > 0 else 1] for a in kept]


def effect_name(
    effect: Effect,
    measure: Measure,
    voxel_ml: float,
    oriented: bool,
    labels: Sequence[str] = (),
    sized: bool = True,
) -> str:
    """``overall size, 0.9–2.4 mL``, ``posterior edge, …``, ``shift to the left``, ``there or not``.

    Where the image tells what the outline takes in, ``ground glass, 0.9–2.4 mL`` (around the core
    alone), ``posterior edge towards a vessel, …`` or ``… towards the wall, …``.

    Of several labels that do the same ``size of anterior & posterior``, of two of which one grows
    while the other shrinks ``anterior against posterior``, of two that give to each other
    ``border of anterior & posterior``, and of others ``size of anterior, shift of posterior``:
    how large they are is said elsewhere, as there is no room.

    Args:
        effect: of the direction.
        measure: how voxels are said.
        voxel_ml: the millilitres a voxel was counted as in the effect.
        oriented: whether the patient's axes are known; else words of the picture.
        labels: names of all labels, background first; empty where there is but one.
        sized: whether to say the sizes at −2 and +2 σ.
    """
    if effect.kind == "none":
        return "no visible change"
    if effect.kind == "border":
        return f"border of {listed([labels[effect.label], labels[effect.others[0].label]], '&')}"
    every = (effect, *effect.others)
    if any(not _alike(effect, other) for other in effect.others):
        if all(one.kind in ("size", "presence") for one in every) and len(every) == 2:
            return " against ".join(labels[one.label] for one in every)
        return ", ".join(_kind(one.kind, f" of {labels[one.label]}") for one in every)
    words = _deed(effect, [labels[one.label] for one in every] if labels else [], oriented)
    if effect.kind == "shift" or effect.others or not sized:
        return words
    extremes = measure.short_interval(effect.low_ml / voxel_ml, effect.high_ml / voxel_ml)
    return f"{words}, {extremes}"


def _alike(one: Effect, other: Effect) -> bool:
    """Whether two labels do the same: grow together, and on the same side."""
    near = sum(a * b for a, b in zip(one.side, other.side, strict=True)) > _SAME_SIDE
    sided = one.kind in ("edge", "shift")
    together = one.ml_per_sigma * other.ml_per_sigma > 0 or one.kind == "shift"
    return one.kind == other.kind and together and (near or not sided)


def _deed(effect: Effect, names: Sequence[str], oriented: bool) -> str:
    """``posterior edge of nodule``; without names what happens alone."""
    of_labels = f" of {listed(names, '&')}" if names else ""
    if effect.tissue == "glass":
        return f"ground glass{of_labels}"
    if effect.kind == "shift":
        where = " and ".join(adverb for _, adverb in _sides(effect.side, oriented))
        return f"shift{of_labels} {where}"
    if effect.kind == "edge":
        where = " ".join(adjective for adjective, _ in _sides(effect.side, oriented))
        return f"{where} edge{of_labels}{_TOWARDS.get(effect.tissue or '', '')}"
    if effect.kind == "size" and not names:
        return "overall size"
    return _kind(effect.kind, of_labels)


def _kind(kind: str, of_labels: str) -> str:
    """``size of nodule``; ``there or not`` is what readers disagree on first."""
    return (
        f"there or not{of_labels.replace(' of ', ': ', 1)}"
        if kind == "presence"
        else kind + of_labels
    )


def ends(effect: Effect, oriented: bool) -> tuple[str, str]:
    """What lies at the two ends of the slider: ``smaller`` and ``larger``, or where a shift goes.

    Of several labels the first that is named is meant.

    Args:
        effect: of the direction.
        oriented: as in `effect_name`.
    """
    if effect.kind == "shift":
        there = _sides(effect.side, oriented)[0][0]
        back = _sides([-x for x in effect.side], oriented)[0][0]
        return back, there
    if effect.kind == "none" or effect.low_ml == effect.high_ml:
        return "less", "more"
    return ("smaller", "larger") if effect.high_ml > effect.low_ml else ("larger", "smaller")


def effect_tip(
    effect: Effect,
    measure: Measure,
    voxel_ml: float,
    labels: Sequence[str],
    unit: str,
    from_mean: bool = True,
) -> str:
    """What a direction does to each label, a line each: from where to where, and how fast.

    ``Nodule: 0.90–2.40 mL from −2 to +2 σ · +0.30 mL per σ · boundary moves 0.83 mm per σ``.

    Args:
        effect: of the direction.
        measure, voxel_ml: as in `effect_name`.
        labels: names of all labels, background first.
        unit: of lengths.
        from_mean: whether the walk begins at the mean, where effects are measured.
    """
    lines = [] if from_mean else ["As measured from the model's mean, not from here:"]
    for one in (effect, *effect.others):
        if one.kind == "none":
            return "No label changes between −2 and +2 σ."
        ends = (one.low_ml / voxel_ml, one.high_ml / voxel_ml)
        sign = "+" if one.ml_per_sigma > 0 else "−" if one.ml_per_sigma < 0 else "±"
        speed = f"{sign}{measure.amount(abs(one.ml_per_sigma) / voxel_ml)} per σ"
        words = f"{measure.interval(*ends)}{measure.here} between −2 and +2 σ"
        if measure.amount(ends[0]) == measure.amount(ends[1]):
            words = f"{measure.amount_here(ends[0])} at −2 and at +2 σ"
        words = f"{capital(labels[one.label])}: {words}"
        words += f" · {speed}"
        if one.mm_per_sigma > 0:
            digits = 1 if one.mm_per_sigma >= 0.95 else 2
            words += f" · boundary moves {one.mm_per_sigma:.{digits}f} {unit} per σ"
        lines.append(words)
    return "\n".join(lines)


def offered_directions(directions: Directions, chosen: int = 0) -> list[int]:
    """Directions worth a slider: those that change something, and the one that is walked."""
    seen = [
        k
        for k, (share, effect) in enumerate(zip(directions.share, directions.effects, strict=True))
        if share >= _NEGLIGIBLE and effect.kind != "none"
    ]
    # Of another spread the one that is walked may change nothing any more.
    return sorted({*seen, chosen}) if seen and chosen else seen or [chosen]


def direction_names(
    directions: Directions,
    measure: Measure,
    voxel_ml: float,
    oriented: bool,
    labels: Sequence[str],
    chosen: int = 0,
    from_mean: bool = True,
) -> list[tuple[int, str]]:
    """Index and words of every direction offered: ``1 · overall size, 0.9–2.4 mL · 71 %``.

    Args:
        directions: of the result.
        measure, voxel_ml, oriented: as in `effect_name`.
        labels: names of all labels, background first.
        chosen: index of the one that is walked.
        from_mean: whether the walk begins at the mean: from elsewhere it has other sizes, and
            none are said.
    """
    several = labels if len(labels) > 2 else ()
    names = []
    for k in offered_directions(directions, chosen):
        words = effect_name(directions.effects[k], measure, voxel_ml, oriented, several, from_mean)
        names.append((k, f"{k + 1} · {words} · {percent(float(directions.share[k]))}"))
    return names
