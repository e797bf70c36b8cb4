"""The U-Net that loads what MONAI's DynUNet was, against MONAI's."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from napari_ssn.documents.card import Architecture, read_card
from napari_ssn.network.building import build_network, made_of, unique_state
from napari_ssn.network.places import find_model
from napari_ssn.network.strided import StridedUNet, knows


def told(*filters: int, **changes: Any) -> dict[str, Any]:
    levels = len(filters)
    return {
        "kernel_size": [3] * levels,
        "strides": [1] + [2] * (levels - 1),
        "upsample_kernel_size": [2] * (levels - 1),
        "filters": list(filters),
        "norm_name": "instance",
        **changes,
    }


@pytest.mark.parametrize(
    ("dims", "filters", "size"),
    [(3, (4, 6, 8, 10), (16, 24, 16)), (2, (4, 6, 8), (20, 12)), (3, (5, 4, 3), (8, 4, 12))],
)
def test_it_is_monais_to_the_bit(dims: int, filters: tuple[int, ...], size: Any) -> None:
    from monai.networks.nets import DynUNet

    torch.manual_seed(3)
    theirs = DynUNet(spatial_dims=dims, in_channels=2, out_channels=3, **told(*filters))
    ours = StridedUNet(dims, 2, 3, **told(*filters))
    # DynUNet lists its layers a second time.
    state = unique_state(theirs)
    assert ours.state_dict().keys() == state.keys()
    ours.load_state_dict(state)
    x = torch.randn(2, 2, *size)
    one, two = ours(x), theirs(x)
    assert torch.equal(one, two)
    one.square().mean().backward()
    two.square().mean().backward()
    theirs_by_name = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        assert torch.equal(parameter.grad, theirs_by_name[name].grad), name  # type: ignore[arg-type]


def test_weights_begin_as_monais_do() -> None:
    from monai.networks.nets import DynUNet

    torch.manual_seed(0)
    one = StridedUNet(3, 1, 16, **told(16, 32, 64, 128)).state_dict()
    theirs = DynUNet(spatial_dims=3, in_channels=1, out_channels=16, **told(16, 32, 64, 128))
    for name, values in unique_state(theirs).items():
        if values.numel() > 1000:
            assert float(one[name].std()) == pytest.approx(float(values.std()), rel=0.1), name
    assert not one["output_block.conv.conv.bias"].any()


@pytest.mark.parametrize(
    "changes",
    [
        {"res_block": True}, {"norm_name": "batch"}, {"kernel_size": [3, 3, 1]},
        {"strides": [1, 2, 4]}, {"filters": None}, {"filters": [4, 8]},
        {"norm_name": ("instance", {"affine": True})},
    ],
    ids=str,
)  # fmt: skip
def test_others_are_monais(changes: dict[str, Any]) -> None:
    assert knows(told(4, 8, 16)) and not knows(told(4, 8, 16, **changes))


def test_what_it_can_halve_is_known_without_a_trial() -> None:
    words = Architecture(backbone="DynUNet", arguments=told(2, 2, 2), features=2, rank=1)
    network = build_network(words, 1, 2, 2)
    assert isinstance(network.backbone, StridedUNet)
    for size in [(4, 4), (8, 4), (6, 8), (12, 16), (13, 16), (2, 8), (16, 16)]:
        made = made_of(network, 1, size)
        assert network.backbone.takes(size) == (made == size), (size, made)


def test_the_shipped_model_is_one() -> None:
    card = read_card(find_model("hippocampus-3d"))
    network = build_network(card.architecture, 1, card.classes, 3)
    assert isinstance(network.backbone, StridedUNet)


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="spatial_dims: expected 2 or 3, got 1"):
        StridedUNet(1, 1, 2, (4, 8, 16))
    with pytest.raises(ValueError, match="res_block: not as they are known here"):
        StridedUNet(3, 1, 2, (4, 8, 16), res_block=True)
