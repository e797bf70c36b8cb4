"""What is said of the members of an ensemble, who are no readers."""

from __future__ import annotations

from collections.abc import Sequence

from napari_ssn.text.sizes import listed

RANGE_OF_MEMBERS = (
    "Its range is that of its members, never that of readers: networks that were trained alike err "
    "alike."
)
BETWEEN_MEMBERS = (
    "What is drawn or walked to between the members is a Gaussian through them, and no network's."
)

#: Columns of a table of members, with what they mean.
LICENCE_OF_MEMBERS = "that of its members"
DATA_OF_MEMBERS = "what its members were made from"
MEMBER_COLUMNS = (
    ("Member", "A tick takes it in, none leaves it out: everything follows."),
    ("Size", "Of what this member itself outlined. A click shows it."),
)

SELECT_LAYERS = (
    "Select two layers or more in the layer list (Ctrl and a click), labels or images of "
    "probabilities: each is one member."
)
IMAGE_FIRST = "Choose the image first that they are of."
OTHER_GRID = "It does not lie on the image's grid: choose layers that were made on it."
NO_FRACTIONS = (
    "It holds values below 0 or above 1, or a colour: a layer of one label's probabilities is read."
)
NO_LABELS = "It holds labels below 0 or above 255: these are not read."
NOT_AT_HAND = (
    "The maps of these members are not at hand: choose them again to leave one of them out."
)
TOO_FEW = "An ensemble has two members or more: this one stays in."


def of_members(held: int, members: int, noun: str, given: bool) -> str:
    """``5 networks``; ``the 3 of 5 networks that agree``, given points or conditions.

    Without these ``the 4 of 5 networks that outline anything``.
    """
    if held == members:
        return f"{members} {noun}"
    s = "s" if held == 1 else ""
    what = f"agree{s}" if given else f"outline{s} anything"
    which = "one" if held == 1 else str(held)
    return f"the {which} of {members} {noun} that {what}"


def range_of_members(
    ends: str, held: int, members: int, drawn: int, noun: str, given: bool = False
) -> str:
    """``smallest and largest of 5 networks 0.95–2.31 mL``.

    Args:
        ends: of the range, in words.
        held: members that it is of; 0 where none agrees, and it is that of draws around them.
        members: in all.
        drawn: how many were drawn.
        noun: what the members are.
        given: whether it is given points or conditions.
    """
    if held == 0:
        return f"none of {members} {noun} outlines it so; {drawn:,} drawn around them {ends}"
    who = of_members(held, members, noun, given)
    return f"{who} {ends}" if held == 1 else f"smallest and largest of {who} {ends}"


def nothing_of_members(absent: int, members: int, noun: str) -> str:
    """``1 of 5 networks outlines nothing here``."""
    return f"{absent} of {members} {noun} outline{'s' if absent == 1 else ''} nothing here"


def share_of_members(share: float, members: int, noun: str) -> str:
    """``2 of 5 networks``."""
    return f"{round(share * members)} of {members} {noun}"


def member_tip(share: float, members: int, noun: str, size: str) -> str:
    """What the numbers of a card mean, and what a click does, where cards are of members.

    Args:
        share: of the members that the card stands for.
        members: that agree with what is given.
        noun: what they are.
        size: of what is outlined, with its diameters, a line of its own.
    """
    line = f"{size}\n" if size else ""
    return (
        f"{line}One of the {noun}; it stands for {share_of_members(share, members, noun)}. "
        "Click to show it; its star keeps it as a layer."
    )


def members_meaning(noun: str) -> str:
    """What a range of members is, at the foot of the report."""
    return (
        f"A range goes from the smallest to the largest of the {noun}, or says how far hypotheses "
        "drawn around them differ; it says nothing of what people would outline, nor where the "
        "truth is."
    )


def chosen_line(files: int, layers: int, folder: bool) -> str:
    """``Members: 3 layers.``; what to choose, while nothing is.

    Args:
        files: files and folders that were chosen.
        layers: that were.
        folder: whether one path was chosen, which holds all members.
    """
    if layers:
        return f"Members: {layers} layers, as they were."
    if folder:
        return "Members: those in the folder."
    if files:
        return f"Members: {files} files."
    return "Choose maps of other networks, or several people's outlines, of this image."


def member_title(name: str, at: int | None) -> str:
    """``2 · fold 3``: the number that steps and files call it by; one that is left out has none."""
    if at is None:
        return f"– · {name}"
    return str(at + 1) if name == str(at + 1) else f"{at + 1} · {name}"


def beyond_tip(noun: str) -> str:
    """Why the slider of an ensemble ends where it does."""
    return f"It ends at the outermost of the {noun}: beyond it nobody outlined anything so."


def lesion_tips(share: float, members: int, noun: str) -> tuple[str, str]:
    """What the range and the presence of a lesion are shares of: tooltips of their cells."""
    return (
        f"Smallest and largest of the {noun} in which it is present",
        f"Present in {share_of_members(share, members, noun)}",
    )


def of_outlines_alone(hardened: int, members: int) -> str:
    """That probabilities of some members count by their outlines: ``Of 2 of the 5 members …``."""
    who = "all members" if hardened == members else f"{hardened} of the {members} members"
    return f"Of {who}, which are probabilities, the outlines alone count."


def is_number(label: str) -> bool:
    """Whether a label is called by its number alone, ``label 3``: nobody has named it."""
    return label.startswith("label ") and label[len("label ") :].isdecimal()


def numbered_otherwise(numbers: Sequence[int]) -> str:
    """That labels have other numbers than in the maps that they come from.

    Args:
        numbers: in the maps, the background's first.
    """
    if len(numbers) == 2:
        return "The one thing outlined is label 1, whatever number it was drawn with."
    named = listed([str(number) for number in numbers[1:]])
    count = len(numbers) - 1
    now = "1 and 2" if count == 2 else f"1 to {count}"
    return f"Their labels {named} are numbered {now} in what is written."


def made_elsewhere(count: int, what: str) -> str:
    """``5 probability maps of this image, made elsewhere, as one distribution.``"""
    return f"{count} {what} of this image, made elsewhere, as one distribution."


def run_here(count: int, weights: int) -> str:
    """``5 networks of others, …``, or views of fewer: of so many that differ in weights."""
    who = "a network" if weights == 1 else f"{weights} networks"
    many = f"{count} networks" if weights == count else f"{count} mirrored views of {who}"
    return f"{many} of others, run on this image, as one distribution."


def clipped_line(low: float, high: float, share: float) -> str:
    """``Probabilities were clipped to 0.05–0.95, …: in 12 % of the voxels.``"""
    return (
        f"Probabilities were clipped to {low:g}–{high:g}, so that no member outvotes "
        f"all others: in {share:.0f} % of the voxels."
    )


def distances_line(width_mm: float) -> str:
    """``Label maps were taken as signed distances to their edges, up to 10 mm.``"""
    return f"Label maps were taken as signed distances to their edges, up to {width_mm:g} mm."


def members_line(names: Sequence[str]) -> str:
    """``Members: a, b.``; “fold 0, view 1 of 8” is one of them."""
    return f"Members: {('; ' if any(',' in name for name in names) else ', ').join(names)}."
