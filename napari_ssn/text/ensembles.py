"""What is said of the members of an ensemble, who are no readers."""

from __future__ import annotations


def of_members(held: int, members: int, noun: str) -> str:
    """``5 networks``; ``the 3 of 5 networks that agree``, given points or conditions."""
    if held == members:
        return f"{members} {noun}"
    if held == 1:
        return f"the one of {members} {noun} that agrees"
    return f"the {held} of {members} {noun} that agree"


def range_of_members(ends: str, held: int, members: int, drawn: int, noun: str) -> str:
    """``smallest and largest of 5 networks 0.95–2.31 mL``.

    Args:
        ends: of the range, in words.
        held: members that it is of; 0 where none agrees, and it is that of draws around them.
        members: in all.
        drawn: how many were drawn.
        noun: what the members are.
    """
    if held == 0:
        return f"none of {members} {noun} outlines it so; {drawn:,} drawn around them {ends}"
    if held == 1:
        return f"{of_members(held, members, noun)} {ends}"
    return f"smallest and largest of {of_members(held, members, noun)} {ends}"


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
