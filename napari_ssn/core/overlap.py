"""One label map against another, or against those of several raters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_ssn.geometry.arrays import Floats

AnyLabels = NDArray[np.integer[Any]]


def checked_labels(
    classes: int | None, min_ndim: int, **fields: ArrayLike
) -> tuple[int, list[AnyLabels]]:
    """Label maps as small unsigned integers, and the number of classes they share."""
    maps = [np.asarray(values) for values in fields.values()]
    for field, array in zip(fields, maps, strict=True):
        if array.ndim < min_ndim or array.size == 0:
            form = "(n, *S)" if min_ndim == 2 else "(*S)"
            raise ValueError(f"{field}: expected shape {form}, not empty, actual {array.shape}")
        if array.dtype.kind not in "bui":
            raise ValueError(f"{field}: expected integer labels, actual dtype {array.dtype}")
        if array.min() < 0:
            raise ValueError(f"{field}: expected labels from 0, actual smallest {array.min()}")
    largest = [int(array.max()) for array in maps]
    if classes is None:
        classes = max(1, *largest) + 1
    if classes < 2:
        raise ValueError(f"classes: expected at least 2, background included, actual {classes}")
    for field, label in zip(fields, largest, strict=True):
        if label >= classes:
            raise ValueError(f"{field}: expected labels below {classes}, actual largest {label}")
    dtype = np.min_scalar_type(classes - 1)
    return classes, [array.astype(dtype, copy=False) for array in maps]


def check_same_space(first: str, a: tuple[int, ...], second: str, b: tuple[int, ...]) -> None:
    """ValueError that names both fields unless their spatial shapes are one."""
    if a != b:
        raise ValueError(f"{second}: expected the spatial shape of {first}, {a}, actual {b}")


def dice(prediction: ArrayLike, reference: ArrayLike, classes: int | None = None) -> Floats:
    """Dice coefficient of one map against another, per foreground class.

    Dice_c = 2 |a=c ∧ b=c| / (|a=c| + |b=c|), 1 where c is in neither map.

    prediction, reference: (*S) integer labels; result (C − 1,), its entry 0 is class 1.
    ValueError: not integers, labels outside 0…C−1, no voxel, unequal shapes.
    Source: Dice, Ecology 1945.

    Examples:
        >>> import napari_ssn as ssn
        >>> ssn.metrics.dice([0, 1, 1, 2], [0, 1, 0, 2])
        array([0.66666667, 1.        ])
    """
    classes, (a, b) = checked_labels(classes, 1, prediction=prediction, reference=reference)
    check_same_space("prediction", a.shape, "reference", b.shape)
    return _dice(a, b[None], classes)


def _dice(a: AnyLabels, raters: AnyLabels, classes: int) -> Floats:
    """Mean Dice of a map (*S) with each of (M, *S), already validated: (C − 1,)."""
    flat, others = a.reshape(-1), raters.reshape(len(raters), -1)
    result = np.ones((len(others), classes - 1))
    for c in range(1, classes):
        a_is_c, b_is_c = flat == c, others == c
        both = np.count_nonzero(b_is_c & a_is_c, axis=1)
        total = np.count_nonzero(b_is_c, axis=1) + np.count_nonzero(a_is_c)
        np.divide(2.0 * both, total, out=result[:, c - 1], where=total > 0)
    return np.asarray(result.mean(axis=0), dtype=np.float64)


def dice_each(prediction: ArrayLike, raters: ArrayLike, classes: int | None = None) -> Floats:
    """Dice of one map against each rater in turn, averaged over the raters, per class.

    1/M Σ_m Dice_c(prediction, y_m).

    prediction: (*S), raters: (M, *S) integer labels; result (C − 1,). ValueError: as `dice`.

    Examples:
        >>> import napari_ssn as ssn
        >>> ssn.metrics.dice_each([0, 1, 1], [[0, 1, 1], [1, 0, 0]])
        array([0.5])
    """
    classes, (a, others) = _with_raters(prediction, raters, classes)
    return _dice(a, others, classes)


def dice_majority(prediction: ArrayLike, raters: ArrayLike, classes: int | None = None) -> Floats:
    """Dice of one map against the majority vote of the raters, per class.

    Dice_c(prediction, majority_vote(raters)).

    prediction: (*S), raters: (M, *S) integer labels; result (C − 1,). ValueError: as `dice`.

    Examples:
        >>> import napari_ssn as ssn
        >>> ssn.metrics.dice_majority([0, 1, 1], [[0, 1, 1], [0, 1, 1], [1, 0, 0]])
        array([1.])
    """
    classes, (a, others) = _with_raters(prediction, raters, classes)
    return _dice(a, _majority(others, classes)[None], classes)


def _with_raters(
    prediction: ArrayLike, raters: ArrayLike, classes: int | None
) -> tuple[int, list[AnyLabels]]:
    classes, (a, others) = checked_labels(classes, 1, prediction=prediction, raters=raters)
    check_same_space("prediction", a.shape, "raters", others.shape[1:])
    return classes, [a, others]


def majority_vote(raters: ArrayLike, classes: int | None = None) -> AnyLabels:
    """The label most raters gave each voxel.

    y_v = argmax_c Σ_m [y_mv = c]; of tied labels the lowest, so two raters of four for a lesion
    leave background.

    raters: (M, *S) integer labels; result (*S) unsigned integers. ValueError: as `pairwise_iou`.

    Examples:
        >>> import napari_ssn as ssn
        >>> ssn.metrics.majority_vote([[0, 1, 1], [0, 1, 0], [1, 1, 0]])
        array([0, 1, 0], dtype=uint8)
    """
    classes, (checked,) = checked_labels(classes, 2, raters=raters)
    return _majority(checked, classes)


def _majority(raters: AnyLabels, classes: int) -> AnyLabels:
    vote = np.zeros(raters.shape[1:], dtype=raters.dtype)
    most = np.count_nonzero(raters == 0, axis=0)
    for c in range(1, classes):  # one count at a time: C counts of a volume need not fit in memory
        votes = np.count_nonzero(raters == c, axis=0)
        vote[votes > most] = c
        most = np.maximum(most, votes)
    return vote
