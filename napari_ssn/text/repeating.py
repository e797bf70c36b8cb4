"""What is said of a result that is made again."""

from __future__ import annotations

UNKNOWN_HYPOTHESIS = (
    "The result's .json says of a hypothesis that its model does not have on this image."
)
UNKNOWN_IN_STUDY = "The study says of a hypothesis that its result has not."

SAME_CIRCUMSTANCES = "It was made with the same software on the same kind of device."
#: Why there is nothing to make again.
EDITED = "This label map was edited by hand: the model cannot make it again."
ADJUDICATED = (
    "This outline was made of several people's, as its .json says: no model makes it again."
)
PROBABILITY = "This result is a probability map: only label maps are made again."
NOT_IDENTICAL = "The label map is not identical to the sidecar's; nothing was written."
HELD_BESIDE = "The file beside the sidecar holds the label map that it states."


def other_circumstances(differing: str) -> str:
    """``It was made with torch 2.6 (here 2.7): single voxels may differ for that.``"""
    return f"It was made with {differing}: single voxels may differ for that."


def other_device(then: str, now: str) -> str:
    """That a sidecar was made on another device than this."""
    return f"The sidecar was made on another device ({then}, here {now}): single voxels may differ."
