"""What tells results apart in a list, and in the names of files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from napari_ssn.text.sizes import plural

NOTHING_OUTLINED = "Nothing is outlined in it."

NOTHING_TO_SAVE = "There is no result to save as yet."
NOTHING_IN_STUDY = "There is no result in that study."

#: How the name of a study in one file ends.
STUDY_SUFFIX = ".ssn.zip"
#: What is asked before an earlier session is let go.
DISCARD = "Delete what was kept of that session? Nothing can bring it back."
# Letters of a part of a file's name: with all of them a path is far from its limit on Windows.
_LONGEST = 40


def result_line(
    image: str | None, place: Sequence[int] | None, amount: str | None, frame: int | None = None
) -> str:
    """``CT lung · slice 18 · 1.42 mL``.

    Args:
        image: name of its layer; None where that is closed.
        place: of the region's middle, as shown: slice, row, column; None for the whole image.
        amount: size of the hypothesis on show; None while it is counted.
        frame: of a time series, from 1.
    """
    parts = [image or "image closed"]
    if frame is not None:
        parts.append(f"frame {frame}")
    if place is None:
        parts.append("whole image")
    elif len(place) == 3:
        parts.append(f"slice {place[0]}, row {place[1]}, col. {place[2]}")
    else:
        parts.append(f"row {place[0]}, col. {place[1]}")
    if amount is not None:
        parts.append(amount)
    return " · ".join(parts)


def file_name(
    image: str | None,
    digest: str,
    place: Sequence[int] | None,
    what: str,
    amount: str | None = None,
) -> str:
    """``CT-thorax-lung_4f2a_at-18-120-88_card-2_1.42mL``: which image, where, which hypothesis.

    Args:
        image: what its layer is called, where that names nobody; None where nobody knows that.
        digest: of the image's values; four letters of it tell images of one name apart.
        place: of the region's middle, as shown; None for the whole image.
        what: is written: the hypothesis in words, or several.
        amount: its size, if it is one.
    """
    at = None if place is None else "at-" + "-".join(map(str, place))
    parts = (image or "image", digest[:4], at, what, amount and amount.replace(" ", ""))
    return "_".join(filter(None, (_slug(part) for part in parts if part)))


def _slug(words: str) -> str:
    """Words as a part of a file's name on any system: letters, digits, points in numbers."""
    kept = re.sub(r"(?<=\d) × (?=\d)", "x", words)
    kept = re.sub(r"[^\w.+−]+|(?<!\d)\.|\.(?!\d)", "-", kept).replace("−", "-minus-")
    return re.sub(r"[-_]{2,}", "-", kept).strip("-_")[:_LONGEST].rstrip("-_.")


def shortened(words: str) -> str:
    """Words of which long names of files have their beginning and their end alone."""
    return re.sub(r"\S{40,}", lambda long: f"{long[0][:16]}…{long[0][-15:]}", words)


def breakable(words: str) -> str:
    """Words of which long names of files may go on in the next line, wherever their parts end."""
    return re.sub(r"\S{24,}", lambda long: re.sub(r"(?<=[_-])", "\u200b", long[0]), words)


def wrote_line(files: Sequence[str], caution: str = "") -> str:
    """``Wrote out.nii.gz and its .json.``: a record that lies beside its file is not named again.

    Args:
        files: that were written, the one that was asked for first.
        caution: on that one.
    """
    first, *others = files
    stem = first.split(".")[0]
    beside = [
        "its .json" if one.startswith(stem) and one.endswith(".json") else one for one in others
    ]
    named = f"{first} ({caution})" if caution else first
    return f"Wrote {' and '.join([named, *beside])}."


def saved_line(results: int, lacking: str = "") -> str:
    """``Saved 2 results; open the study to go on.``

    Args:
        results: how many.
        lacking: see `lacking_line`.
    """
    return f"Saved {plural(results, 'result')}; open the study to go on. {lacking}".rstrip()


def lacking_line(number: int, count: int, reason: str) -> str:
    """``Of result 2 of 3 in the list only what its outlines need is saved. The server …``."""
    which = "the result" if count == 1 else f"result {number} of {count} in the list"
    return f"Of {which} only what its outlines need is saved. {reason}"


def waiting_line(sizes: Sequence[Sequence[int]]) -> str:
    """What is said of results whose images are not open; empty where there are none.

    Args:
        sizes: of each one's image, in voxels of its file.
    """
    if not sizes:
        return ""
    images = dict.fromkeys(" × ".join(map(str, size)) for size in sizes)
    which = next(iter(images)) if len(images) == 1 else f"{len(images)} sizes"
    one = len(sizes) == 1
    waits, its, it = ("waits", "its image", "it") if one else ("wait", "their images", "them")
    return (
        f"{plural(len(sizes), 'result')} {waits} for {its} ({which}): open or choose {it} to go on."
    )


#: Said while the image of a sidecar is looked for among the files beside it.
LOOKING = "Looking for the image of the exported result …"


def sidecar_line(size: Sequence[int], frame: int | None = None) -> str:
    """What is said of a sidecar whose image is not open; ``frame`` of a time series, from 1."""
    which = " × ".join(map(str, size))
    if frame is not None:
        which += f", frame {frame}"
    return f"An exported result waits for its image ({which}): open or choose it to go on."


def repeated_line(hypotheses: int) -> str:
    """What is said once the run of a sidecar was made again, and nothing differs."""
    which = "hypothesis is" if hypotheses == 1 else f"{hypotheses} hypotheses are"
    return f"Made again as its file states: the exported {which} here, the same in every voxel."


def differing_line(differing: int, hypotheses: int) -> str:
    """The same where ``differing`` of the hypotheses are not the exported ones."""
    if hypotheses == 1:
        return "Made again, but the hypothesis on show is not the exported one in every voxel."
    return f"Made again, but {differing} of {hypotheses} hypotheses differ from those exported."


def no_model_line(name: str, version: str) -> str:
    """What is said where the model of a sidecar is not installed, or has other weights."""
    return (
        f"The model of the exported result, {name} {version} with the same weights, is not here: "
        "choose “Other folder…” in the list of models to go on."
    )


def offer_line(results: int, saved: str) -> str:
    """``Earlier session (28 Nov 2026, 14:03): 2 results``; of a time as a document has it."""
    try:
        when = f" ({datetime.fromisoformat(saved).astimezone():%d %b %Y, %H:%M})"
    except (ValueError, OverflowError):
        when = ""
    return f"Earlier session{when}: {plural(results, 'result')}"


def unread_line(problem: str) -> str:
    """``An earlier session was kept and cannot be read: The study is damaged.``"""
    return f"An earlier session was kept and cannot be read: {problem}"


def image_of_study(number: int, channel: int, channels: int) -> str:
    """``Image 1 of the study · 2``: title of an image that a study holds, of several channels."""
    return f"Image {number} of the study" + (f" · {channel}" if channels > 1 else "")


def study_name() -> str:
    """Name that is proposed for the file of a study, by the hour: nobody is named."""
    return f"study_{datetime.now():%Y-%m-%d_%H%M}{STUDY_SUFFIX}"


def maps_in_words(maps: int, files: int, likely: int) -> str:
    """``17 label maps in 2 formats with sidecars, and volumes.csv``.

    Args:
        maps: label maps.
        files: that were written, sidecars aside.
        likely: of which so many are the probability map.
    """
    ways, words = (files - likely) // maps, []
    if ways:
        formats = f" in {ways} formats" if ways > 1 else ""
        sidecars = "its sidecar" if maps * ways == 1 else "sidecars"
        words.append(f"{plural(maps, 'label map')}{formats} with {sidecars}")
    if likely:
        words.append(
            "the probability map "
            + ("with its sidecar" if likely == 1 else f"in {likely} formats with sidecars")
        )
    return f"{', '.join(words or ['no label map'])}, and volumes.csv"


def not_saved_line(problem: str) -> str:
    """``Your work is not being saved: The disk is full …``"""
    return f"Your work is not being saved: {problem}"
