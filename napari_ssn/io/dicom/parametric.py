"""DICOM parametric maps: how likely each label is, as the floats that they are."""

from __future__ import annotations

from pathlib import Path

import highdicom
import numpy as np
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian

from napari_ssn.errors import ExportError
from napari_ssn.io.content import Content, as_volume
from napari_ssn.io.dicom import making
from napari_ssn.io.dicom.segmentation import check_grid, planes_of
from napari_ssn.io.dicom.series import DicomSeries, short
from napari_ssn.io.dicom.source import refer, sources

_SERIES_NUMBER = 9103
_NO_MAPS = "A parametric map holds probabilities: write label maps as .dcm."


def encode(content: Content, path: Path, series: DicomSeries) -> bytes:
    """A parametric map of probabilities, float32; a channel for each label but the background.

    Slices on which no label is likely at all are left out; of nothing anywhere there is one.

    Args:
        content: the probability map on the grid of the series, axes (column, row, slice).
        path: of the file.
        series: that it belongs to.

    Raises:
        ExportError: content of label maps, another grid, or headers that lack too much.
    """
    likely = content.probability
    if likely is None:
        raise ExportError(_NO_MAPS)
    check_grid(content, series)
    maps = [as_volume(values) for values in likely.values]
    planes = planes_of(maps)
    frames = np.stack([one[..., planes].transpose(2, 1, 0) for one in maps], axis=-1)
    with making.refused():
        headers, frames = sources(series, planes, frames.astype(np.float32))
        made = highdicom.pm.ParametricMap(
            source_images=headers,
            pixel_array=frames,
            **making.made_by(content.model.name, _SERIES_NUMBER, "probabilities"),
            contains_recognizable_visual_features=False,
            real_world_value_mappings=[
                [
                    highdicom.pm.RealWorldValueMapping(
                        lut_label=short(segment.label.name)[:16],
                        lut_explanation=short(segment.name),
                        unit=codes.UCUM.NoUnits,
                        value_range=(0.0, 1.0),
                        slope=1.0,
                        intercept=0.0,
                        quantity_definition=codes.DCM.Probability,
                    )
                ]
                for segment in content.segments()
            ],
            voi_lut_transformations=[
                highdicom.VOILUTTransformation(window_center=0.5, window_width=1.0)
            ],
            content_label="SSN",
            content_description=making.notice(content.unlike),
            transfer_syntax_uid=ExplicitVRLittleEndian,
        )
        # Asked of every series of images, and known of none.
        made.Laterality = made.ContentCreatorName = ""
        if series.frames is not None:
            refer(made, series, planes)
        return making.written(made, series)
