"""What is said while a model is trained, and of what it was trained on."""

from __future__ import annotations

STOPPED = "Stopped: the same command goes on from the last checkpoint."
ANOTHER_TRAINING = (
    "Another training writes into that folder: wait for it, or choose another folder."
)
LIMITS_UNSAID = "Its author has not said where it fails."
START_NOT_USED = "The folder holds a run that has begun: --start was not used."


def images_there(learn: int, watch: int) -> str:
    """``80 images to learn from, 20 to watch.``"""
    return f"{learn:,} images to learn from, {watch:,} to watch."


def model_is_there(name: str) -> str:
    """``The model X is in the folder that you named with --out.``"""
    return f"The model {name} is in the folder that you named with --out."


def nothing_left(done: str) -> str:
    """``Nothing is left to do: 100 steps were done before.``"""
    return f"Nothing is left to do: {done} before."


def limits_of(whose: str) -> str:
    """What a card says of the limits of weights that a model went on from."""
    return (
        f"It went on from weights of others ({whose}): their licence and limits hold for it, too."
    )


def in_parts(batch: int, parts: int) -> str:
    """``The device's memory is full: each batch of 8 is now computed in 2 parts.``"""
    return f"The device's memory is full: each batch of {batch} is now computed in {parts} parts."


def sizes_differ(least: float, most: float) -> str:
    """That the voxels of the data measure several sizes, in mm."""
    return (
        f"voxels measure from {least:.2g} to {most:.2g} mm: "
        "images are used as they are, so bring them to one size first."
    )


def start_of_other_size(theirs: str, ours: str) -> str:
    """That a network to start from knows voxels of another size than the data's."""
    return (
        f"the network to start from was trained on voxels of {theirs} mm, and these are of "
        f"{ours} mm: bring them to that size, or it learns another anew."
    )
