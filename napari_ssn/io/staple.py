"""STAPLE by SimpleITK: the truth that several people's outlines are likeliest to come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_ssn.core.adjudicating import around
from napari_ssn.errors import DataError
from napari_ssn.geometry.arrays import Floats, Labels

MISSING = "STAPLE needs SimpleITK: pip install 'napari-ssn[itk]'."
# Voxels around all outlines that count: of a whole image nearly all agree, and who outlines more
# than the others would be right.
_MARGIN = 3


@dataclass(frozen=True, eq=False)
class Staple:
    """What STAPLE makes of M outlines.

    Attributes:
        label_map: (*S) uint8.
        sensitivity, specificity: (M, C − 1) of each person, estimated together with it; NaN where
            nobody has the label.
    """

    label_map: Labels
    sensitivity: Floats
    specificity: Floats


def staple(maps: Sequence[Labels], classes: int) -> Staple:
    """Simultaneous truth and performance level estimation, each label against the rest.

    Voxels within three of any outline count, no others. With several labels the map is that of
    the multi-label variant, undecided voxels background.

    Args:
        maps: M label maps (*S) on one grid, at least two.
        classes: number of labels C, background included.

    Raises:
        DataError: SimpleITK is not installed.

    Source: Warfield, Zou and Wells, IEEE TMI 2004; Rohlfing, Russakoff and Maurer, IEEE TMI 2004.
    """
    try:
        import SimpleITK as sitk
    except ModuleNotFoundError:
        raise DataError(MISSING) from None
    box = around(maps, _MARGIN)
    parts = [np.ascontiguousarray(one[box]) for one in maps]
    rates = np.full((2, len(maps), classes - 1), np.nan)
    label_map = np.zeros_like(maps[0])
    for label in range(1, classes):
        if not any((one == label).any() for one in parts):
            continue
        binary = sitk.STAPLEImageFilter()
        binary.SetForegroundValue(1)
        masks = [sitk.GetImageFromArray((one == label).astype(np.uint8)) for one in parts]
        likely = sitk.GetArrayFromImage(binary.Execute(masks))
        rates[0, :, label - 1] = binary.GetSensitivity()
        rates[1, :, label - 1] = binary.GetSpecificity()
        if classes == 2:
            label_map[box] = likely > 0.5
    if classes > 2 and any(one.any() for one in parts):
        several = sitk.MultiLabelSTAPLEImageFilter()
        several.SetLabelForUndecidedPixels(0)
        found = several.Execute([sitk.GetImageFromArray(one) for one in parts])
        label_map[box] = sitk.GetArrayFromImage(found)
    return Staple(label_map, *rates)
