"""Whatever lies at a place, as layers of napari: which of the readers here it is for."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from napari_ssn.io.asking import Ask
from napari_ssn.io.dicom.members import may_be_dicom
from napari_ssn.io.formats import dicom_home
from napari_ssn.io.layers import LayerData, get_reader
from napari_ssn.io.omezarr_head import is_zarr
from napari_ssn.io.steps import Step, unseen


def layers_at(
    path: Path, ask: Ask | None, opened: set[str], step: Step = unseen
) -> list[LayerData] | None:
    """Layers of a file or folder; None where nothing here reads that.

    Args:
        path: of it.
        ask: is asked which of several images; None where there is nobody to ask.
        opened: DICOM instances that were opened together with this, see `layers_of_files`.
        step: is told how far it is, where that is known.

    Raises:
        ImageError, GeometryError: in one sentence, if it cannot be opened.
        Cancelled: that ``step`` has raised.
    """
    if is_zarr(path):
        return [*import_module("napari_ssn.io.levels").layers_of_levels(path, ask)]
    read = None if path.is_dir() else get_reader(str(path))
    if read is not None:
        return read(str(path))
    if not may_be_dicom(path):
        return None
    dicom_home()  # says so if the libraries are missing
    return [*import_module("napari_ssn.io.series").layers_of_files(path, ask, opened, step)]
