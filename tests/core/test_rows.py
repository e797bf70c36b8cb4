"""What packing keeps of each voxel: as one writes it down, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_ssn.core.columns import rows
from napari_ssn.core.columns.columns import shells_of
from napari_ssn.core.columns.rows import Source, rows_of
from napari_ssn.core.distribution import LogitDistribution


def dense(classes: int, rank: int, kind: str) -> LogitDistribution:
    generator = torch.Generator().manual_seed(classes + 10 * rank)
    space = (9, 11, 13)
    mean = 3 * torch.randn(classes, *space, generator=generator)
    factor = torch.randn(rank, classes, *space, generator=generator)
    if kind == "one label":
        mean[1] += 100
    elif kind == "one label and one rival":
        mean[1] += 100
        mean[0] += 60
    elif kind == "ties":
        mean, factor = mean.round(), factor.round()
    elif kind == "too large":
        mean *= 1e5
        factor[:, :, 3] *= 1e6
    return LogitDistribution(mean, factor, torch.rand(classes, *space, generator=generator))


def plain(dist: LogitDistribution, dtype: torch.dtype) -> dict[str, np.ndarray]:
    """All voxels at once; radii are those of the rows, whose bounds have tests of their own."""
    mean, factor = dist.mean.flatten(1), dist.cov_factor.flatten(2)
    logits, noise = torch.cat([factor, mean[None]]), dist.cov_diag.flatten(1).sqrt()
    best = mean.argmax(0)
    margins = logits - logits.gather(1, best.expand(len(logits), 1, -1))
    squares = torch.einsum("rcv,rcv->cv", margins[:-1], margins[:-1])
    radius = rows._radii(-margins[-1], squares, len(factor), dtype)
    radius.scatter_(0, best[None], torch.inf)
    voxels = np.arange(mean.shape[1])
    nearest = radius.argmin(0)
    order = np.array(
        [
            [b, n, *(c for c in range(len(mean)) if c not in (b, n))]
            for b, n in zip(best.tolist(), nearest.tolist(), strict=True)
        ]
    ).T
    kept = margins.to(dtype).numpy()
    by_radius = radius.sort(0).values
    return {
        "best": best.byte().numpy(),
        "rivals": order[1:].astype(np.uint8),
        "margins": np.stack([kept[:, one, voxels] for one in order[1:]]),
        "noise": np.stack([noise.to(dtype).numpy()[one, voxels] for one in order]),
        "shell": shells_of(by_radius[0]).numpy(),
        "second": shells_of(by_radius[1]).numpy() if len(mean) > 2 else np.empty(0, np.int16),
    }


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
@pytest.mark.parametrize("kind", ["several", "one label", "one label and one rival", "ties"])
@pytest.mark.parametrize(("classes", "rank"), [(2, 1), (2, 5), (3, 4), (4, 10), (6, 3)])
def test_rows_are_those_of_the_plain_way(
    classes: int, rank: int, kind: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Several blocks, the last of them shorter.
    monkeypatch.setattr(rows, "_BLOCK", 500)
    dist = dense(classes, rank, kind)
    found = rows_of(Source.dense(dist), dtype)._asdict()
    for name, numbers in plain(dist, dtype).items():
        np.testing.assert_array_equal(found[name].numpy(), numbers, err_msg=name)
        assert found[name].numpy().dtype == numbers.dtype


def test_how_many_voxels_are_packed_at_once_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dist = dense(4, 6, "too large")
    whole = rows_of(Source.dense(dist), torch.float16)
    for size in (1, 64, 1000):
        monkeypatch.setattr(rows, "_BLOCK", size)
        for one, other in zip(rows_of(Source.dense(dist), torch.float16), whole, strict=True):
            assert torch.equal(one, other)
    assert bool(torch.isfinite(whole.margins).all())
