"""What a distribution does while a part of its numbers is elsewhere, however they are stored."""

from __future__ import annotations

import math
import threading
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, Self, TypeVar

import numpy as np
from scipy import ndimage

from napari_ssn.core.decodable import Decodable
from napari_ssn.errors import Cancel, DataError
from napari_ssn.geometry.arrays import Array, Arrays, Between, Floats, Labels, Mask, Singles

#: Gets the numbers that are elsewhere; may be called in any thread, in several at once, and again.
Rest = Callable[[], Arrays]

# A draw is hardly ever longer than √R by so much (with ten columns, two in 10¹⁰), nor is a z that
# a slider leads to from one.
_BEYOND = 5.0
# Longer than √R by so much are few of those whose borders anybody looks at.
_SEEN = 3.0
# A larger share of the voxels is not worth two messages.
_MOST = 0.5

_Whole = TypeVar("_Whole", bound=Decodable)


def reach_of(rank: int) -> float:
    """Norm of z up to which label maps need nothing from elsewhere."""
    return math.sqrt(rank) + _BEYOND


def seen_of(rank: int) -> float:
    """Norm of z up to which the borders of label maps need nothing from elsewhere either."""
    return math.sqrt(rank) + _SEEN


def beside(near: Mask) -> Mask:
    """Some voxels and their neighbours in each plane of the grid, (*S).

    With them a border's place between voxels is known, see `geometry.contours.beside_border`.
    """
    found = ndimage.binary_dilation(near, ndimage.generate_binary_structure(near.ndim, 2))
    return np.asarray(found)


def worth(here: Mask) -> bool:
    """Whether so many voxels are so few that it is worth two messages."""
    return int(np.count_nonzero(here)) <= _MOST * here.size


class Begin(NamedTuple):
    """What comes first of a distribution, and what comes later.

    Attributes:
        reach: the largest norm of a z whose label map the first numbers make.
        codes: (V,) of each voxel of the grid what it is, by numbers of dense.Begun or packed.Begun.
        first: ``best``, the mean's label of all voxels, and the numbers of those that are not far,
            in the order of the grid.
        rest: gets the numbers of the others.
    """

    reach: float
    codes: Array
    first: Arrays
    rest: Rest


class Later(Generic[_Whole]):
    """A distribution that is put together once; copies with another presence share it.

    Args:
        rest: gets what it is put together with; let go once that is done.
    """

    def __init__(self, rest: Rest) -> None:
        self._lock = threading.Lock()
        self._rest: Rest | None = rest
        self._whole: _Whole | None = None

    @property
    def joined(self) -> bool:
        """Whether it is put together."""
        return self._whole is not None

    def get(self, join: Callable[[Arrays], _Whole]) -> _Whole:
        """It, joined in one thread while others wait, and tried again where that failed.

        Raises:
            DataError: what came does not fit, which ``join`` says by KeyError or ValueError; and
                what `Rest` raises.
        """
        rest = self._rest
        # Without the lock: nobody waits because another waits, who may do so for longer.
        came = None if rest is None else rest()
        with self._lock:
            if self._whole is None:
                assert came is not None
                try:
                    self._whole = join(came)
                except (KeyError, ValueError):
                    raise DataError(
                        "What came later of the model's numbers does not fit what came first."
                    ) from None
                self._rest = None
            return self._whole


class Awaiting(Decodable):
    """A distribution that asks for the rest of its numbers when it needs them.

    Attributes:
        reach: the largest norm of a z whose label map needs nothing more.
        later: all of it.
    """

    reach: float
    later: Later[Any]

    @property
    def whole(self) -> bool:
        """See `Decodable.whole`."""
        return self.later.joined

    @abstractmethod
    def first(self) -> Arrays:
        """What came first: `Begin.first` and, as ``codes``, `Begin.codes`."""

    @abstractmethod
    def complete(self) -> Decodable:
        """See `Decodable.complete`.

        Raises:
            DataError: what came is no rest of this; and what `Rest` raises.
        """

    def numbers(self) -> Arrays:
        """See `Decodable.numbers`."""
        return self.complete().numbers()

    def plain_gram(self) -> Floats:
        """See `Decodable.plain_gram`."""
        return self.complete().plain_gram()

    def spread_by(self, factors: Floats, cancel: Cancel) -> Decodable:
        """See `Decodable.spread_by`."""
        return self.complete().spread_by(factors, cancel)

    def probabilities(self, draws: int = 128) -> Singles:
        """See `Decodable.probabilities`."""
        return self.complete().probabilities(draws)

    def probability(
        self, label: int | None = None, draws: int = 128, between: Between = lambda: None
    ) -> Singles:
        """See `Decodable.probability`."""
        return self.complete().probability(label, draws, between)

    def noisy_maps(self, draws: Floats, seed: int) -> Labels:
        """See `Decodable.noisy_maps`."""
        return self.complete().noisy_maps(draws, seed)

    def __copy__(self) -> Self:
        # Not by way of `__reduce__`, which is of copies that go elsewhere.
        out = object.__new__(type(self))
        out.__dict__.update(self.__dict__)
        return out

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy elsewhere could not ask for the rest.
        return _itself, (self.complete(),)


def _itself(dist: Decodable) -> Decodable:
    return dist
