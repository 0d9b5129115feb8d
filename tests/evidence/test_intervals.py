"""Intervals of clustered trials: they cover what they should, and know textbook values."""

from __future__ import annotations

import numpy as np
import pytest

from inwit.core.intervals import share_interval
from inwit.evidence.intervals import clustered_mean, clustered_share


def test_students_t_is_the_textbooks() -> None:
    low, high = clustered_mean([1.0, 2.0, 3.0], [0, 1, 2]) or (0.0, 0.0)
    assert (high - low) / 2 == pytest.approx(4.303 / 3**0.5, rel=0.01)
    assert (high + low) / 2 == pytest.approx(2.0)
    assert clustered_mean([1.0, 2.0], [5, 5]) is None


def test_clusters_of_one_are_independent_trials() -> None:
    right = [True] * 30 + [False] * 10
    low, high = clustered_share(right, range(40)) or (0.0, 0.0)
    alone = share_interval(30, 40)
    assert (low, high) == pytest.approx(alone, abs=0.01)
    assert clustered_share([], []) is None


def test_trials_that_come_out_alike_count_once() -> None:
    right = np.repeat([True, False, True, True, False, True], 50)
    many = clustered_share(right, np.repeat(np.arange(6), 50)) or (0.0, 0.0)
    assert many[1] - many[0] > 0.5
    assert clustered_share([True] * 100, [0] * 50 + [1] * 50) == share_interval(2, 2)


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_the_interval_covers_the_true_share(share: float) -> None:
    """400 draws of 40 clusters with ten trials each, whose shares vary."""
    generator, covered = np.random.default_rng(0), 0
    for _ in range(400):
        shares = generator.beta(4 * share, 4 * (1 - share), 40)
        right = generator.random((40, 10)) < shares[:, None]
        low, high = clustered_share(right.flatten(), np.repeat(np.arange(40), 10)) or (0.0, 0.0)
        covered += low <= share <= high
    assert 0.91 <= covered / 400 <= 0.99
