"""What nnU-Net writes of a trained model: its data set, its plans, and the network in them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from napari_ssn.documents.architecture import check_numbers
from napari_ssn.documents.regular import read_text
from napari_ssn.errors import DataError, ModelError

_MOST_LABELS = 256
_NUMBER = re.compile("[0-9]{1,3}")
_NO_LABELS = (
    "The dataset.json beside it does not say the labels as nnU-Net does, a name and a number from "
    "0 on for each: mend it, or take it away."
)

Axes = Annotated[list[Annotated[int, Field(ge=0, le=2)]], Field(min_length=3, max_length=3)]
Counts = Annotated[list[Annotated[int, Field(ge=1, le=4096)]], Field(min_length=2, max_length=3)]
Spacing = Annotated[list[Annotated[FiniteFloat, Field(gt=0)]], Field(min_length=2, max_length=3)]


class _Open(BaseModel):
    """Has more fields than are read."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Network(_Open):
    """The class of a network and its arguments; some of these are names of classes of torch."""

    network_class_name: str
    arch_kwargs: dict[str, Any]
    requires_import: list[str] = Field(alias="_kw_requires_import")


class Configuration(_Open):
    """One way of nnU-Net to look at images, as ``3d_fullres``."""

    patch_size: Counts
    spacing: Spacing
    normalization_schemes: list[str]
    use_mask_for_norm: list[bool]
    resampling_fn_data: str
    resampling_fn_data_kwargs: dict[str, Any]
    resampling_fn_probabilities: str
    resampling_fn_probabilities_kwargs: dict[str, Any]
    architecture: Network
    previous_stage: str | None = None
    preprocessor_name: str = "DefaultPreprocessor"


class Intensities(_Open):
    """Of the foreground of the training images, in one channel."""

    mean: FiniteFloat
    std: FiniteFloat
    percentile_00_5: FiniteFloat
    percentile_99_5: FiniteFloat


class Plans(_Open):
    """How a model of nnU-Net reads its images.

    Attributes:
        configuration: the one that was trained.
    """

    image_reader_writer: str
    transpose_forward: Axes
    transpose_backward: Axes
    foreground_intensity_properties_per_channel: dict[str, Intensities] = Field(
        default_factory=dict
    )
    configuration: Configuration


class DataSet(_Open):
    """Channels and labels of a model, in their order, background first."""

    channels: list[str]
    labels: list[str]


def read_plans(folder: Path, configuration: str) -> Plans:
    """Plans of a model folder, of one configuration; ModelError if they cannot be read."""
    told = _table(folder / "plans.json")
    try:
        told = {**told, "configuration": _modern(_inherited(told["configurations"], configuration))}
        plans = Plans.model_validate(told)
        check_numbers(plans.configuration.architecture.arch_kwargs)
    except (ValidationError, KeyError, TypeError, ValueError):
        raise ModelError(
            f"The plans.json does not say what nnU-Net 2 says of the configuration "
            f"“{configuration[:40]}”."
        ) from None
    return plans


def read_data_set(folder: Path) -> DataSet:
    """Channels and labels of a model folder; ModelError, DataError if they cannot be read."""
    told, labels = _table(folder / "dataset.json"), names_beside(folder)
    channels = told.get("channel_names", told.get("modality"))
    if labels is None or not isinstance(channels, dict) or not channels:
        raise ModelError("The dataset.json does not say the channels as nnU-Net does.")
    return DataSet(
        channels=[str(one)[:64] for one in channels.values()],
        labels=sorted(labels, key=lambda name: labels[name]),
    )


def _table(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise ModelError(f"The {path.name} of the model cannot be read.")
    return told


def _inherited(told: dict[str, Any], name: str) -> dict[str, Any]:
    """A configuration with what it takes from others; KeyError if one is not there."""
    chain: list[str] = []
    while name not in chain:
        chain.append(name)
        if "inherits_from" not in told[name]:
            break
        name = told[name]["inherits_from"]
    else:
        raise KeyError(name)
    out: dict[str, Any] = {}
    for one in reversed(chain):
        out |= told[one]
    return out


def _modern(told: dict[str, Any]) -> dict[str, Any]:
    """Plans of before nnU-Net 2.4, and so TotalSegmentator's, say the network in other words."""
    if "architecture" in told:
        return told
    kind, stages = told["UNet_class_name"], len(told["n_conv_per_stage_encoder"])
    dims = len(told["patch_size"])
    blocks = "n_conv_per_stage" if kind == "PlainConvUNet" else "n_blocks_per_stage"
    base, most = told["UNet_base_num_features"], told["unet_max_num_features"]
    arguments = {
        "n_stages": stages,
        "features_per_stage": [min(base * 2**stage, most) for stage in range(stages)],
        "conv_op": f"torch.nn.Conv{dims}d",
        "kernel_sizes": told["conv_kernel_sizes"],
        "strides": told["pool_op_kernel_sizes"],
        blocks: told["n_conv_per_stage_encoder"],
        "n_conv_per_stage_decoder": told["n_conv_per_stage_decoder"],
        "conv_bias": True,
        "norm_op": f"torch.nn.InstanceNorm{dims}d",
        "norm_op_kwargs": {"eps": 1e-05, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }
    architecture = {
        "network_class_name": kind,
        "arch_kwargs": arguments,
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }
    return {**told, "architecture": architecture}


def names_beside(path: Path) -> dict[str, int] | None:
    """Labels of nnU-Net's ``dataset.json`` in a folder, by name; None where there is none.

    DataError for regions, which overlap, and where it is there and nobody can read it: the names
    of the labels would be wrong in silence.
    """
    try:
        text = read_text(path / "dataset.json")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        raise DataError(_NO_LABELS) from None
    try:
        labels = json.loads(text)["labels"]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise DataError(_NO_LABELS) from None
    if not isinstance(labels, dict):
        raise DataError(_NO_LABELS)
    if labels and all(_NUMBER.fullmatch(one) and isinstance(labels[one], str) for one in labels):
        # nnU-Net 1 and the Decathlon have it the other way round.
        labels = {name: int(number) for number, name in labels.items()}
    out: dict[str, int] = {}
    for name, value in labels.items():
        if isinstance(value, list):
            raise DataError("It was trained on regions that overlap, which are not read.")
        if not isinstance(value, int) or not 0 <= value < _MOST_LABELS:
            raise DataError(_NO_LABELS)
        if name != "ignore":
            out[str(name)[:64] or str(value)] = value
    if len(out) < 2 or sorted(out.values()) != list(range(len(out))):
        raise DataError(_NO_LABELS)
    return out
