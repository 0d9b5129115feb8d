"""Intervals of 95 % for figures whose trials come in clusters: the expressions of one polynomial, or one agent's.

Trials of one cluster tend to come out alike, so that their number says more than they know. Like those of
`core.intervals` these are equal-tailed intervals of a posterior, and the same figures give the same interval.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from inwit.core.intervals import share_interval, student


def clustered_share(right: ArrayLike, cluster: ArrayLike) -> tuple[float, float] | None:
    """The interval of the share of trials that are `right` [N], where trials of one `cluster` [N] belong together.

    That of a share in as many independent trials as would have the variance between clusters (Korn and Graubard, 1998),
    never more than there are; where all came out alike, in as many as there are clusters. None without a trial."""
    values, sums, sizes = _by_cluster(right, cluster)
    if not len(sizes):
        return None
    share, count, clusters = float(values.mean()), len(values), len(sizes)
    variance = _variance(sums, sizes) if clusters > 1 else 0.0
    trials = min(share * (1 - share) / variance, count) if variance else float(clusters)
    return share_interval(share * trials, trials)


def clustered_mean(values: ArrayLike, cluster: ArrayLike) -> tuple[float, float] | None:
    """The interval of the mean of `values` [N]: Student's t on the variance between clusters. None where there are
    fewer than two clusters."""
    found, sums, sizes = _by_cluster(values, cluster)
    if len(sizes) < 2:
        return None
    reach = student(len(sizes) - 1) * _variance(sums, sizes) ** 0.5
    return float(found.mean()) - reach, float(found.mean()) + reach


def _by_cluster(values: ArrayLike, cluster: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The values, and each cluster's sum and size."""
    found = np.asarray(values, dtype=np.float64)
    _, number = np.unique(np.asarray(cluster), return_inverse=True)
    return found, np.bincount(number, weights=found), np.bincount(number)


def _variance(sums: np.ndarray, sizes: np.ndarray) -> float:
    """The variance of the mean over all trials, as a ratio of sums over clusters."""
    clusters, count = len(sizes), sizes.sum()
    excess = sums - sums.sum() / count * sizes
    return float((excess**2).sum()) * clusters / (clusters - 1) / float(count) ** 2
