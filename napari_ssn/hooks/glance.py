"""What napari calls with whatever is dropped on it: a glance, and who opens it if it is ours.

It is asked about files of every kind, and imports nothing heavy to say no. See ``napari.yaml``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_ssn.hooks.beside import Reader, in_window, lazy
from napari_ssn.io.dicom.members import may_be_dicom
from napari_ssn.io.formats import dicom_home, is_sidecar
from napari_ssn.io.omezarr_head import is_zarr
from napari_ssn.text.results import STUDY_SUFFIX


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """Reader of DICOM, OME-Zarr, studies and sidecars; None where a glance finds none of these."""
    paths = [Path(path)] if isinstance(path, str) else [Path(p) for p in path]
    if paths and all(is_sidecar(p) or p.name.lower().endswith(STUDY_SUFFIX) for p in paths):
        return lazy("napari_ssn.hooks.resuming")
    if paths and all(is_zarr(p) for p in paths):
        return in_window(lazy("napari_ssn.hooks.zarr"))
    if not paths or not all(may_be_dicom(p) for p in paths):
        return None
    return in_window(_dicom)


def _dicom(path: str | Sequence[str]) -> list[Any]:
    dicom_home()  # says so if the libraries are missing
    return lazy("napari_ssn.hooks.dicom")(path)
