"""Varimax: turn loadings so that each voxel loads on as few columns as can be."""

from __future__ import annotations

import numpy as np

from napari_ssn.geometry.arrays import Floats, Ints

# Sweeps over all pairs of columns at most, and the angle in radians that no longer counts.
_SWEEPS, _STILL = 200, 1e-9


def pairs(columns: int) -> tuple[Ints, Ints]:
    """The products of two columns that are different numbers: i ≤ j, m (m + 1) / 2 of them."""
    first, second = np.triu_indices(columns)
    return first.astype(np.int64), second.astype(np.int64)


def fourth_moments(products: Floats) -> Floats:
    """``M_ijkl`` of (K, K) sums over all rows of a product of `pairs` times another."""
    columns = round((np.sqrt(8 * len(products) + 1) - 1) / 2)
    first, second = pairs(columns)
    at = np.empty((columns, columns), np.int64)
    at[first, second] = at[second, first] = np.arange(len(first))
    return np.asarray(products[at][:, :, at])


def criterion(fourth: Floats, second: Floats, count: int, rotation: Floats) -> float:
    """``Σ_k [ Σ_v ℓ_vk⁴ / n − (Σ_v ℓ_vk² / n)² ]`` of the turned loadings ``ℓ = L T``.

    Args:
        fourth, second, count: as in `varimax`.
        rotation: (m, m), T.
    """
    fours = np.einsum("ijkl,ia,ja,ka,la->a", fourth, *(rotation,) * 4, optimize=True)
    squares = np.einsum("ij,ia,ja->a", second, rotation, rotation)
    return float((fours / count - (squares / count) ** 2).sum())


def varimax(fourth: Floats, second: Floats, count: int) -> Floats:
    """Rotation of loadings L (n, m) that makes the squares of each column vary most.

    Maximises `criterion` by turning one pair of columns after the other by the angle that is
    best for the pair, ``tan 4φ = 2 (Σ uv − Σu Σv / n) / (Σ (u² − v²) − ((Σu)² − (Σv)²) / n)``
    with ``u = x² − y²`` and ``v = 2xy``, until none moves. All that this asks of the rows are
    their moments, so that it costs the same for a picture and for a volume.

    Args:
        fourth: (m, m, m, m), ``Σ_v ℓ_vi ℓ_vj ℓ_vk ℓ_vl``.
        second: (m, m), ``Σ_v ℓ_vi ℓ_vj``.
        count: n, rows of L, those of zeros included.

    Returns:
        (m, m) orthonormal; its columns in no particular order or sign.

    Source: Kaiser, "The varimax criterion for analytic rotation in factor analysis",
    Psychometrika 1958; without his normalisation of the rows, which would let the voxels that
    hardly load count as much as any. For these models: Nussbaum, Gawlikowski and Niebling,
    "Structuring uncertainty for fine-grained sampling in stochastic segmentation networks",
    NeurIPS 2022.
    """
    columns = len(second)
    rotation = np.eye(columns)
    for _ in range(_SWEEPS):
        largest = 0.0
        for p in range(columns):
            for q in range(p + 1, columns):
                angle = _angle(fourth, second, count, rotation[:, [p, q]])
                if abs(angle) > _STILL:
                    turn = np.array(
                        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
                    )
                    rotation[:, [p, q]] = rotation[:, [p, q]] @ turn
                largest = max(largest, abs(angle))
        if largest <= _STILL:
            break
    return rotation


def _angle(fourth: Floats, second: Floats, count: int, pair: Floats) -> float:
    """Best angle for two columns of the rotation, (m, 2)."""
    four = fourth
    for _ in range(4):
        # Contract the first axis; after four times all are of the pair, in their old order.
        four = np.tensordot(four, pair, axes=(0, 0))
    two = pair.T @ second @ pair
    xxxx, xxxy, xxyy = four[0, 0, 0, 0], four[0, 0, 0, 1], four[0, 0, 1, 1]
    xyyy, yyyy = four[0, 1, 1, 1], four[1, 1, 1, 1]
    u, v = two[0, 0] - two[1, 1], 2 * two[0, 1]
    uv, uu, vv = 2 * (xxxy - xyyy), xxxx - 2 * xxyy + yyyy, 4 * xxyy
    across = 2 * (uv - u * v / count)
    along = uu - vv - (u * u - v * v) / count
    # Where the criterion is the same all around, leave things as they are.
    scale = abs(uu) + abs(vv)
    if np.hypot(across, along) <= 1e-12 * scale:
        return 0.0
    return float(np.arctan2(across, along) / 4)
