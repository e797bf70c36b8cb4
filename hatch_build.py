"""Carries the manifest and the weights from the top of the checkout into the package."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Of a model folder; the pictures of its worst cases are for the page in docs/.
CARRIED = {".json", ".toml", ".safetensors"}


class TopLevelFiles(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            # napari looks for the manifest inside the package folder only; the weights are found
            # beside the checkout and need nothing.
            link_manifest(Path(self.root))
            return
        root = Path(self.root)
        models = (p for p in (root / "src_weights").glob("*/*") if p.suffix in CARRIED)
        for path in (root / "napari.yaml", *models):
            name = path.relative_to(root).as_posix()
            build_data["force_include"][name] = f"napari_ssn/{name}"


def link_manifest(root: Path) -> None:
    source, link = root / "napari.yaml", root / "napari_ssn" / "napari.yaml"
    link.unlink(missing_ok=True)
    try:
        link.symlink_to(Path("..") / source.name)
    except OSError:
        # Windows lets only some users make links. A copy goes stale: install again after a change.
        shutil.copyfile(source, link)
