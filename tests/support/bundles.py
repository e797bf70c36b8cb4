"""Bundles of MONAI made with MONAI: tiny networks with their texts."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
from monai.networks.nets import UNet
from safetensors.torch import save_file
from torch import Tensor

ARGUMENTS = {
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": 3,
    "channels": [4, 8],
    "strides": [2],
    "num_res_units": 1,
}
INFERENCE: dict[str, Any] = {
    "imports": ["$import os"],
    "bundle_root": "$os.getcwd()",
    "device": "$torch.device('cuda:0')",
    "spacing": [1.2, 1.1, 1.7],
    "network_def": {"_target_": "UNet", **ARGUMENTS},
    "network": "$@network_def.to(@device)",
    "preprocessing": {
        "_target_": "Compose",
        "transforms": [
            {"_target_": "LoadImaged", "keys": "image"},
            {"_target_": "EnsureChannelFirstd", "keys": "image"},
            {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"},
            {"_target_": "Spacingd", "keys": "image", "pixdim": "@spacing", "mode": "bilinear"},
            {
                "_target_": "ScaleIntensityRanged",
                "keys": "image",
                "a_min": -2,
                "a_max": 3,
                "b_min": 0.0,
                "b_max": 1.0,
                "clip": True,
            },
            {"_target_": "EnsureTyped", "keys": "image"},
        ],
    },
    "inferer": {
        "_target_": "SlidingWindowInferer",
        "roi_size": [16, 16, 8],
        "sw_batch_size": 4,
        "overlap": 0.5,
    },
    "postprocessing": {
        "_target_": "Compose",
        "transforms": [
            {"_target_": "Activationsd", "keys": "pred", "softmax": True},
            {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
        ],
    },
}
METADATA: dict[str, Any] = {
    "version": "0.1.0",
    "network_data_format": {
        "inputs": {"image": {"num_channels": 1, "channel_def": {"0": "MRI"}}},
        "outputs": {
            "pred": {
                "num_channels": 3,
                "channel_def": {"0": "background", "1": "front", "2": "back"},
            }
        },
    },
}
TRAINING: dict[str, Any] = {
    "train": {
        "random_transforms": [
            {"_target_": "RandFlipd", "keys": ["image", "label"], "prob": 0.5, "spatial_axis": 0},
            {"_target_": "RandFlipd", "keys": ["image", "label"], "prob": 0.5, "spatial_axis": [2]},
        ]
    }
}


@cache
def weights(seed: int) -> dict[str, Tensor]:
    """Of a network that outlines something."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = UNet(**ARGUMENTS)
        for value in network.parameters():
            value.data *= 2
        return network.state_dict()


def bundle(
    folder: Path,
    *,
    inference: dict[str, Any] = INFERENCE,
    training: dict[str, Any] | None = TRAINING,
    folds: int = 0,
    pickled: bool = False,
) -> Path:
    """Write one: with a network, or one for each of several folds."""
    (folder / "configs").mkdir(parents=True)
    texts = {"inference": inference, "metadata": METADATA, "train": training}
    for name, text in texts.items():
        if text is not None:
            (folder / "configs" / f"{name}.json").write_text(json.dumps(text), encoding="utf-8")
    for fold in range(max(1, folds)):
        place = folder / "models" / (f"fold{fold}" if folds else "")
        place.mkdir(parents=True)
        if pickled:
            torch.save({"model": weights(fold)}, place / "model.pt")
        else:
            save_file(weights(fold), place / "model.safetensors")
    return folder
