"""Several heads as one product: what each of them finds and learns alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_ssn.network.heads import heads_of

SPACE = (2, 3, 5)


def features(kind: torch.dtype = torch.float64) -> torch.Tensor:
    torch.manual_seed(4)
    return torch.randn(2, *SPACE, 6, dtype=kind).movedim(-1, 1).requires_grad_()


def heads(kind: torch.dtype = torch.float64) -> list[nn.Conv3d]:
    torch.manual_seed(5)
    return [nn.Conv3d(6, channels, 1).to(kind) for channels in (2, 2, 7)]


def learnt(convs: list[nn.Conv3d]) -> list[torch.Tensor | None]:
    return [value.grad for conv in convs for value in conv.parameters()]


@pytest.mark.parametrize("used", [(0, 1, 2), (0,), (1, 2), (2,)])
def test_they_learn_what_each_learns_alone(used: tuple[int, ...]) -> None:
    """A head that nothing came back to has no gradient: an optimiser lets it be."""
    ways = []
    for learning in (False, True):
        seen, convs = features(), heads()
        found = heads_of(convs, seen, learning)
        torch.manual_seed(6)
        sum((torch.randn_like(one) * one).sum() for one in (found[at] for at in used)).backward()
        ways.append((found, seen.grad, learnt(convs)))
    (alone, back, each), (together, other, all_) = ways
    for one, expected in zip(together, alone, strict=True):
        assert one.shape == (2, one.shape[1], *SPACE)
        torch.testing.assert_close(one, expected)
    torch.testing.assert_close(other, back)
    assert [one is None for one in all_] == [one is None for one in each]
    assert sum(one is not None for one in all_) == 2 * len(used)
    for one, expected in zip(all_, each, strict=True):
        torch.testing.assert_close(one, expected)


def test_in_bfloat16_they_are_as_each_alone() -> None:
    ways = []
    for learning in (False, True):
        seen, convs = features(torch.float32), heads(torch.float32)
        with torch.autocast("cpu", torch.bfloat16):
            found = heads_of(convs, seen, learning)
        assert all(one.dtype == torch.bfloat16 for one in found)
        sum(one.float().square().sum() for one in found).backward()
        ways.append([*found, seen.grad, *learnt(convs)])
    for one, expected in zip(*ways, strict=True):
        assert one is not None and expected is not None and one.dtype == expected.dtype
        scale = float(expected.detach().float().abs().max())
        torch.testing.assert_close(one.float(), expected.float(), rtol=0.02, atol=0.02 * scale)


def test_what_only_looks_has_the_numbers_it_always_had() -> None:
    convs, seen = heads(torch.float32), features(torch.float32)
    with torch.no_grad():
        for learning in (False, True):
            for one, conv in zip(heads_of(convs, seen.detach(), learning), convs, strict=True):
                flat = torch.nn.functional.linear(
                    seen.movedim(1, -1), conv.weight.flatten(1), conv.bias
                )
                assert torch.equal(one, flat.movedim(-1, 1))
