"""What was set up for an image when the dock was closed, for the next time it is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

from napari.layers import Image


@dataclass(frozen=True)
class Remembered:
    """What a user had set for an image.

    Attributes:
        model: folder of the model that the user chose; None where it came by itself.
        folders: of models that the user has added.
        centre: of the region to segment, in the source's grid; None for the whole image.
        frame: of a time series.
    """

    model: Path | None
    folders: tuple[Path, ...]
    centre: tuple[int, ...] | None
    frame: int


# By the image layer, and gone with it. Nothing of it is written to disk.
_remembered: WeakKeyDictionary[Image, Remembered] = WeakKeyDictionary()


def remember(image: Image, what: Remembered) -> None:
    """Keep what was set for an image."""
    _remembered[image] = what


def recall(image: Image | None) -> Remembered | None:
    """What was set for an image; asked twice, nothing is left to say."""
    return None if image is None else _remembered.pop(image, None)
