"""How a series is best shown, as its scanner says or as its values are."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from napari_ssn.errors import ImageError
from napari_ssn.geometry.intensity import ct_window, some_values
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.dicom.damage import reading
from napari_ssn.io.dicom.series import DicomSeries


def layer_options(volume: Volume) -> dict[str, Any]:
    """Contrast and colour map of the layer of a volume from DICOM.

    A CT opens at the window of what it shows, whatever window was looked at last at the
    scanner; anything else at the window that its middle slice names. MONOCHROME1 is shown
    inverted, as it asks for; its values stay.
    """
    series = volume.source
    assert isinstance(series, DicomSeries)
    header = series.headers[len(series.headers) // 2]
    options: dict[str, Any] = {}
    # What a header says of the look is no reason to refuse an image.
    with suppress(ImageError), reading("No window."):
        if header.get("PhotometricInterpretation") == "MONOCHROME1":
            options["colormap"] = "gray_r"
        if header.get("Modality") == "CT":
            options["contrast_limits"] = list(ct_window(some_values(volume.data[0], 2)).limits)
        else:
            centre, width = (_first(header[f"Window{what}"].value) for what in ("Center", "Width"))
            if width > 0:
                options["contrast_limits"] = [centre - width / 2, centre + width / 2]
    return options


def _first(value: Any) -> float:
    """First of the windows that a header names, the one it prefers."""
    return float(value if isinstance(value, str | float | int) else value[0])
