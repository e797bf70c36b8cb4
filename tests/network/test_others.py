"""Networks of others: compared with nnU-Net's own predictions and MONAI's own pipeline."""

from __future__ import annotations

import copy
import json
import pickle
import shutil
import warnings
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from monai import transforms
from monai.data import MetaTensor
from monai.inferers import sliding_window_inference
from monai.networks.nets import UNet
from safetensors.torch import save_file

import napari_ssn as ssn
from napari_ssn.errors import Cancelled, DataError, ModelError
from napari_ssn.network.others.finding import find_networks
from napari_ssn.network.others.resampling import resampled
from napari_ssn.network.others.weights import Reader
from tests.support.bundles import ARGUMENTS, INFERENCE, METADATA, bundle, weights
from tests.support.ensembles import image
from tests.support.nnunets import KEPT, MODEL, SPACES, phantom
from tests.support.warm import read_weights_warm


@pytest.fixture
def scan(tmp_path: Path) -> ssn.Volume:
    return ssn.read(image(tmp_path / "image"))


@pytest.fixture(scope="module")
def reader():
    with pytest.MonkeyPatch.context() as patch, Reader() as held:
        # How the process begins is what `test_nnunet_finds_the_same` is about.
        read_weights_warm(patch)
        held.read(MODEL / "fold_0" / "checkpoint_final.pth")
        patch.undo()
        yield held


@pytest.fixture(scope="module")
def safe(tmp_path_factory, reader) -> Path:
    """nnU-Net's model with its weights as safetensors: no process is started for these."""
    folder = tmp_path_factory.mktemp("safe") / "trainer__plans__3d_fullres"
    shutil.copytree(MODEL, folder)
    for one in folder.glob("fold_*/*.pth"):
        save_file(
            {k: v.clone() for k, v in reader.read(one).tensors.items()},
            one.with_suffix(".safetensors"),
            {"inference_allowed_mirroring_axes": "[0, 1, 2]"},
        )
        one.unlink()
    return folder


def of_nnunet(name: str, fold: int, plain: int) -> np.ndarray:
    with np.load(KEPT / f"{name}_{fold}_{plain}.npz") as held:
        return held["probabilities"].transpose(0, 3, 2, 1) / 65535


def volume(name: str) -> ssn.Volume:
    values, affine = phantom(name)
    return ssn.Volume(values[None].astype(np.float32), affine)


@pytest.mark.parametrize(("name", "pickled"), [("even", True), ("thick", False)])
def test_nnunet_finds_the_same(name: str, pickled: bool, safe: Path) -> None:
    seen: list[tuple[int, int]] = []
    folder = MODEL if pickled else safe
    found = ssn.networks(folder, volume(name), device="cpu", progress=lambda *at: seen.append(at))
    assert found.names == ("fold 0", "fold 1")
    assert found.labels == ("background", "anterior", "posterior")
    for fold, one in enumerate(found):
        assert np.abs(one - of_nnunet(name, fold, 0)).max() < 4e-4
    assert seen[0][0] == 0 and seen[-1][0] == seen[-1][1] > 0


@pytest.mark.parametrize("name", SPACES)
def test_and_so_it_does_without_mirrored_views(name: str, safe: Path) -> None:
    for fold, one in enumerate(ssn.networks(safe, volume(name), views="none", device="cpu")):
        assert np.abs(one - of_nnunet(name, fold, 1)).max() < 4e-4
    # They differ, so that neither is mistaken for the other.
    assert np.abs(of_nnunet(name, 0, 0) - of_nnunet(name, 0, 1)).max() > 4e-3


def test_each_view_is_a_member_where_it_is_asked_for(safe: Path) -> None:
    found = find_networks([safe], volume("thick"), "each", "cpu")
    assert len(found) == 2 * 8 and found.names[9] == "fold 1, view 2 of 8"
    assert len(set(found.sources)) == 16


def test_a_fold_without_weights_is_said(safe: Path, tmp_path: Path) -> None:
    """Also the last one, whose training has not ended; and ten come after two."""
    folder = shutil.copytree(safe, tmp_path / safe.name)
    (folder / "fold_2").mkdir()
    # macOS leaves files of the same name.
    for number in (0, 1):
        (folder / f"._fold_{number}").write_bytes(b"\0\5\x16\7")
    (folder / "fold_1").rename(folder / "fold_10")
    found = ssn.networks(folder, volume("even"), views="none", device="cpu")
    assert found.names == ("fold 0", "fold 10")
    lack = "folds 1, 2, 3, 4, 5, 6, 7, 8 and 9"
    assert found.notes == [f"There are no weights of {lack}: the ensemble is of the 2 others."]
    shutil.rmtree(folder / "fold_10")
    (single,) = ssn.networks(folder, volume("even"), device="cpu").notes
    assert single == "There are no weights of folds 1 and 2: the ensemble is of the other."


def test_members_are_run_one_at_a_time(safe: Path) -> None:
    seen: list[tuple[int, int]] = []
    found = ssn.networks(safe, volume("thick"), device="cpu", progress=lambda *at: seen.append(at))
    first = next(iter(found))
    assert first.dtype == np.float16 and 2 * seen[-1][0] == seen[-1][1]
    asked = ssn.networks(safe, volume("thick"), device="cpu", cancelled=lambda: len(seen) > 99)
    seen += [(0, 0)] * 99
    with pytest.raises(Cancelled):
        next(iter(asked))


def test_thick_slices_are_resampled_apart() -> None:
    data = np.random.default_rng(0).normal(size=(1, 4, 9, 8))
    how = {"order": 3, "order_z": 0, "force_separate_z": None}
    name = "resample_data_or_seg_to_shape"
    found = resampled(data, (8, 9, 8), (4.0, 1, 1), (2.0, 1, 1), name, how)
    np.testing.assert_allclose(found, data.repeat(2, axis=1))
    mixed = resampled(data, (8, 9, 8), (4.0, 2, 2), (2.0, 2, 2), name, how)
    assert not np.allclose(mixed, found)


def edited(folder: Path, tmp_path: Path, change: dict[str, Any]) -> Path:
    """The model with other plans of its configuration."""
    out = shutil.copytree(folder, tmp_path / folder.name)
    plans = json.loads((out / "plans.json").read_text())
    for key, value in change.items():
        place = plans if key in plans else plans["configurations"]["3d_fullres"]
        place[key] = value
    (out / "plans.json").write_text(json.dumps(plans))
    return out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image_reader_writer": "NaturalImage2DIO"}, "NaturalImage2DIO”, which is not known"),
        ({"normalization_schemes": ["MyNormalization"]}, "MyNormalization”, which is not known"),
        ({"normalization_schemes": ["CTNormalization"]}, None),
        ({"normalization_schemes": []}, "contradicts itself"),
        ({"resampling_fn_data": "os.system"}, "os.system"),
        ({"previous_stage": "3d_lowres"}, "second stage of a cascade"),
        ({"preprocessor_name": "Mine"}, "Mine”, which is not known"),
        ({"patch_size": [16, 16, 1e9]}, "does not say what nnU-Net 2 says"),
        ({"transpose_forward": [0, 0, 1]}, "contradicts itself"),
        ({"configurations": {"3d_fullres": {"inherits_from": "3d_fullres"}}}, "does not say"),
    ],
)
def test_plans_that_are_not_followed_are_refused(safe, tmp_path, change, words) -> None:
    folder = edited(safe, tmp_path, change)
    if words is None:
        ssn.networks(folder, volume("even"))
        return
    with pytest.raises(ModelError, match=words):
        ssn.networks(folder, volume("even"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"network_class_name": "subprocess.Popen"}, "Popen”, which is not known"),
        ({"arch_kwargs": {"conv_op": "os.system"}}, "made of “os.system”"),
        ({"arch_kwargs": {"conv_op": "torch.nn.Sequential"}}, "made of “torch.nn.Sequential”"),
        ({"arch_kwargs": {"n_stages": 2}}, "cannot be built"),
        ({"arch_kwargs": {"features_per_stage": [4, 8, 16]}}, "weights are of another network"),
        ({"_kw_requires_import": []}, "cannot be built"),
    ],
)
def test_networks_that_are_not_known_are_refused(safe, tmp_path, change, words) -> None:
    plans = json.loads((safe / "plans.json").read_text())
    told = plans["configurations"]["3d_fullres"]["architecture"]
    arguments = told["arch_kwargs"] | change.get("arch_kwargs", {})
    folder = edited(safe, tmp_path, {"architecture": {**told, **change, "arch_kwargs": arguments}})
    with pytest.raises(ModelError, match=words):
        list(ssn.networks(folder, volume("thick"), views="none", device="cpu"))


class Evil:
    """What a checkpoint could hold: it touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_nothing_is_unpickled(reader: Reader, tmp_path: Path) -> None:
    sign, tensors = tmp_path / "sign", {"weight": torch.ones(2)}
    torch.save({"network_weights": tensors, "more": Evil(sign)}, tmp_path / "evil.pth")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Evil(sign)))
    for name in ("evil.pth", "plain.pt"):
        with pytest.raises(ModelError, match=r"objects of Python|damaged"):
            reader.read(tmp_path / name)
    # Of folds all files have the same name.
    (tmp_path / "fold_3").mkdir()
    (tmp_path / "evil.pth").rename(tmp_path / "fold_3" / "evil.pth")
    with pytest.raises(ModelError, match=r"^fold_3/evil\.pth: It holds objects of Python"):
        reader.read(tmp_path / "fold_3" / "evil.pth")
    (tmp_path / "fold_3" / "evil.pth").rename(tmp_path / "evil.pth")
    assert not sign.exists()
    torch.load(tmp_path / "evil.pth", weights_only=False)
    assert sign.exists(), "it would have touched the file"


def test_what_is_no_state_dict_is_said(reader: Reader, tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "none.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), tmp_path / "script.pt")
    (tmp_path / "cut.pth").write_bytes(
        (MODEL / "fold_0" / "checkpoint_final.pth").read_bytes()[:99]
    )
    for name, words in {"none": "no weights", "script": "TorchScript", "cut": "cut off"}.items():
        (path,) = tmp_path.glob(f"{name}.*")
        with pytest.raises(ModelError, match=words):
            reader.read(path)
    # The numbers of numpy in nnU-Net's log stand in nobody's way.
    told = reader.read(MODEL / "fold_1" / "checkpoint_final.pth").told
    assert told["configuration"] == "3d_fullres" and told["mirrored"] == [0, 1, 2]


# ---- Bundles of MONAI


def of_monai(scan: ssn.Volume, seed: int) -> np.ndarray:
    """What MONAI's own transforms and inferer make of the image."""
    network = UNet(**ARGUMENTS).eval()
    network.load_state_dict(weights(seed))
    steps = transforms.Compose(
        [
            transforms.Orientationd("image", axcodes="RAS", labels=None),
            transforms.Spacingd("image", pixdim=INFERENCE["spacing"], mode="bilinear"),
            transforms.ScaleIntensityRanged("image", -2, 3, 0.0, 1.0, clip=True),
        ]
    )
    held = steps(
        {"image": MetaTensor(torch.from_numpy(scan.data.copy()), torch.tensor(scan.affine))}
    )
    with torch.inference_mode():
        logits = sliding_window_inference(held["image"][None], (16, 16, 8), 1, network, 0.5)
    held["pred"] = logits[0].softmax(0)
    back = transforms.Invertd(
        "pred", steps, orig_keys="image", nearest_interp=False, to_tensor=True
    )
    return back(held)["pred"].numpy()


def test_monai_finds_the_same(scan: ssn.Volume, tmp_path: Path) -> None:
    found = ssn.networks(bundle(tmp_path / "b", folds=2), scan, views="none", device="cpu")
    assert found.labels == ("background", "front", "back")
    for seed, one in enumerate(found):
        assert one.shape == (3, *scan.space)
        assert np.abs(one - of_monai(scan, seed)).max() < 1e-3


def test_what_a_training_told_monai_changes_no_bundle(scan, tmp_path: Path) -> None:
    from monai.data import get_track_meta, set_track_meta

    folder = bundle(tmp_path / "b", folds=2)
    found = [list(ssn.networks(folder, scan, views="none", device="cpu"))]
    set_track_meta(False)
    try:
        found.append(list(ssn.networks(folder, scan, views="none", device="cpu")))
        assert not get_track_meta(), "and it is left as it was"
    finally:
        set_track_meta(True)
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_single_network_has_the_views_that_its_training_mirrored(scan, tmp_path: Path) -> None:
    found = ssn.networks(bundle(tmp_path / "b"), scan, device="cpu")
    assert [ran.views for ran in found.ran] == [[[]], [[0]], [[2]], [[0, 2]]]
    dist = ssn.ensemble(found, scan.affine, distances=False)
    assert dist.rank == 3 and len(dist.members) == 4
    with pytest.raises(DataError, match="not trained on mirrored images"):
        ssn.networks(bundle(tmp_path / "c", training=None), scan)
    with pytest.raises(DataError, match="whose mirrored views are no members here"):
        ssn.networks(tmp_path / "b", scan, views="none")
    twice = ssn.networks([tmp_path / "b"] * 2, scan, device="cpu", views="none")
    assert twice.notes == ["Some networks have the very same weights, which count more than once."]


def test_a_pickled_bundle_is_the_same_network(scan, tmp_path: Path, monkeypatch) -> None:
    read_weights_warm(monkeypatch)
    one = ssn.networks(bundle(tmp_path / "a", folds=2), scan, views="none", device="cpu")
    other = ssn.networks(
        bundle(tmp_path / "b", folds=2, pickled=True), scan, views="none", device="cpu"
    )
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def asking(**change: Any) -> dict[str, Any]:
    told = copy.deepcopy(INFERENCE)
    told.update(change)
    return told


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (
            asking(network_def={"_target_": "os.system", "command": "true"}),
            "os.system”, which is not",
        ),
        (asking(network_def={"_target_": "my.UNet", **ARGUMENTS}), "my.UNet”, which is not"),
        (
            asking(network_def={"_target_": "UNet", **ARGUMENTS, "act": "$__import__('os')"}),
            "computes “\\$__import__",
        ),
        (
            asking(network_def={"_target_": "UNet", **ARGUMENTS, "channels": "@nowhere"}),
            "refers to “@nowhere”",
        ),
        (
            asking(network_def={"_target_": "UNet", **ARGUMENTS, "act": "@act"}, act="@act"),
            "itself",
        ),
        (
            asking(preprocessing=[{"_target_": "Lambdad", "func": "$lambda x: x"}]),
            "Lambdad”, which is not taken",
        ),
        (
            asking(preprocessing=[{"_target_": "Spacingd", "pixdim": [1, 1, 1], "diagonal": True}]),
            "“diagonal”, which is not taken",
        ),
        (asking(inferer={"_target_": "my.Inferer"}), "inferer of the bundle is “Inferer”"),
        (
            asking(postprocessing=[{"_target_": "Activationsd", "sigmoid": True}]),
            "regions that overlap",
        ),
        (asking(network_def=None), "says no network"),
    ],
)
def test_what_is_not_taken_of_a_bundle_is_said(scan, tmp_path: Path, told, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        ssn.networks(bundle(tmp_path / "b", inference=told), scan)


def test_other_channels_and_other_folders_are_said(scan, tmp_path: Path) -> None:
    two = ssn.Volume(np.concatenate([scan.data] * 2), scan.affine)
    with pytest.raises(ModelError, match=r"read 1 image .MRI., and 2 were named"):
        ssn.networks(bundle(tmp_path / "b"), two)
    with pytest.raises(ModelError, match="neither a model of nnU-Net"):
        ssn.networks(tmp_path, scan)
    assert METADATA["network_data_format"]


def test_one_label_without_a_background_of_its_own(scan, tmp_path: Path) -> None:
    arguments = {**ARGUMENTS, "out_channels": 1}
    folder = bundle(
        tmp_path / "b",
        inference=asking(
            network_def={"_target_": "monai.networks.nets.UNet", **arguments},
            postprocessing=[{"_target_": "Activationsd", "sigmoid": True}],
        ),
    )
    torch.manual_seed(0)
    save_file(UNet(**arguments).state_dict(), folder / "models" / "model.safetensors")
    found = ssn.networks(folder, scan, device="cpu")
    assert found.labels == ("background", "label 1")
    for one in found:
        np.testing.assert_allclose(one.astype(float).sum(0), 1, atol=1e-3)


def test_the_phantoms_are_those_that_nnunet_saw(tmp_path: Path) -> None:
    for name in SPACES:
        values, affine = phantom(name)
        nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "a.nii.gz")
        np.testing.assert_allclose(ssn.read(tmp_path / "a.nii.gz").affine, affine, atol=1e-5)
