"""Grey pictures: PNG, TIFF, JPEG and what else Pillow reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from napari_ssn.errors import ImageError
from napari_ssn.geometry.display import plain_display
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.source import BROKEN, opened

# Pillow's modes of one grey channel: 1 and 8 bit, 16 bit in either byte order, 32 bit, float.
_GREY = {"1", "L", "I;16", "I;16L", "I;16B", "I", "F"}


def read(path: Path, series: int | None) -> Volume:
    """Read a grey 2D picture; its pixel size counts as unknown and its axes as the picture's.

    Values are kept as they are stored. Rows go towards posterior and columns towards the left
    of a patient who is looked at in the radiological convention.

    Raises:
        ImageError: the file is missing, damaged, coloured, or holds several pictures.
    """
    # `from None`: the causes' messages hold the path, and the path may hold a patient's name.
    try:
        with opened(path) as stream, Image.open(stream) as picture:
            mode, pages = picture.mode, getattr(picture, "n_frames", 1)
            if mode not in _GREY:
                kind = "a palette" if mode == "P" else "colours"
                raise ImageError(f"The picture has {kind}: convert it to grey values first.")
            if pages != 1:
                raise ImageError(
                    f"The file holds {pages} pictures: save one of them as its own file, or all as "
                    "NIfTI."
                )
            values = np.asarray(picture)
    except UnidentifiedImageError:
        raise ImageError("The file is damaged or no picture: choose another.") from None
    except Image.DecompressionBombError:
        raise ImageError("The picture is too large to be opened.") from None
    except BROKEN:
        raise ImageError("The picture is damaged or cut off: copy or export it again.") from None
    display = plain_display(values.shape)
    data = np.ascontiguousarray(values, dtype=np.float32)
    return Volume(data[None], display.affine, display.extent, display.oriented)
