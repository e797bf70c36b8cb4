"""Words on a cohort."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from napari_ssn.documents.cohort import Found, Measured, State
from napari_ssn.text.sizes import between, capital, plural

NO_WORKERS = "The scheduler has no workers yet: they are waited for."
NO_DASK = 'A cohort is worked on by dask, which is not installed: pip install "napari-ssn[cohort]".'
NO_PARQUET = (
    "A table in Parquet is written by pyarrow, which is not installed: pip install "
    '"napari-ssn[parquet]".'
)
ONE_TABLE, BOTH_TABLES = "cohort.csv and review.html", "both tables and review.html"
CALLED_BY_FILES = "They call scans by their files, whose names may hold names."
# UIDs name nobody who cannot ask the archive.
CALLED_BY_SERIES = "They call scans by day and UID of their series."
BLIND = "a worker does not see the folder of the results: it has to be one that all share"
STOPPED = "Stopped. What is done is kept: the same command goes on."

#: What became of a scan, in words.
STATES: dict[State, str] = {
    "done": "done",
    "nothing": "nothing there",
    "refused": "refused",
    "aside": "set aside",
    "waiting": "waiting",
}
_UNITS = {"mL": "mL", "mm2": "mm²", "voxels": "voxels"}
_RANGES = {
    "calibrated": "readers’ range",
    "adjusted": "adjusted range",
    "model": "model range",
}
#: Whether an image is like the training images.
FITS = {
    "fits": "like them",
    "unlike": "unlike them",
    "unknown": "not known",
    "refused": "refused",
}

#: What to do about what has no result.
AGAIN = (
    "What was refused or set aside is not tried again by itself, unless its file changes: the same "
    "command with --again does that."
)
# Reasons that are said; the table has all.
_REASONS = 5


def states_line(counts: Mapping[State, int]) -> str:
    """``200 scans: 180 done, 12 nothing there, 6 refused, 2 set aside.``"""
    total = sum(counts.values())
    each = ", ".join(
        f"{counts[state]:,} {words}" for state, words in STATES.items() if counts.get(state)
    )
    return f"{plural(total, 'scan')}: {each}." if total else "There are no scans."


def reasons_lines(reasons: Mapping[str, int]) -> list[str]:
    """Why scans have no result, the most frequent first: ``2 × It is a label map and no image.``"""
    often = sorted(reasons.items(), key=lambda one: -one[1])
    lines = [f"{count:,} × {words}" for words, count in often[:_REASONS]]
    if others := often[_REASONS:]:
        count = sum(count for _, count in others)
        lines.append(f"{count:,} for other reasons, which cohort.csv has.")
    return lines


def size_words(one: Measured) -> str:
    """``1.42 mL``, of a slice ``172 mm² in this slice``: the median."""
    return f"{one.median:.3g} {_UNITS[one.unit]}{_here(one)}"


def _here(one: Measured) -> str:
    # Areas are of what is but one slice: what lies beside it was not seen.
    return " in this slice" if one.unit == "mm2" else ""


def range_words(one: Measured) -> str:
    """``0.95–2.31 mL · model range, 90 %``; both ends with the decimals that suit the larger."""
    digits = max(0, 2 - math.floor(math.log10(one.high))) if one.high > 0 else 0
    ends = between(f"{one.low:.{digits}f}", f"{one.high:.{digits}f}")
    return f"{ends} {_UNITS[one.unit]} · {_RANGES[one.kind]}, {100 * one.level:.0f} %"


def remarks(found: Found) -> list[str]:
    """What deserves a second look, in short sentences."""
    said = [found.doubt] if found.doubt else []
    for one in found.labels:
        if one.cut_off_by:
            said.append(f"{capital(one.label)} reaches an edge of the image: it may be larger.")
        if one.apart:
            part = f"{one.apart:.3g} {_UNITS[one.unit]}{_here(one)}"
            said.append(f"{part} of {one.label} lies apart from the lesion.")
    return said


def died_of_it(deaths: int) -> str:
    """``2 workers died of it, or were killed while they had it.``"""
    return f"{deaths} workers died of it, or were killed while they had it."


def unforeseen(kind: str) -> str:
    """``It came to an error that nobody had foreseen (KeyError).``"""
    return f"It came to an error that nobody had foreseen ({kind})."


def other_version(there: str, here: str) -> str:
    """``a worker has napari-ssn 1.0, and this computer has 1.1``."""
    return f"a worker has napari-ssn {there}, and this computer has {here}"


def not_running(kind: str) -> str:
    """``a worker has no napari-ssn that runs (ImportError)``."""
    return f"a worker has no napari-ssn that runs ({kind})"


def left_aside(why: str) -> str:
    """``Left aside: a worker has …``, of a worker."""
    return f"Left aside: {why}."


def watched_at(address: str) -> str:
    """``What the workers do: http://…``, the address of dask's own page."""
    return f"What the workers do: {address}"


def row_of_table(number: int) -> str:
    """``Row 3 of the table``."""
    return f"Row {number} of the table"


def left_lines(
    unasked: int, results: int, closed: int, others: int, unused: Sequence[str]
) -> list[str]:
    """``Left aside, as results: 3 files.``: a sentence on each kind of what is left aside.

    Args:
        unasked: series of an archive.
        results, others: files that are results, or no images by their names.
        closed: folders that could not be read.
        unused: columns of a table.
    """
    lines = {
        f"Left aside, as not asked for: {unasked:,} series of those studies.": unasked,
        f"Left aside, as results: {plural(results, 'file')}.": results,
        f"Not looked into, as not to be read: {plural(closed, 'folder')}.": closed,
        f"Left aside, as no images by their names: {plural(others, 'file')}.": others,
        f"Columns of the table that say nothing here: {', '.join(unused)}.": unused,
    }
    return [line for line, some in lines.items() if some]


def not_there(scans: str) -> str:
    """``Not there any more, their results stay: 2 scans of before.``"""
    return f"Not there any more, their results stay: {scans} of before."


def opens_in_napari(number: str) -> str:
    """``Scan 7 opens in napari: that takes some seconds.``"""
    return f"Scan {number} opens in napari: that takes some seconds."


def to_be_done(scans: str, todo: int) -> str:
    """``200 scans, 40 of them to be done.``"""
    return f"{scans}, {f'{todo:,}' if todo else 'none'} of them to be done."
