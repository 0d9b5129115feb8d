"""Intervals of 95 % for shares that were sampled, and Student's t for means.

Those of shares are equal-tailed intervals of a posterior, drawn from a fixed generator: the same counts give the same
interval. Their coverage is simulated in the tests.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from inwit.core.seeding import stream_seed

DRAWS = 4000
DRAWS_OF_T = 200_000
LEVEL = 0.95
FEW = 4  # problems
SEED = stream_seed(0, "intervals")
TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)


def share_interval(successes: float, trials: float) -> tuple[float, float]:
    """The interval of the share behind `successes` of `trials` independent trials (Jeffreys, 1946).

    The prior is Beta(1/2, 1/2). Where all trials came out alike, that end of the interval is 0 or 1
    (Brown et al., 2001).
    """
    drawn = np.random.default_rng(SEED).beta(successes + 0.5, trials - successes + 0.5, DRAWS)
    return _ends(drawn, successes <= 0, successes >= trials)


@cache
def student(degrees: float) -> float:
    """Student's t reaches this far with a probability of 95 %."""
    return float(np.quantile(np.abs(np.random.default_rng(SEED).standard_t(degrees, DRAWS_OF_T)), LEVEL))


def pass_at_k(right: NDArray[np.int64], samples: int, k: int) -> NDArray[np.float64]:
    """1 - C(samples - right, k) / C(samples, k) for each problem (Chen et al., 2021), as a product that cannot
    overflow: the unbiased estimate of pass@k from `right` [N] of `samples` programs."""
    factors = (samples - right[:, None] - np.arange(k)) / (samples - np.arange(k))
    return 1 - np.prod(factors.clip(min=0), axis=1)


def pass_at_k_interval(right: NDArray[np.int64], samples: int, k: int, *, sampled: bool) -> tuple[float, float]:
    """The interval of the mean pass@k over problems, `right` [N] of `samples` programs being right on each.

    Without `sampled` the mean is over just these problems, and only the sampling of programs is random. With it they
    are a sample of many problems, and drawing them is random, too, from `FEW` problems on.

    The interval is that of a share in as many independent trials as would have the variance of the mean (Korn and
    Graubard, 1998). For fewer than `FEW` problems that is too coarse: each problem's share of right programs is drawn
    from its own posterior.
    """
    count = len(right)
    if count < FEW:
        shares = np.random.default_rng(SEED).beta(right + 0.5, samples - right + 0.5, (DRAWS, count))
        return _ends((1 - (1 - shares) ** k).mean(1), not right.any(), bool((right == samples).all()))
    estimates = pass_at_k(right, samples, k)
    mean = float(estimates.mean())
    values, index = np.unique(right, return_inverse=True)
    within = np.array([_variance(int(value), samples, k) for value in values])
    variance = float(within[index].mean()) / count
    if sampled:
        variance = max(variance, float(estimates.var(ddof=1)) / count)
    edge = 0.5 / (count * samples + 1)  # where all came out alike, take the share half a trial away
    share = min(max(mean, edge), 1 - edge)
    least = count if sampled else count * samples / k  # so many vary as much as any estimates of this mean can
    trials = max(share * (1 - share) / variance, least)
    return share_interval(mean * trials, trials)


def _variance(right: int, samples: int, k: int) -> float:
    """The variance of a problem's estimate, at the share of right programs that its count makes plausible."""
    share = (right + 0.5) / (samples + 1)
    counts = np.arange(samples + 1)
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, samples + 1)))])
    choose = factorials[-1] - factorials - factorials[::-1]
    weights = np.exp(choose + counts * np.log(share) + (samples - counts) * np.log1p(-share))
    estimates = pass_at_k(counts, samples, k)
    mean = weights @ estimates
    return float(weights @ (estimates - mean) ** 2)


def _ends(drawn: NDArray[np.float64], none: bool, all_: bool) -> tuple[float, float]:
    """The interval of what was drawn; an end is 0 or 1 where no trial or every trial succeeded."""
    low, high = np.quantile(drawn, TAILS)
    return (0.0 if none else float(low)), (1.0 if all_ else float(high))
