"""Many scans, each segmented once, on workers of dask.distributed.

Read in this order: `looking` and `archived` (which scans there are), `manifest` (what became of
each: the truth is on the disk), `reading` and `task` (one scan, in a worker), `crew` (the workers),
`work` (who does what, and what a worker's death means), `run` (all of it), `table`, `parquet`,
`review` and `served` (what is seen of it).

A task returns a row and never an array. One process writes the manifest, and one scan is in one
worker at a time, so that it is known which scan a worker died of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_ssn.later import door

if TYPE_CHECKING:
    from napari_ssn.cohort import archived as archived
    from napari_ssn.cohort import manifest as manifest
    from napari_ssn.cohort import parquet as parquet
    from napari_ssn.cohort import reading as reading
    from napari_ssn.cohort import review as review
    from napari_ssn.cohort import run as run
    from napari_ssn.cohort import served as served

__getattr__ = door(__name__)
