"""One prediction and one choice: what window, commands, `verify` and Python have in common.

Read in this order: `source` and `prediction` (what was found in which image), `run` (how), `choice`
(which hypothesis is meant), `decode` (its label map: the only way to it), `given` (what was pointed
at and asked), then what is said of many hypotheses (`ranges`, `cards`, `overview`, `curve`,
`comparison`, `answer`, `lesions`), `record` (what a sidecar says) and `export` (what is written).

Nothing here knows of a window, a command or a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_ssn.later import door

if TYPE_CHECKING:
    from napari_ssn.prediction import answer as answer
    from napari_ssn.prediction import cards as cards
    from napari_ssn.prediction import change_report as change_report
    from napari_ssn.prediction import comparison as comparison
    from napari_ssn.prediction import counting as counting
    from napari_ssn.prediction import crowd as crowd
    from napari_ssn.prediction import decode as decode
    from napari_ssn.prediction import drawing as drawing
    from napari_ssn.prediction import ensembles as ensembles
    from napari_ssn.prediction import export as export
    from napari_ssn.prediction import followed as followed
    from napari_ssn.prediction import growth as growth
    from napari_ssn.prediction import lengths as lengths
    from napari_ssn.prediction import lesions as lesions
    from napari_ssn.prediction import lines as lines
    from napari_ssn.prediction import overview as overview
    from napari_ssn.prediction import ranges as ranges
    from napari_ssn.prediction import readers as readers
    from napari_ssn.prediction import readers_told as readers_told
    from napari_ssn.prediction import record as record
    from napari_ssn.prediction import registered as registered
    from napari_ssn.prediction import repeated as repeated
    from napari_ssn.prediction import repeating as repeating
    from napari_ssn.prediction import restored as restored
    from napari_ssn.prediction import run as run
    from napari_ssn.prediction import scan as scan
    from napari_ssn.prediction import shells as shells
    from napari_ssn.prediction import spreading as spreading
    from napari_ssn.prediction import stored as stored
    from napari_ssn.prediction import studies as studies

__getattr__ = door(__name__)
