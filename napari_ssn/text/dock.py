"""Hints and questions of the dock that are of no single matter."""

from __future__ import annotations

from collections.abc import Sequence

from napari_ssn.text.sizes import plural

DROP_HERE = "… or drop files or a folder here."

COPY_TO_EDIT = "A copy was kept to be edited: the outline itself follows the slider."
OUTLINE_DELETED = "The outline was deleted: it comes back at the next move, or with the key S."
OPEN_OR_TRY = "Open a scan, or try a sample"
CLICK_TO_COMPARE = "Click the card to compare with."
KEPT_ALREADY = "This hypothesis is kept already, in a layer of its own."
ABOUT_SERVERS = (
    "The region that the model looks at goes there, without names, and the result comes back: "
    "slider, clicks and cards stay here."
)
NO_IMAGE = "No image is open."
LOOKING_FOR_MODELS = "Looking for models…"
ON_PROCESSOR = "Runs on the processor; a graphics card would be faster."
READ_IN_SLICES = "This image is read slice by slice: its other planes would take too long."
CLICK_OR_ESCAPE = "Click on the image; Escape ends."
_EXPORTS = {
    "cards": "Exports the {} cards",
    "probability": "Exports how likely each label is",
    "report": "Exports a page with pictures",
    "volumes": "Exports all sizes and ranges",
}
JSON_BESIDE = "The JSON beside the file says how it came about."
WOULD_REPLACE_IMAGE = "The result would replace an image that is open: choose another name."
EXPORTS_SHOWN = "Exports the hypothesis on show."
RUN_AGAIN = "Of another image or another place: run again."
CUT_OFF = (
    "What lies beyond is not counted: the size is a lower bound. Where the region ends, place the "
    "centre nearer its middle, or use a model that looks farther."
)
NOTHING_YET = "Nothing yet: run the model."
CLICK_ON_LESION = "Click on the lesion."
NO_CENTRE = "No centre yet."
READY_CENTRED = "Ready. The lesion is expected in the middle."
WHEN_SETTINGS_COUNT = "Ranges and samples follow at once; the device counts from the next run."
OWN_SPREAD = (
    "1 × is the model's own spread. With another one no range is calibrated; "
    "a new run begins with 1 ×."
)
WHAT_HAPPENS = (
    "Then press Run: the outline appears on the image, with how far readers would differ from it. "
    "Choose the one you believe, correct it, and export it."
)


def exports_line(part: str, cards: int, shown: str, stale: bool) -> str:
    """``Exports the 5 cards``, or ``Exports: card 2`` of what is on show.

    Args:
        part: of `prediction.shown.Part`.
        cards: how many there are.
        shown: the hypothesis on show, in words.
        stale: whether the result is that of a former image or place.
    """
    if part in _EXPORTS:
        return _EXPORTS[part].format(cards) + (" of the greyed, earlier result" if stale else "")
    whose = " the greyed, earlier result" if stale else ""
    return f"Exports{whose}: {shown[0].lower()}{shown[1:]}"


def place_line(place: Sequence[int]) -> str:
    """``Slice 18, col. 120, row 88``, of a picture ``Column 120, row 88``; slice or row first."""
    if len(place) == 3:
        return f"Slice {place[0]}, col. {place[2]}, row {place[1]}"
    return f"Column {place[1]}, row {place[0]}"


def may_replace_line(name: str) -> str:
    """``nodule.nii.gz is there already. Replace it?``"""
    return f"{name} is there already. Replace it?"


def size_unknown(what: str) -> str:
    """``Voxel size unknown: enter it in mm.``"""
    return f"{what} size unknown: enter it in mm."


def samples_gone(count: int) -> str:
    """``5 samples of the run before made room; what was kept, painted or renamed stays.``"""
    samples = plural(count, "sample")
    return f"{samples} of the run before made room; what was kept, painted or renamed stays."


def done_line(took: str, device: str, depth: str = "") -> str:
    """``Done in 2 s on CPU. Slices up to 20 mm from the point.``

    Args:
        took: how long the run lasted; empty where nobody knows, as of a study's.
        device: that it ran on.
        depth: how far a 2D model looked along the volume; empty of others.
    """
    how = f"Done in {took}" if took else "Computed"
    slices = f" Slices up to {depth} from the point." if depth else ""
    return f"{how} on {device}.{slices}"
