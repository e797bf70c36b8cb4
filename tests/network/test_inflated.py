"""The 2D network that reads the slices of a volume."""

from __future__ import annotations

import math

import pytest
import torch

from napari_ssn.documents.card import Architecture
from napari_ssn.network.building import build_network, check_network, unique_state
from napari_ssn.network.inflated import AlongSlices, SliceUNet, inflate
from napari_ssn.network.models import load_model
from napari_ssn.network.ssn import PresentParameters
from tests.support.networks import WIDTHS, architecture


def flat() -> torch.nn.Module:
    return build_network(
        Architecture(backbone="BasicUNet", arguments=WIDTHS, features=4, rank=3, centre_radius=4.0),
        1,
        2,
        2,
    ).eval()


def test_mixing_along_slices_is_a_convolution_of_three() -> None:
    torch.manual_seed(0)
    mix = AlongSlices(5)
    x = torch.randn(2 * 4, 5, 3, 3)
    assert torch.equal(mix(x, 4), x), "nothing is added to begin with"
    with torch.no_grad():
        mix.weight.normal_()
        mix.bias.normal_()
    conv = torch.nn.Conv3d(5, 5, (3, 1, 1), padding=(1, 0, 0))
    with torch.no_grad():
        conv.weight.copy_(mix.weight.permute(1, 2, 0)[..., None, None])
        conv.bias.copy_(mix.bias)  # type: ignore[union-attr]
    volume = x.reshape(2, 4, 5, 3, 3).transpose(1, 2)
    expected = volume + conv(torch.nn.functional.leaky_relu(volume, 0.1))
    found = mix(x, 4).reshape(2, 4, 5, 3, 3).transpose(1, 2)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        mix(x, 1), x + mix.bias[:, None, None] + torch.einsum(
            "oc,bcyx->boyx", mix.weight[1], torch.nn.functional.leaky_relu(x, 0.1)
        )
    )  # fmt: skip


@pytest.mark.parametrize("slices", [1, 4])
def test_it_is_the_same_as_a_file_says_it(slices: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    mix = AlongSlices(5)
    with torch.no_grad():
        mix.weight.normal_()
        mix.bias.normal_()
    x = torch.randn(2 * slices, 5, 3, 2)
    expected = mix(x, slices)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    monkeypatch.setattr(torch.nn.functional, "linear", None)
    torch.testing.assert_close(mix(x, slices), expected)


@pytest.mark.parametrize("slices", [1, 2, 5])
def test_what_is_learnt_along_slices_is_what_a_convolution_of_three_learns(slices: int) -> None:
    torch.manual_seed(3)
    mix = AlongSlices(4).double()
    conv = torch.nn.Conv3d(4, 4, (3, 1, 1), padding=(1, 0, 0)).double()
    with torch.no_grad():
        mix.weight.normal_()
        mix.bias.normal_()
        conv.weight.copy_(mix.weight.permute(1, 2, 0)[..., None, None])
        conv.bias.copy_(mix.bias)  # type: ignore[union-attr]
    x = torch.randn(3 * slices, 4, 3, 2, dtype=torch.float64, requires_grad=True)
    other = x.detach().clone().requires_grad_()
    found = mix(x, slices)
    volume = other.reshape(3, slices, 4, 3, 2).transpose(1, 2)
    expected = volume + conv(torch.nn.functional.leaky_relu(volume, 0.1))
    expected = expected.transpose(1, 2).reshape(found.shape)
    torch.testing.assert_close(found, expected)
    by = torch.randn_like(found)
    found.backward(by)
    expected.backward(by)
    torch.testing.assert_close(x.grad, other.grad)
    assert conv.weight.grad is not None and conv.bias is not None
    torch.testing.assert_close(mix.weight.grad, conv.weight.grad[..., 0, 0].permute(2, 0, 1))
    torch.testing.assert_close(mix.bias.grad, conv.bias.grad)
    # What only looks has the numbers that it always had.
    with torch.no_grad():
        torch.testing.assert_close(mix(x, slices), found)


def test_an_inflated_network_starts_as_the_flat_one_slice_by_slice() -> None:
    torch.manual_seed(1)
    two = flat()
    # The bump of a 2D network is that of every slice when the third axis is endless.
    three = build_network(architecture(centre_radius=[1e6, 4.0, 4.0]), 1, 2, 3).eval()
    taken = inflate(unique_state(two))
    own = unique_state(three)
    assert taken.keys() <= own.keys()
    assert all(own[name].shape == value.shape for name, value in taken.items())
    three.load_state_dict(taken, strict=False)
    image = torch.rand(1, 1, 5, 32, 32)
    with torch.inference_mode():
        found = three(image)
        slices = [two(image[:, :, k]) for k in range(5)]
    assert isinstance(found, PresentParameters) and found.presence.shape == (1,)
    for part, name in enumerate(("mean", "cov_factor", "cov_diag")):
        expected = torch.stack([one[part] for one in slices], dim=-3)
        torch.testing.assert_close(getattr(found, name), expected, atol=1e-4, rtol=1e-4)


def test_the_weights_of_lidc_2d_can_be_taken_over() -> None:
    two = load_model("lidc-2d", "cpu")
    shape = two.card.architecture
    three = build_network(
        shape.model_copy(update={"backbone": "SliceUNet", "presence": True}), 1, 2, 3
    )
    own, taken = unique_state(three), inflate(unique_state(two.network))
    left = {name.split(".")[2] for name in own.keys() - taken.keys() if name[0] == "b"}
    assert taken.keys() <= own.keys() and left == {"along"}


def test_batch_statistics_never_change() -> None:
    torch.manual_seed(2)
    network = build_network(architecture(), 1, 2, 3).train()
    before = {k: v.clone() for k, v in network.state_dict().items() if "running" in k}
    assert before
    network(torch.rand(2, 1, 3, 16, 16))
    after = network.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_any_number_of_slices_goes_and_odd_planes_do_not() -> None:
    from napari_ssn.errors import ModelError

    network = build_network(architecture(), 1, 2, 3)
    for slices in (1, 2, 7):
        check_network(network, 1, (slices, 32, 48))
    with pytest.raises(ModelError, match="cannot take 4 × 8 × 8"):
        check_network(network, 1, (4, 8, 8))
    with pytest.raises(ValueError, match="expected 3, got 2"):
        SliceUNet(2, 1, 4)


def test_presence_is_read_around_the_middle() -> None:
    torch.manual_seed(3)
    network = build_network(architecture(), 1, 2, 3).eval()
    image = torch.rand(1, 1, 9, 32, 32)
    far, near = image.clone(), image.clone()
    far[..., 0, :2, :2] += 3
    near[..., 3:6, 14:18, 14:18] += 3
    with torch.inference_mode():
        here, away, close = (float(network(i).presence) for i in (image, far, near))
    assert abs(close - here) > 20 * abs(away - here)


def test_columns_weighted_by_the_offset_move_the_ends_apart() -> None:
    torch.manual_seed(4)
    plain = build_network(architecture(rank=5), 1, 2, 3).eval()
    ends = build_network(architecture(rank=5, offset_columns=[1, 0, 2]), 1, 2, 3).eval()
    ends.load_state_dict(plain.state_dict())
    image = torch.rand(1, 1, 6, 32, 16)
    with torch.inference_mode():
        before, after = plain(image).cov_factor[0], ends(image).cov_factor[0]
    assert torch.equal(before[:2], after[:2])
    for column, axis in ((2, 0), (3, 2), (4, 2)):
        radius, size = (2.0, 4.0, 4.0)[axis], image.shape[2 + axis]
        for k in range(size):
            expected = math.tanh((k - size // 2) / radius) * before[column].select(1 + axis, k)
            torch.testing.assert_close(after[column].select(1 + axis, k), expected)
