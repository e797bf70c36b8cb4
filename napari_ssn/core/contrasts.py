"""Mean and columns of an ensemble by Helmert's contrasts, while its members come."""

from __future__ import annotations

import math

import numpy as np
import torch

from napari_ssn.core.parallel import in_threads
from napari_ssn.geometry.arrays import Floats

# Bytes of a part of a member that is looked at in one piece, in float32.
PIECE = 1 << 22


class Helmert:
    """Mean and columns of P, found while members come."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._count = 0
        self._mean = torch.empty(0)
        # One piece of memory, which is not taken before it is written to.
        self._rows = torch.empty(0)

    def add(self, logits: torch.Tensor) -> None:
        """Take the logits (C, *S) of the next member; they are not kept."""
        if self._count == 0:
            self._mean = logits
            rows = 1 if self._most is None else max(1, self._most - 1)
            self._rows = torch.empty(rows, *logits.shape)
        else:
            r = self._count
            if r > len(self._rows):
                grown = torch.empty(2 * len(self._rows), *logits.shape)
                grown[: len(self._rows)] = self._rows
                self._rows = grown
            column, size = self._rows[r - 1], math.sqrt(r / (r + 1))

            def part(first: int) -> None:
                where = (slice(None), slice(first, first + step))
                off = torch.sub(logits[where], self._mean[where])
                torch.mul(off, size, out=column[where])
                self._mean[where].add_(off, alpha=1 / (r + 1))

            # Of members that are certain everywhere there is nothing to take.
            step = PIECE * logits.shape[1] // (4 * max(1, logits.numel())) + 1
            in_threads(part, range(0, logits.shape[1], step))
        self._count += 1

    def finish(self, rank: int | None) -> tuple[torch.Tensor, torch.Tensor, Floats]:
        """Mean (C, *S), columns (R, C, *S), and z (M, R) of each member."""
        count = self._count
        if count == 1:
            return self._mean, torch.zeros(1, *self._mean.shape), np.zeros((1, 1))
        factor = self._rows[: count - 1]
        factor /= math.sqrt(count - 1)
        z = math.sqrt(count - 1) * contrasts(count).T
        if rank is None or rank >= count - 1:
            return self._mean, factor, z
        flat = factor.flatten(1)
        gram = torch.zeros(len(flat), len(flat), dtype=torch.float64)
        pieces = [slice(i, i + PIECE // 4) for i in range(0, flat.shape[1], PIECE // 4)]
        for piece in pieces:
            some = flat[:, piece].double()
            gram += some @ some.T
        values, vectors = torch.linalg.eigh(gram)
        turn = vectors[:, torch.argsort(values, descending=True)[:rank]]
        # The sign of an eigenvector is nobody's choice: its largest number is positive.
        turn = turn * turn.gather(0, turn.abs().argmax(0, keepdim=True)).sign()
        for piece in pieces:
            flat[:rank, piece] = turn.T.float() @ flat[:, piece]
        return self._mean, factor[:rank].clone(), z @ turn.numpy()


def contrasts(count: int) -> Floats:
    """Helmert's contrasts H, (M − 1, M): ``H Hᵀ = I`` and ``Hᵀ H = I − 11ᵀ/M``.

    Row r compares member r + 1 with the mean of those before it.
    """
    out = np.zeros((count - 1, count))
    for r in range(1, count):
        out[r - 1, :r] = -1 / math.sqrt(r * (r + 1))
        out[r - 1, r] = math.sqrt(r / (r + 1))
    return out
