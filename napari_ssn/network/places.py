"""Where models lie. Whoever only lists them does not wait for torch."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import platformdirs

from napari_ssn.documents.card import CARD_NAME
from napari_ssn.errors import ModelError


def model_places() -> list[Path]:
    """Folders that hold model folders: the package's own, the checkout's, the user's."""
    spec = importlib.util.find_spec("napari_ssn")
    assert spec is not None and spec.submodule_search_locations
    package = Path(spec.submodule_search_locations[0])
    return [
        package / "src_weights",
        package.parent / "src_weights",
        Path(platformdirs.user_data_dir("napari-ssn", appauthor=False)) / "models",
    ]


def model_folders() -> dict[str, Path]:
    """Installed models by name; the first place that has a name wins."""
    found: dict[str, Path] = {}
    for place in model_places():
        if place.is_dir():
            for folder in sorted(place.iterdir()):
                if (folder / CARD_NAME).is_file():
                    found.setdefault(folder.name, folder)
    return found


def find_model(name: str | os.PathLike[str]) -> Path:
    """Folder of an installed model's name, or a path to any model folder."""
    folders = model_folders()
    if str(name) in folders:
        return folders[str(name)]
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    known = ", ".join(sorted(folders)) or "none"
    raise ModelError(
        f"There is no model {path.name!r}; installed: {known}. Any other is named by its folder."
    )
