"""Networks for tests, and their architectures."""

from __future__ import annotations

import torch
from torch import nn

from napari_ssn.documents.card import Architecture
from napari_ssn.network.ssn import PresentParameters

WIDTHS = {"features": [4, 4, 8, 8, 8, 4], "norm": "batch"}


def architecture(**changes: object) -> Architecture:
    return Architecture.model_validate(
        {
            "backbone": "SliceUNet",
            "arguments": WIDTHS,
            "features": 4,
            "rank": 3,
            "centre_radius": [2.0, 4.0, 4.0],
            "presence": True,
            **changes,
        }
    )


WINDOW = (-1000.0, 1000.0)


class Sure(nn.Module):
    """Outlines what is denser than the middle of the window, and says one thing of presence."""

    presence = 0.5

    def forward(self, tile: torch.Tensor) -> PresentParameters:
        value = 10 * (tile[:, 0] - 0.5)
        mean = torch.stack([0 * value, value], 1)
        factor = torch.stack([0 * value, value], 1)[:, None]
        logit = torch.full((len(tile),), self.presence)
        return PresentParameters(mean, factor, 0 * mean + 0.1, logit)
