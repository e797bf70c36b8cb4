"""The U-Net that loads what MONAI's BasicUNet was, against MONAI's."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch

from napari_ssn.documents.card import Architecture
from napari_ssn.network.building import build_network, made_of
from napari_ssn.network.unet import UNet, knows

WIDTHS = (4, 6, 8, 10, 12, 5)
NORMS = ["batch", "instance", ("instance", {"affine": True}), ("group", {"num_groups": 1})]


def both(dims: int, **options: Any) -> tuple[UNet, torch.nn.Module]:
    from monai.networks.nets import BasicUNet

    found = []
    for kind in (UNet, BasicUNet):
        torch.manual_seed(3)
        found.append(kind(dims, 2, 3, WIDTHS, **options))
    return found[0], found[1]


@pytest.mark.parametrize("norm", NORMS, ids=str)
@pytest.mark.parametrize(("dims", "size"), [(2, (32, 48)), (2, (35, 49)), (3, (32, 32, 16))])
def test_it_is_monais_to_the_bit(dims: int, size: tuple[int, ...], norm: Any) -> None:
    ours, theirs = both(dims, norm=norm)
    own, other = ours.state_dict(), theirs.state_dict()
    assert list(own) == list(other), "weights go by the same names, in the same order"
    assert all(torch.equal(own[name], other[name]) for name in own), "a seed makes the same ones"
    # The deepest level has more than one voxel, without which there is nothing to normalise.
    x = torch.randn(2, 2, *size)
    for mode in (True, False):
        ours.train(mode)
        theirs.train(mode)
        one, two = ours(x), theirs(x)
        assert torch.equal(one, two)
    one.square().mean().backward()
    two.square().mean().backward()
    for (name, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a.grad, b.grad), name  # type: ignore[arg-type]


def test_what_is_not_told_is_as_monai_has_it() -> None:
    from monai.networks.nets import BasicUNet

    ours, theirs = UNet(2, 1, 2), BasicUNet(2, 1, 2)
    one, two = ([str(m) for m in net.modules() if not list(m.children())] for net in (ours, theirs))
    # MONAI's has dropout that drops nothing.
    assert one == [m for m in two if "Dropout(p=0.0" not in m]
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())


@pytest.mark.parametrize(
    ("arguments", "whose"),
    [
        ({"features": list(WIDTHS), "norm": "batch"}, "napari_ssn"),
        ({"features": list(WIDTHS)}, "napari_ssn"),
        ({"features": list(WIDTHS), "norm": ["group", {"num_groups": 1}]}, "napari_ssn"),
        ({"features": list(WIDTHS), "act": "relu"}, "monai"),
        ({"features": list(WIDTHS), "norm": ["batch", {"momentum": 0.2}]}, "monai"),
    ],
)
def test_a_card_gets_ours_where_it_asks_for_nothing_more(arguments: Any, whose: str) -> None:
    words = Architecture(backbone="BasicUNet", arguments=arguments, features=4, rank=2)
    network = build_network(words, 1, 2, 2)
    assert type(network.backbone).__module__.partition(".")[0] == whose


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("backbone", ["BasicUNet", "SliceUNet"])
def test_what_it_can_halve_is_known_without_a_trial(backbone: str, norm: str) -> None:
    given = {"features": [2, 2, 2, 2, 2, 2], "norm": norm}
    words = Architecture(backbone=backbone, arguments=given, features=2, rank=1)  # type: ignore[arg-type]
    dims = 2 if backbone == "BasicUNet" else 3
    network = build_network(words, 1, 2, dims)
    for size in [(15, 64), (16, 16), (16, 31), (31, 16), (16, 32), (33, 47), (1, 1), (32, 32)]:
        whole = (3,) * (dims - 2) + size
        made = made_of(network, 1, whole)
        assert network.backbone.takes(whole) == (made is not None), (whole, made)  # type: ignore[operator]
        assert made in (None, whole)


@pytest.mark.parametrize("norm", ["layer", ["batch", {"momentum": 0.2}], ["batch"], None, [1, {}]])
def test_normalisations_that_it_does_not_know(norm: Any) -> None:
    assert not knows(norm)


def test_dimensions_and_normalisations_are_checked() -> None:
    with pytest.raises(ValueError, match="spatial_dims: expected 2 or 3, got 4"):
        UNet(4, 1, 2)
    with pytest.raises(ValueError, match="norm: expected one of batch, instance, group, got 'no'"):
        UNet(2, 1, 2, norm="no")
    with pytest.raises(ValueError, match="norm: batch takes no"):
        UNet(2, 1, 2, norm=("batch", {"momentum": 0.2}))


def test_a_shipped_model_is_loaded_without_monai_and_without_torchs_compiler() -> None:
    code = (
        "import sys, napari_ssn as ssn\n"
        "for name in ('lidc-2d', 'nodule-3d', 'hippocampus-3d'):\n"
        "    ssn.load_model(name, 'cpu')\n"
        "print([m for m in ('monai', 'torch._dynamo', 'sympy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
