"""What is said while a model is trained, and of what it was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

READING = "Reading and checking the data …"
STOPPED = "Stopped: the same command goes on from the last checkpoint."
ANOTHER_TRAINING = (
    "Another training writes into that folder: wait for it, or choose another folder."
)
LIMITS_UNSAID = "Its author has not said where it fails."
#: Where the data says nothing.
UNSTATED = "not stated by the data"
NOT_IN_TABLE = "without a row in the table of nodules"
NO_SIZE = "of unknown voxel size"
NO_UNITS = "without Hounsfield units"
APART = "of slices that do not follow each other"
START_NOT_USED = "The folder holds a run that has begun: --start was not used."


def images_there(learn: int, watch: int) -> str:
    """``80 images to learn from, 20 to watch.``"""
    return f"{learn:,} images to learn from, {watch:,} to watch."


def caution(sentence: str) -> str:
    """``Caution: voxels measure from 0.5 to 2 mm: …``"""
    return f"Caution: {sentence}"


def step_line(step: int, values: Mapping[str, float]) -> str:
    """``step 100: GED² 0.2345, diversity 0.456, Dice lesion 0.789 on the cases to watch``."""
    figures = "GED² {ged2_v_16:.4f}, diversity {diversity:.3f}".format(**values)
    for name, value in values.items():
        if name.startswith("dice/"):
            figures += f", Dice {name.removeprefix('dice/')} {value:.3f}"
    return f"step {step}: {figures} on the cases to watch"


def model_is_there(name: str) -> str:
    """``The model X is in the folder that you named with --out.``"""
    return f"The model {name} is in the folder that you named with --out."


def starting_from(tensors: int, model: str) -> str:
    """``Starting from 120 tensors of Lung nodule.``"""
    return f"Starting from {tensors} tensors of {model}."


def starting_from_others(name: str, kind: str, same: bool, notes: Sequence[str]) -> str:
    """What is said of a network of others to start from, whose labels may be the same."""
    mean = "its outline is the first mean"
    if not same:
        mean = "its labels are others, so the mean is learnt anew"
    return " ".join([f"Starting from {name} ({kind}): {mean}.", *notes])


def going_on(step: int) -> str:
    """``Going on from step 100.``"""
    return f"Going on from step {step}."


def both_named(count: int, one: str) -> str:
    """That cases are among those to learn from and among those to watch."""
    return f"{count:,} names are both among what to learn from and what to watch, such as {one}."


def purpose_of(labels: Sequence[str]) -> str:
    """What a model is for whose author has not said it."""
    return f"Outlines of {', '.join(labels)}, as in the data it was trained on"


def own_images(count: int) -> str:
    """``80 images of its author's own``; not by the name of their folder."""
    return f"{count} images of its author's own"


def other_images(count: int, recipe: str) -> str:
    """``1,200 images, others than the recipe of nodule-3d 1.0 was written for``."""
    return f"{count:,} images, others than the recipe of {recipe} was written for"


def from_weights(whose: str, checksum: str) -> str:
    """What is added to a card's data where a model went on from a network of others."""
    return f", from weights of {whose} whose sha256 is {checksum}"


def from_model(whose: str, data: str) -> str:
    """The same of a model, with what that was trained on."""
    return f", from weights of {whose} ({data})"


def both_of(own: str, theirs: str) -> str:
    """What is said of the data and of the weights that came before."""
    return own if theirs in ("", own) else f"{own}; of the weights before: {theirs}"


def nothing_left(steps: int, minutes: float | None) -> str:
    """``Nothing is left to do: 100 steps were done before.``, or minutes of a run by these."""
    done = f"{steps} steps were done" if minutes is None else f"{minutes:.3g} minutes were spent"
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


def and_more(mm: float) -> str:
    """``6 mm and more``."""
    return f"{mm:g} mm and more"


def image_caption(place: tuple[int, int] | None, wide_mm: float | None) -> str:
    """``image, slice 3 of 9, 40 mm wide``, as far as they are known."""
    where = "" if place is None else f", slice {place[0]} of {place[1]}"
    return f"image{where}" + ("" if wide_mm is None else f", {wide_mm:.0f} mm wide")


def raters_caption(count: int, empty: int, here: bool) -> str:
    """``4 raters (1 marked nothing here)``; ``here`` in a slice of several."""
    who = "1 rater" if count == 1 else f"{count} raters"
    if not empty:
        return who
    return f"{who} ({'' if count == 1 else f'{empty} '}marked nothing{' here' if here else ''})"


def model_caption(drawn: bool, count: int, empty: int) -> str:
    """``model: mean and 8 hypotheses (2 empty)``; ``drawn`` where the mean outlines anything."""
    words = f"model: mean{'' if drawn else ' (empty)'} and {count} hypotheses"
    return f"{words} ({empty} empty)" if empty else words
