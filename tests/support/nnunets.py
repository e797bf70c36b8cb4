"""A real nnU-Net v2 model and what nnU-Net itself makes of two images: ``make nnunet DATA=…``.

Run in an environment with nnunetv2, not that of the tests. Two folds are trained for five epochs
each on twelve cases of the Decathlon's hippocampi (CC BY-SA 4.0), with plans that turn the axes,
resample and have few features, so that the model folder is small enough to be kept. The images are
phantoms.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

KEPT = Path(__file__).parents[1] / "nnunet"
MODEL = KEPT / "model"
#: Voxel sizes of the phantoms: of the second one the slices are thick.
SPACINGS = {"even": (1.2, 0.9, 1.1), "thick": (0.9, 1.1, 4.0)}
SPACES = {"even": (26, 30, 22), "thick": (30, 24, 9)}
_DATASET = "Dataset004_Hippocampus"
_TRAINER = "nnUNetTrainer_5epochs"


def phantom(name: str) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """A grey image with a border of zeros, and its affine; its axes differ in all there is."""
    space, spacing = SPACES[name], np.array(SPACINGS[name])
    at = np.indices(space).astype(float) * spacing[:, None, None, None]
    middle = (np.array(space) * spacing / 2)[:, None, None, None]
    x, y, z = at - middle
    body = 300 + 40 * np.sin(at[0] / 4) + 30 * np.cos(at[1] / 3 + at[2] / 7)
    blob = (x / 5) ** 2 + ((y + 0.2 * x) / 10) ** 2 + ((z - 1) / 6) ** 2
    values = body + 260 / (1 + np.exp(6 * (blob - 1)))
    values[:2], values[:, -3:] = 0, 0
    affine = np.diag([*spacing, 1.0]) @ np.diag([-1.0, 1, 1, 1])
    affine[:3, 3] = (20, -30, 11)
    return np.rint(values).astype(np.int16), affine


def shrink(plans: dict[str, Any]) -> dict[str, Any]:
    """Plans of nnU-Net with few features, turned axes and another spacing than the images'."""
    plans["transpose_forward"], plans["transpose_backward"] = [2, 0, 1], [1, 2, 0]
    config = plans["configurations"]["3d_fullres"]
    config |= {"patch_size": [16, 16, 24], "spacing": [1.3, 1.0, 1.1], "batch_size": 2}
    config["architecture"]["arch_kwargs"] |= {
        "n_stages": 3,
        "features_per_stage": [4, 8, 12],
        "kernel_sizes": [[3, 3, 3]] * 3,
        "strides": [[1, 1, 1], [2, 2, 2], [2, 2, 2]],
        "n_conv_per_stage": [2, 2, 2],
        "n_conv_per_stage_decoder": [2, 2],
    }
    plans["configurations"] = {"3d_fullres": config}
    return plans


def main() -> None:
    """Train, predict and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with imagesTr, labelsTr and splits.json")
    data = parser.parse_args().data
    with tempfile.TemporaryDirectory() as held:
        _make(data, Path(held))


def _make(data: Path, place: Path) -> None:
    raw, ready, results = (place / name for name in ("raw", "preprocessed", "results"))
    places = {"nnUNet_raw": raw, "nnUNet_preprocessed": ready, "nnUNet_results": results}
    env = os.environ | {name: str(one) for name, one in places.items()} | {"nnUNet_n_proc_DA": "1"}

    def ask(program: str, *arguments: str) -> None:
        subprocess.run([Path(sys.executable).with_name(program), *arguments], check=True, env=env)

    cases = json.loads((data / "splits.json").read_text())["train"][:12]
    for folder in ("imagesTr", "labelsTr"):
        (raw / _DATASET / folder).mkdir(parents=True)
        for case in cases:
            for one in (data / folder).glob(f"{case}*.nii.gz"):
                shutil.copy(one, raw / _DATASET / folder)
    told = {
        "channel_names": {"0": "MRI"},
        "labels": {"background": 0, "anterior": 1, "posterior": 2},
        "numTraining": len(cases),
        "file_ending": ".nii.gz",
    }
    (raw / _DATASET / "dataset.json").write_text(json.dumps(told))
    ask("nnUNetv2_extract_fingerprint", "-d", "4", "-np", "1")
    ask("nnUNetv2_plan_experiment", "-d", "4")
    there = ready / _DATASET
    plans = shrink(json.loads((there / "nnUNetPlans.json").read_text()))
    (there / "nnUNetPlans.json").write_text(json.dumps(plans, indent=1))
    ask("nnUNetv2_preprocess", "-d", "4", "-c", "3d_fullres", "-np", "1")
    halves = (cases[:6], cases[6:])
    splits = [{"train": a, "val": b} for a, b in (halves, halves[::-1])]
    (there / "splits_final.json").write_text(json.dumps(splits))
    for fold in "01":
        ask("nnUNetv2_train", "4", "3d_fullres", fold, "-tr", _TRAINER, "-device", "cpu")
    made = results / _DATASET / f"{_TRAINER}__nnUNetPlans__3d_fullres"
    _keep_model(made)
    images = place / "images"
    images.mkdir()
    for name in SPACES:
        values, affine = phantom(name)
        nibabel.save(nibabel.Nifti1Image(values, affine), images / f"{name}_0000.nii.gz")
    for fold in "01":
        for views in ([], ["--disable_tta"]):
            out = place / f"out_{fold}_{len(views)}"
            where = ["-i", str(images), "-o", str(out), "-d", "4", "-c", "3d_fullres", "-f", fold]
            how = ["-tr", _TRAINER, "--save_probabilities", "-device", "cpu", "-npp", "1"]
            ask("nnUNetv2_predict", *where, *how, "-nps", "1", *views)
            for name in SPACES:
                _keep_probabilities(out / f"{name}.npz", f"{name}_{fold}_{len(views)}")


def _keep_model(made: Path) -> None:
    """What a user has of a model, byte for byte."""
    shutil.rmtree(MODEL, ignore_errors=True)
    MODEL.mkdir(parents=True)
    for name in ("plans.json", "dataset.json"):
        shutil.copy(made / name, MODEL)
    for fold in (0, 1):
        (MODEL / f"fold_{fold}").mkdir()
        shutil.copy(made / f"fold_{fold}" / "checkpoint_final.pth", MODEL / f"fold_{fold}")


def _keep_probabilities(archive: Path, name: str) -> None:
    """In steps of 1/65535."""
    with np.load(archive) as held:
        found = np.rint(held["probabilities"] * 65535).astype(np.uint16)
    np.savez_compressed(KEPT / f"{name}.npz", probabilities=found)


if __name__ == "__main__":
    main()
