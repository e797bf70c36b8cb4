"""Networks of others as the beginning of an SSN: the mean is what they say, whatever they are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.networks import nets
from torch import Tensor

from napari_ssn.errors import NEVER, DataError, ModelError
from napari_ssn.network import library
from napari_ssn.network.building import build_network, unique_state
from napari_ssn.network.others import start as starts
from napari_ssn.network.others.folders import read_folder
from napari_ssn.network.others.networks import load_weights
from napari_ssn.network.others.start import Start, read_start
from tests.support.bundles import INFERENCE, METADATA, bundle
from tests.support.nnunets import MODEL
from tests.support.warm import read_weights_warm

# BasicUNet halves four times, and normalises what is left.
SIZES = {"BasicUNet": (32, 32, 32)}
SIZE = (16, 16, 16)
SMALL: dict[str, dict[str, Any]] = {
    "AttentionUnet": {"spatial_dims": 3, "channels": [4, 8, 8], "strides": [2, 2]},
    "BasicUNet": {"spatial_dims": 3, "features": [4, 4, 8, 8, 8, 4]},
    "DynUNet": {
        "spatial_dims": 3,
        "kernel_size": [3, 3, 3],
        "strides": [1, 2, 2],
        "upsample_kernel_size": [2, 2],
        "filters": [4, 8, 8],
        "deep_supervision": True,
    },
    "HighResNet": {"spatial_dims": 3},
    "SegResNet": {"spatial_dims": 3, "init_filters": 8},
    "UNet": {"spatial_dims": 3, "channels": [4, 8, 8], "strides": [2, 2], "num_res_units": 2},
    "VNet": {"spatial_dims": 3},
}


@pytest.fixture(autouse=True)
def warm(monkeypatch: pytest.MonkeyPatch) -> None:
    read_weights_warm(monkeypatch)


def made(folder: Path, name: str, classes: int, **more: Any) -> tuple[Path, torch.nn.Module]:
    """A bundle with a network of MONAI's, and that network."""
    arguments = {**SMALL[name], "in_channels": 1, "out_channels": classes}
    windows = {
        "_target_": "SlidingWindowInferer",
        "roi_size": list(SIZES.get(name, SIZE)),
        "overlap": 0.5,
    }
    told = {**INFERENCE, "network_def": {"_target_": name, **arguments}, "inferer": windows}
    told |= {"postprocessing": {"transforms": []}, **more}
    bundle(folder, inference=told)
    (folder / "configs" / "metadata.json").write_text("{}")
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network: torch.nn.Module = getattr(nets, name)(**arguments).eval()
    shutil.rmtree(folder / "models")
    (folder / "models").mkdir()
    torch.save({"model": network.state_dict()}, folder / "models" / "model.pt")
    return folder, network


@pytest.fixture(scope="module")
def vnet(tmp_path_factory: pytest.TempPathFactory) -> tuple[Start, torch.nn.Module]:
    """VNet with three labels, whose 45 million numbers are written and read once."""
    with pytest.MonkeyPatch.context() as patch:
        read_weights_warm(patch)
        folder, network = made(tmp_path_factory.mktemp("vnet") / "bundle", "VNet", 3)
        return read_start(folder, ["MRI"]), network


def begun(start: Start, labels: tuple[str, ...], **changes: Any) -> torch.nn.Module:
    """An SSN that starts from a network, with heads that know nothing."""
    architecture = start.architecture.model_copy(update=changes)
    network = build_network(architecture, 1, len(labels), 3).eval()
    state = start.state(architecture, labels)
    assert state.keys() <= unique_state(network).keys()
    network.load_state_dict(state, strict=False)
    return network


def image(size: tuple[int, ...] = SIZE) -> Tensor:
    return torch.randn(2, 1, *size, generator=torch.Generator().manual_seed(8))


@torch.no_grad()
@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("name", SMALL)
def test_the_mean_is_what_the_network_says(
    name: str, classes: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if (name, classes) == ("VNet", 3):
        start, network = request.getfixturevalue("vnet")
    else:
        folder, network = made(tmp_path / "bundle", name, classes)
        start = read_start(folder, ["MRI"])
    size = SIZES.get(name, SIZE)
    assert start.region == size and len(start.labels) == max(2, classes)
    wanted = network(image(size))
    if classes == 1:
        wanted = torch.cat([torch.zeros_like(wanted), wanted], 1)
    found = begun(start, start.labels)(image(size))
    torch.testing.assert_close(found.mean, wanted, atol=1e-5, rtol=1e-5)
    # Columns hang on more than the logits.
    assert found.cov_factor.shape == (2, 10, len(start.labels), *size)
    assert float(found.cov_factor.std()) > 0
    # A point that the network is told of says nothing before it has learnt to.
    guided = begun(start, start.labels, centre_radius=4.0) if name != "VNet" else None
    if guided is not None:
        torch.testing.assert_close(guided(image(size)).mean, wanted, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_network_of_nnunet_is_turned_onto_the_axes_of_the_file() -> None:
    """The real one, whose plans turn the axes: (z, y, x) of the file as x, z, y of its own."""
    start = read_start(MODEL, ["MRI"])
    plans = json.loads((MODEL / "plans.json").read_text())
    config = plans["configurations"]["3d_fullres"]
    assert plans["transpose_forward"] == [2, 0, 1]
    assert config["patch_size"] == [16, 16, 24] and start.region == (16, 24, 16)
    assert start.spacing_mm == (1.3, 1.1, 1.0)
    assert start.look == {"normalisation": "standardise"}
    assert start.labels == ("background", "anterior", "posterior")
    assert start.notes == ("Of its 2 networks that of fold 0 is taken.",)
    folder = read_folder(MODEL, NEVER)
    network = folder.plan.build().eval()
    assert folder.first is not None
    load_weights(network, folder.first)
    seen = torch.randn(1, 1, 16, 24, 32, generator=torch.Generator().manual_seed(8))
    stored = seen.permute(0, 1, 4, 3, 2)  # as SimpleITK gives the array
    wanted = network(stored.permute(0, 1, 4, 2, 3))  # axes 2, 0, 1 of it
    wanted = wanted.permute(0, 1, 3, 4, 2).permute(0, 1, 4, 3, 2)
    found = begun(start, start.labels)(seen)
    torch.testing.assert_close(found.mean, wanted, atol=1e-4, rtol=1e-4)


def test_nothing_of_what_its_decoder_says_on_the_way_is_kept() -> None:
    start = read_start(MODEL, ["MRI"])
    names = unique_state(build_network(start.architecture, 1, 3, 3))
    layers = {name for name in names if "seg_layers" in name}
    assert layers == {f"backbone.decoder.seg_layers.1.{one}" for one in ("weight", "bias")}


@torch.no_grad()
def test_of_other_labels_the_mean_is_learnt_anew(tmp_path: Path) -> None:
    folder, _ = made(tmp_path / "bundle", "UNet", 3)
    start = read_start(folder, ["MRI"])
    assert not any(name.startswith("mean") for name in start.state(start.architecture, ("a", "b")))
    assert begun(start, ("a", "b"))(image()).mean.shape == (2, 2, *SIZE)


@pytest.mark.parametrize(
    ("transforms", "modality", "look", "notes"),
    [
        ([{"_target_": "NormalizeIntensityd"}], "", {"normalisation": "standardise"}, 0),
        ([{"_target_": "ScaleIntensityd"}], "", {"normalisation": "stretch"}, 0),
        (
            [{"_target_": "ScaleIntensityRanged", "a_min": -500, "a_max": 300, "clip": True}],
            "CT",
            {"normalisation": "hu", "window_hu": (-500.0, 300.0)},
            0,
        ),
        ([{"_target_": "ScaleIntensityRanged", "a_min": 0, "a_max": 3}], "MR", {}, 1),
        ([{"_target_": "Orientationd", "axcodes": "LPS"}], "", {"orientation": "LPS"}, 0),
    ],
)
def test_its_images_looked_as_a_card_says(
    transforms: list[Any], modality: str, look: dict[str, Any], notes: int, tmp_path: Path
) -> None:
    ranged = {"b_min": 0.0, "b_max": 1.0}
    steps = [{**ranged, **one} if "a_min" in one else one for one in transforms]
    folder, _ = made(tmp_path / "bundle", "UNet", 3, preprocessing={"transforms": steps})
    told = json.loads(json.dumps(METADATA))
    told["network_data_format"]["inputs"]["image"]["modality"] = modality
    (folder / "configs" / "metadata.json").write_text(json.dumps(told))
    start = read_start(folder, ["MRI"])
    assert start.look == look and len(start.notes) == notes


def test_ct_of_nnunet_is_clipped_to_its_window(tmp_path: Path) -> None:
    folder = shutil.copytree(MODEL, tmp_path / "model")
    plans = json.loads((folder / "plans.json").read_text())
    config = plans["configurations"]["3d_fullres"]
    config["normalization_schemes"] = ["CTNormalization"]
    told = {"mean": 40.0, "std": 90.0, "percentile_00_5": -150.0, "percentile_99_5": 240.0}
    plans["foreground_intensity_properties_per_channel"] = {"0": told}
    (folder / "plans.json").write_text(json.dumps(plans))
    look = read_start(folder, ["CT"]).look
    assert look == {"normalisation": "hu", "window_hu": (-150.0, 240.0)}
    plans["image_reader_writer"] = "NibabelIOWithReorient"
    config["normalization_schemes"] = ["NoNormalization"]
    (folder / "plans.json").write_text(json.dumps(plans))
    start = read_start(folder, ["CT"])
    assert start.look == {"orientation": "RAS"} and "NoNormalization" in start.notes[-1]


def test_what_cannot_be_started_from_is_said(
    tmp_path: Path, vnet: tuple[Start, torch.nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match=r"reads 1 channels \(MRI\), and the data has 2"):
        read_start(MODEL, ["T1", "T2"])
    folder, _ = made(tmp_path / "bundle", "UNet", 3)
    start = read_start(folder, ["MRI"])
    plain = starts._widened

    def careless(mine: Tensor, theirs: Tensor, transposing: bool) -> Tensor:
        out = plain(mine, theirs, transposing)
        return torch.where(out == 0, torch.full_like(out, 0.3), out)

    monkeypatch.setattr(starts, "_widened", careless)
    with pytest.raises(ModelError, match="it does not say what it says alone"):
        start.state(start.architecture, start.labels)
    # VNet adds its image to what its first layer makes of it: there is no room for a point.
    monkeypatch.undo()
    start, _ = vnet
    with pytest.raises(ModelError):
        start.state(start.architecture.model_copy(update={"centre_radius": 4.0}), start.labels)


@pytest.mark.parametrize("name", ["SwinUNETR", "UNETR"])
def test_a_package_that_is_missing_is_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "find_spec", lambda name: None)
    arguments = {"in_channels": 1, "out_channels": 3, "img_size": [32, 32, 32]}
    told = {**INFERENCE, "network_def": {"_target_": name, **arguments}}
    folder = bundle(tmp_path / "bundle", inference=told)
    with pytest.raises(ModelError, match=f"The network {name} needs the package einops"):
        read_folder(folder, NEVER).plan.build()
    architecture = starts.Architecture.model_validate(
        {"backbone": name, "arguments": {}, "features": 4, "rank": 1}
    )
    with pytest.raises(ModelError, match="einops"):
        build_network(architecture, 1, 2, 3)
