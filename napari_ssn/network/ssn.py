"""The head that makes any segmentation network stochastic.

Source: Monteiro et al., "Stochastic Segmentation Networks", NeurIPS 2020, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_ssn.core.distribution import EPSILON
from napari_ssn.network.heads import heads_of

# log D starts low: with large pixel noise the Monte Carlo likelihood of a whole label map
# underflows and the factor never learns to explain it.
INITIAL_LOG_DIAG = -5.0
# The factor starts near zero so that the first steps after the mean's warm-up are gentle.
INITIAL_FACTOR_STD = 0.01
# Widths of the Gaussians that presence is read under, as shares of the wide one: a voxel or two
# around the point, and its surroundings.
_SHARES = (0.2, 1.0)


class LogitParameters(NamedTuple):
    """Parameters of a batch of low-rank Gaussians over logits.

    mean (B, C, *S), cov_factor (B, R, C, *S), cov_diag (B, C, *S); the covariance of one
    flattened logit map is ``P Pᵀ + diag(D)`` with the columns of P in ``cov_factor``.
    """

    mean: Tensor
    cov_factor: Tensor
    cov_diag: Tensor


class PresentParameters(NamedTuple):
    """As `LogitParameters`, from a network that says if there is anything at the middle.

    presence (B,): logit of the probability that a reader outlines something.
    """

    mean: Tensor
    cov_factor: Tensor
    cov_diag: Tensor
    presence: Tensor


class SSN(nn.Module):
    """Make a backbone stochastic: ``η = μ + P z + √D ε`` (Monteiro et al. 2020, eq. 4).

    Args:
        backbone: maps (B, channels, *S) to (B, features, *S), in two or three dimensions.
        features: channels the backbone returns.
        classes: number of labels C, background included.
        rank: number of columns R of P.
        spatial_dims: 2 or 3.
        covariance: ``low-rank``; for baselines ``diagonal`` (P = 0) or ``none`` (D = ε₀ too).
        scales: of equal groups of columns of P; a group of scale s is averaged over s voxels
            along each axis and interpolated between. Empty: all are as fine as the grid.
        presence: whether a head says if there is anything at the middle of the region.
        radius: standard deviation in voxels of what "around the middle" means, one number per
            axis.
        offset_columns: per axis, so many columns of P, the last ones, are weighted by
            ``tanh(offset from the middle / radius)`` along it. A network that shifts with its
            image cannot tell one side of an object from the other; these columns let it be
            unsure of one end alone.

    Examples:
        >>> import torch
        >>> import napari_ssn as ssn
        >>> backbone = torch.nn.Conv2d(1, 8, 3, padding=1)
        >>> network = ssn.SSN(backbone, features=8, classes=2, rank=3)
        >>> mean, factor, variance = network(torch.zeros(1, 1, 4, 5))
        >>> mean.shape, factor.shape
        (torch.Size([1, 2, 4, 5]), torch.Size([1, 3, 2, 4, 5]))
        >>> ssn.LogitDistribution(mean[0], factor[0], variance[0]).space
        (4, 5)
    """

    def __init__(
        self,
        backbone: nn.Module,
        features: int,
        classes: int,
        rank: int,
        spatial_dims: int = 2,
        covariance: str = "low-rank",
        scales: Sequence[int] = (),
        presence: bool = False,
        radius: Sequence[float] = (),
        offset_columns: Sequence[int] = (),
    ) -> None:
        super().__init__()
        if spatial_dims not in (2, 3):
            raise ValueError(f"spatial_dims: expected 2 or 3, got {spatial_dims}")
        for name, value, least in (("features", features, 1), ("classes", classes, 2)):
            if value < least:
                raise ValueError(f"{name}: expected at least {least}, got {value}")
        if covariance not in ("low-rank", "diagonal", "none"):
            raise ValueError(f"covariance: expected low-rank, diagonal or none, got {covariance!r}")
        if scales and rank % len(scales):
            raise ValueError(f"scales: {len(scales)} of them cannot share a rank of {rank}")
        if rank < 1:
            raise ValueError(f"rank: expected at least 1, got {rank}")
        self.classes = classes
        self.rank = rank
        self.covariance = covariance
        self.scales = tuple(scales)
        self.radius, self.offset_columns = tuple(radius), tuple(offset_columns)
        if sum(offset_columns) > rank:
            raise ValueError(f"offset_columns: {sum(offset_columns)} of a rank of {rank}")
        conv = nn.Conv2d if spatial_dims == 2 else nn.Conv3d
        self.backbone = backbone
        self.mean = conv(features, classes, 1)
        if covariance != "none":
            self.log_diag = conv(features, classes, 1)
            nn.init.zeros_(self.log_diag.weight)
            nn.init.constant_(self.log_diag.bias, INITIAL_LOG_DIAG)  # type: ignore[arg-type]
        if covariance == "low-rank":
            self.factor = conv(features, rank * classes, 1)
            nn.init.normal_(self.factor.weight, std=INITIAL_FACTOR_STD)
            nn.init.zeros_(self.factor.bias)  # type: ignore[arg-type]
        self.presence = PresenceHead(features, radius) if presence else None

    def forward(
        self, image: Tensor, roi: Tensor | None = None
    ) -> LogitParameters | PresentParameters:
        """Return the logit parameters of a batch, in float32.

        Args:
            image: (B, channels, *S).
            roi: optional boolean (B, *S); outside it the logits do not vary (P = 0, D = ε₀).
        """
        features = self.backbone(image)
        space = features.shape[2:]
        names = {"none": (), "diagonal": ("log_diag",), "low-rank": ("log_diag", "factor")}
        heads = [self.mean, *(getattr(self, name) for name in names[self.covariance])]
        mean, *spread = (one.float() for one in heads_of(heads, features, learning=self.training))
        cov_diag = torch.full_like(mean, EPSILON)
        if self.covariance != "none":
            cov_diag = spread[0].exp() + EPSILON
        if self.covariance == "low-rank":
            # Channel r·C + c of the convolution is column r, class c: (B, R, C, *S).
            columns = self._smooth(spread[1])
            factor = columns.reshape(-1, self.rank, self.classes, *space)
            if self.offset_columns:
                factor = factor * self._offsets(space, factor.device)
        else:
            factor = mean.new_zeros(len(mean), self.rank, self.classes, *space)
        if roi is not None:
            inside = roi.unsqueeze(1)
            cov_diag = torch.where(inside, cov_diag, torch.full_like(cov_diag, EPSILON))
            factor = factor * inside.unsqueeze(1)
        if self.presence is None:
            return LogitParameters(mean, factor, cov_diag)
        return PresentParameters(mean, factor, cov_diag, self.presence(features))

    def _offsets(self, space: Sequence[int], device: torch.device) -> Tensor:
        """Weights of the columns, (R, 1, *S): 1, and for the last ones the offset along an axis."""
        weights = torch.ones(self.rank, 1, *space, device=device)
        column = self.rank - sum(self.offset_columns)
        for axis, count in enumerate(self.offset_columns):
            size, width = space[axis], self.radius[axis]
            line = torch.arange(size, device=device, dtype=torch.float32) - size // 2
            behind = [1] * (len(space) - 1 - axis)
            weights[column : column + count] *= torch.tanh(line / width).reshape(-1, *behind)
            column += count
        return weights

    def _smooth(self, columns: Tensor) -> Tensor:
        """Give each group of columns its scale; (B, R · C, *S) in and out."""
        if not self.scales:
            return columns
        space = columns.shape[2:]
        pool, mode = (
            (functional.avg_pool2d, "bilinear")
            if len(space) == 2
            else (functional.avg_pool3d, "trilinear")
        )
        parts = []
        for scale, part in zip(self.scales, columns.chunk(len(self.scales), dim=1), strict=True):
            if scale > 1:
                coarse = pool(part, scale, ceil_mode=True, count_include_pad=False)
                part = functional.interpolate(coarse, size=space, mode=mode)
            parts.append(part)
        return torch.cat(parts, dim=1)


class PresenceHead(nn.Module):
    """Whether there is anything to outline at the middle of a region.

    Features are averaged under Gaussians around the middle, a narrow one and a wide one, and two
    layers make a logit of them.

    Args:
        features: channels of the backbone.
        radius: standard deviation of the wide Gaussian in voxels, per axis of the grid.
    """

    def __init__(self, features: int, radius: Sequence[float]) -> None:
        super().__init__()
        self.radius = tuple(radius)
        self.layers = nn.Sequential(
            nn.Linear(len(_SHARES) * features, 2 * features),
            nn.LeakyReLU(0.1),
            nn.Linear(2 * features, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, features, *S) → (B,) logits."""
        flat = features.flatten(2).float()
        pooled = []
        for share in _SHARES:
            radius = [share * r for r in self.radius]
            weight = _bump(features.shape[2:], radius, features.device).flatten()
            pooled.append(flat @ (weight / weight.sum()))
        found: Tensor = self.layers(torch.cat(pooled, 1)).squeeze(1)
        return found


def _bump(space: Sequence[int], radius: Sequence[float], device: torch.device) -> Tensor:
    """Gaussian around the middle of a grid, 1 at voxel ``size // 2``, (*S)."""
    squared = torch.zeros(tuple(space), device=device)
    for axis, (size, width) in enumerate(zip(space, radius, strict=True)):
        # Voxel size // 2 is the one that was clicked. In units of the first axis' width.
        line = torch.arange(size, device=device, dtype=torch.float32) - size // 2
        line = line * (radius[0] / width)
        behind = [1] * (len(space) - 1 - axis)
        squared = squared + line.square().reshape(-1, *behind)
    return torch.exp(-squared / (2 * radius[0] ** 2))


class CentreGuided(nn.Module):
    """Tell a backbone where the user pointed: a Gaussian bump at the region's middle.

    A region is always cut out around a point the user placed, so "the lesion in the middle"
    is knowledge the network may use. The bump fades to nothing within about three
    ``radius``, so regions of any size look alike to the network.

    Args:
        backbone: takes one channel more than the image has.
        radius: standard deviation of the bump in voxels, along each axis or along all.
    """

    def __init__(self, backbone: nn.Module, radius: float | Sequence[float] = 10.0) -> None:
        super().__init__()
        self.backbone = backbone
        self.radius = radius

    def forward(self, image: Tensor) -> Tensor:
        """(B, channels, *S) → (B, features, *S)."""
        space = image.shape[2:]
        single = isinstance(self.radius, (int, float))
        radius = [self.radius] * len(space) if single else self.radius
        bump = _bump(space, radius, image.device).to(image.dtype)  # type: ignore[arg-type]
        bump = bump.expand(image.shape[0], 1, *space)
        out: Tensor = self.backbone(torch.cat([image, bump], dim=1))
        return out
