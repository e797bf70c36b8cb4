"""Which fields each kind of hypothesis has in a sidecar, and which it has not."""

from __future__ import annotations

import math

from napari_ssn.documents.chosen import Choice
from napari_ssn.documents.sidecar import Provenance
from napari_ssn.text import verdicts

# What only some choices have, and what each kind has not.
_WALKED = ("direction", "directions", "sigma", "anchor")
_UNDRAWN = (*_WALKED, "seed", "sample", "lesions")
_NEVER: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("mean", "conditioned", "member"), _UNDRAWN),
    **dict.fromkeys(("sample", "representative"), (*_WALKED, "lesions")),
    "nothing": (*_UNDRAWN, "z"),
    "drawing": (*_UNDRAWN, "conditions"),
    "edited": ("z",),
}


def misfit(choice: Choice) -> str | None:
    """What a choice states that its kind has not, or leaves out; None if it fits."""
    never, walks = _NEVER.get(choice.kind, ()), choice.kind == "walk"
    if choice.kind != "drawing" and not walks:
        never = (*never, "drawing")
    elif choice.drawing is not None:
        never = (*never, "seed", "sample", "conditions", "member")
    if choice.kind != "member" and not walks:
        never = (*never, "member")
    given = choice.pointing is not None or choice.conditions is not None
    foreign = next((name for name in never if getattr(choice, name) is not None), None)
    wrong = {
        verdicts.WHICH_MEMBER: choice.kind == "member" and choice.member is None,
        verdicts.SAMPLE_AND_MEMBER: choice.member is not None and choice.sample is not None,
        verdicts.not_of_kind(foreign or "", choice.kind): foreign is not None,
        verdicts.NO_WALK: walks and (choice.direction is None or choice.sigma is None),
        verdicts.SEED_OF_NONE: walks and choice.seed is not None and choice.sample is None,
        verdicts.DRAWING_UNSAID: choice.kind == "drawing" and choice.drawing is None,
        verdicts.MEAN_GIVEN: choice.kind == "mean" and given,
        verdicts.NOT_GIVEN: choice.kind == "conditioned" and not given,
    }
    return next((words for words, is_so in wrong.items() if is_so), None)


def misattributed(record: Provenance) -> str | None:
    """What a sidecar says of the people behind its outline that cannot be; None if it may."""
    told = record.adjudicated
    if told is None:
        return None
    shares = [one.share for one in told.readers if one.share is not None]
    all_of_it = len(shares) == len(told.readers) and math.isclose(sum(shares), 1, abs_tol=1e-9)
    if shares if told.how == "staple" else not all_of_it:
        return verdicts.SHARES_OF_PEOPLE
    if (told.how == "pick" and max(shares) < 1) or (
        told.how == "majority" and len(set(shares)) > 1
    ):
        return verdicts.shares_of(told.how)
    if record.choice.kind == "edited":
        return None
    drawing = record.choice.drawing
    if drawing is None or told.outline_sha256 != drawing.sha256:
        return verdicts.PEOPLE
    return None
