"""Which fields each kind of hypothesis has in a sidecar, and which it has not."""

from __future__ import annotations

import math

from napari_ssn.documents.sidecar import Choice, Provenance

# What only some choices have.
_WALKED = ("direction", "directions", "sigma", "anchor")


def misfit(choice: Choice) -> str | None:
    """What a choice states that its kind has not, or leaves out; None if it fits."""
    never: tuple[str, ...] = ()
    if choice.kind in ("mean", "conditioned", "member"):
        never = (*_WALKED, "seed", "sample", "lesions")
    elif choice.kind == "nothing":
        never = (*_WALKED, "seed", "sample", "lesions", "z")
    elif choice.kind in ("sample", "representative"):
        never = (*_WALKED, "lesions")
    elif choice.kind == "drawing":
        never = (*_WALKED, "seed", "sample", "lesions", "conditions")
    elif choice.kind == "edited":
        never = ("z",)
    if choice.kind not in ("drawing", "walk"):
        never = (*never, "drawing")
    elif choice.drawing is not None:
        never = (*never, "seed", "sample", "conditions", "member")
    if choice.kind not in ("member", "walk"):
        never = (*never, "member")
    if choice.kind == "member" and choice.member is None:
        return "the sidecar does not say which member it is of"
    if choice.member is not None and choice.sample is not None:
        return "the sidecar states both a sample and a member"
    for name in never:
        if getattr(choice, name) is not None:
            return f"the sidecar states {name} of what it calls {choice.kind}, which has none"
    if choice.kind == "walk" and (choice.direction is None or choice.sigma is None):
        return "the sidecar states neither direction nor sigma of what it calls a walk"
    if choice.kind == "walk" and choice.seed is not None and choice.sample is None:
        return "the sidecar states the seed of a sample that its walk does not start from"
    if choice.kind == "drawing" and choice.drawing is None:
        return "the sidecar states no drawing of what it calls nearest to one"
    given = choice.pointing is not None or choice.conditions is not None
    if choice.kind == "mean" and given:
        return "the sidecar calls a mean what was given points or conditions"
    if choice.kind == "conditioned" and not given:
        return "the sidecar states neither points nor conditions of what it calls conditioned"
    return None


def misattributed(record: Provenance) -> str | None:
    """What a sidecar says of the people behind its outline that cannot be; None if it may."""
    told = record.adjudicated
    if told is None:
        return None
    shares = [one.share for one in told.readers if one.share is not None]
    all_of_it = len(shares) == len(told.readers) and math.isclose(sum(shares), 1, abs_tol=1e-9)
    if shares if told.how == "staple" else not all_of_it:
        return "the sidecar states shares of people that are not those of one outline"
    if (told.how == "pick" and max(shares) < 1) or (
        told.how == "majority" and len(set(shares)) > 1
    ):
        return f"the sidecar states other shares of people than those of {told.how}"
    if record.choice.kind == "edited":
        return None
    drawing = record.choice.drawing
    if drawing is None or told.outline_sha256 != drawing.sha256:
        return "the sidecar names people behind an outline that its hypothesis is not nearest to"
    return None
