"""What the readers of a case are to each other.

No model can be nearer to readers than they let it: these figures stand beside a model's own. Where
only one of them outlined something, nothing is known of how others would have.
"""

from __future__ import annotations

import numpy as np

from napari_ssn.core import metrics
from napari_ssn.geometry.arrays import Floats
from napari_ssn.training.cases import Case


def reader_figures(case: Case, classes: int, diameters_mm: Floats) -> dict[str, float]:
    """Figures of one reader against another, of a case that at least two of them outlined.

    Args:
        case: with its K readers.
        classes: C, background included.
        diameters_mm: (K,) longest diameter of what each outlined; NaN where there is none.

    Returns:
        Over all pairs, each reader once as the one who is asked and once as the truth:
        ``dice_drawn_reader``, ``volume_error_reader`` (a share of the other's size) and, where
        diameters are known, ``diameter_error_mm_reader``. Of all the others together, by their
        majority vote and the median of their sizes: ``dice_drawn_others``,
        ``volume_error_others``. Of all, the one who is asked among them: ``dice_drawn_majority``
        and ``volume_error_least``, of the one size that is off by least. ``volume_width_readers``:
        largest minus smallest of their sizes ÷ their mean. Empty if fewer than two outlined.
    """
    drew = case.raters.any(axis=tuple(range(1, case.raters.ndim)))
    theirs = case.raters[drew]
    if len(theirs) < 2:
        return {}
    sizes = (theirs > 0).reshape(len(theirs), -1).sum(1).astype(np.float64)
    others = [np.delete(np.arange(len(theirs)), one) for one in range(len(theirs))]
    pairs = [
        metrics.dice_each(one, theirs[rest], classes=classes)
        for one, rest in zip(theirs, others, strict=True)
    ]
    of_others = [
        metrics.dice_each(metrics.majority_vote(theirs[rest], classes), one[None], classes=classes)
        for one, rest in zip(theirs, others, strict=True)
    ]
    medians = np.array([np.median(sizes[rest]) for rest in others])
    vote = metrics.majority_vote(theirs, classes)
    row = {
        "dice_drawn_reader": float(np.nanmean(pairs)),
        "dice_drawn_majority": float(np.nanmean(metrics.dice_each(vote, theirs, classes=classes))),
        "dice_drawn_others": float(np.nanmean(of_others)),
        "volume_error_others": float((np.abs(medians - sizes) / sizes).mean()),
        "volume_error_reader": _off_by_another(sizes, relative=True),
        "volume_error_least": least_error(sizes),
        "volume_width_readers": float(np.ptp(sizes) / sizes.mean()),
    }
    known = diameters_mm[np.isfinite(diameters_mm)]
    if len(known) > 1:
        row["diameter_error_mm_reader"] = _off_by_another(known, relative=False)
    return row


def least_error(sizes: Floats) -> float:
    """Least mean of ``|s − sᵢ| / sᵢ`` over all sizes s: that of the median weighted by 1 / sᵢ.

    Args:
        sizes: (K,) above 0.

    Examples:
        >>> from napari_ssn.training.between import least_error
        >>> least_error([1.0, 2.0])
        0.25
    """
    ordered = np.sort(np.asarray(sizes, dtype=np.float64))
    share = np.cumsum(1 / ordered)
    best = ordered[np.searchsorted(share, share[-1] / 2)]
    return float((np.abs(best - ordered) / ordered).mean())


def _off_by_another(values: Floats, *, relative: bool) -> float:
    """Mean over ordered pairs of how far one lies from the other."""
    apart = np.abs(values[:, None] - values)
    if relative:
        apart = apart / values
    return float(apart.sum() / (len(values) * (len(values) - 1)))
