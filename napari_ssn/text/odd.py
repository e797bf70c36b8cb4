"""What is said of label maps of one image that may be stored otherwise than the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from napari_ssn.text.sizes import capital, listed

if TYPE_CHECKING:
    from napari_ssn.core.odd import Odd


def odd_lines(odd: Odd, names: Sequence[str]) -> Iterator[str]:
    """``The labels of member 3 lie where …``, a sentence for each way to be odd.

    Args:
        odd: which are.
        names: of all, as in a sentence: ``member 1``.
    """

    def who(numbers: Sequence[int]) -> str:
        return listed([names[number] for number in numbers])

    if odd.disordered:
        yield (
            f"The labels of {who(odd.disordered)} lie where most others have other labels: they "
            "may be numbered in another order."
        )
    if 1 < len(odd.turned) == len(names):
        yield (
            f"{capital(who(odd.turned))} lie at one place only if the axes of some are turned: "
            "these may be stored along other axes, or backwards."
        )
    elif odd.turned:
        several = len(odd.turned) > 1
        lies, its, they = ("lie", "their", "they") if several else ("lies", "its", "it")
        yield (
            f"{capital(who(odd.turned))} {lies} where the others do only if {its} axes are turned: "
            f"{they} may be stored along other axes, or backwards."
        )
    if odd.apart:
        have, are = ("have", "are they") if len(odd.apart) > 1 else ("has", "is it")
        yield (
            f"{capital(who(odd.apart))} {have} no voxel in common with any other: {are} of the "
            "same image, and of the same thing?"
        )
