"""Small sets to learn from, as slices, nodules and nnU-Net's folders."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
from PIL import Image

from tests.support.helpers import noise_image, oblique_affine

HEADER = "patient,nodule,slice,raters,pixel_spacing_mm,slice_spacing_mm"


def png(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(array).save(out, "png")
    return out.getvalue()


def slice_files(count: int = 3, size: int = 32, seed: int = 0) -> dict[str, bytes]:
    """A small set: a bright disc, which four raters draw at four sizes, one of them once not."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - size // 2
    files, lines = {}, [HEADER]
    for i in range(count):
        noise = rng.integers(0, 60, (size, size))
        radius = rng.uniform(4, 7)
        disc = np.hypot(y, x) < radius
        files[f"image/{i + 1:04d}_0_{i:03d}.png"] = png((noise + 150 * disc).astype(np.uint8))
        bits = sum((np.hypot(y, x) < radius - 1 + k / 2) * (1 << k) for k in range(4))
        if i == 1:
            bits = bits & ~1  # this rater sees nothing
        files[f"raters/{i + 1:04d}_0_{i:03d}.png"] = png(np.asarray(bits, np.uint8))
        lines.append(f"{i + 1},0,{i},4,{'' if i == 2 else 0.7},2.5")
    files["slices.csv"] = "\n".join(lines).encode()
    return files


def write(path: Path, files: dict[str, bytes]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    else:
        for name, content in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
    return path


AFFINE = oblique_affine()


def save(path: Path, data: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.Nifti1Image(data, affine).to_filename(path)


def nnunet_folder(
    path: Path, count: int = 2, raters: int = 1, channels: int = 1, depth: int = 16
) -> Path:
    """A dataset of blobs with a head and a tail on noise; further raters draw them larger."""
    for i in range(count):
        space = (16 + i, 18, depth)
        grid = np.stack(np.meshgrid(*(np.arange(n) - n // 2 for n in space), indexing="ij"))
        far = np.sqrt((grid.astype(float) ** 2).sum(0))
        for channel in range(channels):
            image = noise_image(space, seed=10 * i + channel) + 300 * (far < 5)
            save(path / "imagesTr" / f"case_{i}_{channel:04d}.nii.gz", image.astype(np.float32))
        for rater in range(raters):
            label = np.where(far < 5 + rater, np.where(grid[1] < 0, 1, 2), 0).astype(np.uint8)
            name = f"case_{i}" if raters == 1 else f"case_{i}__r{rater}"
            save(path / "labelsTr" / f"{name}.nii.gz", label)
    about = {
        "channel_names": {str(c): f"sequence {c}" for c in range(channels)},
        "labels": {"background": 0, "head": 1, "tail": 2},
        "file_ending": ".nii.gz",
        "licence": "CC0-1.0",
    }
    (path / "dataset.json").write_text(json.dumps(about))
    return path


SIZE, SLICES = 48, 7
GAIN, OFFSET = 5.0, -1030.0


def nodule_files(nodules: int = 3, size: int = SIZE) -> dict[str, bytes]:
    """Balls of soft tissue in lung; reader 2 draws a smaller one, and reader 3 nothing.

    The tables lie beside ``set.zip``.
    """
    z, y, x = np.mgrid[:SLICES, :size, :size]
    middle = (SLICES // 2, size // 2, size // 2)
    rows, about, units = [], [], []
    files: dict[str, bytes] = {}
    for patient in range(1, nodules + 1):
        # Millimetres: slices 2 apart, voxels 0.8.
        far = np.sqrt(
            (2 * (z - middle[0])) ** 2 + (0.8 * (y - middle[1])) ** 2 + (0.8 * (x - middle[2])) ** 2
        )
        ball = far < 5
        image = np.where(ball, 210, 30).astype(np.uint8)
        bits = ball * 3 + (far < 3.5) * 4
        for k in range(SLICES):
            name = f"{patient:04d}_0_{k:03d}"
            files[f"image/{name}.png"] = png(image[k])
            files[f"raters/{name}.png"] = png(bits[k].astype(np.uint8))
            rows.append(f"{patient},0,{k},4,,")
            units.append(f"{patient},0,{k},{GAIN},{OFFSET},1,0,1")
        about.append(f"{patient},0,{SLICES},0.8,2,3,1,100,200,-50,1,5,3,,")
    head = "patient,nodule,slice,raters,pixel_spacing_mm,slice_spacing_mm"
    files["slices.csv"] = "\n".join([head, *rows]).encode()
    head = (
        "patient,nodule,slices,pixel_spacing_mm,slice_spacing_mm,readers,exact,row0,col0,"
        "z_first_mm,consecutive,texture_0,texture_1,texture_2,texture_3"
    )
    files["nodules"] = "\n".join([head, *about]).encode()
    head = "patient,nodule,slice,hu_gain,hu_offset,exact,distance,intercept_from_header"
    files["hu"] = "\n".join([head, *units]).encode()
    return files


def put(folder: Path, files: dict[str, bytes]) -> Path:
    tables = {name: files.pop(name) for name in ("nodules", "hu") if name in files}
    path = write(folder / "set.zip", files)
    for name, content in tables.items():
        (folder / f"set-{name}.csv").write_bytes(content)
    return path


RECIPE = """
[card]
name = "small"
title = "Small"
version = "0"
purpose = "Tests"
licence = "CC0-1.0"
spatial_dims = 2
channels = ["grey"]
normalisation = "stretch"
region = [32, 32]
centred = true
labels = [{ name = "background", colour = "#000000" }, { name = "disc", colour = "#ffb000" }]
[card.training]
data = "drawn discs"
licence = "CC0-1.0"
attribution = "none"
[recipe]
steps = 30
batch = 4
crop = 16
whole_share = 0.25
warmup = 10
learning_rate = 5e-3
validate_every = 15
validation_cases = 6
average = 0.9
[recipe.architecture]
backbone = "BasicUNet"
arguments = { features = [8, 8, 8, 8, 8, 8], norm = "batch" }
features = 8
rank = 2
centre_radius = 5.0
"""
