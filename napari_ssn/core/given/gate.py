"""Presence given clicks: how likely it is that a reader outlines anything, after these.

A mixture stays one: given clicks its two parts are the Gaussian given the clicks (`conditioning`)
and nothing at all, and their weights are ::

    p' = p E / (p E + (1 − p) Π_i q_i)

with E the evidence of the clicks given presence and q_i how likely a click is where nobody
outlines anything: 1 − ε of one on the background and ε, a slip of the hand, of any other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
from scipy.special import expit, logsumexp

# Clicks up to which every set of slips is counted: 64 sets, some ten milliseconds.
_ALL_SETS = 6


def check_slip(slip: float) -> float:
    """ε as a float; ValueError unless it is in [0, ½)."""
    value = float(slip)
    if not 0 <= value < 0.5:
        raise ValueError(f"slip: expected from 0 to below 0.5, got {slip}")
    return value


def updated_presence(presence: float, log_evidence: float, log_absent: float) -> float:
    """``p E / (p E + (1 − p) Q)`` from log E and log Q, in (0, 1]; p = 1 stays 1.

    Args:
        presence: p.
        log_evidence: log E, of the clicks given presence.
        log_absent: log Q, of the clicks where there is nothing; −∞ if they rule that out.
    """
    if presence == 1 or log_absent == -math.inf:
        return 1.0
    odds = math.log(presence) - math.log1p(-presence) + log_evidence - log_absent
    # Too small for a number of its own is not ruled out.
    return max(float(expit(odds)), math.ulp(0.0))


def log_absent(labels: Sequence[int], slip: float) -> float:
    """``log Π q_i`` of clicks by their labels, 0 the background; −∞ if it is impossible."""
    on = sum(label > 0 for label in labels)
    if on == 0:
        return len(labels) * math.log1p(-slip)
    if slip == 0:
        return -math.inf
    return on * math.log(slip) + (len(labels) - on) * math.log1p(-slip)


def log_with_slips(
    clicks: int, log_evidence: Callable[[tuple[int, ...]], float], slip: float
) -> float:
    """log E of clicks each of which is a slip with probability ε.

    With ``(1 − ε) 1[m > 0] + ε 1[m ≤ 0] = ε + (1 − 2 ε) 1[m > 0]`` for each of them ::

        E = Σ_A (1 − 2 ε)^|A| ε^(n − |A|) E_A

    over all sets A, E_A the evidence of the clicks of A alone. Of more than six clicks only "none
    is a slip" and "all may be" are counted, which is less than E.

    Args:
        clicks: n.
        log_evidence: log E_A by the numbers of the clicks in A; of none it is 0.
        slip: ε.
    """
    everything = tuple(range(clicks))
    if slip == 0 or clicks == 0:
        return log_evidence(everything)
    if clicks > _ALL_SETS:
        both = clicks * math.log1p(-slip) + log_evidence(everything), clicks * math.log(slip)
        return float(np.logaddexp(*both))
    terms = [
        size * math.log1p(-2 * slip) + (clicks - size) * math.log(slip) + log_evidence(kept)
        for size in range(clicks + 1)
        for kept in combinations(everything, size)
    ]
    return float(logsumexp(terms))
