"""Interquartile means and their bootstrap intervals. A run that did not get there counts as infinite."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000


def interquartile_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of the middle half, over the last axis; infinite if the middle half touches an infinite value.

    Exact for any number of values, where cutting whole values off (Agarwal et al., 2021) would keep all of three:
    each value is taken four times, so that a quarter is a whole number of them. With three the weights are 1 : 4 : 1.
    """
    count = values.shape[-1]
    return np.repeat(np.sort(values, axis=-1), 4, axis=-1)[..., count : 3 * count].mean(axis=-1)


def bootstrap_interval(
    values: NDArray[np.float64], generator: np.random.Generator, *, level: float = 0.95, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """The percentile-bootstrap interval of the interquartile mean of `values` [N]; either end may be infinite.

    Its ends are resampled means, never between two: there is no way half to infinity. The lower end is rounded down
    and the upper up.
    """
    drawn = values[generator.integers(len(values), size=(resamples, len(values)))]
    means = np.sort(interquartile_mean(drawn))
    tail = (1 - level) / 2 * (resamples - 1)
    low, high = int(np.floor(tail)), int(np.ceil(resamples - 1 - tail))
    return float(means[low]), float(means[high])
