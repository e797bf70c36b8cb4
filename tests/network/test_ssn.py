"""The stochastic head on several backbones."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from monai.networks.nets import BasicUNet, SegResNet
from pydantic import ValidationError
from torch import nn

from napari_ssn.core.distribution import EPSILON
from napari_ssn.documents.card import Architecture
from napari_ssn.network.loss import draw_logits, monte_carlo_nll
from napari_ssn.network.ssn import SSN, CentreGuided


def unet(dims: int, channels: int = 1) -> nn.Module:
    return BasicUNet(
        spatial_dims=dims, in_channels=channels, out_channels=6, features=(4, 4, 4, 4, 4, 6)
    )


def segresnet(dims: int, channels: int = 1) -> nn.Module:
    return SegResNet(
        spatial_dims=dims, init_filters=8, in_channels=channels, out_channels=6,
        blocks_down=(1, 1), blocks_up=(1,), norm=("GROUP", {"num_groups": 2}),
    )  # fmt: skip


@pytest.mark.parametrize("backbone", [unet, segresnet])
@pytest.mark.parametrize("dims", [2, 3])
def test_any_backbone_becomes_stochastic_and_learns(backbone, dims: int) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    network = SSN(backbone(dims), features=6, classes=3, rank=4, spatial_dims=dims)
    image = torch.randn(2, 1, *[32, 32, 16][:dims])
    out = network(image)
    space = image.shape[2:]
    assert out.mean.shape == (2, 3, *space)
    assert out.cov_factor.shape == (2, 4, 3, *space)
    assert out.cov_diag.shape == (2, 3, *space)
    assert {p.dtype for p in out} == {torch.float32}
    assert (out.cov_diag > EPSILON).all()
    sum(p.square().mean() for p in out).backward()
    silent = [n for n, p in network.named_parameters() if p.grad is None]
    assert not silent


class Identity(nn.Module):
    """A backbone whose features are the image."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image


def test_the_factor_is_laid_out_rank_then_class() -> None:
    # Golden: channel r·C + c of the factor's convolution is column r, class c.
    network = SSN(Identity(), features=1, classes=2, rank=3)
    with torch.no_grad():
        network.factor.weight.copy_(torch.arange(6.0).reshape(6, 1, 1, 1))
    out = network(torch.ones(1, 1, 2, 2))
    assert out.cov_factor[0, :, :, 0, 0].tolist() == [[0, 1], [2, 3], [4, 5]]


def test_outside_a_region_of_interest_nothing_varies() -> None:
    network = SSN(Identity(), features=1, classes=2, rank=3)
    with torch.no_grad():
        network.factor.weight.fill_(1.0)
    roi = torch.zeros(1, 2, 2, dtype=torch.bool)
    roi[0, 0, 1] = True
    out = network(torch.ones(1, 1, 2, 2), roi)
    assert out.cov_factor[0, :, :, ~roi[0]].abs().max() == 0
    assert out.cov_factor[0, :, :, roi[0]].abs().min() > 0
    torch.testing.assert_close(out.cov_diag[0, :, ~roi[0]], torch.full((2, 3), EPSILON))
    assert (out.cov_diag[0, :, roi[0]] > EPSILON).all()


@pytest.mark.parametrize("dims", [2, 3])
def test_a_diagonal_covariance_has_no_factor_and_learns_its_diagonal(dims: int) -> None:
    torch.manual_seed(0)
    network = SSN(Identity(), 1, classes=3, rank=1, spatial_dims=dims, covariance="diagonal")
    assert not [name for name, _ in network.named_parameters() if name.startswith("factor")]
    optimizer = torch.optim.Adam(network.parameters(), 0.1)
    space = (4, 5, 6)[:dims]
    image, target = torch.randn(2, 1, *space), torch.randint(3, (2, *space)).flatten(1)
    before = network(image)
    monte_carlo_nll(draw_logits(before, 8), target).backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert not silent
    optimizer.step()
    after = network(image)
    assert before.cov_factor.shape == (2, 1, 3, *space)
    assert before.cov_factor.eq(0).all() and after.cov_factor.eq(0).all()
    assert after.cov_diag.min() > EPSILON
    assert after.cov_diag.ne(before.cov_diag).all()


def test_no_covariance_leaves_the_mean_alone() -> None:
    network = SSN(Identity(), 1, classes=2, rank=1, covariance="none")
    assert {name for name, _ in network.named_parameters()} == {"mean.weight", "mean.bias"}
    out = network(torch.randn(2, 1, 4, 5))
    assert out.cov_factor.shape == (2, 1, 2, 4, 5) and out.cov_factor.eq(0).all()
    assert out.cov_diag.shape == (2, 2, 4, 5) and out.cov_diag.eq(EPSILON).all()
    assert not out.cov_diag.requires_grad and not out.cov_factor.requires_grad


def test_a_card_without_a_factor_has_rank_one() -> None:
    def card(rank: int, **rest: str) -> Architecture:
        about = {"backbone": "BasicUNet", "arguments": {}, "features": 4, "rank": rank, **rest}
        return Architecture.model_validate(about)

    assert card(10).covariance == "low-rank"
    for covariance in ("diagonal", "none"):
        assert card(1, covariance=covariance).covariance == covariance
        with pytest.raises(ValidationError, match=f"a {covariance} covariance has rank 1, a col"):
            card(10, covariance=covariance)
    with pytest.raises(ValidationError, match="covariance"):
        card(1, covariance="full")


def test_the_bump_peaks_at_the_clicked_voxel_whatever_the_region() -> None:
    for shape in ((8, 8), (9, 12), (4, 6, 8)):
        bump = CentreGuided(Identity(), radius=2.0)(torch.zeros(2, 1, *shape))[:, 1]
        peak = bump[0].argmax()
        assert torch.unravel_index(peak, shape) == tuple(n // 2 for n in shape)
        assert bump.max() == 1
    # One standard deviation away: exp(−1/2).
    bump = CentreGuided(Identity(), radius=2.0)(torch.zeros(1, 1, 8, 8))[0, 1]
    assert bump[4, 6] == pytest.approx(0.60653, abs=1e-5)


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("classes", {"classes": 1}),
        ("rank", {"rank": 0}),
        ("features", {"features": 0}),
        ("spatial_dims", {"spatial_dims": 4}),
    ],
)
def test_what_does_not_fit_is_named(field: str, arguments: dict[str, Any]) -> None:
    good: dict[str, Any] = {"features": 1, "classes": 2, "rank": 1, "spatial_dims": 2}
    with pytest.raises(ValueError, match=field):
        SSN(Identity(), **{**good, **arguments})


@pytest.mark.parametrize("dims", [2, 3])
def test_columns_of_a_scale_are_smooth_over_it(dims: int) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d if dims == 2 else nn.Conv3d
    network = SSN(conv(1, 4, 1), 4, 2, rank=4, spatial_dims=dims, scales=(1, 4))
    image = torch.randn(1, 1, *(16, 10, 8)[:dims])
    plain = SSN(conv(1, 4, 1), 4, 2, rank=4, spatial_dims=dims)
    plain.load_state_dict(network.state_dict())
    smooth, fine = network(image).cov_factor[0], plain(image).cov_factor[0]
    # The first half of the columns is as it was; the others keep their mean and lose detail.
    torch.testing.assert_close(smooth[:2], fine[:2])
    whole = (slice(None), slice(None), *(slice(0, 8),) * dims)
    step = smooth[2:][whole].diff(dim=-1).abs().mean() / fine[2:][whole].diff(dim=-1).abs().mean()
    assert step < 0.3
    with pytest.raises(ValueError, match="cannot share a rank"):
        SSN(conv(1, 4, 1), 4, 2, rank=5, spatial_dims=dims, scales=(1, 4))
