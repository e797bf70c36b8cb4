"""Has it grown? The change between two scans of one lesion, with what no change would look like."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.few import grid_of, refuse_ensembles
from napari_ssn.core.given.posterior import Posterior
from napari_ssn.core.measures import volume_distribution
from napari_ssn.geometry.arrays import Floats

#: Growth that guidelines on lung nodules act on, because repeated scans differ by about as much.
GROWTH = 0.25
#: Growth of a diameter in mm that they act on, for the same reason.
GROWTH_MM = 2.0
#: A nodule that doubles within so many days is followed up.
FAST_DAYS = 400.0
# Sizes on either side: of all pairs of so many there are 25 million numbers.
_MOST = 5000
_ROUNDING = 1e-12
# Equally likely sizes of either scan, of which all pairs are taken where they share some doubt.
_STRATA = 400


@dataclass(frozen=True, eq=False)
class Quantity:
    """A number with its distribution over pairs of hypotheses.

    Args:
        values: one of each pair, in any order; ±∞ may be among them.
    """

    values: Floats

    def quantile(self, q: float) -> float:
        """Smallest value that a share q of the pairs does not exceed; NaN if there is no pair."""
        if not 0 <= q <= 1:
            raise ValueError(f"q: expected 0 to 1, got {q}")
        if not len(self.values):
            return math.nan
        return float(np.quantile(self.values, q, method="inverted_cdf"))

    @property
    def median(self) -> float:
        """Half the pairs are below."""
        return self.quantile(0.5)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Measures above 0 of the hypotheses of two scans, (n,) and (m,), of which all are paired."""

    before: Floats
    after: Floats

    def __post_init__(self) -> None:
        for name, values in (("before", self.before), ("after", self.after)):
            if values.ndim != 1 or len(values) > _MOST:
                raise ValueError(f"{name}: expected (n,), n to {_MOST}, got {values.shape}")
            if not (np.isfinite(values).all() and (values > 0).all()):
                raise ValueError(f"{name}: expected numbers above 0")

    @cached_property
    def ratio(self) -> Quantity:
        """After over before, of all pairs."""
        return Quantity((self.after[None, :] / self.before[:, None]).ravel())

    @property
    def _difference(self) -> Quantity:
        return Quantity((self.after[None, :] - self.before[:, None]).ravel())


@dataclass(frozen=True, eq=False)
class Change(_Pairs):
    """What became of a lesion between two scans whose hypotheses are drawn independently.

    Sizes are given that something is outlined in both scans; what appeared or vanished is an
    answer of its own. Two of independent draws differ more than two readings of one reader, where
    model or reader err alike in both: `alike` is the other extreme, and `as_readers` what two
    readers of one and the same scan have in common.

    Attributes:
        before, after: (n,) and (m,) mL of hypotheses that outline something.
        outlined: probability that anything is outlined, before and after.
        days: between the scans, 0 of one day; without, and of one day, there is no rate.
        shared: correlation, 0 to 1, of what two readers of one scan draw, each in standard
            deviations of the sizes that the model holds for possible; 0 where it is not known.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> found = ssn.Change(np.array([1.0, 1.2]), np.array([1.5, 1.8]), outlined=(0.9, 1.0))
        >>> found.ratio.quantile(0.5), found.probability(growth=0.25)
        (1.5, 1.0)
        >>> round(found.appeared, 2), found.vanished
        (0.1, 0.0)
    """

    outlined: tuple[float, float] = (1.0, 1.0)
    days: float | None = None
    shared: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(0 <= share <= 1 for share in self.outlined):
            raise ValueError(f"outlined: expected probabilities, got {self.outlined}")
        if self.days is not None and not 0 <= self.days < math.inf:
            raise ValueError(f"days: expected 0 or more, got {self.days}")
        if not 0 <= self.shared <= 1:
            raise ValueError(f"shared: expected 0 to 1, got {self.shared}")

    @property
    def sizes_ml(self) -> tuple[Quantity, Quantity]:
        """V₁ and V₂ in mL, over the hypotheses of each alone."""
        return Quantity(self.before), Quantity(self.after)

    @property
    def difference_ml(self) -> Quantity:
        """V₂ − V₁ in mL over all pairs."""
        return self._difference

    @property
    def rate(self) -> Quantity:
        """Growth rate ln(V₂ / V₁) / Δt in 1 / day; ValueError without days."""
        return Quantity(np.log(self.ratio.values) / self._known_days())

    @property
    def doubling_days(self) -> Quantity:
        """Doubling time ln 2 / rate in days; negative where it shrank, ∞ where nothing changed.

        Its quantiles go through infinity where no change is possible: state that of the median
        alone, and `doubled_within`. ValueError without days.
        """
        rate = self.rate.values
        with np.errstate(divide="ignore"):
            return Quantity(np.where(rate == 0, math.inf, math.log(2) / rate))

    @property
    def alike(self) -> Quantity:
        """V₂ / V₁ where both stand at the same quantile of their sizes: errors in common."""
        if not len(self.ratio.values):
            return self.ratio
        n = max(len(self.before), len(self.after))
        at = (np.arange(n) + 0.5) / n
        return Quantity(np.quantile(self.after, at) / np.quantile(self.before, at))

    @property
    def as_readers(self) -> Quantity:
        """V₂ / V₁ where both sizes have as much in common as two readers' of one scan.

        Pairs under a Gaussian copula: Φ⁻¹ of their places among the sizes correlate by `shared`.
        Each scan alone keeps its sizes.
        """
        if not len(self.ratio.values):
            return self.ratio
        at = (np.arange(_STRATA) + 0.5) / _STRATA
        z = ndtri(at)
        second = ndtr(self.shared * z[:, None] + math.sqrt(1 - self.shared**2) * z)
        return Quantity(
            (np.quantile(self.after, second) / np.quantile(self.before, at)[:, None]).ravel()
        )

    @property
    def appeared(self) -> float:
        """Probability that nothing is outlined before, and something after."""
        return (1 - self.outlined[0]) * self.outlined[1]

    @property
    def vanished(self) -> float:
        """Probability that something is outlined before, and nothing after."""
        return self.outlined[0] * (1 - self.outlined[1])

    @property
    def in_both(self) -> float:
        """Probability that something is outlined in both, which all sizes are given."""
        return self.outlined[0] * self.outlined[1]

    def probability(self, growth: float = GROWTH, *, as_readers: bool = False) -> float:
        """P(V₂ ≥ (1 + growth) V₁); below 0 a growth is shrinking, P(V₂ ≤ (1 + growth) V₁).

        NaN where nothing is outlined in one of them.

        Args:
            growth: as a share of V₁.
            as_readers: of the pairs of `as_readers`, not of all.
        """
        return _share(self._of(as_readers).values, growth)

    def without_change(self, growth: float = GROWTH, *, as_readers: bool = False) -> float:
        """What `probability` would be if nothing had changed: both medians are made the same."""
        ratio = self._of(as_readers)
        return _share(ratio.values / ratio.median, growth)

    def _of(self, as_readers: bool) -> Quantity:
        return self.as_readers if as_readers else self.ratio

    def doubled_within(self, days: float = FAST_DAYS) -> float:
        """P(doubling time below so many days), V₂ > V₁ · 2^(Δt / days); ValueError without days."""
        least = math.inf if days <= 0 else 2.0 ** (self._known_days() / days)
        return float((self.ratio.values > least).mean()) if len(self.ratio.values) else math.nan

    def _known_days(self) -> float:
        if not self.days:
            raise ValueError("days: expected those between the scans, which are none or not known")
        return self.days


@dataclass(frozen=True, eq=False)
class Lengthening(_Pairs):
    """What became of a lesion's longest diameter, over all pairs of independent hypotheses.

    Attributes:
        before, after: (n,) and (m,) mm of hypotheses that outline something.

    Examples:
        >>> import numpy as np
        >>> from napari_ssn.core.change import Lengthening
        >>> found = Lengthening(np.array([10.0, 11.0]), np.array([12.5, 14.0]))
        >>> found.ratio.median, found.difference_mm.median
        (1.25, 2.5)
        >>> found.probability(2.0), found.without_change(2.0)
        (0.75, 0.0)
    """

    @property
    def lengths_mm(self) -> tuple[Quantity, Quantity]:
        """d₁ and d₂ in mm, over the hypotheses of each alone."""
        return Quantity(self.before), Quantity(self.after)

    @property
    def difference_mm(self) -> Quantity:
        """d₂ − d₁ in mm over all pairs."""
        return self._difference

    def probability(self, growth_mm: float = GROWTH_MM) -> float:
        """P(d₂ − d₁ ≥ growth_mm); NaN where nothing is outlined in one of them."""
        return _at_least(self.difference_mm.values, growth_mm)

    def without_change(self, growth_mm: float = GROWTH_MM) -> float:
        """What `probability` would be if nothing had changed: the median ratio is made 1."""
        if not (len(self.before) and len(self.after)):
            return math.nan
        same = self.after / self.ratio.median
        return _at_least((same[None, :] - self.before[:, None]).ravel(), growth_mm)


def _at_least(values: Floats, bound: float) -> float:
    return float((values >= bound - _ROUNDING).mean()) if len(values) else math.nan


def _share(ratio: Floats, growth: float) -> float:
    if not -1 < growth < math.inf:
        raise ValueError(f"growth: expected more than -1, got {growth}")
    if not len(ratio):
        return math.nan
    # A volume that is exactly so much larger has grown so much, whatever was rounded.
    bound = (1 + growth) * (1 - _ROUNDING if growth >= 0 else 1 + _ROUNDING)
    return float((ratio >= bound if growth >= 0 else ratio <= bound).mean())


def change_of(
    before: ArrayLike,
    after: ArrayLike,
    outlined: tuple[float, float] = (1.0, 1.0),
    days: float | None = None,
    shared: float = 0.0,
) -> Change:
    """The change of sizes, hypotheses that outline nothing counted as absent.

    Args:
        before, after: (n,) and (m,) mL, 0 where nothing is outlined.
        outlined: how likely a hypothesis is one of these and not none at all.
        days: between the scans.
        shared: see `Change`.
    """
    sizes = [np.asarray(values, dtype=np.float64) for values in (before, after)]
    there = [values > 0 for values in sizes]
    shares = [p * float(t.mean()) if len(t) else 0.0 for p, t in zip(outlined, there, strict=True)]
    first, second = (values[t] for values, t in zip(sizes, there, strict=True))
    return Change(first, second, (shares[0], shares[1]), days, shared)


def change(
    before: Decodable | Posterior,
    after: Decodable | Posterior,
    n: int = 1000,
    seed: int = 0,
    *,
    label: int | None = None,
    days: float | None = None,
    shared: float = 0.0,
) -> Change:
    """How a lesion changed between two scans, over all n × n pairs of independent hypotheses.

    No registration is needed: sizes are compared. That they are of one lesion, outlined by one
    model, is for the caller to know. Two ranges of relative standard deviation 0.3 give a growth
    of 25 % in 3 of 10 pairs where nothing changed: state `Change.without_change` beside
    `Change.probability`.

    Args:
        before, after: of the earlier and the later scan, or what is known of either given clicks
            (`condition`).
        n: hypotheses of each, 5,000 at most.
        seed: of the draws of ``before``; those of ``after`` have the next one.
        label: whose size; all but the background together by default.
        days: between the scans, for rates and doubling times.
        shared: what two readers of one scan have in common (`Change`), for `Change.as_readers`.

    Raises:
        DataError: one of them is of an ensemble, as in the window.
        ValueError: another label, or numbers of hypotheses, days or a correlation that cannot be.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((1, 2, 4, 5))
        >>> mean[1], factor[0, 1] = [-3, 1, 2, -1, -3], 1
        >>> larger = mean + [[[0]], [[1.6]]]
        >>> before, after = (ssn.LogitDistribution(m, factor, 0 * m) for m in (mean, larger))
        >>> found = ssn.change(before, after, days=180)
        >>> found.ratio.median, [found.ratio.quantile(q) for q in (0.05, 0.95)]
        (1.5, [1.0, 3.0])
        >>> round(found.probability(growth=0.25), 1), round(found.without_change(0.25), 1)
        (0.7, 0.2)
        >>> round(found.doubling_days.median)
        308
    """
    refuse_ensembles(grid_of(before), grid_of(after))
    classes, others = grid_of(before).classes, grid_of(after).classes
    if others != classes:
        raise ValueError(f"after: expected {classes} labels, got {others}")
    if label is not None and not 0 < label < classes:
        raise ValueError(f"label: expected 1 to {classes - 1}, got {label}")
    columns = slice(1, None) if label is None else slice(label, label + 1)
    sizes = [
        volume_distribution(dist, n, seed + later)[:, columns].sum(1)
        for later, dist in enumerate((before, after))
    ]
    return change_of(sizes[0], sizes[1], days=days, shared=shared)
