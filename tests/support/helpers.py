"""What several tests need: a model small enough to make and run in a moment."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLOURS = ("#000000", "#e69f00", "#56b4e9", "#009e73", "#cc79a7")


def page_of(path: Path) -> str:
    """A report as its words were said: spaces at which no line ends are spaces like others."""
    return path.read_text(encoding="utf-8").replace("\u00a0", " ")


def tiny_model(
    folder: Path,
    dims: int = 2,
    classes: int = 2,
    centred: bool = False,
    region: tuple[int, ...] | None = None,
    *,
    rank: int = 3,
    channels: int = 1,
    normalisation: str = "stretch",
    calibration: float | None = None,
    seed: int = 0,
    sparse: bool = False,
) -> Path:
    """Write a model folder with random weights and return it; its name is the card's name.

    The head is scaled and balanced so that on noise every label wins somewhere and different z
    give different label maps. The same arguments give the same bytes.

    Args:
        folder: of the model, made if it is missing; name it as the model shall be called.
        dims: 2 or 3.
        region: voxels per axis; 32 each by default, 16 is the least.
        centred: whether the model asks for a point, and marks it for the network.
        sparse: whether the background wins nearly everywhere, so that spots are far apart.
        calibration: both factors of the card's calibration; none by default.
    """
    # Here, so that collecting tests does not wait for torch.
    from napari_ssn.core.likeness import FEATURES
    from napari_ssn.documents.card import (
        Calibration,
        Label,
        ModelCard,
        Training,
    )
    from napari_ssn.network.models import save_model

    size = region or (32,) * dims
    architecture, state = _weights(dims, classes, centred, size, rank, channels, seed, sparse)
    card = ModelCard(
        name=folder.name,
        title=f"Tiny {dims}D model",
        version="0.1",
        purpose="Tests only: its weights are random.",
        licence="CC0-1.0",
        architecture=architecture,
        spatial_dims=dims,
        channels=["intensity"] * channels,
        labels=[
            Label(name="background" if i == 0 else f"label {i}", colour=COLOURS[i])
            for i in range(classes)
        ],
        normalisation=normalisation,
        window_hu=(-1000.0, 400.0) if normalisation == "hu" else None,
        region=list(size),
        centred=centred,
        training=Training(data="none", licence="CC0-1.0", attribution="none"),
        calibration=None
        if calibration is None
        else Calibration(level=0.9, below=calibration, above=calibration, data="none", readers=4),
        # A range is claimed of images that are like the training's alone: so is every image.
        likeness=None if calibration is None or channels > 1 else likeness_of_all(list(FEATURES)),
        weights_sha256="0" * 64,
    )
    save_model(folder, card, state)
    return folder


@cache
def _weights(
    dims: int,
    classes: int,
    centred: bool,
    size: tuple[int, ...],
    rank: int,
    channels: int,
    seed: int,
    sparse: bool,
) -> tuple[Any, dict[str, Any]]:
    """Architecture and weights of a tiny model: hundreds of tests ask for a handful."""
    import torch

    from napari_ssn.documents.card import Architecture
    from napari_ssn.network.building import build_network

    architecture = Architecture(
        backbone="BasicUNet",
        # Group norm, because instance norm fails where the deepest level is one voxel.
        arguments={"features": [4, 4, 4, 4, 4, 4], "norm": ["group", {"num_groups": 2}]},
        features=4,
        rank=rank,
        centre_radius=4.0 if centred else None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network(architecture, channels, classes, dims).eval()
        with torch.no_grad():
            network.mean.weight.normal_(std=4.0)
            network.factor.weight.normal_(std=1.0)
            noise = torch.rand(1, channels, *size)
            logits = network(noise).mean[0].flatten(1)
            # Each label's logits get the same median: none wins everywhere.
            network.mean.bias -= logits.median(1).values
            if sparse:
                even = logits - logits.median(1, keepdim=True).values
                network.mean.bias[0] += (even[1:].amax(0) - even[0]).quantile(0.97)
    return architecture, network.state_dict()


def likeness_of_all(features: list[str]) -> Any:
    """What a card says of training images that every image is like."""
    from napari_ssn.documents.likeness import Likeness

    wide = (1e6 * np.eye(len(features))).tolist()
    return Likeness(
        data="none",
        images=100,
        patients=100,
        features=features,
        mean=[0.0] * len(features),
        covariance=wide,
        limit=1e6,
        level=0.9,
    )


def command(monkeypatch: Any, capsys: Any, *arguments: object) -> tuple[int, str, str]:
    """Run a command of napari-ssn; its exit status, standard output and standard error."""
    from napari_ssn.cli import app as cli

    monkeypatch.setattr(sys, "argv", ["napari-ssn", *map(str, arguments)])
    status: object = 0
    try:
        cli.main()
    except SystemExit as stop:
        status = stop.code or 0
    out, err = capsys.readouterr()
    assert isinstance(status, int)
    return status, out, err


def noise_image(space: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """An image of smooth-ish noise, float32: pixels differ, and neighbours are alike."""
    values = np.random.default_rng(seed).normal(size=space).astype(np.float32)
    for axis in range(len(space)):
        values = values + np.roll(values, 1, axis) + np.roll(values, 2, axis)
    return (100 * values).round().astype(np.float32)


def oblique_affine(
    spacing_mm: tuple[float, float, float] = (0.7, 1.3, 2.5),
    angles: tuple[float, float, float] = (0.2, -0.3, 0.15),
    origin: tuple[float, float, float] = (-31.5, 12.25, 80.125),
) -> np.ndarray:
    """An affine with anisotropic spacing, turned by angles (radians) about x, y and z."""
    matrix = np.eye(4)
    turned = np.eye(3)
    for axis, angle in enumerate(angles):
        a, b = [i for i in range(3) if i != axis]
        step = np.eye(3)
        step[a, a] = step[b, b] = np.cos(angle)
        step[a, b], step[b, a] = -np.sin(angle), np.sin(angle)
        turned = step @ turned
    matrix[:3, :3] = turned @ np.diag(spacing_mm)
    matrix[:3, 3] = origin
    return matrix


def area(loop: NDArray[np.float64]) -> float:
    """Area inside a closed loop by the shoelace formula; positive when clockwise on screen."""
    r, c = loop.T
    return float(np.sum(c[:-1] * r[1:] - c[1:] * r[:-1]) / 2)
