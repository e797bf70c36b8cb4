"""What is known given what a person has pointed at: draws, label maps and presence."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import ArrayLike

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.given.clicks import SHARP_EDGE, Click, Indices, Margins
from napari_ssn.core.given.expectation import Belief, HalfSpaces, infer, infer_means
from napari_ssn.core.given.gate import log_absent, log_with_slips, updated_presence
from napari_ssn.core.given.mixture import Part, draw_parts, explanations, half_spaces, share_of
from napari_ssn.core.given.near import Near, winner, within
from napari_ssn.core.given.residual import Field
from napari_ssn.core.given.truncated import draw, estimate_evidence
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.core.latent import check_near
from napari_ssn.core.measures import label_counts
from napari_ssn.core.presence import Flags, draw_present
from napari_ssn.geometry.arrays import Floats, Ints, Labels, Where
from napari_ssn.geometry.brief import brief

# Logits near clicks that are held at once while many z are decoded.
_BLOCK = 1 << 22


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is known of z, and of the residual, given some clicks.

    A label map is ``argmax (μ + P z + ξ(z))`` where ``ξ(z) = E[ξ | z, clicks]`` is what the
    residual has to add where z contradicts a click, and next to nothing where it does not. So
    walking along z from `mean` keeps to the clicks. Without a residual ξ is zero.

    What is drawn holds more than z (`draw`): how far its ξ lies from that mean, which goes along
    when z is walked from there, and which clicks it takes for slips. Everywhere a z is taken, such
    a vector of `width` numbers is too.

    Attributes:
        dist: the distribution that was conditioned.
        clicks: different ones, sorted.
        tolerance: see `napari_ssn.core.given.conditioning.condition`.
        mean: (R,) of z.
        cov: (R, R) of z.
        log_evidence: natural logarithm of P(clicks | image), residual included, by expectation
            propagation; see `estimate_evidence` for the estimate by draws.
        settled: whether expectation propagation came to rest.
        slip: likewise.

    All of these, and every label map, are given presence; `presence` is that of the mixture.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((1, 2, 4, 5))
        >>> mean[1], factor[0, 1] = [-3, 1, 2, -1, -3], 1
        >>> dist = ssn.LogitDistribution(mean, factor, np.zeros((2, 4, 5)))
        >>> posterior = ssn.condition(dist, [ssn.Click((0, 3))])  # asks for z > 1
        >>> round(posterior.evidence, 2), posterior.mean.round(2)  # 1 - Φ(1), φ(1) / (1 - Φ(1))
        (0.16, array([1.53]))
        >>> bool((posterior.draw(100, seed=0) > 1).all())
        True
    """

    dist: Decodable
    clicks: tuple[Click, ...]
    tolerance: float
    mean: Floats
    cov: Floats
    log_evidence: float
    settled: bool
    _margins: Margins = field(repr=False)
    _spaces: HalfSpaces = field(repr=False)
    _belief: Belief = field(repr=False)
    _field: Field | None = field(repr=False)
    slip: float = 0.0
    _chance: float = field(default=1.0, repr=False)

    __repr__ = brief

    @property
    def evidence(self) -> float:
        """P(clicks | image), 0 where it is too small for a number of its own."""
        return math.exp(min(0.0, self.log_evidence))

    @cached_property
    def log_evidence_alone(self) -> float:
        """As `log_evidence`, but of the model alone, without the residual."""
        if self._field is None:
            return self.log_evidence
        return infer(half_spaces(self._margins, self.tolerance)).log_evidence

    @cached_property
    def presence(self) -> float:
        """P(a reader outlines anything | clicks), ``p E / (p E + (1 − p) Π q_i)``, see `gate`.

        E is the evidence of the model alone: what the residual explains speaks of no presence.
        """
        if self.dist.presence == 1 or not self.clicks:
            return self.dist.presence

        def alone(kept: tuple[int, ...]) -> float:
            if len(kept) == len(self.clicks):
                return self.log_evidence_alone
            of = np.isin(self._margins.click, kept)
            return infer(half_spaces(self._margins, self.tolerance).some(of)).log_evidence

        return updated_presence(
            self.dist.presence,
            log_with_slips(len(self.clicks), alone, self.slip),
            log_absent([click.label for click in self.clicks], self.slip),
        )

    def present(self, n: int, seed: int = 0) -> Flags:
        """Whether each of n draws is of a reader who outlines anything, (n,) bool; see `sample`."""
        return draw_present(n, self.presence, seed)

    @property
    def share(self) -> float:
        """How much of the correction the model itself explains, 0 … 1; the residual has the rest.

        ``‖E z‖² / (‖E z‖² + ‖E w‖²)``, both in prior standard deviations, w the numbers that hold
        the residual. 1 without a residual or without anything to correct. Of several explanations
        (`mixture`) the mean of theirs.
        """
        if self._several:
            return sum(part.weight * part.share(self.dist.rank) for part in self.parts)
        return share_of(self._belief, self.dist.rank)

    def estimate_evidence(self, n: int = 20_000, seed: int = 0) -> tuple[float, float]:
        """Estimate P(clicks | image) by n draws, without bias, and its standard error.

        For long strokes, where expectation propagation errs: by a quarter on 200 neighbouring
        voxels.
        """
        return estimate_evidence(self._sharp, self._belief, n, seed)

    def sample(self, n: int, seed: int = 0) -> Floats:
        """The z of so many of `draw`, (n, R): decoded alone they have the residual's mean.

        Of the mixture draw i is empty where ``present(n, seed)[i]`` is False.
        """
        return self.draw(n, seed)[:, : self.dist.rank]

    def draw(self, n: int, seed: int = 0) -> Floats:
        """Draw hypotheses given clicks and presence, (n, `width`): z, the rest of ξ, and slips.

        With several explanations (`mixture`) every draw is exact: its residual is drawn and not
        a mean. Else what is drawn is z alone, and the label map of each has the residual's mean.
        """
        rank = self.dist.rank
        if not self._several:
            return draw(self._sharp, self._belief, n, seed)[:, :rank]
        z, w, slips = draw_parts(self.parts, rank, self._held_by, n, seed)
        # What ξ lies off its mean given z: walked from here, it goes along.
        rest = w - self._hold(z) if self._held_by else w
        return np.concatenate([z, rest, slips], 1)

    @property
    def width(self) -> int:
        """Numbers of what `draw` draws: R, and where ξ is drawn those that hold it, and n slips."""
        more = self._held_by + len(self.clicks) if self._several else 0
        return self.dist.rank + more

    @property
    def _several(self) -> bool:
        return bool(self._margins.clicks) and (self._chance < 1 or self.slip > 0)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The explanations of the clicks (`mixture`), the likeliest first; () where there is one.

        Worked out when the first draw asks: the outline at `mean` is shown before.
        """
        if not self._several:
            return ()
        return explanations(self._margins, self._field, self._chance, self.slip)

    @property
    def _held_by(self) -> int:
        return 0 if self._field is None else self._field.size

    @cached_property
    def _sharp(self) -> HalfSpaces:
        return half_spaces(self._margins, self.tolerance, self._field, SHARP_EDGE)

    def check_z(self, z: ArrayLike | None) -> Floats:
        """A z (R,) or what `draw` gives (width,) in float64; None is `mean`. ValueError else."""
        return self.mean if z is None else self.check_draws(np.asarray(z)[None])[0]

    def check_draws(self, z: ArrayLike) -> Floats:
        """Many z, (n, R) or (n, width), in float64. ValueError: others, or too far."""
        draws = np.asarray(z, dtype=np.float64)
        if draws.ndim != 2 or draws.shape[1] != self.width:
            return self.dist.check_draws(draws)
        check_near(draws)
        return draws

    def label_map(self, z: ArrayLike | None = None, where: Where = ()) -> Labels:
        """Label map of a z (None: `mean`), residual included.

        Args:
            z: (R,) or (width,).
            where: decode only this part of the grid, as in `Decodable.label_map`;
                slices of step one.
        """
        vector = self.check_z(z)
        out = self.dist.label_map(vector[: self.dist.rank], where)
        if self._field is None:
            return out
        # A single voxel comes as a number of numpy's, which takes no assignment.
        out = np.asarray(out)
        place, inside = within(self.near, self.dist.space, where)
        if inside.any():
            # Of a slice only what lies in it: a walk through a volume asks for no more.
            near = self._near if inside.all() else self._nearby(self.near[inside])
            _, (labels,) = next(self._near_labels(vector[None], near))
            out[place] = labels if place else labels[0]
        return out

    def label_maps(self, z: ArrayLike) -> Labels:
        """Label maps of many z, (n, R or width) to (n, *S): `label_map` of each."""
        draws = self.check_draws(z)
        out = self.dist.label_maps(draws[:, : self.dist.rank])
        if self._field is not None:
            flat = out.reshape(len(out), -1)
            for rows, labels in self._near_labels(draws, self._near):
                flat[rows, self._near.voxels] = labels
        return out

    def labels_at(self, z: ArrayLike, voxels: Indices) -> Labels:
        """Labels of some different voxels (V,) of the flattened grid, for each z, (n, V)."""
        draws = self.check_draws(z)
        out = np.empty((len(draws), len(voxels)), np.uint8)
        here = np.isin(voxels, self.near)
        if not here.all():
            mean, factor = self.dist.logits_at(voxels[~here])
            for row, vector in zip(out, draws[:, : self.dist.rank], strict=True):
                row[~here] = winner(mean + np.tensordot(vector, factor, 1))
        if here.any():
            for rows, labels in self._near_labels(draws, self._nearby(voxels[here])):
                out[rows, here] = labels
        return out

    @property
    def near(self) -> Indices:
        """Voxels of the flattened grid that the residual acts on, (V,)."""
        return self._field.near if self._field is not None else np.zeros(0, np.int64)

    def label_counts(self, z: ArrayLike) -> Ints:
        """Voxels of each label in the label map of each z, (n, C), without keeping the maps."""
        draws = self.check_draws(z)
        plain = draws[:, : self.dist.rank]
        out = label_counts(self.dist, plain)
        if self._field is not None:
            there = torch.zeros(self.dist.space, dtype=torch.bool, device=self.dist.device)
            there.view(-1)[torch.from_numpy(self.near).to(there.device)] = True
            out -= label_counts(self.dist.at(there), plain)
            for rows, labels in self._near_labels(draws, self._near):
                for label in range(self.dist.classes):
                    out[rows, label] += (labels == label).sum(1)
        return out

    def hypothesis(self, z: ArrayLike | None = None) -> Hypothesis:
        """Label map of a z (None: `mean`) on the grid of the image that was segmented."""
        vector = self.check_z(z)
        label_map = self.dist.placed(self.label_map(vector))
        rank = self.dist.rank
        return Hypothesis(
            label_map,
            self.dist.image_affine(),
            vector[:rank],
            self.dist.classes,
            beyond=vector[rank:] if len(vector) > rank else None,
        )

    def residual_at(self, z: ArrayLike | None = None) -> tuple[Indices, Floats]:
        """ξ(z) near the clicks: flat indices of V voxels of the grid, and logits (C, V).

        Both are empty without a residual. Everywhere else ξ is zero.
        """
        if self._field is None:
            return np.zeros(0, np.int64), np.zeros((self.dist.classes, 0))
        vector = self.check_z(z)[None]
        return self.near, self._field.at(self._near.reach, self._residuals(vector)[0])

    def _residuals(self, draws: Floats) -> Floats:
        """What holds ξ in each, (n, R or width) to (n, A (C − 1))."""
        rank = self.dist.rank
        found = self._hold(draws[:, :rank])
        if draws.shape[1] > rank:
            found += draws[:, rank : rank + self._held_by]
        return found

    def _hold(self, z: Floats) -> Floats:
        """E[w | z, clicks] of each z, (n, R) to (n, A (C − 1)): expectation propagation over ξ.

        Of a long stroke only the anchors are asked, which is what makes many z affordable.
        """
        rank, held = self.dist.rank, self._held
        offsets = z @ held.rows[:, :rank].T + held.offset
        return infer_means(held.rows[:, rank:], offsets, held.noise)

    @cached_property
    def _held(self) -> HalfSpaces:
        assert self._field is not None
        margins, spaces = self._margins, self._spaces
        asked = np.isin(margins.voxels, self._field.anchors)[margins.click]
        return HalfSpaces(spaces.rows[asked], spaces.offset[asked], spaces.noise[asked])

    @cached_property
    def _near(self) -> Near:
        return self._nearby(self.near)

    def _nearby(self, voxels: Indices) -> Near:
        assert self._field is not None
        return Near.around(voxels, self.dist, self._margins, self._field)

    def _near_labels(self, z: Floats, near: Near) -> Iterator[tuple[slice, Labels]]:
        """Labels of the voxels near clicks, for every z, in blocks of rows, (n, V)."""
        assert self._field is not None
        step = max(1, _BLOCK // max(1, near.mean.size))
        for first in range(0, len(z), step):
            rows = slice(first, first + step)
            part = z[rows]
            out = np.empty((len(part), len(near.voxels)), np.uint8)
            plain = part[:, : self.dist.rank]
            for row, vector, w in zip(out, plain, self._residuals(part), strict=True):
                logits = near.mean + np.tensordot(vector, near.factor, 1)
                row[:] = winner(logits + self._field.at(near.reach, w))
            # The tolerance is a residual of a single voxel: the clicked one itself follows.
            if part.shape[1] == self.dist.rank:
                out[:, near.clicked] = near.labels
            else:
                # What a hypothesis takes for a slip it need not follow.
                slips = part[:, self.dist.rank + self._held_by :] > 0.5
                for at, label, number in zip(near.clicked, near.labels, near.number, strict=True):
                    out[~slips[:, number], at] = label
            yield rows, out
