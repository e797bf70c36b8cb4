"""Which folders hold networks of others; told by names of files alone."""

from __future__ import annotations

from pathlib import Path


def is_model(path: Path) -> bool:
    """Whether a path is a model folder of nnU-Net v2 or a bundle of MONAI."""
    return is_nnunet(path) or is_bundle(path)


def is_nnunet(path: Path) -> bool:
    """Whether a path is a model folder of nnU-Net v2."""
    plans = all((path / name).is_file() for name in ("plans.json", "dataset.json"))
    # What nnU-Net predicts lies beside copies of both.
    return plans and any(one.is_dir() for one in path.glob("fold_*"))


def is_bundle(path: Path) -> bool:
    """Whether a path is a bundle of MONAI."""
    return all((path / "configs" / name).is_file() for name in ("metadata.json", "inference.json"))
